"""Which rules are asked about an order, and what the trace tells of those that say nothing."""

from datetime import date
from typing import Any

import pytest

from cards.chart import Chart, Patient
from cards.evaluation import Evaluation, Silence, evaluate, population_of
from cards.examples import case_of
from cards.rulebook import load_rulebook

BOOK = load_rulebook()
STOP = "opioid-no-abrupt-stop"
LONG_TERM = [
    {"drug": "oxycodone 10 mg oral tablet", "sig": "1 tablet every 6 hours", "started": "-400d"}
]


def evaluated(hook: str, status: str) -> Evaluation:
    given: dict[str, Any] = {
        "order": {"drug": "oxycodone 10 mg oral tablet", "status": status},
        "medications": LONG_TERM,
    }
    case = case_of(BOOK.by_id[STOP], given)
    return evaluate(BOOK, case.view.patient, hook, (case.order,))


def test_stop_is_found_when_it_is_selected() -> None:
    (finding,) = evaluated("order-select", "stopped").findings

    assert (finding.rule.id, finding.outcome.name) == (STOP, "stopped")


def test_stop_that_is_signed_stands_in_the_trace() -> None:
    said = evaluated("order-sign", "stopped")
    reference = "MedicationRequest/draft-1"

    assert said.findings == ()
    assert Silence(STOP, reference, "stopped-not-at-order-sign") in said.silences


@pytest.mark.parametrize("hook", ["order-select", "order-sign"])
def test_stop_is_put_only_to_rules_about_stops(hook: str) -> None:
    said = evaluated(hook, "cancelled")
    asked = {one.rule for one in said.silences} | {one.rule.id for one in said.findings}

    assert asked == {rule.id for rule in BOOK.rules if rule.looks_at_stopped} - {
        "buprenorphine-reduced"  # about another drug
    }


@pytest.mark.parametrize(
    ("patient", "expected"),
    [
        pytest.param(Patient(born=date(2008, 3, 2)), "adults", id="18 today"),
        pytest.param(Patient(born=date(2008, 3, 3)), "children", id="18 tomorrow"),
        pytest.param(Patient(), "adults", id="age unknown"),
        pytest.param(Patient(born=date(1980, 1, 1), deceased=True), "nobody", id="deceased"),
    ],
)
def test_rules_speak_about_living_adults(patient: Patient, expected: str) -> None:
    assert population_of(Chart(today=date(2026, 3, 2), patient=patient)) == expected
