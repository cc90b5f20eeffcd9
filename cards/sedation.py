"""What is sedating beside an order, and how a finding names it."""

from collections.abc import Iterable
from typing import Final

from cards.case import Case
from cards.chart import Fact, MedicationUse, Route
from cards.dosing import route_of
from cards.drug_classes import classes_of
from cards.medications import fact
from cards.record import active_problems, visit_reasons
from cards.terms import known
from cards.wording import shortly

BENZODIAZEPINE: Final = frozenset({"benzodiazepine"})
GABAPENTINOID: Final = frozenset({"gabapentinoid"})
RELAXANT: Final = frozenset({"muscle-relaxant"})

PALLIATIVE_CARE = known("palliative-care")

_LOCAL: Final = frozenset({Route.TOPICAL, Route.OPHTHALMIC, Route.OTIC})
_FOR_PROCEDURES: Final = frozenset({"midazolam", "remimazolam"})


def is_local(use: MedicationUse) -> bool:
    """Say whether the medicine stays where it is put; a nasal spray does not."""
    return route_of(use) in _LOCAL


def sedating_beside(case: Case, classes: Iterable[str]) -> tuple[MedicationUse, ...]:
    """Return what of these classes would be taken beside the order, and is not the same."""
    own = case.drug.ingredient_names
    return tuple(
        use
        for use in case.beside(classes)
        if not is_local(use) and not use.drug.ingredient_names <= own
    )


def is_palliative(case: Case) -> bool:
    """Say whether palliative care is on record or is the reason for the order or visit."""
    reasons = (*case.use.reasons, *visit_reasons(case.chart))
    return any(PALLIATIVE_CARE in reason.terms for reason in reasons) or any(
        active_problems(case.chart, (PALLIATIVE_CARE,))
    )


def is_procedural(case: Case, others: Iterable[MedicationUse] = ()) -> bool:
    """Say whether this is sedation for a procedure, or of a ventilated patient."""
    drugs = (case.use, *others)
    return case.view.supervised and any(
        use.drug.ingredient_names & _FOR_PROCEDURES for use in drugs
    )


def ingredients(uses: Iterable[MedicationUse], classes: frozenset[str]) -> list[str]:
    """Return the names of the ingredients that belong to the classes, each once."""
    names = frozenset[str]().union(*(use.drug.ingredient_names for use in uses))
    return sorted(name for name in names if classes_of(name) & classes)


def named(uses: Iterable[MedicationUse], classes: frozenset[str]) -> str:
    """Return the names of at most two ingredients of the classes, "+n more" for the rest."""
    return shortly(ingredients(uses, classes))


def sedative_fact(use: MedicationUse) -> Fact:
    """Return the fact that the medicine is in use, or is ordered together with this one."""
    if use.status == "draft":
        return Fact(use.reference, f"{use.drug.label}, ordered at the same time")
    return fact(use)
