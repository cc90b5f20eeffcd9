"""The steps of treatment in words, and the orders that go with each."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("steps.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One entry of ``steps.toml``."""

    name: str
    source: str
    short: str = ""
    says: str = ""
    medicine: bool = False
    suggestions: tuple[str, ...] = ()
    more: tuple[str, ...] = ()  # proposed when there is room left


@cache
def load_steps() -> Mapping[str, Step]:
    """Read ``steps.toml``."""
    table = tomllib.loads(FILE.read_text("utf-8"))
    return {
        name: Step(
            name=name,
            source=entry["source"],
            short=entry.get("short", ""),
            says=entry.get("says", ""),
            medicine=entry.get("medicine", False),
            suggestions=tuple(entry.get("suggestions", ())),
            more=tuple(entry.get("more", ())),
        )
        for name, entry in table.items()
    }


def steps_of(names: Iterable[str], *, medicines: bool) -> tuple[Step, ...]:
    """Return the steps of these names, without the medicines if they are not wanted."""
    steps = (load_steps()[name] for name in names)
    return tuple(step for step in steps if medicines or not step.medicine)


def proposed(steps: Iterable[Step]) -> tuple[str, ...]:
    """Return names of ``suggestions.toml``: those of each step, then what there is room for."""
    known = tuple(steps)
    first = (name for step in known for name in step.suggestions)
    room = (name for step in known for name in step.more)
    return tuple(dict.fromkeys((*first, *room)))
