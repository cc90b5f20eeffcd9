"""Allergies in words: which class of drugs, or which drug, is meant."""

import re
from functools import lru_cache

from cards.chart import Drug, Identified
from cards.drug_classes import ANY_OPIOID

_CLASSES = {
    "NSAID": (
        r"nsaids?|non[- ]?steroidal anti[- ]?inflammator(?:y|ies)|cox-?2 inhibitors?",
        ("nsaid", "aspirin"),
    ),
    "salicylate": (r"salicylates?", ("aspirin",)),
    "opioid": (r"opioids?|opiates?|narcotics?", tuple(sorted(ANY_OPIOID))),
    "benzodiazepine": (r"benzodiazepines?|benzos?", ("benzodiazepine",)),
    "barbiturate": (r"barbiturates?", ("barbiturate",)),
    "corticosteroid": (r"(?:cortico|glucocortico)?steroids?", ("corticosteroid",)),
    "muscle relaxant": (r"(?:skeletal )?muscle relaxants?", ("muscle-relaxant",)),
    "gabapentinoid": (r"gabapentinoids?", ("gabapentinoid",)),
    "tricyclic antidepressant": (r"tricyclics?|tricyclic antidepressants?|tcas?", ("tca",)),
    "SSRI": (r"ssris?", ("ssri",)),
    "SNRI": (r"snris?", ("snri",)),
}
# The whole text has to be the class and words that add nothing: "no NSAID allergy" is none.
_BEFORE = (
    r"(?:(?:drug )?(?:allergy|hypersensitivity|intolerance|adverse reaction) to )?(?:all )?"
)
_AFTER = (
    r"(?: (?:drugs?|agents?|class|analgesics?|derivatives?|allergy|intolerance|hypersensitivity"
    r"|medications?|medicines?|product|substance|(?:non-?)?selective))*"
)
_PATTERNS = [
    # "NSAIDs (non-steroidal anti-inflammatory drugs)" says it twice.
    (
        re.compile(f"{_BEFORE}(?:{words}){_AFTER}(?: (?:{words}){_AFTER})?"),
        label,
        frozenset(classes),
    )
    for label, (words, classes) in _CLASSES.items()
]


_MARKS = re.compile(r"[,()\[\]]")
_DRUG_FIRST = re.compile(
    r"(?!no |not |denies |without )(.+) (?:allergy|intolerance|hypersensitivity|sensitivity)",
    re.IGNORECASE,
)


def allergen_named(text: str) -> str:
    """Return the drug's name out of "codeine allergy", or the text as it is."""
    match = _DRUG_FIRST.fullmatch(text.strip())
    return match[1] if match else text


@lru_cache(maxsize=512)
def class_of_drugs(text: str) -> Drug | None:
    """Return a nameless drug of the class that the whole text means, if it means one."""
    plain = " ".join(_MARKS.sub(" ", text.lower()).split())
    for pattern, label, classes in _PATTERNS:
        if pattern.fullmatch(plain):
            return Drug(label, label, (), classes, identified=Identified.TEXT)
    return None
