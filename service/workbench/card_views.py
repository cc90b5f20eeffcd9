"""An answer of the service in the words of a page."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from markupsafe import Markup, escape

from cards.rulebook import Rulebook
from service.fhir import Resource, first_object, items, objects, string
from service.response import EVALUATION, FINDINGS, TRACE
from service.workbench.markup import as_html

INDICATORS = ("critical", "warning", "info")
_DAY = re.compile(r"\b\d{4}-\d{2}(?:-\d{2})?\b")  # is not broken at its hyphens


class FactView(NamedTuple):
    """Something on record that a card rests on."""

    resource: str
    text: str


class SuggestionView(NamedTuple):
    """One thing that a card offers."""

    uuid: str
    label: str
    recommended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """A card, its Markdown made HTML."""

    uuid: str
    summary: str
    indicator: str
    detail: Markup
    source: str
    source_url: str
    rule: str
    title: str
    facts: tuple[FactView, ...]
    suggestions: tuple[SuggestionView, ...]
    reasons: tuple[Resource, ...]


class Silence(NamedTuple):
    """A rule that had nothing to say, and why."""

    rule: str
    title: str
    why: str
    order: str


def card_views(answer: Resource) -> list[CardView]:
    """Return the cards of an answer, in its order."""
    return [_card_view(card) for card in objects(answer.get("cards"))]


def _card_view(card: Resource) -> CardView:
    source = first_object(card.get("source"))
    topic = first_object(source.get("topic"))
    indicator = string(card.get("indicator"))
    detail, facts = _linked(as_html(string(card.get("detail"))), tuple(_facts(card)))
    return CardView(
        uuid=string(card.get("uuid")),
        summary=string(card.get("summary")),
        indicator=indicator if indicator in INDICATORS else "info",
        detail=detail,
        source=string(source.get("label")),
        source_url=string(source.get("url")),
        rule=string(topic.get("code")),
        title=string(topic.get("display")),
        facts=facts,
        suggestions=tuple(
            SuggestionView(
                uuid=string(made.get("uuid")),
                label=string(made.get("label")),
                recommended=made.get("isRecommended") is True,
            )
            for made in objects(card.get("suggestions"))
        ),
        reasons=tuple(objects(card.get("overrideReasons"))),
    )


def _linked(html: str, facts: tuple[FactView, ...]) -> tuple[Markup, tuple[FactView, ...]]:
    """Make the facts that the card tells buttons; return those that it does not tell."""
    detail, left = Markup(html), []  # noqa: S704 - as_html() has sanitised it
    for fact in facts:
        line = Markup("<li>{}</li>").format(fact.text)
        if fact.resource and line in detail:
            detail = Markup(detail.replace(line, _button(fact), 1))  # noqa: S704
        else:
            left.append(fact)
    return detail, tuple(left)


def _button(fact: FactView) -> Markup:
    text = _DAY.sub(r'<span class="day">\g<0></span>', str(escape(fact.text)))
    return Markup(
        '<li><button type="button" class="fact" data-show="{}">{}</button></li>'
    ).format(fact.resource, Markup(text))  # noqa: S704 - escaped above


def _facts(card: Resource) -> Iterator[FactView]:
    findings = objects(first_object(card.get("extension")).get(FINDINGS))
    shown = [finding for finding in findings if not finding.get("dropped")]
    facts = (fact for finding in shown for fact in objects(finding.get("facts")))
    yield from dict.fromkeys(
        FactView(string(fact.get("resource")), string(fact.get("text"))) for fact in facts
    )


def silences(answer: Resource, book: Rulebook) -> list[Silence]:
    """Return the rules that stayed silent, each reason once an order."""
    traced = objects(first_object(answer.get("extension")).get(TRACE))
    return sorted(_silence(entry, book) for entry in traced)


def _silence(entry: Resource, book: Rulebook) -> Silence:
    id_, outcome = string(entry.get("rule")), string(entry.get("outcome"))
    rule = book.by_id.get(id_)
    return Silence(
        rule=id_,
        title=rule.title if rule else id_,
        why=rule.silent.get(outcome, outcome) if rule else outcome,
        order=string(entry.get("order")),
    )


def status_line(hook: str, cards: Iterable[CardView], status: object) -> str:
    """Return a sentence that a screen reader announces: "order-sign: 1 critical, 1 info"."""
    if status != HTTPStatus.OK:
        return f"{hook}: not checked ({status})"
    counts = [(sum(c.indicator == name for c in cards), name) for name in INDICATORS]
    said = ", ".join(_counted(count, name) for count, name in counts if count)
    return f"{hook}: {said or 'no card'}"


def _counted(count: int, name: str) -> str:
    return f"{count} {name}s" if name == "warning" and count > 1 else f"{count} {name}"


def unsure(answer: Resource) -> str:
    """Return what could not be evaluated, if anything."""
    evaluation = first_object(first_object(answer.get("extension")).get(EVALUATION))
    told = {
        "Could not be had": evaluation.get("missing"),
        "Came in part": evaluation.get("incomplete"),
        "Not identified": evaluation.get("unidentified"),
        "Could not be read": evaluation.get("unread"),
    }
    said = (
        f"{name}: {', '.join(map(str, items(value)))}." for name, value in told.items() if value
    )
    return " ".join(said)
