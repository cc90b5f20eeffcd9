"""The rulebook as pages that a clinician reads and signs, in Markdown."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from cards import drugs, terms, traceability
from cards.override_reasons import displays
from cards.rulebook import CHART, Limit, Outcome, Rule, Rulebook
from cards.suggestion_templates import load_templates

HOOKS: Final = ("patient-view", "order-select", "order-sign")
NOTE: Final = (
    "These pages are made from the files in `cards/rules` by `back-pain-cds docs`; "
    "edit those, not these."
)
ORIGINS: Final[Mapping[str, str]] = {
    "seed": "the five source documents",
    "safety": "public safety sources; a site can switch it off",
    "service": "this service itself",
}


def pages(book: Rulebook) -> Mapping[str, str]:
    """Return every page by its path below ``docs/``: an index, a page a family, the sources."""
    families = {
        name: tuple(rules)
        for name, rules in groupby(sorted(book.rules, key=_family), key=_family)
    }
    made = {f"rules/{name}.md": _family_page(name, rules) for name, rules in families.items()}
    links = {rule.id: _link(rule) for rule in book.rules}
    traced = traceability.page(traceability.load_statements(), links)
    return {"rules.md": _index(book, families), "traceability.md": traced, **made}


def entry(rule: Rule) -> str:
    """Return what one rule's page says below its title."""
    _title_and_anchor, *parts = _rule(rule)
    return "\n\n".join(parts) + "\n"


def _family(rule: Rule) -> str:
    """Return the module of the function that decides the rule."""
    return rule.decide.__module__.rpartition(".")[2]


def _link(rule: Rule) -> str:
    """Return where a rule's page is, seen from ``docs/``."""
    return f"rules/{_family(rule)}.md#{rule.id}"


def _index(book: Rulebook, families: Mapping[str, tuple[Rule, ...]]) -> str:
    lines = [
        "# The rules",
        "",
        f"**{book.review_status}.** {NOTE}",
        "",
        "A card is *info*, *warning* or *critical*. A dash means: not shown at that hook.",
        "",
    ]
    for name, rules in families.items():
        lines += [f"## [{_title(name)}](rules/{name}.md)", ""]
        lines += ["| rule | outcome | patient-view | order-select | order-sign |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        for rule in rules:
            for outcome in rule.fires.values():
                link = f"[{rule.title}]({_link(rule)})"
                lines.append(f"| {link} | {outcome.name} | {' | '.join(_tiers(outcome))} |")
        lines.append("")
    return "\n".join(lines)


def _family_page(name: str, rules: Iterable[Rule]) -> str:
    parts = [f"# {_title(name)}", NOTE]
    for rule in rules:
        parts += _rule(rule)
    return "\n\n".join(parts) + "\n"


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _rule(rule: Rule) -> Iterator[str]:
    yield f'<a id="{rule.id}"></a>\n\n## {rule.title}'
    yield (
        f"`{rule.id}` · question: {_question(rule)} · from {ORIGINS[rule.origin]} · "
        f"**{rule.review_status}**"
    )
    yield f"**Looks at** {_looks_at(rule)}."
    yield "### When it fires"
    yield _table(
        ("outcome", "when", *HOOKS),
        ((o.name, o.when, *_tiers(o)) for o in rule.fires.values()),
    )
    yield "### When it stays silent"
    yield "\n".join(f"- *{name}*: {says}" for name, says in rule.silent.items())
    yield "### What the card says"
    yield from _card(rule)
    if rule.limits:
        yield "### Numbers"
        yield _table(
            ("number", "value", "a site may choose", "meaning", "source"),
            (_limit(name, limit) for name, limit in rule.limits.items()),
        )
    yield "### Sources"
    yield "\n".join(_source(rule))
    yield "### Examples"
    yield _table(
        ("example", "outcome"),
        ((example["name"], f"`{example['expect']}`") for example in rule.examples),
    )


def _question(rule: Rule) -> str:
    return "is it safe?" if rule.axis == "safety" else "is it right for this back pain?"


def _looks_at(rule: Rule) -> str:
    return ", ".join(sorted(_thing(name) for name in rule.looks_at))


def _thing(name: str) -> str:
    if name == CHART:
        return "the chart when it is opened"
    if name in drugs.class_names():
        return f"{name.replace('-', ' ')} (orders)"
    return f"{terms.title(name)} (orders)"


def _card(rule: Rule) -> Iterator[str]:
    shared = None
    for outcome in rule.fires.values():
        yield f"> **{outcome.name}:** {outcome.summary}"
        words = (outcome.detail, outcome.instead, outcome.suggestions)
        if words != shared:
            yield outcome.detail.strip()
            if outcome.instead:
                yield "\n".join(f"- {line}" for line in outcome.instead)
            shared = words
    if rule.notes:
        yield "Added when it applies:"
        yield "\n".join(f"- *{name}*: {text.strip()}" for name, text in rule.notes.items())
    if offered := dict.fromkeys(name for o in rule.fires.values() for name in _offered(o)):
        labels = "; ".join(load_templates()[name].label for name in offered)
        yield f"One-click choices, each only if it fits this patient: {labels}."
    if codes := dict.fromkeys(c for o in rule.fires.values() for c in o.override_reasons):
        yield (
            "Reasons to keep the order: " + "; ".join(displays()[code] for code in codes) + "."
        )


def _offered(outcome: Outcome) -> tuple[str, ...]:
    return (*outcome.suggestions, *outcome.suggestions_acute, *outcome.suggestions_chronic)


def _tiers(outcome: Outcome) -> tuple[str, ...]:
    return tuple(str(outcome.tiers.get(hook, "-")) for hook in HOOKS)


def _limit(name: str, limit: Limit) -> tuple[str, ...]:
    low, high = limit.range
    return (f"`{name}`", f"{limit.value:g}", f"{low:g} to {high:g}", limit.says, limit.source)


def _source(rule: Rule) -> Iterator[str]:
    for source in rule.sources:
        label = f"[{source.label}]({source.url})" if source.url else source.label
        yield f"- {label}: {source.says} (read {source.read})"
    if rule.statements:
        yield f"- Statements carried: {', '.join(rule.statements)}"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = tuple(head)
    lines = [_row(titles), _row("---" for _ in titles)]
    return "\n".join([*lines, *map(_row, rows)])


def _row(cells: Iterable[str]) -> str:
    return (
        "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"
    )
