"""Every example in every rule's file comes out as the file says."""

from collections.abc import Mapping
from typing import Any

import pytest

from cards.chart import Fires
from cards.evaluation import fill
from cards.examples import case_of
from cards.rulebook import CHART, Rule, load_rulebook

EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id}: {example['name']}")
    for rule in load_rulebook().rules
    for example in rule.examples
]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_example(rule: Rule, example: Mapping[str, Any]) -> None:
    case = case_of(rule, example["given"])
    verdict = rule.decide(case)

    assert verdict.outcome == example["expect"]
    assert rule.looks_at & (case.order.classes or {CHART}), "the rule never sees this order"
    if isinstance(verdict, Fires):
        outcome = rule.fires[verdict.outcome]
        words = {"drug": case.order.label, **verdict.words}
        texts = [outcome.summary, outcome.detail, *outcome.instead]
        texts += [rule.notes[name] for name in verdict.notes]
        filled = [fill(text, words) for text in texts]
        assert len(filled[0]) <= 139
        assert not any("{" in text or "  " in text for text in filled)
