"""Orders of every version and habit are read; the right ones are evaluated."""

import json
from datetime import date

import pytest

from cards.chart import Amount, Dosage
from service.envelope import read_request
from service.gather import gather
from service.reading import read_chart
from tests.fhir_requests import (
    BACK_PAIN,
    PREDNISONE,
    SERVICE,
    THERAPY,
    TODAY,
    TRAMADOL,
    Json,
    chart,
    draft,
    order,
    read,
    references,
    resource,
)


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
