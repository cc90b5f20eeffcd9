"""Procedures, orders, plans, teams and visits are read in any version."""

from datetime import date

import pytest

from tests.fhir_requests import BACK_PAIN, THERAPY, Json, chart, resource


@pytest.mark.parametrize(
    ("stored", "kind"),
    [
        (resource("Procedure", code=THERAPY, status="completed"), "procedure"),
        (resource("ServiceRequest", code=THERAPY, status="active"), "request"),
        (resource("ServiceRequest", code={"concept": THERAPY}), "request"),
        (resource("ProcedureRequest", code=THERAPY), "request"),
        (resource("ReferralRequest", serviceRequested=[THERAPY]), "request"),
        (resource("DeviceRequest", codeCodeableConcept={"text": "TENS unit"}), "device"),
        (resource("CarePlan", activity=[{"detail": {"code": THERAPY}}]), "plan"),
        (resource("Appointment", serviceType=[THERAPY], status="booked"), "appointment"),
        (resource("Encounter", type=[THERAPY], status="finished"), "appointment"),
        (resource("CareTeam", participant=[{"role": [THERAPY]}]), "team"),
    ],
)
def test_service_is_read_from_any_resource(stored: Json, kind: str) -> None:
    [found] = chart(stored).services
    assert found.kind == kind


def test_service_is_named_in_our_words_and_never_in_the_clients() -> None:
    what = {"text": "MRI L-spine for John Doe"}
    [found] = chart(resource("ServiceRequest", code=what)).services
    assert found.label == "lumbar spine MRI"


def test_procedure_keeps_how_it_ended() -> None:
    [found] = chart(
        resource(
            "Procedure",
            code=THERAPY,
            status="completed",
            performedPeriod={"start": "2024-06-10", "end": "2024-08-01"},
            outcome={"text": "unsuccessful"},
            followUp=[{"text": "no better"}],
            note=[{"text": "stopped coming"}],
        )
    ).services
    assert (found.started, found.ended) == (date(2024, 6, 10), date(2024, 8, 1))
    assert [outcome.text for outcome in found.outcomes] == ["unsuccessful", "no better"]
    assert (found.notes, found.status) == ("stopped coming", "completed")


def test_order_of_visits_keeps_their_number() -> None:
    [found] = chart(
        resource("ServiceRequest", code=THERAPY, quantityQuantity={"value": 8})
    ).services
    assert found.visits == 8


def test_visit_that_took_place_is_completed() -> None:
    [found] = chart(resource("Encounter", type=[THERAPY], status="finished")).services
    assert found.status == "completed"


@pytest.mark.parametrize(
    ("class_", "expected"),
    [
        ({"system": "x", "code": "EMER"}, "EMER"),
        ([{"coding": [{"code": "IMP"}]}], "IMP"),
        ("outpatient", "AMB"),
        (None, ""),
    ],
)
def test_class_of_an_encounter_is_read_in_any_version(class_: object, expected: str) -> None:
    [visit] = chart(resource("Encounter", **{"class": class_})).encounters
    assert visit.class_code == expected


@pytest.mark.parametrize(
    "more",
    [
        {"reasonCode": [BACK_PAIN]},
        {"reason": [BACK_PAIN]},
        {"reason": [{"value": [{"concept": BACK_PAIN}]}]},
        {"reasonReference": [{"reference": "Condition/c"}]},
        {"diagnosis": [{"condition": {"reference": "Condition/c"}}]},
        {"diagnosis": [{"condition": [{"reference": {"reference": "Condition/c"}}]}]},
        {"diagnosis": [{"condition": {"display": "LBP"}}]},
    ],
)
def test_reason_of_an_encounter_is_found(more: Json) -> None:
    found = chart(resource("Encounter", **more), resource("Condition", id="c", code=BACK_PAIN))
    [reason] = found.encounters[0].reasons
    assert "back-pain" in reason.terms


def test_current_encounter_is_the_one_of_the_context() -> None:
    visits = [resource("Encounter", id="a"), resource("Encounter", id="b")]
    found = chart(*visits, encounter_id="b")
    assert [visit.current for visit in found.encounters] == [False, True]


def test_only_prefetched_encounter_is_current_when_the_context_has_none() -> None:
    visit = resource("Encounter")
    assert [v.current for v in chart(prefetch={"encounter": visit}).encounters] == [True]
    assert [v.current for v in chart(prefetch={"visits": [visit]}).encounters] == [False]
