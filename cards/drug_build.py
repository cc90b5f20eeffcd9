"""Build cards/drugs.csv and cards/ndc.csv from the files of an RxNorm release."""

import argparse
import csv
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cards import drug_names
from cards.chart import Ingredient
from cards.drug_classes import class_names, classes_of, ingredients_of, leading_first

COLUMNS = (
    "code", "tty", "name", "ingredients", "mg", "form", "route", "extended", "pack", "brand",
    "quantity",
)  # fmt: skip
PRODUCTS = frozenset({"SCD", "SBD", "GPCK", "BPCK"})
_NAMES_ONLY = frozenset({"IN", "PIN", "MIN", "BN"})
_TERM_TYPES = (
    PRODUCTS | _NAMES_ONLY | {"SCDC", "SCDF", "SCDG", "SBDC", "SBDF", "SBDG"}
)  # fmt: skip
# RELA of RXNREL.RRF: the second concept of a line has this relation to the first.
_DOWN = frozenset(
    {"has_ingredient", "has_ingredients", "has_precise_ingredient", "has_part", "consists_of",
     "contains", "tradename_of", "form_of"}
)  # fmt: skip
_NDC_DIGITS = 11


class BuildError(Exception):
    """A file of the release is missing or is not what it should be."""


class Entry(NamedTuple):
    """A concept of RxNorm: its code, term type, name, and ingredients if they are known."""

    code: str
    tty: str
    name: str
    ingredients: Sequence[str] = ()


def row_of(entry: Entry, known: Collection[str]) -> tuple[str, ...] | None:
    """Make a row of drugs.csv; None if the entry has no ingredient of a class."""
    if entry.tty in _NAMES_ONLY:
        brand = _plain_brand(entry.name) if entry.tty == "BN" else ""
        product = drug_names.Product((), brand=brand)
    else:
        product = drug_names.parse(entry.name, known) or _parse_brand_name(entry)
    found = {ingredient.name: ingredient for ingredient in product.ingredients}
    names = leading_first(found.keys() | set(entry.ingredients))
    if not any(classes_of(name) for name in names):
        return None
    return (
        entry.code,
        entry.tty,
        entry.name,
        "|".join(names),
        "|".join(_strength(found[name]) if name in found else "" for name in names),
        product.form,
        product.route.value,
        "x" if product.extended else "",
        "x" if product.pack else "",
        product.brand,
        product.quantity,
    )


def _strength(ingredient: Ingredient) -> str:
    """Write a strength as ``5`` (mg per unit) or ``0.075/h``; empty if it is unknown."""
    if ingredient.mg is None:
        return ""
    return f"{ingredient.mg:g}" + ("" if ingredient.per == "unit" else f"/{ingredient.per}")


def _plain_brand(name: str) -> str:
    return name.partition(" Reformulated ")[0]


def _parse_brand_name(entry: Entry) -> drug_names.Product:
    """Read a name that begins with the brand: ``Xtampza Oral Product``, ``Ativan 1 MG``."""
    brand, rest = drug_names.split_brand(entry.name)
    stand_in = entry.ingredients[0] if len(entry.ingredients) == 1 else "brand"
    product = drug_names.parse(f"{stand_in} {rest}", {stand_in}) or drug_names.Product(())
    if stand_in == "brand":
        product = product._replace(ingredients=())
    route = drug_names.settle_route(entry.ingredients, product.form, product.route)
    return product._replace(route=route, brand=_plain_brand(brand))


def write(rows: Iterable[Sequence[str]], file: Path, provenance: str) -> None:
    """Write drugs.csv: a line that says where it is from, the columns, the rows by code."""
    ordered = sorted(rows, key=lambda row: int(row[0]))
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write(f"# {provenance}\n")
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(ordered)


def write_ndc(codes: Mapping[str, str], file: Path) -> None:
    """Write ndc.csv: 11-digit NDC to RxCUI."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("ndc", "code"))
        writer.writerows(sorted(codes.items()))


def _lines(directory: Path, name: str, columns: int) -> Iterator[list[str]]:
    """Yield the fields of each line of a pipe-delimited file of the release."""
    file = directory / name
    if not file.is_file():
        raise BuildError(f"{file} is missing: --rrf must name the rrf folder of a release")
    with file.open(encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            fields = line.rstrip("\n").split("|")
            if len(fields) < columns:
                raise BuildError(f"{file}, line {number}: fewer than {columns} columns")
            yield fields


def read_concepts(directory: Path) -> dict[str, Entry]:
    """Read RXNCONSO.RRF, retired concepts too: their codes still arrive in charts."""
    found: dict[str, tuple[bool, Entry]] = {}
    for fields in _lines(directory, "RXNCONSO.RRF", 17):
        code, source, tty, name = fields[0], fields[11], fields[12], fields[14]
        if source != "RXNORM" or tty not in _TERM_TYPES:
            continue
        current = fields[16] == "N"
        if code not in found or (current and not found[code][0]):
            found[code] = (current, Entry(code, tty, name))
    return {code: entry for code, (_, entry) in found.items()}


def read_relations(directory: Path, concepts: Mapping[str, Entry]) -> dict[str, set[str]]:
    """Read RXNREL.RRF: concept to the concepts it is made of."""
    parts: dict[str, set[str]] = {}
    for fields in _lines(directory, "RXNREL.RRF", 11):
        part, whole, relation = fields[0], fields[4], fields[7]
        if relation in _DOWN and part in concepts and whole in concepts:
            parts.setdefault(whole, set()).add(part)
    return parts


def read_ndcs(directory: Path, codes: Collection[str]) -> dict[str, str]:
    """Read RXNSAT.RRF: 11-digit NDC to RxCUI, for these codes."""
    found: dict[str, str] = {}
    for fields in _lines(directory, "RXNSAT.RRF", 11):
        code, attribute, source, value = fields[0], fields[8], fields[9], fields[10]
        if (attribute, source) == ("NDC", "RXNORM") and code in codes:
            digits = value.replace("-", "")
            if digits.isdecimal() and len(digits) == _NDC_DIGITS:
                found[digits] = code
    return found


def read_release(directory: Path) -> str:
    """Return the name of the release from RXNSAB.RRF, if that file is there."""
    if not (directory / "RXNSAB.RRF").is_file():
        return "RxNorm, release not stated"
    named = (f[2] for f in _lines(directory, "RXNSAB.RRF", 4) if f[3] == "RXNORM")
    return next(named, "RxNorm, release not stated")


def _ingredients(
    code: str, concepts: Mapping[str, Entry], parts: Mapping[str, set[str]]
) -> set[str]:
    """Follow the relations of a concept down to the names of its ingredients."""
    names: set[str] = set()
    seen: set[str] = set()
    waiting = [code]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if concepts[current].tty == "IN":
            names.add(concepts[current].name.lower())
            continue
        below = parts.get(current, set())
        # A brand name may cover several products: it is asked only if nothing else answers.
        waiting.extend({part for part in below if concepts[part].tty != "BN"} or below)
    return names


def build(directory: Path, out: Path) -> tuple[int, int]:
    """Build both tables from a release; return how many drugs and how many NDCs."""
    concepts = read_concepts(directory)
    parts = read_relations(directory, concepts)
    known = {entry.name.lower() for entry in concepts.values() if entry.tty == "IN"}
    known |= {name for group in class_names() for name in ingredients_of(group)}
    entries = (
        entry._replace(ingredients=sorted(_ingredients(entry.code, concepts, parts)))
        for entry in concepts.values()
    )
    rows = [row for entry in entries if (row := row_of(entry, known))]
    ndcs = read_ndcs(directory, {row[0] for row in rows if row[1] in PRODUCTS})
    write(rows, out, read_release(directory))
    write_ndc(ndcs, out.with_name("ndc.csv"))
    return len(rows), len(ndcs)


def arguments() -> argparse.ArgumentParser:
    """Describe the command line of ``python -m cards.drugs``."""
    parser = argparse.ArgumentParser(prog="python -m cards.drugs")
    command = parser.add_subparsers(dest="command", required=True).add_parser(
        "build", help="build drugs.csv and ndc.csv from an RxNorm release"
    )
    command.add_argument("--rrf", type=Path, required=True, help="folder of the .RRF files")
    command.add_argument(
        "--out",
        type=Path,
        default=Path(__file__).with_name("drugs.csv"),
        help="the table to write; ndc.csv is written beside it",
    )
    return parser
