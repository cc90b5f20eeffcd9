"""Which drug classes an ingredient belongs to: cards/classes.toml, read once."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

# A product that holds an opioid keeps its antagonist as an ingredient, not as a class:
# the naloxone of a buprenorphine tablet is there against injection and rescues nobody.
OPIOIDS = frozenset({"opioid-full-agonist", "opioid-mixed", "tramadol"})
ANY_OPIOID = OPIOIDS | {"buprenorphine"}
_ANTAGONISTS = frozenset({"opioid-antagonist", "naltrexone"})


@cache
def _table() -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(files("cards").joinpath("classes.toml").read_text(encoding="utf-8"))


@cache
def _ingredients() -> dict[str, tuple[str, ...]]:
    return {name: tuple(entry["ingredients"]) for name, entry in _table().items()}


@cache
def _classes() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for name, ingredients in _ingredients().items():
        for ingredient in ingredients:
            found.setdefault(ingredient, set()).add(name)
    return {ingredient: frozenset(names) for ingredient, names in found.items()}


@cache
def _ranks() -> dict[str, int]:
    ordered = dict.fromkeys(name for names in _ingredients().values() for name in names)
    return {ingredient: rank for rank, ingredient in enumerate(ordered)}


def class_names() -> frozenset[str]:
    """Return the names of every class."""
    return frozenset(_ingredients())


def meanings() -> Mapping[str, str]:
    """Return what each class is, in the order of the file."""
    return {name: entry["meaning"] for name, entry in _table().items()}


def ingredients_of(class_name: str) -> frozenset[str]:
    """Return the ingredients of a class; KeyError if there is no such class."""
    return frozenset(_ingredients()[class_name])


def classes_of(ingredient: str) -> frozenset[str]:
    """Return the classes of one ingredient, none for an ingredient that we do not know."""
    return _classes().get(ingredient, frozenset())


def classes_together(ingredients: Iterable[str]) -> frozenset[str]:
    """Return the classes of a product with these ingredients."""
    classes = frozenset().union(*map(classes_of, ingredients))
    return classes - _ANTAGONISTS if classes & ANY_OPIOID else classes


def leading_first(ingredients: Iterable[str]) -> list[str]:
    """Put ingredients in the order of their classes; those without a class come last."""
    ranks = _ranks()
    return sorted(ingredients, key=lambda name: (ranks.get(name, len(ranks)), name))
