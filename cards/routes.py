"""Which way into the body a coded or written route means."""

import re
from collections.abc import Iterable

from cards.chart import Code, Route

_SNOMED = {
    "26643006": Route.ORAL,
    "47625008": Route.INTRAVENOUS,
    "78421000": Route.INTRAMUSCULAR,
    "34206005": Route.SUBCUTANEOUS,
    "37839007": Route.SUBLINGUAL,
    "54471007": Route.BUCCAL,
    "45890007": Route.TRANSDERMAL,
    "6064005": Route.TOPICAL,
    "447694001": Route.INHALED,
    "46713006": Route.NASAL,
    "54485002": Route.OPHTHALMIC,
    "10547007": Route.OTIC,
    "37161004": Route.RECTAL,
    "12130007": Route.INTRA_ARTICULAR,
    "404820008": Route.EPIDURAL,
}

_WORDS = {
    Route.ORAL: ("oral", "orally", "by mouth", "per os", "po", "p.o."),
    Route.SUBLINGUAL: ("sublingual", "sublingually", "under the tongue", "sl"),
    Route.BUCCAL: ("buccal", "buccally", "inside the cheek"),
    Route.INTRAVENOUS: ("intravenous", "intravenously", "iv", "i.v.", "ivp", "ivpb"),
    Route.INTRAMUSCULAR: ("intramuscular", "intramuscularly", "im", "i.m."),
    Route.SUBCUTANEOUS: (
        "subcutaneous",
        "subcutaneously",
        "subcut",
        "subq",
        "sub-q",
        "sc",
        "sq",
    ),
    Route.TRANSDERMAL: ("transdermal", "transdermally", "td"),
    Route.TOPICAL: ("topical", "topically", "cutaneous", "to skin", "to the skin", "top"),
    Route.INHALED: ("inhaled", "inhalation", "inhalational", "nebulized", "respiratory", "inh"),
    Route.NASAL: ("nasal", "nasally", "intranasal", "nostril", "each nostril"),
    Route.OPHTHALMIC: ("ophthalmic", "eye", "eyes", "both eyes"),
    Route.OTIC: ("otic", "ear", "ears", "both ears"),
    Route.RECTAL: ("rectal", "rectally", "per rectum", "pr"),
    Route.VAGINAL: ("vaginal", "vaginally", "per vagina"),
    Route.INTRA_ARTICULAR: ("intra-articular", "intraarticular", "intra articular"),
    Route.EPIDURAL: ("epidural", "peridural", "caudal"),
    Route.INTRATHECAL: ("intrathecal", "intraspinal"),
    Route.PERINEURAL: ("perineural", "nerve block"),
    Route.INJECTION: ("injection", "injected", "parenteral", "inj"),
    Route.IMPLANT: ("implant", "implantation", "subdermal"),
}
_BY_WORD = {word: route for route, words in _WORDS.items() for word in words}
# Longest first: "intra-articular injection" is intra-articular, and so on.
_ALTERNATIVES = "|".join(sorted(map(re.escape, _BY_WORD), key=len, reverse=True))
_ANY_WORD = re.compile(rf"(?<!\w)(?:{_ALTERNATIVES})(?!\w)")


def route_of(codes: Iterable[Code], text: str) -> Route:
    """Say which route codes or, failing them, words mean.

    SNOMED CT codes come first; a code of another system counts as a word ("PO").
    """
    for code in codes:
        route = _SNOMED.get(code.value) or _BY_WORD.get(code.value.lower())
        if route:
            return route
    return _BY_WORD.get(text.lower()) or _in_words(text.lower())


def _in_words(text: str) -> Route:
    """Find the one route that a longer text names; "injection" yields to any other."""
    routes = {_BY_WORD[word] for word in _ANY_WORD.findall(text)}
    if len(routes) > 1:
        routes.discard(Route.INJECTION)
    return routes.pop() if len(routes) == 1 else Route.UNKNOWN
