"""The plan names no medicine that an order for it would be warned of."""

from collections.abc import Mapping
from typing import Any

import pytest

from cards.chart import Fires
from cards.examples import case_of
from cards.rulebook import load_rulebook
from cards.unsuitable import unsuitable_classes

RULE = load_rulebook().by_id["therapy-stage-summary"]
GIVEN: Mapping[str, Any] = {
    "encounter": {"reason": "back-pain-axial"},
    "problems": [{"is": "back-pain-axial", "onset": "-26w"}],
    "services": [{"is": "physical-therapy", "visits": 8, "started": "-26w", "ended": "-10w"}],
}


def egfr(value: float) -> dict[str, Any]:
    return {"measurements": [{"is": "egfr", "value": value, "unit": "mL/min", "on": "-30d"}]}


def with_problem(name: str) -> dict[str, Any]:
    return {"problems": [*GIVEN["problems"], name]}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, set()),
        (egfr(60), set()),
        (egfr(45), {"nsaid"}),
        (egfr(25), {"nsaid", "duloxetine"}),
        (with_problem("seizure"), {"tramadol"}),
        (with_problem("suicidality"), {"tramadol", "tca"}),
        (with_problem("qt-prolongation"), {"tca"}),
        ({"medications": ["sertraline 50 mg oral tablet"]}, {"tramadol", "tca"}),
        ({"medications": ["zolpidem 10 mg oral tablet"]}, {"tramadol"}),
        ({"age": 74}, set()),
        ({"age": 82}, {"nsaid"}),
        ({"age": "unknown"}, set()),
        (with_problem("cirrhosis"), {"duloxetine"}),
        (with_problem("chronic-kidney-disease"), {"nsaid"}),
        ({"medications": ["apixaban 5 mg oral tablet"]}, {"nsaid"}),
    ],
    ids=[
        "nothing", "eGFR 60", "eGFR 45", "eGFR 25", "epilepsy", "suicidal thoughts", "long QT",
        "sertraline", "zolpidem", "74 years", "82 years", "age unknown",
        "cirrhosis", "kidney disease", "anticoagulant",
    ],
)  # fmt: skip
def test_the_plan_leaves_out_what_is_unsuitable(
    change: Mapping[str, Any], expected: set[str]
) -> None:
    case = case_of(RULE, {**GIVEN, **change})
    verdict = RULE.decide(case)

    assert unsuitable_classes(case.chart) == expected
    assert isinstance(verdict, Fires)
    steps = verdict.words["steps"].lower()
    assert ("naproxen" not in steps) == ("nsaid" in expected)
    assert ("then duloxetine" not in steps) == ("duloxetine" in expected)


@pytest.mark.parametrize(
    ("more", "stops"),
    [((), True), (("apixaban 5 mg oral tablet",), False)],
    ids=["", "bleeding"],
)
def test_a_gel_is_kept_when_no_tablet_is_suitable(
    more: tuple[str, ...], *, stops: bool
) -> None:
    given = {
        "encounter": {"reason": "back-strain"},
        "problems": [{"is": "back-strain", "onset": "-6d"}],
        "medications": [
            {"drug": "diclofenac 1 % gel", "started": "-5d"},
            {"drug": "methocarbamol 750 mg oral tablet", "started": "-5d"},
            *more,
        ],
    }
    verdict = RULE.decide(case_of(RULE, given))

    assert isinstance(verdict, Fires)
    assert ("Stop the anti-inflammatory gel" in verdict.words["steps"]) is stops
