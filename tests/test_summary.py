"""The words of a card: several orders in one sentence, what is missing, who has reviewed it."""

from dataclasses import replace

import pytest

from cards.card_text import detail, missing_words, summary
from cards.chart import Order
from cards.evaluation import Finding
from cards.policy import CardPlan
from cards.rulebook import AWAITING, load_rulebook
from service.gather import DATA


def finding(rule: str, outcome: str, number: int, **words: str) -> Finding:
    found = load_rulebook().by_id[rule]
    how = found.fires[outcome]
    return Finding(
        rule=found,
        order=Order(reference=f"MedicationRequest/{number}"),
        outcome=how,
        indicator=next(iter(how.tiers.values())),
        words=words,
    )


def test_orders_of_the_same_sentence_are_named_together() -> None:
    both = tuple(
        finding("opioid-respiratory-risk", "at-risk", number, drug=drug, risk="sleep apnoea")
        for number, drug in enumerate(("oxycodone 5 mg", "tramadol 50 mg"))
    )

    assert summary(CardPlan("safety", both)) == (
        "Oxycodone 5 mg and tramadol 50 mg: sleep apnoea raises the risk of "
        "respiratory depression"
    )


def test_orders_whose_other_words_differ_keep_the_sentence_of_the_first() -> None:
    pair = (
        finding("opioid-benzodiazepine", "pair", 1, drug="oxycodone 5 mg", other="diazepam"),
        finding("opioid-benzodiazepine", "pair", 2, drug="diazepam 5 mg", other="oxycodone"),
    )

    assert summary(CardPlan("safety", pair)) == (
        "Oxycodone 5 mg with diazepam: boxed warning for respiratory depression and death"
    )


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        pytest.param({"conditions"}, ["problems"], id="one"),
        pytest.param(
            {"medications", "medicationRequests", "medicationStatements", "observations"},
            ["medicines", "laboratory results and scores"],
            id="both-kinds-of-medicines-said-once",
        ),
        pytest.param(
            {"medicationStatements"}, ["reported medicines"], id="one-kind-of-medicines"
        ),
        pytest.param(
            {"theirs", "others", "encounter"}, ["the visit", "other data"], id="own-keys"
        ),
    ],
)
def test_what_is_missing_is_told_in_words(missing: set[str], told: list[str]) -> None:
    assert list(missing_words(missing)) == told


def test_all_data_that_is_asked_for_has_words() -> None:
    assert "other data" not in missing_words(DATA | {"medications"})
    for name in DATA:
        assert "other data" not in missing_words({name})


def signed(found: Finding) -> Finding:
    review = {
        "status": "reviewed",
        "reviewer": "Dr. Example, Example Clinic",
        "on": "2026-11-30",
    }
    return replace(found, rule=replace(found.rule, review=review))


def status(*findings: Finding) -> str:
    *_, last = detail(CardPlan("safety", findings), frozenset()).split("Rule status: ")
    return last


def test_a_card_says_when_only_its_headline_rule_has_been_reviewed() -> None:
    words = {"drug": "oxycodone 5 mg", "other": "diazepam", "risk": "sleep apnoea"}
    pair = finding("opioid-benzodiazepine", "pair", 1, **words)
    beside = finding("opioid-respiratory-risk", "at-risk", 1, **words)
    by_whom = "reviewed by Dr. Example, Example Clinic, 2026-11-30."

    assert status(pair, beside) == f"{AWAITING}."
    assert status(signed(pair), beside) == f"{by_whom} Other rules on this card: {AWAITING}."
    assert status(signed(pair), signed(beside)) == by_whom
