"""The rulebook for a browser: what the handbook says, found by words, class and indicator."""

from dataclasses import dataclass

from markupsafe import Markup

from cards import drugs, handbook, terms
from cards.rulebook import CHART, Indicator, Rule, Rulebook
from service.workbench.markup import as_html
from service.workbench.scenes import fixtures_of
from service.workbench.scenes import words as sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One rule in the list."""

    id: str
    title: str
    axis: str
    when: str
    classes: str  # names in looks_at, joined by blanks
    indicators: tuple[str, ...]
    words: str  # everything that a search looks at, in lower case
    fixtures: int
    reviewed: str  # by whom and when; empty while the rule awaits it


def entry(rule: Rule) -> Entry:
    """Return how a rule stands in the list."""
    outcomes = tuple(rule.fires.values())
    told = (rule.id, rule.title, rule.axis, *(o.when for o in outcomes), *rule.statements)
    sources = (f"{source.label} {source.says}" for source in rule.sources)
    shown = {tier for outcome in outcomes for tier in outcome.tiers.values()}
    return Entry(
        id=rule.id,
        title=rule.title,
        axis=rule.axis,
        when=outcomes[0].when,
        classes=" ".join(sorted(rule.looks_at)),
        indicators=tuple(tier.value for tier in reversed(Indicator) if tier in shown),
        words=" ".join((*told, *sorted(rule.looks_at), *sources)).lower(),
        fixtures=len(fixtures_of(rule.id)),
        reviewed=rule.review_status if rule.is_reviewed else "",
    )


def things(book: Rulebook) -> list[tuple[str, str]]:
    """Return what rules look at, with its title, for a choice."""
    names = {name for rule in book.rules for name in rule.looks_at}
    return sorted(((name, _title(name)) for name in names), key=lambda thing: thing[1].lower())


def _title(name: str) -> str:
    if name == CHART:
        return "the chart when it is opened"
    if name in drugs.class_names():
        return name.replace("-", " ")
    return terms.title(name)


def body(rule: Rule) -> Markup:
    """Return the page of a rule, below its title."""
    html = as_html(handbook.entry(rule))
    scrolled = '<div class="scroll" role="region" aria-label="Table" tabindex="0"><table>'
    html = html.replace("<table>", scrolled).replace("</table>", "</table></div>")
    return Markup(html)  # noqa: S704 - as_html() has sanitised it


def fixtures(rule: Rule) -> list[tuple[str, str]]:
    """Return the fixtures of a rule: name, and what it shows in words."""
    return [(name, sentence(name)) for name in fixtures_of(rule.id)]
