"""Numbers that more than one rule uses, read from ``definitions.toml``."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).with_name("definitions.toml")

_read: ContextVar[set[str] | None] = ContextVar("read", default=None)


class Definition(NamedTuple):
    """One number: what it is, where it comes from, and how far a site may move it."""

    value: float
    range: tuple[float, float]
    says: str
    source: str


@cache
def definitions() -> Mapping[str, Definition]:
    """Return every definition by its dotted name, such as ``lookback.stale_days``."""
    table = tomllib.loads(FILE.read_text("utf-8"))
    return dict(_flatten("", table))


def number(name: str) -> float:
    """Return the value called ``name``; an unknown name is a ``KeyError``."""
    read = _read.get()
    if read is not None:
        read.add(name)
    return _values()[name]


@contextmanager
def recorded() -> Iterator[set[str]]:
    """Collect the names of the numbers that are asked for meanwhile."""
    read = set[str]()
    token = _read.set(read)
    try:
        yield read
    finally:
        _read.reset(token)


def use(chosen: Mapping[str, float]) -> None:
    """Let a site's numbers stand in for ours in this process, from its start on."""
    values = _values()
    values.clear()
    values.update({**_shipped(), **chosen})


@cache
def _values() -> dict[str, float]:
    return _shipped()


def _shipped() -> dict[str, float]:
    return {name: definition.value for name, definition in definitions().items()}


def _flatten(prefix: str, table: Mapping[str, Any]) -> Iterator[tuple[str, Definition]]:
    for key, entry in table.items():
        name = f"{prefix}{key}"
        if "value" in entry:
            low, high = entry["range"]
            yield name, Definition(entry["value"], (low, high), entry["says"], entry["source"])
        else:
            yield from _flatten(f"{name}.", entry)
