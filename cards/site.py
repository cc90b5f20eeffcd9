"""What one site decides differently: rules off, tiers, numbers, caps, reasons, links."""

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
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


class SiteError(Exception):
    """The site file cannot be used; the message names the place and what was meant."""


@dataclass(frozen=True, slots=True)
class Site:
    """The rulebook and the policy as a site uses them, and what it adds."""

    book: Rulebook
    policy: Policy
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
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise SiteError(f"{path}: cannot be read ({fault.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise SiteError(f"{path.name}: not TOML: {fault}") from None
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
    rules = (_changed(rule, chosen.get(rule.id, {}), codes) for rule in book.rules)
    off = {id_ for id_, entry in chosen.items() if entry.get("off")}
    caps = {**policy.cards, **table.get("cards", {})}
    return Site(
        book=Rulebook((rule for rule in rules if rule.id not in off), book.version),
        policy=replace(policy, cards=caps),
        definitions=_numbers(table.get("definitions", {}), definitions(), "definitions"),
        reasons=reasons,
        links={id_: tuple(e["links"]) for id_, e in chosen.items() if e.get("links")},
        canonical_base=table.get("canonical_base", ""),
        changes=tuple(_told(table)),
    )


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
    return replace(
        rule,
        fires={name: _outcome(rule, each, entry) for name, each in rule.fires.items()},
        numbers={**rule.numbers, **limits},
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


def _told(table: Mapping[str, Any], place: str = "") -> Iterable[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _told(value, f"{place}{key}.")
        else:
            yield f"{place}{key} = {json.dumps(value)}"


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
