"""The alert policy: findings to at most a few cards, ranked, merged and capped."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from cards.case import NO_ORDER
from cards.chart import Order
from cards.evaluation import Finding
from cards.rulebook import Indicator

FILE = Path(__file__).with_name("policy.toml")
SAFETY, RIGHT, PLAN = "safety", "right", "plan"
GROUPS = {"safety": SAFETY, "appropriateness": RIGHT, "path": RIGHT}


@dataclass(frozen=True, slots=True)
class Policy:
    """What ``policy.toml`` decides."""

    cards: Mapping[str, int]  # most cards by hook, and most suggestions a card
    once: frozenset[str]
    quiet: frozenset[str]
    gates: frozenset[str]
    hidden_by_gates: frozenset[str]
    plan_headline: str  # without it the lines of a care plan are not shown
    vetoes: frozenset[str]  # a proposal that any of these rules speaks about is not made
    rank: Mapping[str, int]  # rule id to its place; lower leads

    def most_cards(self, hook: str) -> int:
        """Return how many cards a hook shows; critical ones are not counted out."""
        return self.cards[hook]


@dataclass(frozen=True, slots=True)
class CardPlan:
    """One card to be: its findings, the headline first, and what a cap dropped onto it."""

    group: str
    findings: tuple[Finding, ...]
    dropped: tuple[Finding, ...] = ()

    @property
    def headline(self) -> Finding:
        """The finding that gives the card its summary and indicator."""
        return self.findings[0]

    @property
    def orders(self) -> tuple[Order, ...]:
        """The orders that the card is about, each once, the headline's first."""
        return tuple({f.order.reference: f.order for f in self.findings}.values())


@cache
def load_policy() -> Policy:
    """Read ``policy.toml``."""
    table = tomllib.loads(FILE.read_text("utf-8"))
    ranked = [*table["priority"]["safety"], *table["priority"]["right"]]
    return Policy(
        cards=table["cards"],
        once=frozenset(table["once"]["rules"]),
        quiet=frozenset(table["quiet"]["rules"]),
        gates=frozenset(table["gate"]["rules"]),
        hidden_by_gates=frozenset(table["gate"]["hides"]),
        plan_headline=table["lines"]["headline"],
        vetoes=frozenset(table["proposals"]["vetoed_by"]),
        rank={rule: place for place, rule in enumerate(ranked)},
    )


def settle(findings: Iterable[Finding], policy: Policy) -> tuple[Finding, ...]:
    """Return the findings that are to be shown: gates, repeats and quiet rules applied."""
    kept: list[Finding] = []
    for of_order in _by_order(findings).values():
        kept += _unhidden(of_order, policy)
    return tuple(_each_once(kept, policy))


def plan(findings: Sequence[Finding], hook: str, policy: Policy) -> tuple[CardPlan, ...]:
    """Arrange settled findings as cards, the most urgent first."""
    plans = _merged(_per_order(findings, policy), policy)
    plans.sort(key=lambda card: (_loudness(card.headline), card.group != SAFETY))
    return _capped(plans, policy.most_cards(hook))


def group_of(finding: Finding) -> str:
    """Return which card about an order the finding belongs to."""
    return PLAN if _is_line(finding) else GROUPS[finding.rule.axis]


def _by_order(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        grouped.setdefault(finding.order.reference, []).append(finding)
    return grouped


def _unhidden(findings: list[Finding], policy: Policy) -> list[Finding]:
    planned = any(finding.rule.id == policy.plan_headline for finding in findings)
    gated = any(finding.rule.id in policy.gates for finding in findings)
    loud = any(finding.indicator is not Indicator.INFO for finding in findings)
    return [
        finding
        for finding in findings
        if (planned or not _is_line(finding))
        and not (gated and finding.rule.id in policy.hidden_by_gates)
        and not (loud and finding.rule.id in policy.quiet)
    ]


def _each_once(findings: list[Finding], policy: Policy) -> Iterable[Finding]:
    said: set[str] = set()
    for finding in findings:
        if finding.rule.id in policy.once:
            if finding.rule.id in said:
                continue
            said.add(finding.rule.id)
        yield finding


def _per_order(findings: Sequence[Finding], policy: Policy) -> list[CardPlan]:
    plans = []
    for of_order in _by_order(findings).values():
        for group in (SAFETY, RIGHT, PLAN):
            ranked = sorted(
                (f for f in of_order if group_of(f) == group),
                key=lambda f: (_loudness(f), policy.rank.get(f.rule.id, len(policy.rank))),
            )
            if ranked:
                plans.append(CardPlan(group, tuple(ranked)))
    return plans


def _is_line(finding: Finding) -> bool:
    """Say whether the finding is about the whole course of treatment, not about an order."""
    return finding.order is NO_ORDER and finding.rule.axis == "path"


def _loudness(finding: Finding) -> int:
    return -finding.indicator.weight


def _merged(plans: list[CardPlan], policy: Policy) -> list[CardPlan]:
    """Join the cards of several orders that have the same headline rule."""
    merged: dict[tuple[str, str], CardPlan] = {}
    for card in plans:
        key = (card.group, card.headline.rule.id)
        if key in merged:
            both = (*merged[key].findings, *card.findings)
            ordered = _headline_first(both, card.headline.rule.id, policy)
            merged[key] = CardPlan(card.group, ordered)
        else:
            merged[key] = card
    return list(merged.values())


def _headline_first(
    findings: tuple[Finding, ...], rule: str, policy: Policy
) -> tuple[Finding, ...]:
    return tuple(
        sorted(
            findings,
            key=lambda f: (
                f.rule.id != rule,
                _loudness(f),
                policy.rank.get(f.rule.id, len(policy.rank)),
            ),
        )
    )


def _capped(plans: list[CardPlan], most: int) -> tuple[CardPlan, ...]:
    critical = sum(card.headline.indicator is Indicator.CRITICAL for card in plans)
    shown, cut = plans[: max(most, critical)], plans[max(most, critical) :]
    if cut:
        dropped = tuple(finding for card in cut for finding in card.findings)
        shown[-1] = replace(shown[-1], dropped=dropped)
    return tuple(shown)
