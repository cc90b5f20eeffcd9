"""What became of each statement of the source documents: the rule and words that carry it."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from cards import families, terms
from cards.definitions import definitions
from cards.rulebook import CHART, Rule, Rulebook
from cards.steps import load_steps
from cards.suggestion_templates import load_templates

FILE: Final = Path(__file__).with_name("statements.csv")
NONE: Final = "none"
_NOTE: Final = "This page is made from `cards/statements.csv` by `back-pain-cds docs`."


class Statement(NamedTuple):
    """One statement of a source document, in our own words, and what carries it.

    ``carried_by`` holds ``kind`` or ``kind:name``: ``fires``, ``silent``, ``limit``, ``note``
    and ``suggestion`` name an entry of the rule; ``definition``, ``step`` and ``term`` one that
    rules share; ``rule`` another rule; ``detail`` and ``instead`` are words of the card,
    ``line`` a line of the care plan; ``none`` is nothing, and ``note`` says why.
    """

    id: str
    source: str
    statement: str
    testable: bool  # whether a record could show that it applies
    rule: str
    carried_by: tuple[str, ...]
    note: str


@cache
def load_statements() -> Sequence[Statement]:
    """Read ``statements.csv``, in the order of the documents."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        return tuple(map(_statement, csv.DictReader(stream)))


def faults(statements: Iterable[Statement], book: Rulebook) -> Iterator[str]:
    """Yield what is wrong with the table, or between it and the rulebook, in plain words."""
    listed = list(statements)
    ids = [statement.id for statement in listed]
    yield from (f"{id_}: stands twice" for id_ in sorted({i for i in ids if ids.count(i) > 1}))
    for rule in book.rules:
        for id_ in sorted(set(rule.statements) - set(ids)):
            yield f"{rule.id}: lists {id_}, which is no statement"
    for statement in listed:
        if carrier := book.by_id.get(statement.rule):
            yield from _faults(statement, carrier)
        else:
            yield f"{statement.id}: no rule is called {statement.rule}"


def page(statements: Iterable[Statement], links: Mapping[str, str]) -> str:
    """Return the table in Markdown; ``links`` tells where the page of a rule is."""
    listed = tuple(statements)
    nothing = sum(statement.carried_by == (NONE,) for statement in listed)
    says = (
        f"The five source documents make {len(listed)} statements, here in our own words. "
        f"A rule, a suggestion, a line of the care plan or the text of a card carries "
        f"{len(listed) - nothing} of them; {nothing} are carried by nothing, and the note says "
        "why. *Checkable* tells whether a record can show that a statement applies; what is "
        "not checkable can only be words. T1 to T30 are the decisions taken where the sources "
        "contradict each other; examples in the rule files name the ones they show."
    )
    parts = ["# From the sources to the rules", _NOTE, says]
    for source, ones in groupby(listed, key=lambda statement: statement.source):
        parts += [f"## {source}", "\n".join(_table(ones, links))]
    return "\n\n".join(parts) + "\n"


def _statement(row: Mapping[str, str]) -> Statement:
    return Statement(
        id=row["id"],
        source=row["source"],
        statement=row["statement"],
        testable=row["testable"] == "yes",
        rule=row["rule"],
        carried_by=tuple(row["carried_by"].split("; ")) if row["carried_by"] else (),
        note=row["note"],
    )


def _faults(statement: Statement, rule: Rule) -> Iterator[str]:
    if statement.id not in rule.statements:
        yield f"{statement.id}: {rule.id} does not list it"
    if statement.source not in {source.label for source in rule.sources}:
        yield f"{statement.id}: {rule.id} does not name its source"
    if not statement.carried_by:
        yield f"{statement.id}: nothing carries it"
    if NONE in statement.carried_by and (statement.carried_by != (NONE,) or not statement.note):
        yield f"{statement.id}: none stands alone, with a note that says why"
    for carrier in statement.carried_by:
        kind, _, name = carrier.partition(":")
        if kind not in _KINDS or not _KINDS[kind](rule, name):
            yield f"{statement.id}: {rule.id} has no {carrier}"


def _offered(rule: Rule) -> set[str]:
    """Return the suggestions of the rule's own cards, and of the care plan it is a line of."""
    own = {
        name
        for outcome in rule.fires.values()
        for name in (
            *outcome.suggestions,
            *outcome.suggestions_acute,
            *outcome.suggestions_chronic,
        )
    }
    if CHART not in rule.looks_at:
        return own
    planned = load_steps().values()
    return own.union(*((*step.suggestions, *step.more) for step in planned))


def _has_instead(rule: Rule, name: str) -> bool:
    return not name and any(outcome.instead for outcome in rule.fires.values())


# Whether the rule, or what rules share, has an entry of this kind and name.
_KINDS: Final[Mapping[str, Callable[[Rule, str], bool]]] = {
    "fires": lambda rule, name: name in rule.fires,
    "silent": lambda rule, name: name in rule.silent,
    "limit": lambda rule, name: name in rule.limits,
    "note": lambda rule, name: name in rule.notes,
    "suggestion": lambda rule, name: name in load_templates() and name in _offered(rule),
    "definition": lambda _rule, name: name in definitions(),
    "step": lambda _rule, name: name in load_steps(),
    "rule": lambda rule, name: name in families.RULES and name != rule.id,
    "term": lambda _rule, name: name in terms.names(),
    "detail": lambda _rule, name: not name,
    "instead": _has_instead,
    "line": lambda rule, name: not name and CHART in rule.looks_at,
    NONE: lambda _rule, name: not name,
}


def _table(statements: Iterable[Statement], links: Mapping[str, str]) -> Iterator[str]:
    yield "| id | statement | checkable | rule | carried by | note |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for one in statements:
        carried = ", ".join(f"`{carrier}`" for carrier in one.carried_by)
        rule = f"[{one.rule}]({links[one.rule]})"
        checkable = "yes" if one.testable else "no"
        yield f"| {one.id} | {one.statement} | {checkable} | {rule} | {carried} | {one.note} |"
