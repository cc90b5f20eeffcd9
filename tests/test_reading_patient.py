"""Problems, values, allergies, the patient and the user are read in any version."""

from datetime import date

import pytest

from tests.fhir_requests import BACK_PAIN, EGFR, IBUPROFEN, OUD, Json, chart, concept, resource


def test_condition_of_r4_is_read() -> None:
    [problem] = chart(
        resource(
            "Condition",
            code=OUD,
            subject={"reference": "Patient/p"},
            clinicalStatus=concept("x", "remission"),
            verificationStatus=concept("x", "provisional"),
            category=[concept("x", "encounter-diagnosis")],
            encounter={"reference": "Encounter/e"},
            onsetDateTime="2024",
            recordedDate="2025-01-02",
        )
    ).problems
    assert "opioid-use-disorder" in problem.concept.terms
    assert (problem.clinical, problem.verification) == ("remission", "provisional")
    assert (problem.encounter_diagnosis, problem.encounter) == (True, "Encounter/e")
    assert (problem.onset, problem.recorded) == (date(2024, 1, 1), date(2025, 1, 2))


def test_condition_of_dstu2_is_read() -> None:
    [problem] = chart(
        resource(
            "Condition",
            code=BACK_PAIN,
            patient={"reference": "Patient/p"},
            clinicalStatus="active",
            verificationStatus="confirmed",
            dateRecorded="2025-01-02",
        )
    ).problems
    assert (problem.clinical, problem.recorded) == ("active", date(2025, 1, 2))


@pytest.mark.parametrize(
    ("more", "clinical"),
    [
        ({}, "active"),
        ({"abatementDateTime": "2025"}, "resolved"),
        ({"abatementBoolean": True}, "resolved"),
        ({"clinicalStatus": "Resolved"}, "resolved"),
    ],
)
def test_condition_without_a_status_is_active_until_it_ends(more: Json, clinical: str) -> None:
    [problem] = chart(resource("Condition", code=BACK_PAIN, **more)).problems
    assert problem.clinical == clinical


def test_refuted_condition_is_kept_as_such() -> None:
    refuted = resource("Condition", code=OUD, verificationStatus=concept("x", "refuted"))
    assert [problem.verification for problem in chart(refuted).problems] == ["refuted"]


@pytest.mark.parametrize(
    "more",
    [
        {"code": {"text": "ingrown toenail"}},
        {"code": {"text": "Nausea"}},
        {"code": {"text": "partial relief"}},
        {"code": OUD, "verificationStatus": concept("x", "entered-in-error")},
        {},
    ],
)
def test_condition_that_says_nothing_to_a_rule_is_left_out(more: Json) -> None:
    assert chart(resource("Condition", **more)).problems == ()


@pytest.mark.parametrize(
    ("more", "value", "unit", "text"),
    [
        ({"valueQuantity": {"value": 45, "unit": "mL/min"}}, 45, "ml/min", ""),
        ({"valueInteger": 7}, 7, "", ""),
        ({"valueString": "7"}, 7, "", "7"),
        ({"valueString": "38 mL/min/1.73 m2"}, 38, "ml/min/1.73 m2", "38 mL/min/1.73 m2"),
        ({"valueString": ">60"}, 60, "", ">60"),
        ({"valueString": "2026-05-01"}, None, "", "2026-05-01"),
        ({"valueString": "10:30"}, None, "", "10:30"),
        ({"valueString": "over 60"}, None, "", "over 60"),
        ({"valueCodeableConcept": {"text": "positive"}}, None, "", "positive"),
        ({"valueQuantity": {"value": 0}}, 0, "", ""),
    ],
)
def test_value_of_an_observation_is_read(
    more: Json, value: float | None, unit: str, text: str
) -> None:
    observed = resource(
        "Observation", code=EGFR, effectiveDateTime="2026-10-01T08:00:00Z", **more
    )
    [found] = chart(observed).measurements
    assert (found.value, found.unit, found.text) == (value, unit, text)
    assert found.on == date(2026, 10, 1)
    assert "egfr" in found.concept.terms


def test_components_are_measurements_of_their_own() -> None:
    parts = [{"code": EGFR, "valueQuantity": {"value": 50}}, {"code": {"text": "shoe size"}}]
    panel = resource("Observation", code={"text": "panel"}, component=parts)
    assert [found.value for found in chart(panel).measurements] == [50]


@pytest.mark.parametrize(
    "more",
    [
        {"status": "entered-in-error", "valueInteger": 7},
        {"status": "cancelled", "valueInteger": 7},
        {"status": "final"},
        {"status": "final", "code": {"text": "shoe size"}, "valueInteger": 42},
    ],
)
def test_observation_without_use_is_left_out(more: Json) -> None:
    assert chart(resource("Observation", **{"code": EGFR, **more})).measurements == ()


@pytest.mark.parametrize(
    "more",
    [
        {"code": IBUPROFEN, "clinicalStatus": concept("x", "active")},
        {"code": IBUPROFEN, "clinicalStatus": "active"},
        {"substance": IBUPROFEN, "status": "confirmed"},
        {"code": {"text": "see reaction"}, "reaction": [{"substance": IBUPROFEN}]},
        {"code": IBUPROFEN},
    ],
)
def test_allergy_is_read_in_any_version(more: Json) -> None:
    allergic = resource("AllergyIntolerance", patient={"reference": "Patient/p"}, **more)
    [found] = chart(allergic).allergies
    assert found.drug.ingredient_names == {"ibuprofen"}
    assert not found.intolerance


def test_allergy_to_a_class_is_read() -> None:
    [found] = chart(resource("AllergyIntolerance", code={"text": "NSAIDs"})).allergies
    assert "nsaid" in found.drug.classes


def test_intolerance_says_so() -> None:
    intolerant = resource(
        "AllergyIntolerance", code=IBUPROFEN, type="intolerance", recordedDate="2020-05"
    )
    [found] = chart(intolerant).allergies
    assert (found.intolerance, found.recorded) == (True, date(2020, 5, 1))


@pytest.mark.parametrize(
    "more",
    [
        {"code": IBUPROFEN, "clinicalStatus": concept("x", "resolved")},
        {"code": IBUPROFEN, "verificationStatus": concept("x", "refuted")},
        {"code": IBUPROFEN, "verificationStatus": "entered-in-error"},
        {"code": {"text": "bee venom"}},
    ],
)
def test_allergy_that_is_none_is_left_out(more: Json) -> None:
    assert chart(resource("AllergyIntolerance", **more)).allergies == ()


def test_date_of_delivery_is_read_as_text() -> None:
    due = resource(
        "Observation",
        status="final",
        code={"text": "Estimated delivery date of pregnancy"},
        subject={"reference": "Patient/p"},
        valueDateTime="2026-05-08",
    )

    [seen] = chart(due).measurements

    assert seen.text == "2026-05-08"
