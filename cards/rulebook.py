"""Load the rulebook: check every ``rules/*.toml`` and bind it to the function that decides."""

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from string import Formatter
from typing import Any

from jsonschema import Draft202012Validator

from cards import drugs, families, terms
from cards.case import Case
from cards.chart import Verdict

FOLDER = Path(__file__).with_name("rules")
SCHEMA = Path(__file__).with_name("rule.schema.json")
CHART = "chart"  # what rules look at when no order is on the screen
ADULTS = "adults"
AWAITING = "awaiting clinical review"

Decide = Callable[[Case], Verdict]


class RulebookError(Exception):
    """The rulebook is not fit to serve; the message names the file and the fault."""


class Indicator(StrEnum):
    """How loud a card is, as CDS Hooks names it."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"

    @property
    def weight(self) -> int:
        """Return 0 for info, 1 for warning, 2 for critical."""
        return _WEIGHTS[self]


_WEIGHTS = {Indicator.INFO: 0, Indicator.WARNING: 1, Indicator.CRITICAL: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One number of a rule, and how far a site may move it."""

    value: float
    range: tuple[float, float]
    says: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A document that a rule rests on, and what it says in our words."""

    label: str
    says: str
    read: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One way in which a rule fires: how loud at which hook, and in which words."""

    name: str
    when: str
    tiers: Mapping[str, Indicator]  # by hook; a hook that is not there shows nothing
    summary: str
    detail: str
    instead: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()
    suggestions_acute: tuple[str, ...] = ()
    suggestions_chronic: tuple[str, ...] = ()
    override_reasons: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()  # labels of the rule's sources, when it rests on some only


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule: the words and numbers that clinicians own, the decision that engineers own."""

    id: str
    title: str
    axis: str
    origin: str
    population: str
    looks_at: frozenset[str]
    looks_at_stopped: bool
    statements: tuple[str, ...]
    fires: Mapping[str, Outcome]
    silent: Mapping[str, str]
    notes: Mapping[str, str]
    limits: Mapping[str, Limit]
    sources: tuple[Source, ...]
    review: Mapping[str, str]
    examples: tuple[Mapping[str, Any], ...] = field(repr=False)
    decide: Decide = field(repr=False)
    numbers: Mapping[str, float] = field(repr=False)  # the values of ``limits``

    @property
    def is_reviewed(self) -> bool:
        """Tell whether a clinician has signed the rule."""
        return self.review["status"] != AWAITING

    @property
    def review_status(self) -> str:
        """Say who has reviewed the rule and when, or that nobody has."""
        if not self.is_reviewed:
            return AWAITING
        return f"reviewed by {self.review['reviewer']}, {self.review['on']}"

    def is_asked_at(self, hook: str) -> bool:
        """Tell whether any outcome is shown at the hook; a stop is traced when signed too."""
        traced = self.looks_at_stopped and hook != "patient-view"
        return traced or any(hook in outcome.tiers for outcome in self.fires.values())


class Rulebook:
    """Every rule, in the order of id, and which looks at what; one that is off at nothing."""

    def __init__(
        self, rules: Iterable[Rule], version: str = "", off: frozenset[str] = frozenset()
    ) -> None:
        self.rules = tuple(rules)
        self.version = version
        self.off = off
        self.by_id: Mapping[str, Rule] = {rule.id: rule for rule in self.rules}
        self._looking: dict[tuple[str, str], list[Rule]] = {}
        for rule in (rule for rule in self.rules if rule.id not in off):
            for hook in ("patient-view", "order-select", "order-sign"):
                for name in rule.looks_at if rule.is_asked_at(hook) else ():
                    self._looking.setdefault((hook, name), []).append(rule)

    @property
    def review_status(self) -> str:
        """Say how many of the rules a clinician has reviewed."""
        signed = sum(rule.is_reviewed for rule in self.rules)
        if not signed:
            return "No rule has been reviewed by a clinician"
        return f"{signed} of {len(self.rules)} rules reviewed by a clinician"

    @cached_property
    def telling_hooks(self) -> tuple[str, ...]:
        """Name the hooks at which an order has to be judged to know all that is said of it.

        As shipped, what is said at signing is said at selection and no more softly; a site may
        have it otherwise.
        """
        louder = any(
            signed.weight > outcome.tiers.get("order-select", Indicator.INFO).weight
            for rule in self.rules
            for outcome in rule.fires.values()
            if (signed := outcome.tiers.get("order-sign"))
        )
        return ("order-select", "order-sign") if louder else ("order-select",)

    def about(self, hook: str, classes: Iterable[str]) -> tuple[Rule, ...]:
        """Return the rules that look at an order of these classes at this hook."""
        found = {
            rule.id: rule for name in classes for rule in self._looking.get((hook, name), ())
        }
        return tuple(found[id_] for id_ in sorted(found))


@cache
def load_rulebook(folder: Path = FOLDER) -> Rulebook:
    """Read, check and bind every rule, or raise :class:`RulebookError`."""
    paths = sorted(folder.glob("*.toml"))
    rules = [_rule(path) for path in paths]
    unwritten = families.RULES.keys() - {rule.id for rule in rules}
    if unwritten and folder == FOLDER:
        raise RulebookError(f"no rules/*.toml for: {', '.join(sorted(unwritten))}")
    return Rulebook(rules, _version([*paths, *sorted(FOLDER.parent.glob("*.toml"))]))


def placeholders(text: str) -> frozenset[str]:
    """Return the names of the ``{placeholders}`` in a text."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def _version(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256(terms.version().encode() + drugs.version().encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _rule(path: Path) -> Rule:
    table = _table(path)
    if table["id"] != path.stem:
        raise RulebookError(f"{path.name}: id is {table['id']!r}, not the name of the file")
    if table["id"] not in families.RULES:
        raise RulebookError(f"{path.name}: no family module decides {table['id']!r}")
    _check_looks_at(path.name, table["looks_at"])
    limits = {name: _limit(entry) for name, entry in table.get("limits", {}).items()}
    card = table["card"]
    return Rule(
        id=table["id"],
        title=table["title"],
        axis=table["axis"],
        origin=table["origin"],
        population=table.get("population", ADULTS),
        looks_at=frozenset(table["looks_at"]),
        looks_at_stopped=table.get("looks_at_stopped", False),
        statements=tuple(table["statements"]),
        fires={name: _outcome(name, entry, card) for name, entry in table["fires"].items()},
        silent=table["silent"],
        notes=table.get("notes", {}),
        limits=limits,
        sources=tuple(Source(**source) for source in table["sources"]),
        review=table["review"],
        examples=tuple(table["examples"]),
        decide=families.RULES[table["id"]],
        numbers={name: limit.value for name, limit in limits.items()},
    )


def _check_looks_at(name: str, looks_at: Iterable[str]) -> None:
    known = drugs.class_names() | terms.names() | {CHART}
    if unknown := sorted(set(looks_at) - known):
        raise RulebookError(
            f"{name}: $.looks_at: {', '.join(unknown)}: neither a class of cards/classes.toml "
            "nor a set of cards/terms"
        )


def _limit(entry: Mapping[str, Any]) -> Limit:
    low, high = entry["range"]
    return Limit(
        value=entry["value"], range=(low, high), says=entry["says"], source=entry["source"]
    )


def _outcome(name: str, entry: Mapping[str, Any], card: Mapping[str, Any]) -> Outcome:
    own = "suggestions" in entry
    return Outcome(
        name=name,
        when=entry["when"],
        tiers={
            hook: Indicator(entry[hook])
            for hook in ("patient-view", "order-select", "order-sign")
            if hook in entry
        },
        summary=entry["summary"],
        detail=entry.get("detail", card["detail"]),
        instead=tuple(entry.get("instead", card.get("instead", ()))),
        suggestions=tuple(entry["suggestions"] if own else card.get("suggestions", ())),
        suggestions_acute=tuple((entry if own else card).get("suggestions-acute", ())),
        suggestions_chronic=tuple((entry if own else card).get("suggestions-chronic", ())),
        override_reasons=tuple(entry.get("override_reasons", card.get("override_reasons", ()))),
        sources=tuple(entry.get("sources", ())),
    )


def _table(path: Path) -> dict[str, Any]:
    try:
        toml = tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as fault:
        raise RulebookError(f"{path.name}: not TOML: {fault}") from fault
    table: dict[str, Any] = json.loads(json.dumps(toml, default=str))
    for error in _validator().iter_errors(table):
        raise RulebookError(f"{path.name}: {error.json_path}: {error.message}")
    return table


@cache
def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of a rule file."""
    table: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    return table


@cache
def _validator() -> Draft202012Validator:
    # Examples are the bulk of a file and decide nothing: the tests check them.
    rest = {**schema()["properties"], "examples": True}
    return Draft202012Validator({**schema(), "properties": rest})
