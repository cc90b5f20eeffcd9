"""The rulebook for a browser: what the handbook says, found by words, class and indicator."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle

from markupsafe import Markup

from cards import drugs, handbook, terms
from cards.rulebook import CHART, Indicator, Rule, Rulebook
from service.workbench.markup import as_html
from service.workbench.scenes import fixtures_of
from service.workbench.scenes import words as sentence

# On a phone the parts of a table stand below each other; they stay a table to a screen reader.
_ROLES: Mapping[str, str] = {
    "<table>": '<table role="table">',
    "<thead>": '<thead role="rowgroup">',
    "<tbody>": '<tbody role="rowgroup">',
    "<tr>": '<tr role="row">',
    "<th>": '<th role="columnheader" scope="col">',
}


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
    html = as_html(handbook.entry(rule)).replace("h3>", "h2>").replace("h4>", "h3>")
    sections = re.split(r"(?=<h2>)", html)
    return Markup("".join(map(_section, sections)))  # noqa: S704 - as_html() has sanitised it


def _section(html: str) -> str:
    """Name the table of a section by its heading, and the cells by their columns."""
    title, columns = re.match("<h2>(.*?)</h2>", html), re.findall("<th>(.*?)</th>", html)
    if title is None or not columns:
        return html
    names = cycle(columns)
    html = re.sub(
        "<td>(.*?)</td>",
        lambda cell: f'<td role="cell" data-label="{next(names)}"><div>{cell[1]}</div></td>',
        html,
    )
    for plain, told in _ROLES.items():
        html = html.replace(plain, told)
    region = f'<div class="scroll" role="region" aria-label="{title[1]}" tabindex="0"><table'
    return html.replace("<table", region).replace("</table>", "</table></div>")


def fixtures(rule: Rule) -> list[tuple[str, str]]:
    """Return the fixtures of a rule: name, and what it shows in words."""
    return [(name, sentence(name)) for name in fixtures_of(rule.id)]
