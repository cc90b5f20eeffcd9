"""The orders that cards may propose, as ``suggestions.toml`` writes them."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cards import drugs, terms
from cards.chart import Code, Drug
from cards.rulebook import RulebookError

FILE = Path(__file__).with_name("suggestions.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Regimen:
    """One way to take one product, as a proposed order states it."""

    rxnorm: str
    name: str
    sig: str
    route: str
    unit: str = ""
    amount: float | None = None
    times: float | None = None  # a day
    as_needed: bool = False
    days: float | None = None
    quantity: float | None = None
    quantity_unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceTemplate:
    """A referral, test or follow-up."""

    terms: tuple[str, ...]
    text: str
    snomed: str = ""
    urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One entry of ``suggestions.toml``."""

    id: str
    does: str  # create | update | delete
    label: str
    description: str
    source: str
    regimen: Regimen | None = None
    regimens: Mapping[str, Regimen]
    days: float | None = None  # an update that shortens the supply, without refills
    adds_reason: str = ""  # an update that says in words what the draft is for
    replaces: str = ""  # the class in use that a created order takes the place of
    service: ServiceTemplate | None = None
    for_anyone: bool = False  # with or without back pain


@cache
def load_templates() -> Mapping[str, Template]:
    """Read ``suggestions.toml``; a drug code that our table lacks is an error."""
    table = tomllib.loads(FILE.read_text("utf-8"))
    return {id_: _template(id_, entry) for id_, entry in table.items()}


@cache
def _product(code: str) -> Drug:
    drug = drugs.identify((Code("rxnorm", code),), "")
    if drug is None:
        raise RulebookError(f"suggestions.toml: RxNorm {code} is not in cards/drugs.csv")
    return drug


def product(regimen: Regimen) -> Drug:
    """Return the drug that a regimen orders."""
    return _product(regimen.rxnorm)


def _template(id_: str, entry: Mapping[str, Any]) -> Template:
    regimen = Regimen(**entry["regimen"]) if "regimen" in entry else None
    regimens = {name: Regimen(**table) for name, table in entry.get("regimens", {}).items()}
    for each in (regimen, *regimens.values()):
        if each:
            product(each)
    return Template(
        id=id_,
        does=entry["does"],
        label=entry["label"],
        description=entry["description"],
        source=entry["source"],
        regimen=regimen,
        regimens=regimens,
        days=entry.get("days"),
        adds_reason=entry.get("adds_reason", ""),
        for_anyone=entry.get("for_anyone", False),
        replaces=entry.get("replaces", ""),
        service=_service(entry["service"]) if "service" in entry else None,
    )


def _service(entry: Mapping[str, Any]) -> ServiceTemplate:
    names = tuple(terms.known(name) for name in entry["terms"])
    return ServiceTemplate(
        terms=names,
        text=entry["text"],
        snomed=entry.get("snomed", ""),
        urgent=entry.get("urgent", False),
    )
