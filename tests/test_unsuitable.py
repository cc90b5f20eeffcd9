"""The plan names no medicine that an order for it would be warned of."""

from collections.abc import Mapping
from typing import Any

import pytest

from cards import terms
from cards.case import Case
from cards.chart import Fires
from cards.drug_classes import class_names, ingredients_of
from cards.evaluation import evaluate
from cards.examples import case_of
from cards.rulebook import Indicator, load_rulebook
from cards.unsuitable import unsuitable_classes

BOOK = load_rulebook()
RULE = BOOK.by_id["therapy-stage-summary"]
# The orders that the steps of a plan would become, by the class that stands for the step.
STEPS = {
    "tramadol": ("tramadol 50 mg oral tablet", "1 tablet twice daily as needed"),
    "tca": ("nortriptyline 10 mg oral capsule", "1 capsule at bedtime"),
    "muscle-relaxant": ("tizanidine 2 mg oral tablet", "1 tablet three times daily"),
}
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
        ({"medications": ["phenelzine 15 mg oral tablet"]}, {"duloxetine", "tramadol", "tca"}),
        ({"age": 74}, set()),
        ({"age": 82}, {"nsaid"}),
        ({"age": "unknown"}, set()),
        (with_problem("cirrhosis"), {"duloxetine"}),
        (with_problem("chronic-kidney-disease"), {"nsaid"}),
        (with_problem("chronic-kidney-disease-severe"), {"nsaid", "duloxetine"}),
        ({"medications": ["apixaban 5 mg oral tablet"]}, {"nsaid"}),
    ],
    ids=[
        "nothing", "eGFR 60", "eGFR 45", "eGFR 25", "epilepsy", "suicidal thoughts", "long QT",
        "sertraline", "zolpidem", "phenelzine", "74 years", "82 years", "age unknown",
        "cirrhosis", "kidney disease", "severe kidney disease", "anticoagulant",
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


def ordered(step: str, **given: Any) -> Case:
    """Return the case of the order that a step would become."""
    drug, sig = STEPS[step]
    order = {"drug": drug, "sig": sig, "reason": "back-pain-axial", "days": 7}
    pain = {"is": "back-pain-axial", "onset": "-26w"}
    listed = [pain, *given.pop("problems", ())]
    return case_of(
        BOOK.by_id["opioid-start-dose"], {"order": order, "problems": listed, **given}
    )


def warnings(case: Case) -> set[str]:
    """Return the safety rules that say more than an info about the order."""
    found = (
        finding
        for hook in ("order-select", "order-sign")
        for finding in evaluate(BOOK, case.view.patient, hook, (case.order,)).findings
    )
    return {
        each.rule.id
        for each in found
        if each.rule.axis == "safety" and each.indicator is not Indicator.INFO
    }


def is_named(step: str, case: Case) -> bool:
    """Say whether a plan may name the step; none of these is named in opioid use disorder."""
    standing = case.history.standing
    if standing.opioid_use_disorder:
        return False
    if step == "muscle-relaxant":
        return standing.relaxant_possible
    return step not in unsuitable_classes(case.chart)


@pytest.mark.parametrize("step", STEPS)
def test_whatever_problem_an_order_would_be_warned_of_bars_its_step(step: str) -> None:
    cases = {
        name: ordered(step, problems=[{"is": name, "onset": "-7d"}])
        for name in sorted(terms.names())
    }
    told = {name: found for name, case in cases.items() if (found := warnings(case))}

    assert told
    assert {name: told[name] for name in told if is_named(step, cases[name])} == {}


@pytest.mark.parametrize("step", STEPS)
def test_whatever_medicine_an_order_would_be_warned_of_bars_its_step(step: str) -> None:
    names = {name for group in class_names() for name in ingredients_of(group)}
    cases = {
        name: ordered(step, medications=[f"{name} 10 mg oral tablet"]) for name in sorted(names)
    }
    told = {name: found for name, case in cases.items() if (found := warnings(case))}

    assert told
    assert {name: told[name] for name in told if is_named(step, cases[name])} == {}
