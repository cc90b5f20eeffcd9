"""What cards call a service that is ordered: our own words, found by its codes and terms."""

from collections.abc import Iterator, Mapping
from typing import Final

from cards.chart import Code, Concept
from cards.phrases import words
from cards.terms import known, title

MRI: Final = "MRI"
CT: Final = "CT"
X_RAY: Final = "X-ray"

_IMAGING: Final = known("spine-imaging")
# The most telling first, for an order that falls into several sets; shorter than the title
# where a summary needs it.
_NAMES: Final[Mapping[str, str]] = {
    known(term): name
    for term, name in {
        "epidural-steroid-injection": "epidural steroid injection",
        "radiofrequency-ablation": "radiofrequency ablation",
        "spinal-cord-stimulator": "spinal cord stimulator",
        "intrathecal-pump": "intrathecal pump",
        "spine-surgery": "spine surgery",
        "spine-surgery-consult": "spine surgery consultation",
        "bed-rest": "bed rest",
        "tens": "TENS",
        "traction": "lumbar traction",
        "lumbar-support": "lumbar support",
    }.items()
}

_LUMBAR, _THORACIC, _BOTH, _WHOLE = "lumbar", "thoracic", "thoracolumbar", "whole"
# What each code of the set spine-imaging images, and how. LOINC codes speak by their text.
_STUDIES: Final[Mapping[tuple[str, str], Mapping[str, str]]] = {
    (_THORACIC, X_RAY): {"cpt": "72070 72072 72074"},
    (_BOTH, X_RAY): {"cpt": "72080"},
    (_WHOLE, X_RAY): {"cpt": "72081 72082 72083 72084", "snomed": "79760008"},
    (_LUMBAR, X_RAY): {"cpt": "72100 72110 72114 72120", "snomed": "22791004"},
    (_THORACIC, CT): {"cpt": "72128 72129 72130"},
    (_LUMBAR, CT): {"cpt": "72131 72132 72133", "snomed": "241580002 303697006"},
    (_WHOLE, CT): {"snomed": "241577003"},
    (_THORACIC, MRI): {"cpt": "72146 72147 72157"},
    (_LUMBAR, MRI): {"cpt": "72148 72149 72158", "snomed": "241648005"},
    (_WHOLE, MRI): {"snomed": "241645008"},
}
_BY_CODE: Final[Mapping[Code, tuple[str, str]]] = {
    Code(system, value): study
    for study, codes in _STUDIES.items()
    for system, values in codes.items()
    for value in values.split()
}
_METHODS: Final[Mapping[str, frozenset[str]]] = {
    MRI: frozenset({"mri", "mr"}),
    CT: frozenset({"ct"}),
    X_RAY: frozenset({"xr", "xray", "ray", "radiograph", "radiographs", "radiography"}),
}
_REGIONS: Final[Mapping[str, frozenset[str]]] = {
    _LUMBAR: frozenset({"lumbar", "lumbosacral", "l", "ls"}),
    _THORACIC: frozenset({"thoracic", "t"}),
    _BOTH: frozenset({"thoracolumbar"}),
}


def service_label(concept: Concept) -> str:
    """Return the name of a service, lower case unless it is always written otherwise."""
    if _IMAGING in concept.terms:
        region, method = _study(concept)
        return " ".join(filter(None, (region, "spine", method or "imaging")))
    named = next((name for term, name in _NAMES.items() if term in concept.terms), "")
    return named or (title(min(concept.terms)) if concept.terms else "this order")


def imaging_method(concept: Concept) -> str:
    """Return how a spine is imaged: `MRI`, `CT`, `X_RAY`, or "" when nothing tells it."""
    return _study(concept)[1]


def _study(concept: Concept) -> tuple[str, str]:
    for code in concept.codes:
        if study := _BY_CODE.get(code):
            return study
    said = frozenset(words(concept.text))
    regions = tuple(_found(_REGIONS, said))
    return regions[0] if len(regions) == 1 else "", next(_found(_METHODS, said), "")


def _found(kinds: Mapping[str, frozenset[str]], said: frozenset[str]) -> Iterator[str]:
    return (kind for kind, names in kinds.items() if said & names)
