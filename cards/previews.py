"""What the examples of a rule show: its cards filled in, and which shared numbers it reads."""

from collections.abc import Iterator

from cards import definitions
from cards.case import Case
from cards.chart import Fires
from cards.evaluation import Finding
from cards.examples import case_of
from cards.policy import CardPlan, group_of
from cards.rulebook import Rule
from cards.sources import groups_of


def first_cards(rule: Rule) -> Iterator[tuple[str, CardPlan]]:
    """Yield the first example of every outcome that a card shows, and that card."""
    seen: set[str] = set()
    for example in rule.examples:
        case = case_of(rule, example["given"])
        verdict = rule.decide(case)
        if not isinstance(verdict, Fires) or verdict.outcome in seen:
            continue
        seen.add(verdict.outcome)
        if rule.fires[verdict.outcome].tiers:  # a site may have taken them all away
            finding = _finding(rule, case, verdict)
            yield example["name"], CardPlan(group_of(finding), (finding,))


def numbers_read(rule: Rule) -> tuple[str, ...]:
    """Return the names of the shared numbers that decide the rule's examples."""
    with definitions.recorded() as read:
        for example in rule.examples:
            rule.decide(case_of(rule, example["given"]))
    return tuple(sorted(read))


def _finding(rule: Rule, case: Case, fires: Fires) -> Finding:
    outcome = rule.fires[fires.outcome]
    return Finding(
        rule=rule,
        order=case.order,
        outcome=outcome,
        indicator=max(outcome.tiers.values(), key=lambda tier: tier.weight),
        facts=fires.facts,
        words={"drug": case.order.label, **fires.words},
        notes=fires.notes,
        suggestions=fires.suggestions,
        groups=groups_of(case),
    )
