"""FHIR requests of every version and habit become the same chart."""

import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.chart import Amount, Chart, Dosage, MedicationUse, Order, Patient, Route
from service.catalogue import find
from service.envelope import HookRequest, read_request
from service.gather import gather
from service.reading import Reading, read_chart
from tests.test_fhir import JSON

TODAY = date(2026, 11, 21)
SERVICE = find("back-pain-order-sign")
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"

Json = dict[str, Any]


def concept(system: str = "", code: str = "", text: str = "") -> Json:
    return {"coding": [{"system": system, "code": code}] if code else [], "text": text}


TRAMADOL = concept(RXNORM, "835603", "tramadol hydrochloride 50 MG Oral Tablet")
PREDNISONE = concept(RXNORM, "312615", "Prednisone 20 MG Oral Tablet")
SUBOXONE = concept(RXNORM, "351267", "Buprenorphine 8 MG / Naloxone 2 MG Sublingual Tablet")
BACK_PAIN = concept(ICD, "M54.50", "Low back pain")
OUD = concept(ICD, "F11.20", "Opioid dependence, uncomplicated")
THERAPY = concept(SNOMED, "91251008", "Physical therapy")


def medication(kind: str = "MedicationRequest", id_: str = "m", **more: Any) -> Json:
    resource = {"resourceType": kind, "id": id_, "subject": {"reference": "Patient/p"}}
    if "medicationReference" not in more and "medication" not in more:
        resource["medicationCodeableConcept"] = TRAMADOL
    return {**resource, **more}


def draft(**more: Any) -> Json:
    return medication(**{"id_": "d", "status": "draft", "intent": "order", **more})


def resource(kind: str, **more: Any) -> Json:
    return {"resourceType": kind, "id": "r", **more}


def read(
    *stored: Json,
    drafts: Iterable[Json] = (),
    selections: Iterable[str] = (),
    hook: str = "order-sign",
    **more: Any,
) -> Reading:
    prefetch = more.pop("prefetch", {"all": list(stored)})
    request = HookRequest(
        service=SERVICE,
        hook=hook,
        instance="i",
        patient_id="p",
        selections=frozenset(selections),
        drafts=tuple(drafts),
        prefetch=prefetch,
        **more,
    )
    return read_chart(request, gather(request, SERVICE), TODAY)


def chart(*stored: Json, **more: Any) -> Chart:
    return read(*stored, **more).chart


def use(**more: Any) -> MedicationUse:
    """Read one stored medication."""
    [found] = chart(medication(**more)).medications
    return found


def dosage(**entry: Any) -> Dosage:
    """Read one dosage instruction."""
    [found] = use(dosageInstruction=[entry]).dosages
    return found


def order(**more: Any) -> Order:
    """Read one draft as it is signed."""
    [found] = read(drafts=[draft(**more)]).orders
    return found


def references(orders: Iterable[Order]) -> list[str]:
    return [each.reference for each in orders]


# Orders ------------------------------------------------------------------------------------


def test_sandbox_order_is_read_though_it_is_not_valid_r4() -> None:
    found = order(
        id_="request-123",
        authoredOn="2026-11-21",
        dosageInstruction=[
            {
                "timing": {
                    "repeat": {
                        "frequency": 2,
                        "period": 1,
                        "periodUnit": "d",
                        "boundsPeriod": {"start": "Invalid date", "end": "0002-11-21"},
                    }
                },
                "doseAndRate": [{"doseQuantity": {"value": 2, "code": "{pill}"}}],
            }
        ],
        dispenseRequest={"expectedSupplyDuration": {"value": 30, "unit": "days", "code": "d"}},
        category={"coding": [{"code": "community"}]},
        medicationCodeableConcept=PREDNISONE,
        reasonCode=BACK_PAIN,
    )
    assert found.reference == "MedicationRequest/request-123"
    assert found.medication is not None
    assert found.medication.drug.ingredient_names == {"prednisone"}
    assert found.medication.dosages == (
        Dosage(amount=Amount(2, 2, "pill"), times_per_day=Amount(2, 2)),
    )
    assert found.medication.supply_days == 30
    assert found.medication.categories == {"community"}
    assert found.medication.written == TODAY
    assert [reason.text for reason in found.medication.reasons] == ["Low back pain"]
    assert "back-pain" in found.medication.reasons[0].terms


def test_order_without_medicine_or_intent_is_named_and_nothing_else() -> None:
    nothing_chosen = {"resourceType": "MedicationRequest", "id": "d", "status": "draft"}
    reading = read(drafts=[nothing_chosen])
    assert reading.orders == ()
    assert reading.unread == ("MedicationRequest/d: names no medicine",)
    assert reading.drafts == {"MedicationRequest/d": nothing_chosen}


def test_service_order_without_code_is_named() -> None:
    empty = resource("ServiceRequest", code={"coding": [{}]}, reasonCode=[], intent="plan")
    assert read(drafts=[empty]).unread == ("ServiceRequest/r: names no service",)


def test_missing_intent_is_an_order() -> None:
    reading = read(drafts=[{k: v for k, v in draft().items() if k != "intent"}])
    assert [each.intent for each in reading.orders] == ["order"]


def test_medication_order_of_dstu2_is_read() -> None:
    older = {
        "resourceType": "MedicationOrder",
        "id": "order-123",
        "status": "draft",
        "patient": {"reference": "Patient/p"},
        "dateWritten": "2026-11-20",
        "medicationCodeableConcept": TRAMADOL,
        "reasonCodeableConcept": BACK_PAIN,
        "dosageInstruction": [
            {
                "timing": {"repeat": {"frequency": 3, "period": 1, "periodUnits": "d"}},
                "doseQuantity": {"value": 1, "unit": "tablet"},
            }
        ],
    }
    reading = read(
        drafts=[older], hook="order-select", selections=["medicationorder/order-123"]
    )
    [found] = reading.orders
    assert found.medication is not None
    assert found.medication.written == date(2026, 11, 20)
    assert found.medication.dosages == (
        Dosage(amount=Amount(1, 1, "tablet"), times_per_day=Amount(3, 3)),
    )
    assert "back-pain" in found.medication.reasons[0].terms


def test_nutrition_order_is_skipped_without_a_word() -> None:
    reading = read(drafts=[resource("NutritionOrder", status="draft"), draft()])
    assert references(reading.orders) == ["MedicationRequest/d"]
    assert reading.unread == ()


@pytest.mark.parametrize("selection", ["MedicationRequest/b", "b", "medicationrequest/b"])
def test_order_select_evaluates_the_selection_and_keeps_the_rest(selection: str) -> None:
    drafts = [draft(id_="a"), draft(id_="b")]
    reading = read(drafts=drafts, selections=[selection], hook="order-select")
    assert references(reading.orders) == ["MedicationRequest/b"]
    assert references(reading.chart.drafts) == ["MedicationRequest/a", "MedicationRequest/b"]
    assert reading.unread == ()


def test_id_of_a_selection_keeps_its_case() -> None:
    reading = read(drafts=[draft(id_="b")], selections=["B"], hook="order-select")
    assert reading.orders == ()
    assert reading.unread == ("selections: one of them is not among the drafts",)


def test_order_select_without_selections_evaluates_every_draft() -> None:
    reading = read(drafts=[draft(id_="a"), draft(id_="b")], hook="order-select")
    assert references(reading.orders) == ["MedicationRequest/a", "MedicationRequest/b"]


def test_selected_plan_counts_and_another_plan_does_not() -> None:
    drafts = [draft(id_="a", intent="plan"), draft(id_="b", intent="plan")]
    reading = read(drafts=drafts, selections=["a"], hook="order-select")
    assert references(reading.chart.drafts) == ["MedicationRequest/a"]
    assert references(reading.orders) == ["MedicationRequest/a"]


def test_patient_view_evaluates_no_order() -> None:
    assert read(drafts=[draft()], hook="patient-view").orders == ()


@pytest.mark.parametrize(
    "status", ["draft", "active", "on-hold", "stopped", "cancelled", "Active"]
)
def test_order_sign_keeps_orders_of_this_status(status: str) -> None:
    assert order(status=status).status == status.lower()


@pytest.mark.parametrize(
    "more",
    [
        {"status": "entered-in-error"},
        {"status": "completed"},
        {"doNotPerform": True},
        *({"intent": intent} for intent in ("option", "proposal", "plan", "filler-order")),
    ],
)
def test_order_sign_ignores_what_is_no_order(more: Json) -> None:
    reading = read(drafts=[draft(**more)])
    assert (reading.orders, reading.chart.drafts) == ((), ())


@pytest.mark.parametrize("intent", ["instance-order", "reflex-order", "original-order"])
def test_order_sign_keeps_orders_of_this_intent(intent: str) -> None:
    assert order(intent=intent).intent == intent


def test_unidentified_draft_is_named() -> None:
    reading = read(drafts=[draft(medicationCodeableConcept={"text": "zzyzx elixir"})])
    assert reading.unidentified == ("MedicationRequest/d",)
    assert (reading.orders, reading.unread) == ((), ())


def test_draft_about_another_patient_is_dropped_and_named() -> None:
    reading = read(drafts=[draft(subject={"reference": "Patient/someone"})])
    assert reading.orders == ()
    assert reading.unread == ("MedicationRequest/d: is about another patient",)


def test_draft_without_an_id_cannot_be_taken_for_one_with_an_id() -> None:
    reading = read(drafts=[draft(id_="a"), draft(id_=None), draft(id_="a")])
    assert references(reading.orders) == [
        "MedicationRequest/a",
        "MedicationRequest#1",
        "MedicationRequest#2",
    ]


def test_draft_without_a_status_is_a_draft() -> None:
    reading = read(drafts=[{k: v for k, v in draft().items() if k != "status"}])
    assert [each.status for each in reading.orders] == ["draft"]
    assert [each.medication.status for each in reading.orders if each.medication] == ["draft"]


def test_stored_copy_of_a_draft_is_not_a_second_medicine() -> None:
    assert chart(draft(), drafts=[draft()]).medications == ()


def test_stored_version_of_a_signed_order_stays_on_record() -> None:
    stored = draft(status="active")
    found = chart(stored, drafts=[draft(status="stopped")])
    assert [each.status for each in found.medications] == ["active"]
    assert [each.status for each in found.drafts] == ["stopped"]


def test_service_order_is_read() -> None:
    physical = resource("ServiceRequest", status="draft", intent="order", code=THERAPY)
    [found] = read(drafts=[physical]).orders
    assert found.service is not None
    assert "physical-therapy" in found.classes
    assert found.service.kind == "request"


def test_service_order_of_no_interest_is_no_fault() -> None:
    blood_count = resource(
        "ServiceRequest", status="draft", code={"text": "complete blood count"}
    )
    reading = read(drafts=[blood_count])
    assert (reading.orders, reading.unread) == ((), ())


def test_call_in_the_style_of_the_cdc_samples_is_read() -> None:
    """Patient/ before the id, active orders, an empty prefetch."""
    body = {
        "hook": "order-sign",
        "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
        "context": {
            "patientId": "Patient/p",
            "userId": "Practitioner/x",
            "draftOrders": {
                "resourceType": "Bundle",
                "entry": [{"resource": draft(status="active", encounter={})}],
            },
        },
        "prefetch": {"item1": None, "item2": {"resourceType": "Bundle"}},
    }
    request = read_request(json.dumps(body).encode(), None, SERVICE)
    reading = read_chart(request, gather(request, SERVICE), TODAY)
    assert [(o.reference, o.status) for o in reading.orders] == [
        ("MedicationRequest/d", "active")
    ]
    assert reading.unread == ()


# Which medicine ----------------------------------------------------------------------------

MEDICATION = resource("Medication", id="x", code=TRAMADOL)


@pytest.mark.parametrize(
    ("more", "drafts"),
    [
        pytest.param(
            {
                "contained": [{"resourceType": "Medication", "id": "#x", "code": TRAMADOL}],
                "medicationReference": {"reference": "#x"},
            },
            [],
            id="contained",
        ),
        pytest.param(
            {"medicationReference": {"reference": "Medication/x"}}, [], id="prefetched"
        ),
        pytest.param(
            {
                "medicationReference": {
                    "reference": "https://ehr.org/r4/Medication/x/_history/2"
                }
            },
            [],
            id="absolute",
        ),
        pytest.param(
            {"medicationReference": {"reference": "urn:uuid:12"}},
            [{**MEDICATION, "id": "12"}],
            id="urn of a draft entry",
        ),
        pytest.param(
            {
                "medicationReference": {
                    "reference": "Medication/gone",
                    "display": "TRAMADOL 50 MG",
                }
            },
            [],
            id="display only",
        ),
        pytest.param({"medication": {"concept": TRAMADOL}}, [], id="R5 concept"),
        pytest.param(
            {"medication": {"reference": {"reference": "Medication/x"}}}, [], id="R5 reference"
        ),
        pytest.param({"medicationCodeableConcept": {"text": "Ultram"}}, [], id="brand as text"),
        pytest.param(
            {
                "medicationCodeableConcept": {
                    "coding": [{"system": "urn:x", "code": "1", "display": "tramadol 50 mg"}],
                    "text": "as discussed",
                }
            },
            [],
            id="display beside an empty text",
        ),
        pytest.param(
            {
                "contained": [
                    {
                        "resourceType": "Medication",
                        "id": "x",
                        "ingredient": [{"itemCodeableConcept": TRAMADOL}],
                    }
                ],
                "medicationReference": {"reference": "#x"},
            },
            [],
            id="ingredient of a Medication without a code",
        ),
    ],
)
def test_medicine_is_found(more: Json, drafts: list[Json]) -> None:
    found = chart(medication(**more), MEDICATION, drafts=drafts)
    assert [each.drug.ingredient_names for each in found.medications] == [{"tramadol"}]


def test_medication_is_found_by_its_full_url() -> None:
    entries = [
        {"resource": medication(medicationReference={"reference": "urn:uuid:5"})},
        {"fullUrl": "urn:uuid:5", "resource": {"resourceType": "Medication", "code": TRAMADOL}},
    ]
    found = chart(prefetch={"meds": {"resourceType": "Bundle", "entry": entries}})
    assert len(found.medications) == 1


def test_reference_that_leads_nowhere_is_named() -> None:
    reading = read(medication(medicationReference={"reference": "Medication/gone"}))
    assert reading.unread == ("MedicationRequest/m: names no medicine",)


def test_unidentified_medicine_on_record_is_counted() -> None:
    reading = read(medication(medicationCodeableConcept={"text": "zzyzx elixir"}))
    assert reading.unidentified_on_record == 1
    assert reading.chart.medications == ()


# Medications on record ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "more", "expected"),
    [
        ("MedicationRequest", {"status": "stopped"}, ("request", "stopped")),
        ("MedicationStatement", {"status": "not-taken"}, ("statement", "not-taken")),
        ("MedicationStatement", {"status": "active", "taken": "n"}, ("statement", "not-taken")),
        ("MedicationStatement", {"wasNotTaken": True}, ("statement", "not-taken")),
        ("MedicationStatement", {"status": "recorded"}, ("statement", "active")),
        (
            "MedicationStatement",
            {"status": "recorded", "adherence": {"code": concept("x", "not-taking")}},
            ("statement", "not-taken"),
        ),
        ("MedicationStatement", {"status": "unknown"}, ("statement", "unknown")),
        ("MedicationDispense", {"status": "completed"}, ("dispense", "completed")),
        ("MedicationAdministration", {"notGiven": True}, ("administration", "not-done")),
        ("MedicationRequest", {}, ("request", "unknown")),
    ],
)
def test_kind_and_status_of_a_medication(
    kind: str, more: Json, expected: tuple[str, str]
) -> None:
    found = use(kind=kind, **more)
    assert (found.kind, found.status) == expected


@pytest.mark.parametrize(
    "more",
    [
        {"status": "entered-in-error"},
        {"status": "active", "doNotPerform": True},
        {"status": "active", "intent": "proposal"},
    ],
)
def test_what_was_never_ordered_stays_out_of_the_chart(more: Json) -> None:
    assert chart(medication(**more)).medications == ()


def test_statement_keeps_period_reasons_and_notes() -> None:
    found = use(
        kind="MedicationStatement",
        status="stopped",
        effectivePeriod={"start": "2026-01", "end": "2026-02"},
        dateAsserted="2026-03-01",
        statusReason=[concept(SNOMED, "395007004")],
        reasonCode=[BACK_PAIN],
        note=[{"text": "no relief"}],
        context={"reference": "Encounter/e"},
    )
    assert (found.started, found.ended) == (date(2026, 1, 1), date(2026, 2, 28))
    assert found.written == date(2026, 3, 1)
    [stopped] = found.status_reasons
    assert "stopped-ineffective" in stopped.terms
    assert (found.notes, found.encounter) == ("no relief", "Encounter/e")


def test_statement_of_one_day_need_not_end_that_day() -> None:
    found = use(kind="MedicationStatement", effectiveDateTime="2026-01-05T10:00:00Z")
    assert (found.started, found.ended) == (date(2026, 1, 5), None)


def test_dispense_gives_supply() -> None:
    found = use(
        kind="MedicationDispense",
        quantity={"value": 20, "unit": "TAB"},
        daysSupply={"value": 10, "unit": "days"},
        whenHandedOver="2026-11-01",
    )
    assert (found.quantity, found.supply_days) == (Amount(20, 20, "tablet"), 10)
    assert (found.dispensed, found.written) == (True, date(2026, 11, 1))


def test_dose_given_is_read_with_route_and_amount() -> None:
    found = use(
        kind="MedicationAdministration",
        effectiveDateTime="2026-11-20T08:00:00Z",
        dosage={"route": concept(SNOMED, "47625008"), "dose": {"value": 50, "unit": "mg"}},
    )
    assert found.dosages == (Dosage(route=Route.INTRAVENOUS, amount=Amount(50, 50, "mg")),)
    assert (found.started, found.ended) == (date(2026, 11, 20), date(2026, 11, 20))


def test_request_gives_quantity_refills_and_bounds() -> None:
    bounds = {"repeat": {"boundsPeriod": {"start": "2026-11-01", "end": "2026-11-05"}}}
    found = use(
        dispenseRequest={
            "quantity": {"value": 12, "unit": "tablet"},
            "numberOfRepeatsAllowed": 2,
        },
        dosageInstruction={"timing": bounds},
    )
    assert (found.quantity, found.refills, found.dispensed) == (
        Amount(12, 12, "tablet"),
        2,
        True,
    )
    assert (found.started, found.ended) == (date(2026, 11, 1), date(2026, 11, 5))
    assert found.dosages == (Dosage(days=5),)


def test_open_end_of_one_instruction_leaves_the_order_open() -> None:
    first = {
        "timing": {"repeat": {"boundsPeriod": {"start": "2026-11-01", "end": "2026-11-05"}}}
    }
    second = {"timing": {"repeat": {"boundsPeriod": {"start": "2026-11-06"}}}}
    assert use(dosageInstruction=[first, second]).ended is None


@pytest.mark.parametrize(
    "more",
    [
        {"reasonReference": [{"reference": "Condition/r"}]},
        {"reasonReference": {"reference": "Condition/gone", "display": "Low back pain"}},
        {"reason": [{"reference": {"reference": "Condition/r"}}]},
        {"reason": [{"concept": BACK_PAIN}]},
        {"supportingInformation": [{"reference": "Condition/r"}, {"reference": "Media/1"}]},
        {"reasonCode": BACK_PAIN},
        {"reasonCode": [BACK_PAIN]},
    ],
)
def test_reason_is_found(more: Json) -> None:
    found = chart(medication(**more), resource("Condition", code=BACK_PAIN))
    [reason] = found.medications[0].reasons
    assert "back-pain" in reason.terms


def test_reason_of_no_set_is_kept_because_it_is_a_reason() -> None:
    [reason] = use(reasonCode=[{"text": "ingrown toenail"}]).reasons
    assert (reason.text, reason.terms) == ("ingrown toenail", frozenset())


def test_resource_under_two_keys_is_read_once() -> None:
    found = chart(prefetch={"medications": [medication()], "again": [medication()]})
    assert len(found.medications) == 1


# Dosage ------------------------------------------------------------------------------------

TABLET = {"value": 1, "unit": "tablet"}
ONE = Amount(1, 1, "tablet")


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param({"doseAndRate": [{"doseQuantity": TABLET}]}, id="R4"),
        pytest.param({"doseAndRate": {"doseQuantity": TABLET}}, id="an object"),
        pytest.param({"doseQuantity": TABLET}, id="straight in the dosage"),
        pytest.param(
            {
                "doseAndRate": [
                    {"type": concept("x", "calculated"), "doseQuantity": {"value": 50}},
                    {"type": concept("x", "ordered"), "doseQuantity": TABLET},
                ]
            },
            id="the ordered one of two",
        ),
        pytest.param(
            {"doseAndRate": [{"rateQuantity": {"value": 5}}, {"doseQuantity": TABLET}]},
            id="the first that can be read",
        ),
    ],
)
def test_dose_is_one_amount(entry: Json) -> None:
    assert dosage(**entry) == Dosage(amount=ONE)


def test_dose_range_is_kept() -> None:
    doses = {"low": {"value": 1, "unit": "tablet"}, "high": {"value": 2, "unit": "tablet"}}
    assert dosage(doseAndRate=[{"doseRange": doses}]) == Dosage(amount=Amount(1, 2, "tablet"))


@pytest.mark.parametrize(
    ("repeat", "per_day"),
    [
        ({"frequency": 2, "period": 1, "periodUnit": "d"}, Amount(2, 2)),
        ({"frequency": 1, "period": 6, "periodUnit": "h"}, Amount(4, 4)),
        ({"frequency": 1, "period": 4, "periodMax": 6, "periodUnit": "h"}, Amount(4, 6)),
        (
            {"frequency": 1, "frequencyMax": 3, "period": 1, "periodUnit": "d"},
            Amount(1, 3),
        ),
        ({"period": 2, "periodUnit": "d"}, Amount(0.5, 0.5)),
        ({"when": ["MORN", "EVE"]}, Amount(2, 2)),
        ({"when": "HS"}, Amount(1, 1)),
        (
            {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN", "HS"]},
            Amount(2, 2),
        ),
        ({"timeOfDay": ["08:00:00", "14:00:00", "20:00:00"]}, Amount(3, 3)),
        (
            {"frequency": 1, "period": 1, "periodUnit": "d", "dayOfWeek": ["mon"]},
            Amount(1 / 7, 1 / 7),
        ),
        ({"frequency": 2}, None),
        ({"frequency": 1, "period": 0, "periodUnit": "d"}, None),
        ({"frequency": 1, "period": 1, "periodUnit": "fortnight"}, None),
        ({"frequency": -1, "period": 1, "periodUnit": "d"}, None),
    ],
)
def test_timing_is_brought_to_a_day(repeat: Json, per_day: Amount | None) -> None:
    assert dosage(timing={"repeat": repeat}).times_per_day == per_day


@pytest.mark.parametrize(
    ("code", "times"),
    [
        ("BID", 2),
        ("TID", 3),
        ("QID", 4),
        ("QD", 1),
        ("Q6H", 4),
        ("AM", 1),
        ("HS", 1),
        ("QOD", 0.5),
    ],
)
def test_timing_code_is_read_as_code_and_as_text(code: str, times: float) -> None:
    per_day = Amount(times, times)
    assert dosage(timing={"code": concept("x", code)}).times_per_day == per_day
    assert dosage(timing={"code": {"text": code.lower()}}).times_per_day == per_day


@pytest.mark.parametrize(
    "timing",
    [
        {"repeat": {"count": 1}},
        {"event": ["2026-11-21T10:00:00Z"]},
        {"code": {"text": "ONCE"}},
        {"repeat": {"count": 1, "frequency": 1, "period": 1, "periodUnit": "d"}},
    ],
)
def test_single_dose_is_once_and_has_no_frequency(timing: Json) -> None:
    assert dosage(timing=timing) == Dosage(once=True)


@pytest.mark.parametrize(
    ("repeat", "days"),
    [
        ({"boundsDuration": {"value": 2, "unit": "wk"}}, 14),
        (
            {
                "boundsRange": {
                    "low": {"value": 3, "unit": "d"},
                    "high": {"value": 5, "unit": "d"},
                }
            },
            5,
        ),
        ({"boundsPeriod": {"start": "2026-11-21", "end": "2026-11-23"}}, 3),
        ({"boundsPeriod": {"start": "2026-11-21", "end": "2026-11-20"}}, None),
        ({"boundsPeriod": {"start": "2026-11-21"}}, None),
        ({"count": 12, "frequency": 4, "period": 1, "periodUnit": "d"}, 3),
    ],
)
def test_bounds_give_the_length(repeat: Json, days: float | None) -> None:
    assert dosage(timing={"repeat": repeat}).days == days


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"asNeededBoolean": True}, True),
        ({"asNeededCodeableConcept": {"text": "pain"}}, True),
        ({"asNeeded": True}, True),
        ({"asNeededFor": [{"text": "pain"}]}, True),
        ({"asNeededBoolean": False}, False),
        ({}, False),
    ],
)
def test_as_needed_is_read_in_any_version(entry: Json, expected: bool) -> None:
    assert dosage(doseQuantity=TABLET, **entry).as_needed is expected


def test_highest_dose_in_a_period_is_brought_to_a_day() -> None:
    most = {
        "numerator": {"value": 4, "unit": "tablet"},
        "denominator": {"value": 12, "unit": "h"},
    }
    assert dosage(maxDosePerPeriod=most).max_per_day == Amount(8, 8, "tablet")
    assert dosage(maxDosePerPeriod=[most]).max_per_day == Amount(8, 8, "tablet")


def test_text_fills_what_the_structured_fields_leave_open() -> None:
    found = dosage(text="Take 1-2 tablets by mouth every 6 hours as needed for pain")
    assert found.amount == Amount(1, 2, "tablet")
    assert found.times_per_day == Amount(4, 4)
    assert found.as_needed
    assert found.route is Route.ORAL


def test_structured_fields_go_before_the_text() -> None:
    found = dosage(
        text="Take 2 tablets twice daily as needed",
        asNeededBoolean=False,
        doseQuantity=TABLET,
        timing={"repeat": {"frequency": 3, "period": 1, "periodUnit": "d"}},
    )
    assert (found.amount, found.times_per_day) == (ONE, Amount(3, 3))
    assert not found.as_needed


def test_steps_of_a_taper_are_kept_apart_and_in_order() -> None:
    second = {"sequence": 2, "doseQuantity": {"value": 1, "unit": "tablet"}}
    first = {"sequence": 1, "doseQuantity": {"value": 2, "unit": "tablet"}}
    found = use(dosageInstruction=[second, first])
    assert [step.amount for step in found.dosages] == [Amount(2, 2, "tablet"), ONE]


def test_route_is_of_the_instruction_then_of_the_product() -> None:
    rectal = {"route": concept(SNOMED, "37161004"), "doseQuantity": TABLET}
    assert use(dosageInstruction=[rectal]).route is Route.RECTAL
    assert use().route is Route.ORAL


# Problems, values, allergies, services, visits ---------------------------------------------


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
        {"code": OUD, "verificationStatus": concept("x", "entered-in-error")},
        {},
    ],
)
def test_condition_that_says_nothing_to_a_rule_is_left_out(more: Json) -> None:
    assert chart(resource("Condition", **more)).problems == ()


EGFR = concept(LOINC, "98979-8", "eGFR")


@pytest.mark.parametrize(
    ("more", "value", "unit", "text"),
    [
        ({"valueQuantity": {"value": 45, "unit": "mL/min"}}, 45, "ml/min", ""),
        ({"valueInteger": 7}, 7, "", ""),
        ({"valueString": "7"}, 7, "", "7"),
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


IBUPROFEN = {"text": "Ibuprofen"}


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


# The person, and what could not be had -----------------------------------------------------


def test_patient_is_read() -> None:
    person = resource("Patient", id="p", birthDate="1972-03", gender="female")
    assert chart(person).patient == Patient(born=date(1972, 3, 1), sex="female")


@pytest.mark.parametrize("died", [{"deceasedBoolean": True}, {"deceasedDateTime": "2026"}])
def test_death_is_read(died: Json) -> None:
    assert chart(resource("Patient", id="p", **died)).patient.deceased


def test_another_patient_is_dropped_named_and_missing() -> None:
    reading = read(prefetch={"patient": resource("Patient", id="q", birthDate="1972")})
    assert reading.chart.patient == Patient()
    assert reading.unread == ("Patient/q: is about another patient",)
    assert "patient" in reading.chart.missing


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/q"},
        {"reference": "https://ehr.org/r4/Patient/q"},
        {"reference": "Group/p"},
        {"reference": "q"},
    ],
)
def test_resource_about_another_patient_is_dropped_and_named(subject: Json) -> None:
    reading = read(prefetch={"conditions": [resource("Condition", code=OUD, subject=subject)]})
    assert reading.chart.problems == ()
    assert reading.unread == ("Condition/r: is about another patient",)
    assert "conditions" in reading.chart.missing


@pytest.mark.parametrize(
    "subject",
    [
        None,
        {"reference": "Patient/p"},
        {"reference": "https://ehr.org/r4/Patient/p"},
        {"reference": "p"},
        {"reference": "urn:uuid:unknown"},
        {"identifier": {"value": "MRN"}},
    ],
)
def test_resource_about_this_patient_or_nobody_named_is_kept(subject: object) -> None:
    reading = read(prefetch={"conditions": [resource("Condition", code=OUD, subject=subject)]})
    assert len(reading.chart.problems) == 1
    assert "conditions" not in reading.chart.missing


def test_one_stray_resource_does_not_make_the_rest_unknown() -> None:
    stray = resource("Condition", id="s", code=OUD, subject={"reference": "Patient/q"})
    reading = read(prefetch={"conditions": [resource("Condition", code=OUD), stray]})
    assert "conditions" not in reading.chart.missing


def test_missing_data_are_named_and_empty_ones_are_not() -> None:
    missing = chart(prefetch={"medications": None, "conditions": None}).missing
    assert missing == {
        *("patient", "encounter", "allergies", "procedures", "serviceRequests", "observations")
    }
    assert "medications" in chart(prefetch={}).missing


@pytest.mark.parametrize(
    ("stored", "user"),
    [
        (
            resource(
                "PractitionerRole",
                practitioner={"reference": "Practitioner/x"},
                specialty=[{"text": "Addiction medicine"}],
            ),
            "Practitioner/x",
        ),
        (
            resource("PractitionerRole", specialty=[{"text": "Addiction medicine"}]),
            "PractitionerRole/r",
        ),
        (
            resource("Practitioner", qualification=[{"code": {"text": "Addiction medicine"}}]),
            "Practitioner/r",
        ),
    ],
)
def test_specialty_of_the_user_is_read(stored: Json, user: str) -> None:
    assert "addiction-medicine" in chart(stored, user_id=user).user_specialties
    assert "addiction-medicine" in chart(stored, user_id=f"https://x/{user}").user_specialties
    assert chart(stored, user_id="Practitioner/other").user_specialties == frozenset()


def test_what_the_request_left_unread_is_passed_on() -> None:
    reading = read(prefetch={"x": 7}, unread=("context.draftOrders.entry[2]",))
    assert reading.unread == ("context.draftOrders.entry[2]", "prefetch.x")


# Anything at all ---------------------------------------------------------------------------

FULL = [
    draft(
        dosageInstruction=[
            {
                "sequence": 1,
                "text": "one tablet",
                "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": TABLET}],
                "maxDosePerPeriod": {
                    "numerator": TABLET,
                    "denominator": {"value": 1, "unit": "d"},
                },
            }
        ],
        dispenseRequest={"quantity": TABLET, "expectedSupplyDuration": {"value": 3}},
        reasonReference=[{"reference": "Condition/r"}],
        category=[concept("x", "community")],
        contained=[MEDICATION],
        note=[{"text": "x"}],
        authoredOn="2026",
    ),
    resource(
        "ServiceRequest", code=THERAPY, intent="order", status="draft", occurrenceTiming={}
    ),
    resource("Condition", code=BACK_PAIN, category=[], onsetPeriod={"start": "2026"}),
    resource("Observation", code=EGFR, valueQuantity={"value": 1}, component=[{"code": EGFR}]),
    resource(
        "AllergyIntolerance", code=IBUPROFEN, reaction=[{"substance": {}}], type="allergy"
    ),
    resource("Encounter", type=[THERAPY], diagnosis=[{"condition": {}}], period={}),
    resource("CarePlan", activity=[{"detail": {"code": THERAPY}, "progress": []}]),
    resource("CareTeam", participant=[{"role": [THERAPY], "member": {"display": "x"}}]),
    resource("Patient", id="p", birthDate="1972", deceasedBoolean=False),
    resource("PractitionerRole", practitioner={"reference": "P/1"}, specialty=[], code=[]),
    medication(kind="MedicationAdministration", dosage={"dose": TABLET}, effectivePeriod={}),
    medication(kind="MedicationDispense", daysSupply=TABLET, quantity=TABLET),
]


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterable[tuple[str | int, ...]]:
    """Give the path of every field of a JSON value."""
    children: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        children = value.items()
    elif isinstance(value, list):
        children = enumerate(value)
    for key, child in children:
        yield (*path, key)
        yield from places(child, (*path, key))


def replaced(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """Give a copy of a JSON value with another value at one place."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


@settings(max_examples=400, deadline=None)
@given(place=st.sampled_from(list(places(FULL))), new=JSON)
def test_no_json_value_in_any_field_makes_it_fail(
    place: tuple[str | int, ...], new: object
) -> None:
    changed = replaced(FULL, place, new)
    drafts = [item for item in changed if isinstance(item, dict)]
    reading = read(prefetch={"all": changed}, drafts=drafts, hook="order-select")
    assert all(isinstance(line, str) for line in reading.unread)
