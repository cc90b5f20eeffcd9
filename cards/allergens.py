"""Allergies to a whole class of drugs: the class that a text such as "NSAIDs" means."""

import re
from functools import lru_cache

from cards.chart import Drug, Identified

_OPIOIDS = ("opioid-full-agonist", "opioid-mixed", "tramadol", "buprenorphine")
_CLASSES = {
    "NSAID": (
        r"nsaids?|non-?steroidal anti-?inflammator(?:y|ies)(?: \(?nsaids?\)?)?",
        ("nsaid", "aspirin"),
    ),
    "salicylate": (r"salicylates?", ("aspirin",)),
    "opioid": (r"opioids?|opiates?|narcotics?", _OPIOIDS),
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
_AFTER = r"(?: (?:drugs?|agents?|class|analgesics?|derivatives?|allergy|intolerance))*"
_PATTERNS = [
    (re.compile(f"{_BEFORE}(?:{words}){_AFTER}"), label, frozenset(classes))
    for label, (words, classes) in _CLASSES.items()
]


@lru_cache(maxsize=512)
def class_of_drugs(text: str) -> Drug | None:
    """Return a nameless drug of the class that the whole text means, if it means one."""
    plain = " ".join(text.lower().replace(",", " ").split())
    for pattern, label, classes in _PATTERNS:
        if pattern.fullmatch(plain):
            return Drug(label, label, (), classes, identified=Identified.TEXT)
    return None
