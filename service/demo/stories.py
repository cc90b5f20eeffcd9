"""The synthetic patients of ``fixtures/patients``: who they are, their charts, what to try."""

import copy
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

STORY_DAY = date(2026, 3, 2)  # "today" in every story; the charts are written for it

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """An order worth trying on a patient, as the fields of the order form."""

    label: str
    order: Mapping[str, str]
    expect: str  # the rule that heads the first card at order-select; empty: no card


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One synthetic patient, in a line."""

    id: str
    name: str
    story: str
    trials: tuple[Trial, ...] = ()


def fixtures() -> Path:
    """Return the folder of fixtures: of the installed package, or of the checkout."""
    installed = Path(__file__).with_name("fixtures")
    return installed if installed.is_dir() else Path(__file__).parents[2] / "fixtures"


@cache
def stories() -> Mapping[str, Story]:
    """Return every patient by id, in the order of the index."""
    table = tomllib.loads((fixtures() / "patients/patients.toml").read_text("utf-8"))
    return {entry["id"]: _story(entry) for entry in table["patients"]}


def _story(entry: Mapping[str, Any]) -> Story:
    trials = tuple(Trial(**trial) for trial in entry.get("trials", ()))
    return Story(id=entry["id"], name=entry["name"], story=entry["story"], trials=trials)


def resources(patient: str) -> tuple[Json, ...]:
    """Return the chart of a patient, to keep or change; raise KeyError when there is none."""
    return tuple(copy.deepcopy(_resources(stories()[patient].id)))


@cache
def _resources(patient: str) -> tuple[Json, ...]:
    bundle = json.loads((fixtures() / f"patients/{patient}.json").read_bytes())
    return tuple(entry["resource"] for entry in bundle["entry"])


def everything() -> Iterable[Json]:
    """Yield the resources of every patient."""
    for patient in stories():
        yield from resources(patient)
