"""Dosage instructions are brought to an amount at one time and times a day."""

import pytest

from cards.chart import Amount, Dosage, Route
from cards.sig_words import OTHER_UNIT
from service import reading_dosages
from tests.fhir_requests import SNOMED, TABLET, Json, concept, dosage, use

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


def test_most_a_day_is_read_of_the_text_beside_complete_fields() -> None:
    complete = {
        "asNeededBoolean": True,
        "doseQuantity": TABLET,
        "route": concept(SNOMED, "26643006"),
        "timing": {"repeat": {"frequency": 6, "period": 1, "periodUnit": "d"}},
    }
    text = "Take 2 tablets every 4 hours for 3 days. Max Daily Amount: 4 tablets"
    found = dosage(text=text, **complete)
    assert found.max_per_day == Amount(4, 4, "tablet")
    assert (found.amount, found.times_per_day, found.days) == (ONE, Amount(6, 6), None)


def test_steps_of_a_taper_are_kept_apart_and_in_order() -> None:
    second = {"sequence": 2, "doseQuantity": {"value": 1, "unit": "tablet"}}
    first = {"sequence": 1, "doseQuantity": {"value": 2, "unit": "tablet"}}
    found = use(dosageInstruction=[second, first])
    assert [step.amount for step in found.dosages] == [Amount(2, 2, "tablet"), ONE]
    assert [step.sequence for step in found.dosages] == [1, 2]


def test_instruction_without_a_number_has_no_place_in_an_order() -> None:
    assert dosage(doseQuantity=TABLET).sequence is None
    assert dosage(doseQuantity=TABLET, sequence="first").sequence is None


def test_route_is_of_the_instruction_then_of_the_product() -> None:
    rectal = {"route": concept(SNOMED, "37161004"), "doseQuantity": TABLET}
    assert use(dosageInstruction=[rectal]).route is Route.RECTAL
    assert use().route is Route.ORAL


@pytest.mark.parametrize("unit", ["Smith family", "mg/kg", "x" * 5000])
def test_unknown_unit_is_neither_kept_nor_taken_for_none(unit: str) -> None:
    several = {"value": 2, "unit": unit}
    a_day = {"numerator": several, "denominator": {"value": 1, "unit": "d"}}
    found = use(
        dosageInstruction=[{"doseQuantity": several, "maxDosePerPeriod": a_day}],
        dispenseRequest={"quantity": several},
    )
    assert found.dosages[0].amount == Amount(2, 2, OTHER_UNIT)
    assert found.dosages[0].max_per_day == Amount(2, 2, OTHER_UNIT)
    assert found.quantity == Amount(2, 2, OTHER_UNIT)


@pytest.mark.parametrize("unit", ["tablet", "mcg/h", "injection", "dose", ""])
def test_known_unit_and_form_are_kept(unit: str) -> None:
    assert dosage(doseQuantity={"value": 2, "unit": unit}).amount == Amount(2, 2, unit)


def test_long_instructions_are_read_and_not_kept() -> None:
    before = reading_dosages._read_again.cache_info().currsize
    found = [dosage(doseQuantity=TABLET, text=f"{n} " + "long " * 1000) for n in range(5)]
    assert [each.amount for each in found] == [ONE] * 5
    assert reading_dosages._read_again.cache_info().currsize == before
