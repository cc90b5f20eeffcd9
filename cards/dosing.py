"""Dose arithmetic: daily and single dose, days supplied, morphine milligram equivalents.

The reading of several instructions of one order, the cautious way:

* instructions that each say how long they last follow each other (a titration or a taper):
  the daily dose is a range from the least to the most, the days add up;
* a single dose beside a regular one is a loading dose: also a range;
* instructions to be taken as needed are alternatives (by strength of pain): the most counts;
* regular instructions of different frequency, or each once a day, are taken together
  (morning and bedtime): they add up, and what is taken as needed comes on top of the high end;
* regular instructions of the same frequency, twice a day or more, are alternatives: a range.

One that cannot be computed makes the whole unknown.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from cards.chart import Amount, Dosage, Drug, Ingredient, MedicationUse, Route
from cards.definitions import number
from cards.drug_classes import OPIOIDS
from cards.sig import PRODUCT_UNITS

MG: Final[Mapping[str, float]] = {"mg": 1.0, "mcg": 0.001, "g": 1000.0}
MME: Final = "mme"  # the unit of `daily_mme`
HOURS_PER_DAY: Final = 24
MCG_PER_MG: Final = 1000
# A dose without a unit is a count of tablets only while it looks like one: 500 is not.
MOST_UNITS_AT_ONCE: Final = 8

MOST_MG: Final = 100_000  # at one time or a day; no dose comes near
_DIGITS: Final = ((1000, 0), (100, 1), (1, 2), (0, 5))  # from so many mg on, so many decimals

_FILE: Final = Path(__file__).with_name("mme.toml")
_BESIDE: Final = frozenset({"naloxone"})  # "8 mg" of such a combination is the other one's
_ORAL_FORMS: Final = frozenset(
    {"tablet", "capsule", "pill", "caplet", "solution", "suspension", "syrup", "lozenge"}
)
_SPRAYED: Final = frozenset({"spray", "puff"})

# Turns the amount of one time into another measure, or says that it cannot.
Measure = Callable[[Amount], Amount | None]


def daily_mg(use: MedicationUse, ingredient: str) -> Amount | None:
    """Return mg a day of one ingredient, unit ``mg``; averaged when not taken every day.

    The high end is the most that the order allows (what is taken as needed at its highest
    frequency, within a stated maximum), the low end the least. A single dose counts as a day.
    """
    found = None if use.drug.pack else _ingredient(use.drug, ingredient)
    if found is None:
        return None
    worn = found.per == "h"
    return _rounded(_per_day(use.dosages, lambda amount: _mg(amount, use.drug, found), worn))


def single_mg(use: MedicationUse, ingredient: str) -> Amount | None:
    """Return mg of one ingredient taken at one time; unknown for a patch and for a pack."""
    found = None if use.drug.pack else _ingredient(use.drug, ingredient)
    if found is None or found.per == "h":
        return None
    amounts = [_converted(d.amount, lambda a: _mg(a, use.drug, found)) for d in use.dosages]
    return _rounded(_span(amounts))


def days_supplied(use: MedicationUse) -> float | None:
    """Return the days that one fill lasts at the highest daily use, or `None` if unknown.

    The stated supply, else quantity by daily use, else the length of the instructions.
    """
    if use.supply_days is not None:
        return _believable(use.supply_days)
    if use.quantity and not use.drug.pack:
        daily = _per_day(use.dosages, lambda amount: _count(amount, use), worn=False)
        quantity = _converted(use.quantity, lambda amount: _count(amount, use))
        if daily and quantity and daily.high > 0:
            return _believable(quantity.high / daily.high)
    return _believable(_stated_days(use.dosages))


def days_with_refills(use: MedicationUse) -> float | None:
    """Return the days that the order with all its refills lasts, or `None` if unknown."""
    days = days_supplied(use)
    return None if days is None else _believable(days * (1 + use.refills))


def _believable(days: float | None) -> float | None:
    if days is None or days > number("dosing.longest_supply_days"):
        return None
    return round(days, 1)


def _rounded(amount: Amount | None) -> Amount | None:
    """Return a dose as a card tells it; one of many times any dose is a slip of the pen."""
    if amount is None or amount.high > MOST_MG:
        return None
    digits = next(digits for least, digits in _DIGITS if amount.high >= least)
    return Amount(round(amount.low, digits), round(amount.high, digits), amount.unit)


def scheduled(use: MedicationUse) -> bool | None:
    """Say whether some of it is taken regularly; `False` if all is as needed."""
    if any(d.times_per_day and not d.as_needed for d in use.dosages):
        return True
    return False if use.dosages and all(d.as_needed for d in use.dosages) else None


def daily_mme(use: MedicationUse) -> Amount | None:
    """Return morphine milligram equivalents a day (CDC 2022), unit ``mme``.

    Nothing for a medicine that does not count: no opioid, or buprenorphine (see
    `counts_in_mme`). Unknown for an opioid or a route without a factor, or without a dose.
    """
    if not counts_in_mme(use.drug):
        return Amount(0, 0, MME)
    if for_cough(use.drug):
        return None
    shares = [_mme(use, i.name) for i in use.drug.ingredients if _may_count(i.name, use.drug)]
    return _sum(shares) if shares else None


def counts_in_mme(drug: Drug) -> bool:
    """Say whether the drug adds to the total: buprenorphine, for one, is never counted."""
    return not drug.classes.isdisjoint(OPIOIDS) or not drug.ingredient_names.isdisjoint(
        _factors().any_route
    )


def for_cough(drug: Drug) -> bool:
    """Say whether an opioid is combined with what only cough and cold products hold."""
    return not drug.ingredient_names.isdisjoint(_factors().cough)


def route_of(use: MedicationUse) -> Route:
    """Return the order's route, else the product's, else what its form tells."""
    if use.route is not Route.UNKNOWN:
        return use.route
    if use.drug.route is Route.UNKNOWN and use.drug.form in _ORAL_FORMS:
        return Route.ORAL
    return use.drug.route


def _ingredient(drug: Drug, name: str) -> Ingredient | None:
    return next((i for i in drug.ingredients if i.name == name), None)


def _mg(amount: Amount, drug: Drug, ingredient: Ingredient) -> Amount | None:
    """Convert an amount of the product, or a weight, to mg of the ingredient."""
    weight = MG.get(amount.unit)
    if weight and ingredient.per != "g":
        # A weight of a combination does not say whose it is.
        return _scaled(amount, weight, "mg") if _bears_the_dose(drug, ingredient) else None
    if amount.unit == "mcg/h":
        return _scaled(amount, 1 / MCG_PER_MG, "mg") if ingredient.per == "h" else None
    if ingredient.mg is None:
        return None
    units = _units(amount, ingredient.per)
    return _scaled(units, ingredient.mg, "mg") if units else None


def _units(amount: Amount, per: str) -> Amount | None:
    """Return the amount in what the strength is given per, or `None` if it is another thing."""
    if per == "mL":
        return amount if amount.unit == "ml" else None
    if per == "g":
        return _scaled(amount, MG[amount.unit] / MG["g"], "g") if amount.unit in MG else None
    if per == "actuation" and amount.unit in _SPRAYED:
        return amount
    counted = amount.unit in PRODUCT_UNITS
    return amount if counted or _is_plain_count(amount) else None


def _is_plain_count(amount: Amount) -> bool:
    return not amount.unit and amount.high <= MOST_UNITS_AT_ONCE


def _bears_the_dose(drug: Drug, ingredient: Ingredient) -> bool:
    return drug.ingredient_names - _BESIDE == {ingredient.name} or len(drug.ingredients) == 1


def _count(amount: Amount, use: MedicationUse) -> Amount | None:
    """Convert an amount to units of the product, ml or g: whichever the product comes in."""
    if amount.unit in PRODUCT_UNITS or not amount.unit or amount.unit == use.drug.form:
        return Amount(amount.low, amount.high, "")
    if amount.unit == "ml":
        return amount
    return _units_of_weight(amount, use.drug)


def _units_of_weight(amount: Amount, drug: Drug) -> Amount | None:
    """Convert 10 mg of a 5 mg tablet to two tablets, of a 5 mg/mL solution to 2 ml."""
    weight = MG.get(amount.unit)
    bearing = [i for i in drug.ingredients if i.mg and _bears_the_dose(drug, i)]
    if not weight or not bearing:
        return None
    only = bearing[0]
    unit = {"unit": "", "mL": "ml"}.get(only.per)
    if unit is None or not only.mg:
        return None
    return _scaled(amount, weight / only.mg, unit)


def _stated_days(dosages: Sequence[Dosage]) -> float | None:
    """Return how long the instructions last together; a single dose lasts one day."""
    lengths = [d.days if d.days is not None else (1.0 if d.once else None) for d in dosages]
    known = [length for length in lengths if length is not None]
    return sum(known) if known and len(known) == len(lengths) else None


class _Daily(NamedTuple):
    """What one instruction comes to in a day."""

    dosage: Dosage
    amount: Amount


def _per_day(dosages: Sequence[Dosage], measure: Measure, worn: bool) -> Amount | None:
    parts: list[_Daily] = []
    if len(dosages) > 1:
        dosages = list(dict.fromkeys(dosages))  # the same instruction twice is one
    for dosage in dosages:
        amount = _worn(dosage, measure) if worn else _day_of(dosage, measure)
        if amount is None:
            return None
        parts.append(_Daily(dosage, amount))
    if len(parts) <= 1:
        return parts[0].amount if parts else None
    return _together(parts)


def _together(parts: Sequence[_Daily]) -> Amount | None:
    amounts = [part.amount for part in parts]
    if len({amount.unit for amount in amounts}) > 1:
        return None
    if any(part.dosage.days is not None or part.dosage.once for part in parts):
        return _span(amounts)
    regular = [part for part in parts if not part.dosage.as_needed]
    needed = [part.amount for part in parts if part.dosage.as_needed]
    if not regular:
        return _span(needed)
    # A titration's steps follow one another; what is as needed may come on top of any.
    base = _span([_concurrent(step) for step in _steps(regular)])
    if base is None or not needed:
        return base
    return Amount(base.low, base.high + max(amount.high for amount in needed), base.unit)


def _steps(parts: Iterable[_Daily]) -> Iterable[Sequence[_Daily]]:
    """Return the instructions that hold at the same time, by their number in the order."""
    by_number: dict[int | None, list[_Daily]] = {}
    for part in parts:
        by_number.setdefault(part.dosage.sequence, []).append(part)
    return by_number.values()


def _concurrent(parts: Sequence[_Daily]) -> Amount | None:
    amounts = [part.amount for part in parts]
    return _sum(amounts) if _add_up(parts) else _span(amounts)


def _add_up(parts: Sequence[_Daily]) -> bool:
    times = [part.dosage.times_per_day for part in parts]
    return len(set(times)) == len(times) or all(t is not None and t.high <= 1 for t in times)


def _day_of(dosage: Dosage, measure: Measure) -> Amount | None:
    """Return what one instruction comes to in a day, in the measure asked for."""
    single = _converted(dosage.amount, measure)
    if dosage.once:
        return single
    most = _most(dosage, single, measure)
    if single is None or dosage.times_per_day is None:
        # "As needed, at most 4 a day" has a ceiling though no frequency.
        return most if dosage.as_needed else None
    times = dosage.times_per_day
    high = single.high * times.high
    if most and most.unit == single.unit:
        high = min(high, most.high)
    return Amount(min(single.low * times.low, high), high, single.unit)


def _most(dosage: Dosage, single: Amount | None, measure: Measure) -> Amount | None:
    """Return the stated daily maximum; without a unit it counts doses or product units."""
    most = dosage.max_per_day
    if most is None:
        return None
    weighed = dosage.amount is not None and dosage.amount.unit in {*MG, "ml"}
    if most.unit == "dose" or (not most.unit and weighed):
        return _scaled(single, most.high, single.unit) if single else None
    if not most.unit:
        most = Amount(most.low, most.high, "each")
    return _converted(most, measure)


def _worn(dosage: Dosage, measure: Measure) -> Amount | None:
    """Return a day's worth of the patches worn, whatever the interval of the change."""
    hourly = _converted(dosage.amount, measure)
    return _scaled(hourly, HOURS_PER_DAY, "mg") if hourly else None


def _mme(use: MedicationUse, ingredient: str) -> Amount | None:
    route = route_of(use)
    if route is Route.UNKNOWN and ingredient in _factors().only_oral:
        route = Route.ORAL
    table = {Route.ORAL: _factors().oral, Route.TRANSDERMAL: _factors().transdermal}.get(route)
    factor = table.get(ingredient) if table else None
    daily = daily_mg(use, ingredient) if factor else None
    if factor is None or daily is None:
        return None
    if route is Route.TRANSDERMAL:
        factor *= MCG_PER_MG / HOURS_PER_DAY  # mg a day back to mcg/h
    return Amount(round(daily.low * factor, 6), round(daily.high * factor, 6), MME)


def _may_count(ingredient: str, drug: Drug) -> bool:
    """Say whether this part of a combination is the opioid."""
    return ingredient in _factors().any_route or len(drug.ingredients) == 1


class _Factors(NamedTuple):
    oral: Mapping[str, float]
    transdermal: Mapping[str, float]
    any_route: frozenset[str]
    cough: frozenset[str]
    only_oral: frozenset[str]


@cache
def _factors() -> _Factors:
    tables = tomllib.loads(_FILE.read_text("utf-8"))
    oral, transdermal = (
        {name: float(entry["factor"]) for name, entry in tables[key].items()}
        for key in ("oral", "transdermal")
    )
    cough = frozenset(tables["without_factor"]["beside"])
    only_oral = frozenset(tables["only_oral"]["ingredients"])
    return _Factors(
        oral, transdermal, frozenset(oral) | frozenset(transdermal), cough, only_oral
    )


def _converted(amount: Amount | None, measure: Measure) -> Amount | None:
    return measure(amount) if amount else None


def _scaled(amount: Amount, factor: float, unit: str) -> Amount:
    return Amount(amount.low * factor, amount.high * factor, unit)


def _span(amounts: Sequence[Amount | None]) -> Amount | None:
    """Return the range from the least to the most; unknown if any is unknown."""
    known = [amount for amount in amounts if amount is not None]
    if not known or len(known) < len(amounts) or len({a.unit for a in known}) > 1:
        return None
    return Amount(min(a.low for a in known), max(a.high for a in known), known[0].unit)


def _sum(amounts: Sequence[Amount | None]) -> Amount | None:
    known = [amount for amount in amounts if amount is not None]
    if not known or len(known) < len(amounts):
        return None
    return Amount(sum(a.low for a in known), sum(a.high for a in known), known[0].unit)
