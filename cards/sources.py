"""Whom each source document is about, so that a card first names one that fits the patient."""

from collections.abc import Iterable, Mapping
from typing import Final

from cards.case import Case
from cards.oud import ProductClass
from cards.rulebook import Source

ACUTE: Final = "acute"
CHRONIC: Final = "chronic"
OPIOID_USE_DISORDER: Final = "opioid-use-disorder"
EVERYBODY: Final = frozenset({ACUTE, CHRONIC, OPIOID_USE_DISORDER})

# A source that is not here, such as a product label, is about everybody.
ABOUT: Final[Mapping[str, str]] = {
    "Treatment Options for Refractory Chronic Back Pain in Opioid Use Disorder": (
        OPIOID_USE_DISORDER
    ),
    "Management of Chronic Back Pain Refractory to Initial Medications": CHRONIC,
    "Opioid Therapy for Refractory Acute Back Pain in the Emergency Department": ACUTE,
    "Management of Chronic Back Pain": CHRONIC,
    "Next Steps for Refractory Back Strain": ACUTE,
}


def groups_of(case: Case) -> frozenset[str]:
    """Return the groups of patients that this one belongs to; an unknown length is both."""
    acuity, history = case.view.acuity, case.history
    maintained = any(one.product is ProductClass.OUD for one in history.buprenorphine)
    belongs = {
        ACUTE: not acuity.chronic,
        CHRONIC: not acuity.acute,
        OPIOID_USE_DISORDER: maintained or history.opioid_use_disorder.fact is not None,
    }
    return frozenset(group for group, yes in belongs.items() if yes)


def fitting_first(sources: Iterable[Source], groups: frozenset[str]) -> tuple[Source, ...]:
    """Return the sources in their order, but those about other patients last."""
    return tuple(sorted(sources, key=lambda source: _is_about_others(source, groups)))


def _is_about_others(source: Source, groups: frozenset[str]) -> bool:
    about = ABOUT.get(source.label)
    return about is not None and about not in groups
