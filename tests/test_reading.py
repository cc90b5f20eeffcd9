"""A request becomes a chart; what is missing or strange is named, and nothing fails."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cards.chart import Patient
from tests.fhir_requests import (
    BACK_PAIN,
    EGFR,
    IBUPROFEN,
    MEDICATION,
    OUD,
    TABLET,
    THERAPY,
    Json,
    chart,
    concept,
    draft,
    medication,
    read,
    resource,
)
from tests.test_fhir import JSON


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


@settings(max_examples=400)
@given(place=st.sampled_from(list(places(FULL))), new=JSON)
def test_no_json_value_in_any_field_makes_it_fail(
    place: tuple[str | int, ...], new: object
) -> None:
    changed = replaced(FULL, place, new)
    drafts = [item for item in changed if isinstance(item, dict)]
    reading = read(prefetch={"all": changed}, drafts=drafts, hook="order-select")
    assert all(isinstance(line, str) for line in reading.unread)
