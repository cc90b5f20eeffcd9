"""What a heparin or fondaparinux is given for: to treat a clot, to prevent one, or neither."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final

from cards.chart import Amount, Dosage, MedicationUse, Route
from cards.dosing import daily_mg, route_of

HEPARIN: Final = "heparin"  # the class, and the unfractionated ingredient
BY_MG: Final = ("enoxaparin", "fondaparinux")  # dosed in mg, the others in units
UNIT: Final = "unit"

# What the order says of itself; never shown.
_FLUSH: Final = re.compile(r"\b(?:flush(?:es)?|lock|patency|keep open)\b")
_PREVENTION: Final = re.compile(r"prophyla|\bprevent|\b(?:dvt|vte) ?ppx\b|\bppx\b")
_TREATMENT: Final = re.compile(
    r"\bbridg|\btherapeutic\b|\btreat|\binfusion\b|\bdrip\b|\baptt\b|\b1(?:\.[05])? ?mg ?/ ?kg"
)


class Purpose(StrEnum):
    """Why a heparin is given, as its dose or its text says."""

    TREATMENT = "treatment"
    PREVENTION = "prevention"
    UNKNOWN = "unknown"
    FLUSH = "flush"  # keeps a line open; too little to thin the blood


def purpose(use: MedicationUse, limits: Mapping[str, float]) -> Purpose:
    """Return why the heparin is given: words go before numbers, a bolus into a vein treats.

    ``limits`` holds the most a day that prevents: ``enoxaparin_mg``, ``fondaparinux_mg``,
    ``heparin_units`` and ``low_weight_units``, of the other heparins of low molecular weight.
    """
    text = " ".join(_texts(use)).lower()
    if _FLUSH.search(text):
        return Purpose.FLUSH
    if _PREVENTION.search(text):
        return Purpose.PREVENTION
    if _TREATMENT.search(text) or route_of(use) is Route.INTRAVENOUS:
        return Purpose.TREATMENT
    return _by_dose(use, limits)


def _texts(use: MedicationUse) -> Iterator[str]:
    yield use.notes
    yield from (dosage.text for dosage in use.dosages)
    yield from (reason.text for reason in use.reasons)


def _by_dose(use: MedicationUse, limits: Mapping[str, float]) -> Purpose:
    for name in BY_MG:
        if daily := daily_mg(use, name):
            return _up_to(daily, limits[f"{name}_mg"])
    if daily := _daily_units(use.dosages):
        unfractionated = HEPARIN in use.drug.ingredient_names
        return _up_to(daily, limits["heparin_units" if unfractionated else "low_weight_units"])
    return Purpose.UNKNOWN


def _up_to(daily: Amount, most: float) -> Purpose:
    return Purpose.PREVENTION if daily.high <= most else Purpose.TREATMENT


def _daily_units(dosages: Sequence[Dosage]) -> Amount | None:
    """Return units a day; several instructions may be steps of one course, so not added."""
    if len(dosages) != 1:
        return None
    amount, times = dosages[0].amount, dosages[0].times_per_day
    if amount is None or times is None or amount.unit != UNIT:
        return None
    return Amount(amount.low * times.low, amount.high * times.high, UNIT)
