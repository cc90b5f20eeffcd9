"""The words of a card: its sentence, and the Markdown below it."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Final

from cards.chart import Identified, Order
from cards.evaluation import Finding, fill
from cards.policy import PLAN, CardPlan
from cards.rulebook import AWAITING

MOST_FACTS: Final = 3
LONGEST_SUMMARY: Final = 139

# What is told of data that could not be had, by its name in ``Chart.missing``.
MISSING_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "medications": "medicines",
        "medicationRequests": "prescribed medicines",
        "medicationStatements": "reported medicines",
        "allergies": "allergies",
        "conditions": "problems",
        "observations": "laboratory results and scores",
        "procedures": "procedures",
        "serviceRequests": "referrals",
        "encounter": "the visit",
        "patient": "age and sex",
    }
)
OTHER_DATA: Final = "other data"


def summary(plan: CardPlan) -> str:
    """Return the headline's sentence; orders that share it are named together if they fit."""
    headline = plan.headline
    same = [
        f for f in plan.findings if f.rule is headline.rule and f.outcome is headline.outcome
    ]
    # "Oxycodone and diazepam with diazepam": other words than the drug's hold for one order.
    if len(same) > 1 and len({_words_besides_drug(f) for f in same}) == 1:
        drugs = dict.fromkeys(f.words["drug"] for f in same)
        text = fill(headline.outcome.summary, {**headline.words, "drug": _listed(drugs)})
        if len(text) <= LONGEST_SUMMARY:
            return text[:1].upper() + text[1:]
    return shortened(headline.summary)


def _words_besides_drug(finding: Finding) -> frozenset[tuple[str, str]]:
    return frozenset(item for item in finding.words.items() if item[0] != "drug")


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def shortened(text: str) -> str:
    """Cut a summary at a word so that it keeps the 139 characters that clients accept."""
    if len(text) <= LONGEST_SUMMARY:
        return text
    return text[: LONGEST_SUMMARY - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def detail(plan: CardPlan, missing: frozenset[str]) -> str:
    """Return the card's Markdown: why, which facts, what instead, what else, from where."""
    headline = plan.headline
    paragraphs = [fill(headline.outcome.detail, headline.words).strip()]
    paragraphs += [fill(headline.rule.notes[name], headline.words) for name in headline.notes]
    paragraphs += _about_orders(plan)
    paragraphs += _care_plan(plan) if plan.group == PLAN else _about_order(plan)
    if missing:
        told = ", ".join(missing_words(missing))
        paragraphs.append(f"Not evaluated, because it could not be had: {told}.")
    paragraphs.append(f"{_sources(headline)} {_review(plan)}")
    return "\n\n".join(paragraphs)


def _care_plan(plan: CardPlan) -> Iterator[str]:
    """Yield the lines of a care plan; its headline has told what is on record."""
    yield from _bulleted("Plan", (line(finding) for finding in _folded(plan)))


def line(finding: Finding) -> str:
    """Return a finding as a line of the care plan."""
    notes = (fill(finding.rule.notes[name], finding.words) for name in finding.notes)
    return " ".join((f"{finding.summary}.", *notes))


def _about_order(plan: CardPlan) -> Iterator[str]:
    facts = dict.fromkeys(fact.text for finding in plan.findings for fact in finding.facts)
    yield from _bulleted("On record", islice(facts, MOST_FACTS))
    headline = plan.headline
    instead = (fill(line, headline.words) for line in headline.outcome.instead)
    yield from _bulleted("Instead", instead)
    yield from _bulleted("Also", (_also(f) for f in _folded(plan)))


def _about_orders(plan: CardPlan) -> Iterator[str]:
    orders = [order for order in plan.orders if order.reference]
    if len(orders) > 1:
        yield f"Orders: {_listed(order.label for order in orders)}."
    yield from (text for order in orders for text in _identified(order))


def _identified(order: Order) -> Iterator[str]:
    drug = order.medication.drug if order.medication else None
    if drug and drug.doubt:
        yield f"Check {order.label}: {drug.doubt}."
    if drug and drug.identified in {Identified.TEXT, Identified.NAME}:
        yield f"{order.label.capitalize()} was identified from text, not from a code."


def _bulleted(title: str, lines: Iterable[str]) -> Iterator[str]:
    listed = "\n".join(f"- {line}" for line in lines)
    if listed:
        yield f"**{title}**\n\n{listed}"


def _folded(plan: CardPlan) -> Iterator[Finding]:
    """Yield the findings that are a bullet: all but those of the headline's rule."""
    return (f for f in plan.findings if f.rule is not plan.headline.rule)


def _also(finding: Finding) -> str:
    return f"{finding.summary} ({finding.indicator.value})"


def _sources(finding: Finding) -> str:
    return f"Source: {'; '.join(source.label for source in finding.sources)}."


def _review(plan: CardPlan) -> str:
    """Tell the headline rule's review, and that another rule on the card has none."""
    rule = plan.headline.rule
    told = f"Rule status: {rule.review_status}."
    if rule.is_reviewed and not all(finding.rule.is_reviewed for finding in plan.findings):
        return f"{told} Other rules on this card: {AWAITING}."
    return told


def missing_words(missing: Iterable[str]) -> tuple[str, ...]:
    """Say in words which data is missing, each once; the client's own keys are other data."""
    names = set(missing)
    if "medications" in names:
        names -= {"medicationRequests", "medicationStatements"}
    told = [words for name, words in MISSING_WORDS.items() if name in names]
    return (*told, OTHER_DATA) if names - MISSING_WORDS.keys() else tuple(told)
