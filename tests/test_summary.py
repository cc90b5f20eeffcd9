"""A card about several orders names them in one sentence only where the sentence fits all."""

from cards.chart import Order
from cards.evaluation import Finding
from cards.policy import CardPlan
from cards.rulebook import load_rulebook
from service.response import summary


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
