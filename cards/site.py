"""What one site decides: reviews, rules off, tiers, numbers, caps, reasons, links."""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from cards.definitions import Definition, definitions
from cards.override_reasons import displays
from cards.policy import Policy
from cards.rulebook import Indicator, Limit, Outcome, Rule, Rulebook

SCHEMA = Path(__file__).with_name("site.schema.json")
OFF = "off"

Tiers = Mapping[str, Indicator]


class SiteError(Exception):
    """The site file cannot be used; the message names the place and what was meant."""


@dataclass(frozen=True, slots=True)
class Site:
    """The rulebook and the policy as a site uses them, and what it adds."""

    book: Rulebook
    policy: Policy
    judge: Rulebook  # every rule, at its loudest: what a proposal is checked against
    definitions: Mapping[str, float] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)  # display by code
    links: Mapping[str, tuple[Mapping[str, str], ...]] = field(default_factory=dict)  # by rule
    canonical_base: str = ""
    changes: tuple[str, ...] = ()  # one line each, for /health and the command line


def read_site(path: Path, book: Rulebook, policy: Policy) -> Site:
    """Read a site file and apply it, or raise :class:`SiteError`."""
    table = _table(path)
    try:
        return _applied(table, book, policy)
    except SiteError as fault:
        raise SiteError(f"{path.name}: {fault}") from None


def _table(path: Path) -> dict[str, Any]:
    try:
        toml = tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise SiteError(f"{path}: cannot be read ({fault.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SiteError(f"{path.name}: not TOML: {fault}") from None
    table: dict[str, Any] = json.loads(json.dumps(toml, default=str))  # dates as text
    for unfit in _validator().iter_errors(table):
        raise SiteError(f"{path.name}: {unfit.json_path}: {unfit.message}")
    return table


def _applied(table: Mapping[str, Any], book: Rulebook, policy: Policy) -> Site:
    chosen: Mapping[str, Any] = table.get("rules", {})
    reasons = {
        code: entry["display"] for code, entry in table.get("override_reasons", {}).items()
    }
    for id_ in chosen:
        _known("rules", id_, book.by_id)
    codes = displays().keys() | reasons.keys()
    rules = tuple(_changed(rule, chosen.get(rule.id, {}), codes) for rule in book.rules)
    version = f"{book.version}+{_digest(table)}"
    used = Rulebook(rules, version, frozenset(_off(rules, table)))
    return Site(
        book=used,
        policy=replace(policy, cards={**policy.cards, **table.get("cards", {})}),
        judge=Rulebook((_at_its_loudest(r, book.by_id[r.id]) for r in rules), version),
        definitions=_numbers(table.get("definitions", {}), definitions(), "definitions"),
        reasons=reasons,
        links={id_: tuple(e["links"]) for id_, e in chosen.items() if e.get("links")},
        canonical_base=table.get("canonical_base", ""),
        changes=tuple(_changes(table, used)),
    )


def _digest(table: Mapping[str, Any]) -> str:
    """Return the version of what the file decides, however it is called and laid out."""
    canonical = json.dumps(table, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def _off(rules: Iterable[Rule], table: Mapping[str, Any]) -> Iterator[str]:
    """Yield the rules that stay silent here; that data is missing is said in any case."""
    chosen: Mapping[str, Any] = table.get("rules", {})
    for rule in rules:
        entry = chosen.get(rule.id, {})
        unsigned = table.get("reviewed_only", False) and "review" not in entry
        if entry.get("off") or (unsigned and rule.origin != "service"):
            yield rule.id


def _at_its_loudest(rule: Rule, shipped: Rule) -> Rule:
    """Return the rule so that what this site made quieter still speaks against a proposal."""
    return replace(
        rule,
        fires={
            name: replace(outcome, tiers=_louder(outcome.tiers, shipped.fires[name].tiers))
            for name, outcome in rule.fires.items()
        },
    )


def _louder(one: Tiers, other: Tiers) -> Tiers:
    hooks = (*one, *(hook for hook in other if hook not in one))
    both = {hook: [tiers[hook] for tiers in (one, other) if hook in tiers] for hook in hooks}
    return {hook: max(found, key=lambda tier: tier.weight) for hook, found in both.items()}


def _changed(rule: Rule, entry: Mapping[str, Any], codes: Iterable[str]) -> Rule:
    if not entry:
        return rule
    if entry.get("off") and rule.origin != "safety":
        raise SiteError(
            f"rules.{rule.id}.off: only rules of the origin 'safety' can be switched off; "
            f"this one is of the origin {rule.origin!r}. Lower its tiers instead."
        )
    for code in entry.get("override_reasons", ()):
        _known(f"rules.{rule.id}.override_reasons", code, codes)
    for name in entry.get("outcomes", {}):
        _known(f"rules.{rule.id}.outcomes", name, rule.fires)
    place = f"rules.{rule.id}.limits"
    limits = _numbers(entry.get("limits", {}), rule.limits, place)
    signed = entry.get("review")
    return replace(
        rule,
        fires={name: _outcome(rule, each, entry) for name, each in rule.fires.items()},
        numbers={**rule.numbers, **limits},
        review={"status": "reviewed", **signed}
        if (signed := entry.get("review"))
        else rule.review,
    )


def _outcome(rule: Rule, outcome: Outcome, entry: Mapping[str, Any]) -> Outcome:
    tiers: dict[str, Indicator] = dict(outcome.tiers)
    for hook, tier in entry.get("outcomes", {}).get(outcome.name, {}).items():
        _check_tier(rule, outcome, hook, tier)
        tiers.pop(hook, None)
        if tier != OFF:
            tiers[hook] = Indicator(tier)
    reasons = tuple(entry.get("override_reasons", outcome.override_reasons))
    return replace(outcome, tiers=tiers, override_reasons=reasons)


def _check_tier(rule: Rule, outcome: Outcome, hook: str, tier: str) -> None:
    place = f"rules.{rule.id}.outcomes.{outcome.name}.{hook}"
    shipped = outcome.tiers.get(hook)
    if shipped is None and not outcome.tiers.keys() & {"order-select", "order-sign"}:
        raise SiteError(f"{place}: this outcome is about the chart, not about orders.")
    if shipped is Indicator.CRITICAL and tier in {OFF, "info"}:
        raise SiteError(
            f"{place}: a critical finding can be lowered to warning, not to {tier}."
        )


def _numbers(
    chosen: Mapping[str, float], known: Mapping[str, Limit | Definition], place: str
) -> dict[str, float]:
    for name, value in chosen.items():
        _known(place, name, known)
        low, high = known[name].range
        if not low <= value <= high:
            raise SiteError(f"{place}.{name}: {value:g} is outside {low:g} to {high:g}.")
    return dict(chosen)


def _known(place: str, name: str, names: Iterable[str]) -> None:
    listed = list(names)
    if name in listed:
        return
    near = difflib.get_close_matches(name, listed, n=1)
    meant = f" Was {near[0]!r} meant?" if near else ""
    raise SiteError(f"{place}: there is no {name!r}.{meant}")


def _changes(table: Mapping[str, Any], book: Rulebook) -> Iterator[str]:
    """Yield what the file changes; of reviews only how many there are, not by whom."""
    rules = {
        id_: {key: value for key, value in entry.items() if key != "review"}
        for id_, entry in table.get("rules", {}).items()
    }
    if any(rule.is_reviewed for rule in book.rules):
        yield book.review_status
    if table.get("reviewed_only"):
        off = sum(not rules.get(id_, {}).get("off") for id_ in book.off)
        yield f"reviewed_only: {off} of {len(book.rules)} rules are off until they are reviewed"
    yield from _told({**table, "rules": rules})


def _told(table: Mapping[str, Any], place: str = "") -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _told(value, f"{place}{key}.")
        elif key != "reviewed_only":
            yield f"{place}{key} = {json.dumps(value)}"


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
