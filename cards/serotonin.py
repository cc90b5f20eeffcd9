"""The rule about serotonin syndrome: two medicines that raise serotonin, taken together."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cards.case import Case
from cards.cautions import RAISE_SEROTONIN, SEROTONERGIC_DRUGS
from cards.chart import Fires, MedicationUse, Silent, Verdict
from cards.dosing import daily_mg
from cards.drug_classes import classes_of
from cards.maintenance import is_stopped_here
from cards.maois import MAOI, maois
from cards.medications import fact, same_medicine, systemic
from cards.wording import shortly

FOR_PAIN: Final = frozenset({"tramadol", "tca", "snri"})
LOOKED_THROUGH: Final = RAISE_SEROTONIN | {"muscle-relaxant", "opioid-full-agonist"}


def serotonergic(case: Case) -> Verdict:
    """Warn of a medicine that raises serotonin beside another that does."""
    if not systemic(case.use):
        return Silent("local-route")
    if not _serotonergic_names(case.use):
        return Silent("not-serotonergic")
    others = tuple(_others(case))
    if not others:
        return Silent("no-partner")
    words, notes = {"other": _named(others)}, tuple(_notes(case, others))
    if any(MAOI in use.drug.classes for use in (case.use, *others)):
        return Fires("maoi", tuple(map(fact, others)), words, notes)
    doubtful = () if _is_low_trazodone(case.use, case) else others
    doubtful = tuple(use for use in doubtful if not _is_low_trazodone(use, case))
    if not doubtful:
        return Silent("low-trazodone")
    if not any(_may_be_for_pain(use) for use in (case.use, *others)):
        return Silent("antidepressants-only")
    if _is_stable(case, doubtful):
        return Silent("stable-pair")
    return Fires("pair", tuple(map(fact, doubtful)), {"other": _named(doubtful)}, notes)


def _serotonergic_names(use: MedicationUse) -> tuple[str, ...]:
    """Return the ingredients that raise serotonin; buprenorphine is not counted."""
    return tuple(
        ingredient.name
        for ingredient in use.drug.ingredients
        if ingredient.name in SEROTONERGIC_DRUGS
        or classes_of(ingredient.name) & RAISE_SEROTONIN
    )


def _may_be_for_pain(use: MedicationUse) -> bool:
    """Say whether it is one that is given for pain; other pairs are no matter of ours."""
    names = _serotonergic_names(use)
    return any(name in SEROTONERGIC_DRUGS or classes_of(name) & FOR_PAIN for name in names)


def _others(case: Case) -> Iterator[MedicationUse]:
    for use in (*maois(case), *case.beside(LOOKED_THROUGH - {MAOI})):
        other = use.drug.ingredient_names.isdisjoint(case.drug.ingredient_names)
        counts = other and systemic(use) and bool(_serotonergic_names(use))
        # An inhibitor that is stopped today still acts.
        if counts and (MAOI in use.drug.classes or not is_stopped_here(use, case)):
            yield use


def _is_low_trazodone(use: MedicationUse, case: Case) -> bool:
    """Say whether it is trazodone in a dose for sleep; an unknown dose is not."""
    daily = daily_mg(use, "trazodone")
    return daily is not None and daily.high <= case.limits["low_trazodone_mg"]


def _is_stable(case: Case, others: tuple[MedicationUse, ...]) -> bool:
    """Say whether all of them are taken already and this order does not raise the dose."""
    renewed = case.view.renewal_of
    if renewed is None or _is_raised(case.use, renewed):
        return False
    taken = case.in_use(LOOKED_THROUGH)
    return all(any(same_medicine(use, known) for known in taken) for use in others)


def _is_raised(ordered: MedicationUse, renewed: MedicationUse) -> bool:
    for name in ordered.drug.ingredient_names:
        after, before = daily_mg(ordered, name), daily_mg(renewed, name)
        if after and before and after.high > before.high:
            return True
    return False


def _notes(case: Case, others: tuple[MedicationUse, ...]) -> Iterator[str]:
    classes = case.drug.classes.union(*(use.drug.classes for use in others))
    if "tramadol" in classes:
        yield "tramadol"
    if {"duloxetine", "tca"} <= classes:
        yield "tricyclic-level"


def _named(uses: tuple[MedicationUse, ...]) -> str:
    return shortly(dict.fromkeys(name for use in uses for name in _serotonergic_names(use)))


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {"serotonergic": serotonergic}
