"""The reasons that a clinician may give for keeping an order, by code."""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("override_reasons.toml")


@cache
def displays() -> Mapping[str, str]:
    """Return the words of every reason by its code."""
    table = tomllib.loads(FILE.read_text("utf-8"))
    return {code: entry["display"] for code, entry in table.items()}


@cache
def about_the_record() -> frozenset[str]:
    """Return the reasons which say that the record, not the order, wants mending."""
    table = tomllib.loads(FILE.read_text("utf-8"))
    return frozenset(code for code, entry in table.items() if entry.get("fixes") == "record")
