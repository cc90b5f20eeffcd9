"""What rules share, as pages for clinicians: steps of treatment, drug classes and numbers."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Final

from cards import drug_classes
from cards.definitions import Definition, definitions
from cards.markdown import anchor, table, title
from cards.steps import Step, load_steps
from cards.suggestion_templates import load_templates

STEPS: Final = "steps.md"
CLASSES: Final = "drug_classes.md"
NUMBERS: Final = "definitions.md"
MOST_NAMED = 6  # rules in one cell; of more only the number is told

_ABOUT_STEPS: Final = (
    "A care plan says in these words what comes next; what was tried decides which it names. "
    "The first column is the name in the file, the second stands in the first sentence of the "
    "card, the third is a line of it; what is in braces is filled in for the patient. A step "
    "without a line is told by a rule of its own."
)
_ABOUT_CLASSES: Final = (
    "A product belongs to the classes of its ingredients. Rules that only ask whether such a "
    "drug is taken are not named here."
)
_ABOUT_NUMBERS: Final = (
    "Numbers that more than one rule uses; a rule's own stand on its page. No source gives a "
    "*project decision*: a clinician has yet to confirm it. The last column names the rules "
    "whose examples read the number."
)

Links = Mapping[str, Iterable[str]]  # to rules, by what they use


def steps_page(rules: Iterable[str]) -> str:
    """Return the steps of treatment that a care plan names, in its words."""
    known = load_steps().values()
    return _page(
        "# Steps of treatment",
        _note("steps.toml"),
        _ABOUT_STEPS,
        f"Used by {', '.join(rules)}.",
        "## For everybody",
        _steps(step for step in known if not step.medicine),
        "## Medicines, left out in pregnancy",
        _steps(step for step in known if step.medicine),
    )


def classes_page(rules: Links) -> str:
    """Return every drug class: what it is, which drugs it holds, which rules look at it."""
    parts = [
        "# Drug classes",
        _note("classes.toml"),
        _ABOUT_CLASSES,
    ]
    for name, meaning in drug_classes.meanings().items():
        drugs = ", ".join(sorted(drug_classes.ingredients_of(name)))
        looking = ", ".join(rules.get(name, ())) or "none; rules ask whether it is taken"
        parts += [
            f"{anchor(name)}\n\n## {title(name)}",
            f"{meaning[:1].upper()}{meaning[1:]}.",
            f"**Drugs** {drugs}",
            f"**Rules that look at orders of it** {looking}",
        ]
    return _page(*parts)


def numbers_page(rules: Links) -> str:
    """Return every shared number, its meaning and source, and which rules it decides."""
    parts = [
        "# Shared numbers",
        _note("definitions.toml"),
        _ABOUT_NUMBERS,
    ]
    for group, names in groupby(definitions(), key=group_of):
        rows = (_number(name, definitions()[name], rules.get(name, ())) for name in names)
        head = ("number", "value", "a site may choose", "meaning", "source", "rules")
        parts += [f"{anchor(group)}\n\n## {title(group)}", table(head, rows)]
    return _page(*parts)


def group_of(number: str) -> str:
    """Return the part of a number's name that it shares with its neighbours."""
    return number.rpartition(".")[0]


def _page(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


def _note(file: str) -> str:
    return f"Made from `cards/{file}` by `back-pain-cds docs`; edit that, not this page."


def _steps(steps: Iterable[Step]) -> str:
    return table(
        ("step", "in the first sentence", "line of the card", "proposed", "source"),
        (
            (f"`{step.name}`", step.short, step.says, _proposed(step), step.source)
            for step in steps
        ),
    )


def _proposed(step: Step) -> str:
    labels = (load_templates()[name].label for name in step.suggestions)
    room = (f"{load_templates()[name].label} (if there is room)" for name in step.more)
    return "; ".join((*labels, *room))


def _number(name: str, number: Definition, rules: Iterable[str]) -> tuple[str, ...]:
    low, high = number.range
    return (
        f"`{name}`",
        f"{number.value:g}",
        f"{low:g} to {high:g}",
        number.says,
        number.source,
        _told(tuple(rules)),
    )


def _told(rules: tuple[str, ...]) -> str:
    if len(rules) > MOST_NAMED:
        return f"{len(rules)} rules"
    return ", ".join(rules) or "no example reads it"
