"""On which days ketorolac was taken, by whatever route, and whether it was given once."""

from datetime import date, timedelta
from math import ceil
from typing import Final

from cards.chart import Chart, MedicationUse, Route
from cards.courses import is_single
from cards.dosing import days_supplied, days_with_refills, route_of
from cards.medications import first_date, parenteral
from cards.nsaids import is_ketorolac, systemic_nsaid
from cards.record import later

_TAKEN: Final = frozenset({"active", "in-progress", "completed", "stopped"})
_ONGOING: Final = frozenset({"active", "in-progress"})


def is_scheduled_ketorolac(use: MedicationUse) -> bool:
    """Say whether it is ketorolac, and more than a single dose for all that is known."""
    if not is_ketorolac(use) or is_single(use):
        return False
    days = days_supplied(use)
    return any(d.times_per_day for d in use.dosages) or (days is not None and days > 1)


def is_single_ketorolac(use: MedicationUse) -> bool:
    """Say whether it is one dose of ketorolac, given or to be given."""
    return is_ketorolac(use) and is_single(use)


def starts_the_course(use: MedicationUse) -> bool:
    """Say whether it is the injection or the nasal spray that tablets may follow."""
    return is_ketorolac(use) and (parenteral(use) or route_of(use) is Route.NASAL)


def recent(chart: Chart, window_days: float) -> tuple[MedicationUse, ...]:
    """Return the records of ketorolac taken in the last ``window_days`` days."""
    return tuple(
        use
        for use in chart.medications
        if is_ketorolac(use)
        and systemic_nsaid(use)
        and use.status in _TAKEN
        and days_taken(use, chart.today, window_days)
    )


def days_taken(use: MedicationUse, today: date, window_days: float) -> frozenset[date]:
    """Return the days of the window on which it was taken, today included."""
    begin = first_date(use)
    if begin is None:
        return frozenset()
    since = later(today, -window_days)
    last = later(begin, _length(use, begin, today, since) - 1)
    return _days(max(begin, since), min(today, use.ended or today, last))


def days_ordered(use: MedicationUse, today: date) -> frozenset[date]:
    """Return the days that an order covers from today on; of unknown length, today alone."""
    length = 1 if is_single(use) else days_with_refills(use) or 1
    return _days(today, later(today, ceil(length) - 1))


def _length(use: MedicationUse, begin: date, today: date, since: date) -> int:
    known = 1 if is_single(use) else days_with_refills(use)
    if known is not None:
        return ceil(known)
    if use.ended is not None:
        return (use.ended - begin).days + 1
    # An entry without an end that began long ago was more likely forgotten than taken.
    return (today - begin).days + 1 if use.status in _ONGOING and begin >= since else 1


def _days(first: date, last: date) -> frozenset[date]:
    length = (last - first).days + 1
    return frozenset(first + timedelta(days=number) for number in range(length))
