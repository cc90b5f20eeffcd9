"""The rulebook as pages that a clinician reads and signs, in Markdown."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Final

from cards import drugs, terms, traceability
from cards.card_text import detail, line, summary
from cards.definitions import number
from cards.markdown import anchor, quoted, table, title
from cards.override_reasons import displays
from cards.policy import CardPlan, load_policy
from cards.previews import first_cards, numbers_read
from cards.rulebook import CHART, Limit, Outcome, Rule, Rulebook, placeholders
from cards.shared_pages import (
    CLASSES,
    NUMBERS,
    STEPS,
    classes_page,
    group_of,
    numbers_page,
    steps_page,
)
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
_SHARED: Final = (
    f"What rules share stands on pages of its own: [steps of treatment](rules/{STEPS}), "
    f"[drug classes](rules/{CLASSES}), [numbers](rules/{NUMBERS})."
)
_BELOW: Final = (
    "This is a line of the care plan: the card shows the sentence in bold and what is added to "
    "it. The text below the sentence stands on this page only."
)
_LINK: Final = re.compile(r"\[([^\]]+)\]\([a-z_]+\.md[^)]*\)")


def pages(book: Rulebook) -> Mapping[str, str]:
    """Return every page by its path below ``docs/``: an index, families, what rules share."""
    families = {
        name: tuple(rules)
        for name, rules in groupby(sorted(book.rules, key=_family), key=_family)
    }
    made = {f"rules/{name}.md": _family_page(name, rules) for name, rules in families.items()}
    links = {rule.id: _link(rule) for rule in book.rules}
    traced = traceability.page(traceability.load_statements(), links)
    return {
        "rules.md": _index(book, families),
        "traceability.md": traced,
        **made,
        **_shared(book),
    }


def entry(rule: Rule) -> str:
    """Return what one rule's page says below its title, without links to other pages."""
    _title_and_anchor, *parts = _rule(rule)
    return _LINK.sub(r"\1", "\n\n".join(parts)) + "\n"


def _shared(book: Rulebook) -> Mapping[str, str]:
    looking: dict[str, list[str]] = {}
    reading: dict[str, list[str]] = {}
    for rule in book.rules:
        link = f"[{rule.id}]({_family(rule)}.md#{rule.id})"
        for name in rule.looks_at:
            looking.setdefault(name, []).append(link)
        for name in numbers_read(rule):
            reading.setdefault(name, []).append(link)
    planned = book.by_id[load_policy().plan_headline]
    return {
        f"rules/{STEPS}": steps_page([f"[{planned.id}]({_family(planned)}.md#{planned.id})"]),
        f"rules/{CLASSES}": classes_page(looking),
        f"rules/{NUMBERS}": numbers_page(reading),
    }


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
        _SHARED,
        "",
        "A card is *info*, *warning* or *critical*. A dash means: not shown at that hook.",
        "",
    ]
    for name, rules in families.items():
        lines += [f"## [{title(name)}](rules/{name}.md)", ""]
        lines += ["| rule | outcome | patient-view | order-select | order-sign |"]
        lines += ["| --- | --- | --- | --- | --- |"]
        for rule in rules:
            for outcome in rule.fires.values():
                link = f"[{rule.title}]({_link(rule)})"
                lines.append(f"| {link} | {outcome.name} | {' | '.join(_tiers(outcome))} |")
        lines.append("")
    return "\n".join(lines)


def _family_page(name: str, rules: Iterable[Rule]) -> str:
    parts = [f"# {title(name)}", NOTE]
    for rule in rules:
        parts += _rule(rule)
    return "\n\n".join(parts) + "\n"


def _rule(rule: Rule) -> Iterator[str]:
    yield f"{anchor(rule.id)}\n\n## {rule.title}"
    yield (
        f"`{rule.id}` · question: {_question(rule)} · from {ORIGINS[rule.origin]} · "
        f"**{rule.review_status}**"
    )
    yield f"**Looks at** {_looks_at(rule)}."
    yield "### When it fires"
    yield table(
        ("outcome", "when", *HOOKS),
        ((o.name, o.when, *_tiers(o)) for o in rule.fires.values()),
    )
    yield "### When it stays silent"
    yield "\n".join(f"- *{name}*: {says}" for name, says in rule.silent.items())
    yield "### What the card says"
    yield from _card(rule)
    yield from _filled(rule)
    yield from _numbers(rule)
    yield "### Sources"
    yield "\n".join(_source(rule))
    yield "### Examples"
    yield table(
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
        return f"[{name.replace('-', ' ')}]({CLASSES}#{name}) (orders)"
    return f"{terms.title(name)} (orders)"


def _card(rule: Rule) -> Iterator[str]:
    if _is_below_headline(rule):
        yield _BELOW
    shared = None
    for outcome in rule.fires.values():
        yield f"> **{outcome.name}:** {outcome.summary}"
        words = (outcome.detail, outcome.instead, outcome.suggestions)
        if words != shared:
            yield outcome.detail.strip()
            if outcome.instead:
                yield "\n".join(f"- {line}" for line in outcome.instead)
            shared = words
    texts = (text for o in rule.fires.values() for text in (o.summary, o.detail))
    if frozenset().union(*map(placeholders, texts)) & {"next", "steps"}:
        yield f"What comes next is told in the words of the [steps of treatment]({STEPS})."
    if rule.notes:
        yield "Added when it applies:"
        yield "\n".join(f"- *{name}*: {text.strip()}" for name, text in rule.notes.items())
    yield from _choices(rule)


def _choices(rule: Rule) -> Iterator[str]:
    if offered := dict.fromkeys(name for o in rule.fires.values() for name in _offered(o)):
        labels = "; ".join(load_templates()[name].label for name in offered)
        yield f"One-click choices, each only if it fits this patient: {labels}."
    if codes := dict.fromkeys(c for o in rule.fires.values() for c in o.override_reasons):
        known = displays()  # a site's own reason is told by its code
        told = "; ".join(known.get(code, code) for code in codes)
        yield f"Reasons to keep the order: {told}."


def _filled(rule: Rule) -> Iterator[str]:
    """Yield a card of every outcome, as its first example fills it."""
    yield "#### For example"
    for name, plan in first_cards(rule):
        yield f"*{plan.headline.outcome.name}*, {name}:"
        yield quoted(_shown(plan))


def _shown(plan: CardPlan) -> str:
    if _is_below_headline(plan.headline.rule):
        return f"- {line(plan.headline)}"
    return f"**{summary(plan)}**\n\n{detail(plan, frozenset())}"


def _is_below_headline(rule: Rule) -> bool:
    """Tell whether the rule is one line of the care plan, and not its headline."""
    return _is_planned(rule) and rule.id != load_policy().plan_headline


def _is_planned(rule: Rule) -> bool:
    return CHART in rule.looks_at and rule.axis == "path"


def _numbers(rule: Rule) -> Iterator[str]:
    if rule.limits:
        yield "### Numbers"
        yield table(
            ("number", "value", "a site may choose", "meaning", "source"),
            (_limit(name, limit) for name, limit in rule.limits.items()),
        )
    if names := numbers_read(rule):
        told = (_read(group, own) for group, own in groupby(names, key=group_of))
        yield f"**Shared numbers** that its examples read: {'; '.join(told)}."


def _read(group: str, names: Iterable[str]) -> str:
    told = (f"{name.rpartition('.')[2]} {number(name):g}" for name in names)
    return f"[{group}]({NUMBERS}#{group}) {', '.join(told)}"


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
