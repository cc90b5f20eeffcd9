"""What is stopped on the same screen is no partner; two refills of a stable pair are silent."""

from dataclasses import replace
from typing import Any

import pytest

from cards.case import Assessment, Case
from cards.chart import Order
from cards.examples import case_of
from cards.rulebook import load_rulebook

RULE = load_rulebook().by_id["serotonergic"]
TRAMADOL = {"drug": "tramadol 50 mg oral tablet", "sig": "1 tablet four times daily"}
DULOXETINE = {
    "drug": "duloxetine 60 mg delayed release oral capsule",
    "sig": "1 capsule daily",
}


def verdict(given: dict[str, Any]) -> str:
    return RULE.decide(case_of(RULE, given)).outcome


def test_a_medicine_stopped_on_the_same_screen_is_no_partner() -> None:
    case = case_of(RULE, {"order": TRAMADOL, "medications": [DULOXETINE]})
    (taken,) = case.chart.medications
    stopped = Order(reference=taken.reference, status="stopped", medication=taken)
    chart = replace(case.chart, drafts=(*case.chart.drafts, stopped))
    view = Assessment.of(chart).view(case.order)

    assert RULE.decide(case).outcome == "pair"
    assert RULE.decide(Case(view, RULE.numbers)).outcome == "no-partner"


def test_two_refills_of_a_stable_pair_are_silent() -> None:
    given = {
        "order": TRAMADOL,
        "with_orders": [DULOXETINE],
        "medications": [TRAMADOL, DULOXETINE],
    }

    assert verdict(given) == "stable-pair"


@pytest.mark.parametrize(
    ("dose", "outcome"),
    [
        pytest.param("1 tablet at bedtime", "low-trazodone", id="100-mg"),
        pytest.param("2 tablets at bedtime", "pair", id="200-mg"),
        pytest.param("", "pair", id="unknown"),
    ],
)
def test_trazodone_counts_above_the_dose_for_sleep(dose: str, outcome: str) -> None:
    trazodone = {"drug": "trazodone 100 mg oral tablet", "sig": dose}

    assert verdict({"order": DULOXETINE, "medications": [trazodone]}) == outcome


def test_trazodone_for_sleep_beside_an_inhibitor_is_critical() -> None:
    trazodone = {"drug": "trazodone 50 mg oral tablet", "sig": "1 tablet at bedtime"}

    assert (
        verdict({"order": trazodone, "medications": ["phenelzine 15 mg oral tablet"]}) == "maoi"
    )


def test_more_than_two_partners_are_counted() -> None:
    taken = [DULOXETINE, "sertraline 50 mg oral tablet", "cyclobenzaprine 10 mg oral tablet"]
    fires = RULE.decide(case_of(RULE, {"order": TRAMADOL, "medications": taken}))

    assert getattr(fires, "words", None) == {"other": "duloxetine, sertraline +1 more"}
