"""What opioids the patient has taken: exposure, tolerance, morphine equivalents in sum."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Final, NamedTuple

from cards.case import WILL_BE_TAKEN, Case
from cards.chart import Chart, MedicationUse
from cards.courses import is_single
from cards.definitions import number
from cards.dosing import daily_mme, days_with_refills
from cards.drug_classes import ANY_OPIOID, OPIOIDS
from cards.maintenance import STOPPED, beside, is_maintained
from cards.medications import (
    first_date,
    first_taken,
    in_use,
    last_date,
    same_medicine,
    supply_end,
    systemic,
)
from cards.oud import treats_disorder
from cards.record import later

MEDICATIONS: Final = "medications"  # in `Chart.missing` when neither kind of record came

_NEVER_TAKEN: Final = frozenset(
    {
        "not-taken", "cancelled", "draft", "entered-in-error", "not-done", "declined",
        "intended", "preparation",
    }
)  # fmt: skip
_ON_SCREEN: Final = WILL_BE_TAKEN | STOPPED


class Equivalents(NamedTuple):
    """Morphine milligram equivalents a day, at most, of several opioids together."""

    mme: float  # of those whose dose is known
    complete: bool  # every dose is known
    uses: tuple[MedicationUse, ...]


def naive(chart: Chart) -> bool | None:
    """Say whether no opioid was taken for a week of late; `None` without a medication list.

    An opioid in use whose begin is not on record counts as taken for long.
    """
    if MEDICATIONS in chart.missing:
        return None
    days: set[int] = set()
    for use in _taken(chart):
        span = _span(use, chart.today)
        if span is None:
            return False
        days.update(span)
    return len(days) < number("opioid.naive_days")


def tolerant(case: Case) -> bool | None:
    """Say whether opioids in use make for tolerance, as labels define it; `None` if unknown.

    What is taken as needed counts at its least.
    """
    if MEDICATIONS in case.chart.missing:
        return None
    mme, unknown = 0.0, False
    records = _records(case.chart)
    for use in case.in_use(OPIOIDS):
        daily = daily_mme(use)
        taken = _days_taken(use, records, case.chart.today)
        if taken is not None and taken < number("opioid.tolerant_days"):
            continue
        if taken is None or daily is None:
            unknown = True
        else:
            mme += daily.low
    if mme >= number("opioid.tolerant_mme"):
        return True
    return None if unknown else False


def for_pain(case: Case) -> tuple[MedicationUse, ...]:
    """Return the opioids in use; methadone for opioid use disorder is no pain medicine."""
    return tuple(use for use in case.in_use(OPIOIDS) if not treats_disorder(use))


def long_term(case: Case) -> bool:
    """Say whether an opioid for pain has been in use for months."""
    longest = number("lookback.established_days")
    records = _records(case.chart)
    taken = (_days_taken(use, records, case.chart.today) for use in for_pain(case))
    return any(days is not None and days >= longest for days in taken)


def before(case: Case) -> Equivalents:
    """Return what the patient takes now."""
    return _equivalents(for_pain(case))


def after(case: Case) -> Equivalents:
    """Return what the patient will take when the orders on the screen are signed."""
    kept = (use for use in for_pain(case) if not _is_superseded(use, case))
    drafted = (use for use in case.drafted(OPIOIDS) if not treats_disorder(use))
    own = (case.use,) if case.order.status in WILL_BE_TAKEN else ()
    return _equivalents((*own, *drafted, *kept))


def continued(case: Case) -> bool:
    """Say whether the order goes on with long-term opioids at no higher dose."""
    if not long_term(case):
        return False
    old, new = before(case), after(case)
    if old.complete and new.complete:
        return new.mme <= old.mme
    return case.view.renewal_of is not None


def earlier_days(case: Case) -> float:
    """Return the days of opioid supply that led up to this order without a long gap."""
    gap = number("opioid.adjacent_fill_days")
    days, begin = 0.0, case.chart.today
    for first, length in sorted(_fills(case.chart).items(), reverse=True):
        if (begin - first).days - length > gap:
            break
        days += length
        begin = first
    return days


def oud_decides(case: Case) -> bool:
    """Say whether opioid use disorder, or its treatment, is on record: its rules speak then."""
    return case.history.opioid_use_disorder.on_record or is_maintained(beside(case))


def _taken(chart: Chart) -> Iterator[MedicationUse]:
    for use in chart.medications:
        exposing = not ANY_OPIOID.isdisjoint(use.drug.classes)
        if exposing and use.status not in _NEVER_TAKEN and systemic(use):
            yield use


def _span(use: MedicationUse, today: date) -> range | None:
    """Return the recent days on which it was taken, as ordinals, or `None` if in use for long.

    A past medicine of unknown length counts as one day.
    """
    begin = first_date(use)
    active = in_use(use, today, for_safety=True)
    if begin is None:
        return None if active else range(0)
    end = _end(use, today, active) or later(begin, 1)
    earliest = later(today, -number("opioid.naive_window_days"))
    return range(max(begin, earliest).toordinal(), min(end, today).toordinal())


def _end(use: MedicationUse, today: date, active: bool) -> date | None:
    if is_single(use):
        return None
    if use.ended and use.status != "active":
        return use.ended
    return supply_end(use) or (today if active else last_date(use))


def _records(chart: Chart) -> tuple[MedicationUse, ...]:
    return tuple(use for use in chart.medications if not OPIOIDS.isdisjoint(use.drug.classes))


def _days_taken(
    use: MedicationUse, records: tuple[MedicationUse, ...], today: date
) -> int | None:
    """Return for how long it has been taken, going back through fills without a gap."""
    begin = first_taken(use, records, today)
    return None if begin is None else (today - begin).days


def _equivalents(uses: tuple[MedicationUse, ...]) -> Equivalents:
    daily = [daily_mme(use) for use in uses]
    known = [amount.high for amount in daily if amount is not None]
    return Equivalents(sum(known), len(known) == len(daily), uses)


def _is_superseded(use: MedicationUse, case: Case) -> bool:
    """Say whether an order on the screen renews, changes or stops this product."""
    return any(
        order.status in _ON_SCREEN
        and order.medication is not None
        and order.medication.drug.extended == use.drug.extended
        and same_medicine(order.medication, use)
        for order in case.chart.drafts
    )


def _fills(chart: Chart) -> dict[date, float]:
    """Return the length in days of the supplies before today; two records of a day are one."""
    fills: dict[date, float] = {}
    for use in _opioid_supplies(chart):
        first, days = first_date(use), days_with_refills(use)
        if first and days and first < chart.today:
            taken = days if use.ended is None else min(days, (use.ended - first).days)
            fills[first] = max(fills.get(first, 0.0), taken)
    return fills


def _opioid_supplies(chart: Chart) -> Iterable[MedicationUse]:
    return (
        use
        for use in _taken(chart)
        if not OPIOIDS.isdisjoint(use.drug.classes) and not is_single(use)
    )
