"""Say which drug a code or a text means; ``python -m cards.drugs build`` makes the table."""

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from cards import drug_build, drug_table, drug_text
from cards.chart import Code, Drug, Identified
from cards.drug_classes import class_names, classes_of, ingredients_of

__all__ = [
    "by_name",
    "class_names",
    "classes_of",
    "identify",
    "ingredients_of",
    "main",
    "version",
]

ANOTHER_DRUG = "the order's text names another drug than its code"
ONE_MORE_DRUG = "the order's text names an ingredient that its code does not have"
CODES_DIFFER = "the order's codes name different drugs"

_RXNORM = frozenset(
    {
        "rxnorm",
        "urn:oid:2.16.840.1.113883.6.88",
        "http://www.nlm.nih.gov/research/umls/rxnorm",
        "https://www.nlm.nih.gov/research/umls/rxnorm",
    }
)
_NDC = frozenset(
    {"ndc", "urn:oid:2.16.840.1.113883.6.69", "http://hl7.org/fhir/sid/ndc"}
)  # fmt: skip
# "captopril 25 mg": a word, perhaps a salt, and a strength: so begins the name of a drug.
_NAMED = re.compile(
    r"\W*(?:\d+ ?(?:hr|ml|actuat) )?([a-z]{5,})(?:[ -][a-z]+){0,2} \d[\d.,]* ?(?:mg|mcg|g|ml|%)"
)
_WORD = re.compile(r"[a-z]{4,}")
_PREFIX = 4
# Words that begin a text without being a drug's name.
_GENERAL = frozenset({
    "acting", "analgesic", "brand", "capsule", "capsules", "chronic", "extended", "generic",
    "immediate", "medication", "medicine", "muscle", "narcotic", "opiate", "opioid", "product",
    "relaxant", "relaxer", "release", "short", "steroid", "tablet", "tablets", "topical",
})  # fmt: skip


def identify(codes: Sequence[Code], text: str) -> Drug | None:
    """Return the drug that codes or, failing them, a display or text mean."""
    return _identify(tuple(codes), text)


@lru_cache(maxsize=8192)
def _identify(codes: tuple[Code, ...], text: str) -> Drug | None:
    found = _by_codes(codes)
    if not found:
        return by_name(text)
    drug = found[0]
    return replace(drug, doubt=_doubt(found, text)) if text or len(found) > 1 else drug


@lru_cache(maxsize=8192)
def by_name(text: str) -> Drug | None:
    """Return the drug that a display or free text names, None if it names none we know."""
    return drug_text.find(text) if text else None


def _by_codes(codes: Sequence[Code]) -> list[Drug]:
    """Return what the codes mean: RxNorm first, the most specific one first, then NDC."""
    rows = [row for code in codes if (row := _row_of(code))]
    rows.sort(key=lambda row: -row.specificity)
    packages = [
        replace(drug_table.drug_of(row), code=ndc, identified=Identified.NDC)
        for code in codes
        if code.system.rstrip("/").lower() in _NDC
        for ndc, row in filter(None, [drug_table.find_ndc(code.value.strip())])
    ]
    return [drug_table.drug_of(row) for row in rows] + packages


def _row_of(code: Code) -> drug_table.Row | None:
    if code.system.rstrip("/").lower() not in _RXNORM:
        return None
    return drug_table.table().rows.get(code.value.strip().lstrip("0"))


def _doubt(found: Sequence[Drug], text: str) -> str:
    """Say, in our words, how codes and text contradict each other."""
    drug = found[0]
    if any(drug.ingredient_names.isdisjoint(other.ingredient_names) for other in found[1:]):
        return CODES_DIFFER
    named = drug_text.named(text)
    if named and named.isdisjoint(drug.ingredient_names):
        return ANOTHER_DRUG
    more = {name for name in named - drug.ingredient_names if _matters(name)}
    if more:
        return ONE_MORE_DRUG
    return ANOTHER_DRUG if not named and _names_a_stranger(text, drug) else ""


def _matters(name: str) -> bool:
    """Tell whether an ingredient more would change what a rule says."""
    return bool(classes_of(name) - {"opioid-antagonist"})


def _names_a_stranger(text: str, drug: Drug) -> bool:
    """Tell whether a text names a drug we do not know, and with no word of ours."""
    match = _NAMED.match(text.lower())
    if not match or match[1] in _GENERAL:
        return False
    ours = {word[:_PREFIX] for word in _WORD.findall(f"{drug.name} {drug.brand}".lower())}
    return ours.isdisjoint(word[:_PREFIX] for word in _WORD.findall(match[0]))


def version() -> str:
    """Return a short hash of the table of drugs and what it was made of."""
    table = drug_table.table()
    return f"{table.digest} ({table.provenance})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the table from an RxNorm release: ``build --rrf DIR [--out FILE]``."""
    given = drug_build.arguments().parse_args(arguments)
    try:
        drugs, ndcs = drug_build.build(given.rrf, given.out)
    except drug_build.BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{given.out}: {drugs} drugs, {ndcs} NDCs\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
