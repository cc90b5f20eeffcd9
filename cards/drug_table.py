"""The table of drugs (drugs.csv, ndc.csv): load it fast, make a Drug of a row when asked."""

import csv
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from cards.chart import Drug, Identified, Ingredient, Route
from cards.drug_classes import classes_together
from cards.drug_labels import label

_DIGEST = 8
_NDC_DIGITS = 11
_NDC_PARTS = (5, 4, 2)
_PRODUCTS = frozenset({"SCD", "SBD", "GPCK", "BPCK"})
_SPECIFIC = {
    "GPCK": 4, "BPCK": 4, "SCD": 4, "SBD": 4, "SCDC": 3, "SBDC": 3, "SCDF": 2, "SBDF": 2,
    "SCDG": 2, "SBDG": 2, "MIN": 1, "BN": 1,
}  # fmt: skip


class Row(NamedTuple):
    """A row of drugs.csv; ``ingredients`` and ``mg`` are joined with ``|``."""

    code: str
    tty: str  # RxNorm term type
    name: str
    ingredients: str
    mg: str  # "5", "0.075/h", or empty: strength in mg, per unit unless another is named
    form: str
    route: str
    extended: str
    pack: str
    brand: str
    quantity: str

    @property
    def is_product(self) -> bool:
        """Whether the row is a product with a strength, or a pack of them."""
        return self.tty in _PRODUCTS

    @property
    def specificity(self) -> int:
        """How much the code says: a product more than a form, a form more than a name."""
        return _SPECIFIC.get(self.tty, 0)


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a drugs.csv and the ways to find them."""

    provenance: str
    digest: str
    rows: Mapping[str, Row]
    by_ingredients: Mapping[str, Sequence[Row]]  # products only
    by_brand: Mapping[str, Sequence[Row]]  # products only; brand in lower case


def load(file: Path) -> Table:
    """Read a drugs.csv."""
    content = file.read_bytes()
    lines = content.decode("utf-8").splitlines()
    reader = csv.reader(lines[2:])
    rows = {row.code: row for row in map(Row._make, reader)}
    by_ingredients: dict[str, list[Row]] = {}
    by_brand: dict[str, list[Row]] = {}
    for row in rows.values():
        if row.tty in _PRODUCTS:
            by_ingredients.setdefault(row.ingredients, []).append(row)
            if row.brand:
                by_brand.setdefault(row.brand.lower(), []).append(row)
    digest = hashlib.sha256(content).hexdigest()[:_DIGEST]
    return Table(lines[0].removeprefix("# "), digest, rows, by_ingredients, by_brand)


@cache
def table() -> Table:
    """Return the table that is part of this package, loaded once."""
    return load(Path(str(files("cards").joinpath("drugs.csv"))))


@cache
def _ndcs() -> Mapping[str, str]:
    with Path(str(files("cards").joinpath("ndc.csv"))).open(encoding="utf-8") as stream:
        return dict(list(csv.reader(stream))[1:])


def find_ndc(value: str) -> tuple[str, Row] | None:
    """Find a product by NDC, in 11 digits or with hyphens; return the 11 digits and it."""
    digits = _eleven_digits(value)
    code = _ndcs().get(digits)
    return (digits, table().rows[code]) if code and code in table().rows else None


def _eleven_digits(value: str) -> str:
    """Bring ``591-0241-10`` to ``00591024110``; 10 bare digits stay, they can be several."""
    parts = value.split("-")
    if len(parts) == len(_NDC_PARTS):
        return "".join(map(str.zfill, parts, _NDC_PARTS))
    bare = value.replace("-", "")
    return bare.removeprefix("0") if len(bare) == _NDC_DIGITS + 1 else bare


def ingredients_of_row(row: Row) -> tuple[Ingredient, ...]:
    """Return the ingredients of a row with their strengths."""
    return tuple(
        _ingredient(name, mg)
        for name, mg in zip(row.ingredients.split("|"), _strengths(row), strict=True)
    )


def _strengths(row: Row) -> list[str]:
    return row.mg.split("|") if row.mg else [""] * (row.ingredients.count("|") + 1)


def _ingredient(name: str, strength: str) -> Ingredient:
    mg, _, per = strength.partition("/")
    return Ingredient(name, float(mg), per or "unit") if mg else Ingredient(name)


def only_route(rows: Iterable[Row]) -> Route:
    """Return the route that all these products have, unknown if there are several."""
    routes = {row.route for row in rows}
    return Route(routes.pop()) if len(routes) == 1 else Route.UNKNOWN


@cache
def through_the_skin() -> frozenset[str]:
    """Return the ingredients that have a patch which acts on the whole body."""
    patches = (row for row in table().rows.values() if row.route == Route.TRANSDERMAL.value)
    return frozenset(name for row in patches for name in row.ingredients.split("|"))


def all_extended(rows: Sequence[Row]) -> bool:
    """Tell whether every one of these products, and at least one, is extended release."""
    return bool(rows) and all(row.extended for row in rows)


def products(ingredients: Iterable[str], brand: str = "") -> Sequence[Row]:
    """Return the products of a brand, or with exactly these ingredients (leading first)."""
    branded = table().by_brand.get(brand.lower(), ()) if brand else ()
    return branded or table().by_ingredients.get("|".join(ingredients), ())


@cache
def drug_of(row: Row) -> Drug:
    """Make the Drug of a row."""
    ingredients = ingredients_of_row(row)
    names = row.ingredients.split("|")
    route, extended = Route(row.route), bool(row.extended)
    if not row.is_product:
        alike = products(names, row.brand)
        if route is Route.UNKNOWN:
            of_form = [one for one in alike if row.form and one.form == row.form]
            route = only_route(of_form or alike)
        extended = extended or all_extended(table().by_brand.get(row.brand.lower(), ()))
    return Drug(
        name=row.name,
        label=label(ingredients, row.form, extended=extended, pack=bool(row.pack)),
        ingredients=ingredients,
        classes=classes_together(names),
        code=row.code,
        route=route,
        form=row.form,
        extended=extended,
        pack=bool(row.pack),
        brand=row.brand,
        identified=Identified.CODE,
    )
