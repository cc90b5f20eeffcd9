"""FHIR dosage instructions to Dosage: amounts at one time, timing brought to a day."""

from functools import lru_cache
from typing import NamedTuple

import orjson

from cards.chart import Amount, Dosage, Route
from cards.routes import route_of
from cards.sig import read_sig
from service.fhir import (
    Resource,
    coded,
    count,
    days_in,
    duration,
    first_object,
    items,
    number,
    objects,
    period,
    quantity,
    string,
    word,
)

# HL7's abbreviations of timing, and those that charts use in the same place.
_TIMES_PER_DAY = {
    "qd": 1.0,
    "daily": 1.0,
    "am": 1.0,
    "pm": 1.0,
    "qam": 1.0,
    "qpm": 1.0,
    "hs": 1.0,
    "qhs": 1.0,
    "bed": 1.0,
    "bid": 2.0,
    "tid": 3.0,
    "qid": 4.0,
    "qod": 0.5,
    "wk": 1 / 7,
    "mo": 1 / 30,
}
_AMOUNTS = (
    *("doseQuantity", "doseRange", "dose"),
    *("quantityQuantity", "quantityRange", "quantity"),  # DSTU2
)
_ONCE = frozenset({"once", "stat", "one time", "one-time", "x1"})
_HOURS_A_DAY = 24


class _Timing(NamedTuple):
    per_day: Amount | None = None
    once: bool = False
    days: float | None = None


_UNKNOWN = Dosage()
_NO_TIMING = _Timing()


def read_dosages(resource: Resource) -> tuple[Dosage, ...]:
    """Read every dosage instruction of an order, a statement, a dispense or a dose given."""
    listed = objects(resource.get("dosageInstruction")) or objects(resource.get("dosage"))
    if len(listed) > 1:
        listed = sorted(listed, key=lambda entry: number(entry.get("sequence")) or 0)
    if not listed and (text := string(resource.get("renderedDosageInstruction"))):
        listed = [{"text": text}]
    return tuple(read_dosage(entry) for entry in listed)


def read_dosage(entry: Resource) -> Dosage:
    """Read one instruction: its structured fields first, then what its text adds."""
    return _read_again(orjson.dumps(entry))


@lru_cache(maxsize=4096)
def _read_again(written: bytes) -> Dosage:
    """Read an instruction once: the same few are written for drug after drug."""
    entry = orjson.loads(written)
    text = string(entry.get("text")) or string(entry.get("patientInstruction"))
    timing = _read_timing(first_object(entry.get("timing")))
    route, amount, needed = _read_route(entry), _read_amount(entry), _as_needed(entry)
    timed = timing.per_day is not None or timing.once
    complete = timed and amount and route is not Route.UNKNOWN and needed is not None
    sig = read_sig(text) if text and not complete else _UNKNOWN
    return Dosage(
        text=text,
        route=sig.route if route is Route.UNKNOWN else route,
        amount=amount or sig.amount,
        times_per_day=timing.per_day if timed else sig.times_per_day,
        as_needed=sig.as_needed if needed is None else needed,
        max_per_day=_max_per_day(entry.get("maxDosePerPeriod")) or sig.max_per_day,
        once=timing.once if timed else sig.once,
        days=sig.days if timing.days is None else timing.days,
        sequence=count(entry.get("sequence")),
    )


def _read_route(entry: Resource) -> Route:
    codes, text, _ = coded(entry.get("route"))
    return route_of(codes, text) if codes or text else Route.UNKNOWN


def _read_amount(entry: Resource) -> Amount | None:
    """Give the amount at one time.

    Several ``doseAndRate`` are one dose said in several ways ("ordered", "calculated"):
    the ordered one counts, else the first that can be read. They are never added.
    """
    rates = objects(entry.get("doseAndRate"))
    if len(rates) > 1:
        rates.sort(key=lambda rate: word(rate.get("type")) != "ordered")
    for source in (*rates, entry):
        for name in _AMOUNTS:
            if name in source and (amount := quantity(source[name])):
                return amount
    return None


def _as_needed(entry: Resource) -> bool | None:
    """Say whether it is taken as needed, if that is said; a named need is enough."""
    stated = entry.get("asNeededBoolean", entry.get("asNeeded"))
    if stated is True:
        return True
    for name in ("asNeededCodeableConcept", "asNeededFor"):
        if name in entry and word(entry[name]):
            return True
    return False if stated is False else None


def _max_per_day(value: object) -> Amount | None:
    """Bring a Ratio such as 8 tablets in 24 hours to a day."""
    if value is None:
        return None
    ratio = first_object(value)
    most, span = quantity(ratio.get("numerator")), duration(ratio.get("denominator"))
    if most is None or not span:
        return None
    return Amount(most.low / span, most.high / span, most.unit)


def _read_timing(timing: Resource) -> _Timing:
    if not timing:
        return _NO_TIMING
    repeat = first_object(timing.get("repeat"))
    per_day = _by_frequency(repeat) or _by_moments(repeat)
    once = _is_once(timing, repeat)
    if per_day is None and not once:
        per_day, once = _by_code(timing.get("code"))
    return _Timing(None if once else per_day, once, _days(repeat, None if once else per_day))


def _by_frequency(repeat: Resource) -> Amount | None:
    """Bring frequency per period to times a day; ranges widen it to both sides."""
    shortest = _period_days(repeat, "period")
    if not shortest:
        return None
    least = number(repeat.get("frequency")) or 1.0
    share = 1.0
    if shortest == 1:
        least = max(least, _moments(repeat))
        share = _share_of_week(repeat)
    if least <= 0:
        return None
    most = max(least, number(repeat.get("frequencyMax")) or 0)
    longest = max(shortest, _period_days(repeat, "periodMax") or 0)
    return Amount(least / longest * share, most / shortest * share)


def _period_days(repeat: Resource, name: str) -> float | None:
    length = number(repeat.get(name))
    if length is None or length <= 0:
        return None
    unit = days_in(string(repeat.get("periodUnit")) or string(repeat.get("periodUnits")))
    return length * unit if unit else None


def _by_moments(repeat: Resource) -> Amount | None:
    """Count the moments of a day (``when``, ``timeOfDay``) or the days of a week."""
    moments = _moments(repeat)
    share = _share_of_week(repeat)
    if not moments and share == 1:
        return None
    times = max(moments, 1) * share
    return Amount(times, times)


def _moments(repeat: Resource) -> int:
    return len(items(repeat.get("when"))) or len(items(repeat.get("timeOfDay")))


def _share_of_week(repeat: Resource) -> float:
    if "dayOfWeek" not in repeat:
        return 1.0
    days = {day for day in map(word, items(repeat["dayOfWeek"])) if day}
    return min(len(days), 7) / 7 if days else 1.0


def _by_code(value: object) -> tuple[Amount | None, bool]:
    """Read an abbreviation such as BID or Q6H, else its text as a sig."""
    codes, text, _ = coded(value)
    for name in (*(code.value.lower() for code in codes), text.lower()):
        if name in _ONCE:
            return None, True
        if times := _TIMES_PER_DAY.get(name) or _every_hours(name):
            return Amount(times, times), False
    sig = read_sig(text) if text else _UNKNOWN
    return sig.times_per_day, sig.once


def _every_hours(name: str) -> float | None:
    """Read "q6h"."""
    hours = count(name[1:-1]) if name[:1] == "q" and name[-1:] == "h" else None
    return _HOURS_A_DAY / hours if hours else None


def _is_once(timing: Resource, repeat: Resource) -> bool:
    """Say whether it is given one time only."""
    if count(repeat.get("count")) == 1:
        return (count(repeat.get("countMax")) or 1) == 1
    return not repeat and len(items(timing.get("event"))) == 1


def _days(repeat: Resource, per_day: Amount | None) -> float | None:
    """Give how long the instruction lasts, in days; both ends of a Period count."""
    for name in ("boundsDuration", "boundsQuantity", "boundsRange"):
        if name in repeat and (days := duration(repeat[name])):
            return days
    start, end = period(repeat.get("boundsPeriod"))
    if start and end and end >= start:
        return (end - start).days + 1.0
    doses = count(repeat.get("count")) if per_day else None
    return doses / per_day.high if doses and per_day and per_day.high else None
