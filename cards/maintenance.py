"""Treatment of opioid use disorder with buprenorphine or methadone: which, and how much."""

from collections.abc import Iterable
from typing import Final

from cards import oud
from cards.case import Case
from cards.chart import Amount, Dosage, Fact, MedicationUse, Route
from cards.dosing import daily_mg, route_of
from cards.medications import distinct, fact
from cards.oud import METHADONE, BuprenorphineUse, ProductClass, treats_disorder
from cards.relevance import stated_reasons

BUPRENORPHINE: Final = "buprenorphine"
STOPPED: Final = frozenset({"stopped", "cancelled"})

# Where a milligram is another thing than under the tongue.
_NOT_COMPARABLE: Final = frozenset(
    {
        Route.TRANSDERMAL, Route.INJECTION, Route.INTRAVENOUS, Route.INTRAMUSCULAR,
        Route.SUBCUTANEOUS, Route.IMPLANT, Route.TOPICAL,
    }
)  # fmt: skip
# Of Bunavail no equivalent is known to us; Belbuca is for pain.
_OTHER_BRANDS: Final = frozenset({"bunavail", "belbuca"})
_LEAST_FILM_MG: Final = 1  # a weaker film in the cheek is for pain
_ZUBSOLV_MG: Final = frozenset({0.7, 1.4, 2.9, 5.7, 8.6, 11.4})


def beside(case: Case) -> tuple[BuprenorphineUse, ...]:
    """Return the buprenorphine in use and among the orders on the screen."""
    return (*case.history.buprenorphine, *oud.drafted_buprenorphine(case.chart))


def is_maintained(uses: Iterable[BuprenorphineUse]) -> bool:
    """Say whether any of it treats opioid use disorder."""
    return any(one.product is ProductClass.OUD for one in uses)


def maintenance(case: Case) -> tuple[MedicationUse, ...]:
    """Return the buprenorphine in use for opioid use disorder, each strength once."""
    return distinct(
        one.use for one in case.history.buprenorphine if one.product is ProductClass.OUD
    )


def is_treatment(case: Case) -> bool:
    """Say whether the order is methadone for opioid use disorder, begun or continued."""
    renewed = case.view.renewal_of
    if treats_disorder(case.use) or (renewed is not None and treats_disorder(renewed)):
        return True
    # Where no reason is told: for pain methadone is taken several times a day.
    unexplained = renewed is not None and not (*stated_reasons(case.order), *renewed.reasons)
    disorder = case.history.opioid_use_disorder
    return unexplained and disorder.on_record and _is_daily_methadone(case.use)


def _is_daily_methadone(use: MedicationUse) -> bool:
    return (
        METHADONE in use.drug.ingredient_names
        and bool(use.dosages)
        and all(_is_daily(dosage) for dosage in use.dosages)
    )


def _is_daily(dosage: Dosage) -> bool:
    times = dosage.times_per_day
    return times is not None and times.high <= 1 and not dosage.as_needed


def is_stopped_here(use: MedicationUse, case: Case) -> bool:
    """Say whether one of the orders on the screen stops this medicine."""
    return any(
        order.reference == use.reference and order.status in STOPPED
        for order in case.chart.drafts
    )


def buprenorphine_fact(use: MedicationUse) -> Fact:
    """Return the fact that buprenorphine is on record, with its daily dose if known."""
    known = fact(use)
    daily = daily_mg(use, BUPRENORPHINE) if is_comparable(use) else None
    return Fact(known.resource, f"{known.text}; {daily.high:g} mg a day") if daily else known


def is_comparable(use: MedicationUse) -> bool:
    """Say whether the dose compares with a film or tablet under the tongue."""
    brand = use.drug.brand.lower()
    if route_of(use) in _NOT_COMPARABLE or brand in _OTHER_BRANDS:
        return False
    mg = _strength(use)
    return not (route_of(use) is Route.BUCCAL and mg is not None and mg < _LEAST_FILM_MG)


def strength(use: MedicationUse, zubsolv_factor: float) -> float | None:
    """Return mg in a unit of the product, as of a film or generic tablet."""
    mg = _strength(use)
    return None if mg is None else round(mg * _factor(use, zubsolv_factor))


def total(uses: Iterable[MedicationUse], zubsolv_factor: float) -> Amount | None:
    """Return mg a day of several together, as of films; unknown if one is unknown."""
    low = high = 0.0
    for use in uses:
        daily = daily_mg(use, BUPRENORPHINE)
        if daily is None:
            return None
        factor = _factor(use, zubsolv_factor)
        low, high = low + daily.low * factor, high + daily.high * factor
    return Amount(low, high, "mg")


def _strength(use: MedicationUse) -> float | None:
    return next((one.mg for one in use.drug.ingredients if one.name == BUPRENORPHINE), None)


def _factor(use: MedicationUse, zubsolv_factor: float) -> float:
    is_zubsolv = use.drug.brand.lower() == "zubsolv" or _strength(use) in _ZUBSOLV_MG
    return zubsolv_factor if is_zubsolv else 1.0
