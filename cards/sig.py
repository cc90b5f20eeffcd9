"""Read a dosage instruction in words ("1-2 tabs q4-6h prn"): a number or nothing, no guess.

Each pattern takes what it understands out of the text. A number that nobody took, a second
amount or frequency, or a word of change ("then", "taper", "may repeat") means that the text
says more than was understood: amount and frequency then stay unknown.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cards.chart import Amount, Dosage, Route
from cards.sig_words import (
    ANY,
    BESIDE,
    HOURS,
    NUMBER,
    PRODUCT,
    PRODUCT_UNITS,
    STRENGTH_OF_PATCH,
    UNIT,
    either,
    plain,
    unit_name,
)

__all__ = ["LONGEST", "PRODUCT_UNITS", "read_sig", "unit_name"]

LONGEST: Final = 300  # characters; a longer text is a leaflet, not an instruction
_MOST_AT_ONCE: Final = 8  # units of a product
_FAR_MORE: Final = 5  # times the dose: a quantity; "1 tab daily, 2 tab" may be two doses
_SPOONS_ML: Final = {"teaspoon": 5.0, "tablespoon": 15.0}


def read_sig(text: str) -> Dosage:
    """Return what a free-text instruction says; what was not understood stays unknown."""
    if len(text) > LONGEST or not text.strip():  # and a long text is not worth keeping
        return Dosage(text=text)
    return _read(text)


@lru_cache(maxsize=1024)
def _read(text: str) -> Dosage:
    line = _Line(plain(text))
    as_needed = line.takes(_AS_NEEDED)
    route = _route(line)
    line.takes(BESIDE)
    line.takes(STRENGTH_OF_PATCH)
    changes = line.takes(_CHANGES)
    most = _single(line.each(_MAXIMUM, _maximum))
    days = line.each(_DURATION, _days)
    line.takes(_SAME_DOSE)
    dose = _dose(line)
    length = _single(days | dose.days)
    if changes:  # the numbers belong to different times
        return Dosage(text=text, route=route, as_needed=as_needed)
    return Dosage(
        text=text,
        route=route,
        amount=dose.amount,
        times_per_day=dose.times,
        as_needed=as_needed or dose.at_most,
        max_per_day=most,
        once=dose.once,
        days=length.high if length else None,
    )


class _Line:
    """A text from which each pattern takes what it understands."""

    def __init__(self, text: str) -> None:
        self.text = text

    def takes(self, pattern: re.Pattern[str]) -> bool:
        """Take every match out; say whether there was one."""
        self.text, count = pattern.subn(" ; ", self.text)
        return count > 0

    def each(
        self, pattern: re.Pattern[str], read: Callable[[re.Match[str]], Amount]
    ) -> set[Amount]:
        """Take every match out and return what they say."""
        found = {read(match) for match in pattern.finditer(self.text)}
        if found:
            self.text = pattern.sub(" ; ", self.text)
        return found


@dataclass(frozen=True, slots=True)
class _Dose:
    amount: Amount | None = None
    times: Amount | None = None
    once: bool = False
    days: frozenset[Amount] = frozenset()  # "twice a day 30 days"
    at_most: bool = False  # "up to 3 times a day": as needed, whether it says so or not


def _dose(line: _Line) -> _Dose:
    at_most = line.takes(_AT_MOST)
    last = line.each(_LAST, _amount)
    times = {found for pattern, read in _FREQUENCIES for found in line.each(pattern, read)}
    parts = len(line.each(_DAY_PART, _day_part))
    if parts:
        times.add(Amount(parts, parts))
    meals = line.takes(_MEALS)
    once = line.takes(_ONCE)
    days = frozenset(line.each(_LENGTH_AFTER, _days)) if times else frozenset()
    amounts = _amounts(line, last)
    never = any(amount.high <= 0 for amount in times)  # "every 0 hours"
    several = len(times) + once > 1 or len(amounts) > 1 or (meals and parts > 0)
    if several or never or _DIGIT.search(line.text):
        return _Dose()
    return _Dose(_single(amounts), _single(times), once, days, at_most)


def _is_handed_out(last: Amount, doses: set[Amount]) -> bool:
    """Tell the quantity at the end of an order from a dose: it is far more than one dose."""
    if last.unit in PRODUCT_UNITS and last.high > _MOST_AT_ONCE:
        return True
    return bool(doses) and all(
        dose.unit == last.unit and last.low >= _FAR_MORE * dose.high for dose in doses
    )


def _amounts(line: _Line, last: Iterable[Amount]) -> set[Amount]:
    counted = line.each(_COUNT_OF_STRENGTH, _amount)  # "2 x 5 mg tablets"
    strengths = line.each(_STRENGTH_OF_PRODUCT, _amount)  # "5 mg tablet"
    amounts = counted | line.each(_AMOUNT, _amount) | line.each(_BARE, _amount)
    amounts |= {amount for amount in last if not _is_handed_out(amount, amounts)}
    # "oxycodone 5 mg tablet, take 1 tablet": the strength describes, the count is the dose
    described = amounts and all(amount.unit in PRODUCT_UNITS for amount in amounts)
    return amounts if described else amounts | strengths


def _route(line: _Line) -> Route:
    found = {_ROUTES[words] for words in _ROUTE.findall(line.text)}
    line.takes(_ROUTE)
    return found.pop() if len(found) == 1 else Route.UNKNOWN


def _single(found: Iterable[Amount]) -> Amount | None:
    """Return the one thing said; nothing, or several that differ, is unknown."""
    known = set(found)
    return known.pop() if len(known) == 1 else None


def _range(match: re.Match[str]) -> tuple[float, float]:
    low = float(match["low"] or 1)  # "a tablet"
    high = float(match["high"] or low)
    return min(low, high), max(low, high)


def _amount(match: re.Match[str]) -> Amount:
    low, high = _range(match)
    unit = unit_name(match.groupdict().get("unit") or "")
    if spoon := _SPOONS_ML.get(unit):
        return Amount(low * spoon, high * spoon, "ml")
    return Amount(low, high, unit)


def _maximum(match: re.Match[str]) -> Amount:
    _, high = _range(match)
    return Amount(high, high, unit_name(match["unit"] or ""))


def _days(match: re.Match[str]) -> Amount:
    low, high = _range(match)
    length = _SPAN_DAYS[match["span"][0]]
    return Amount(low * length, high * length)


def _interval(match: re.Match[str]) -> Amount:
    """Read "every 4-6 hours"."""
    low, high = _range(match)
    span = _SPAN_DAYS[match["span"][0]]
    return Amount(1 / (high * span), 1 / (low * span)) if low else Amount(0, 0)


def _count(match: re.Match[str]) -> Amount:
    """Read "3 times a week"."""
    low, high = _range(match)
    span = _SPAN_DAYS["w" if match["span"][0] == "w" else "d"]
    return Amount(low / span, high / span)


def _per_day(match: re.Match[str]) -> Amount:
    """Read "bid" and "every day"."""
    times = _TIMES.get(match["word"]) or 1 / _SPAN_DAYS[match["span"][0]]
    return Amount(times, times)


def _day_part(match: re.Match[str]) -> Amount:
    part = _PARTS[match[0]]
    return Amount(part, part)


# Atomic, or else "4-6" would be read as 4 where 6 is refused.
_SPAN: Final = rf"(?>(?P<low>{NUMBER})(?: ?(?:-|to|or) ?(?P<high>{NUMBER}))?)(?![\d.]*\d)"
_RANGE: Final = rf"(?<![\w./-]){_SPAN}"
_DAY: Final = rf"(?:days?\b|daily\b|d\b|24 ?{HOURS})"
_PER: Final = r"(?:/|\b(?:a|an|per|each|every|in|in a|in any)\b)"
_DIGIT: Final = re.compile(r"\d")
_SPAN_DAYS: Final = {"h": 1 / 24, "d": 1.0, "w": 7.0, "m": 30.0}  # by first letter

_AS_NEEDED: Final = re.compile(
    r"prn\b|\b(?:as|if|when|only if)[ -](?:needed|necessary|required)\b"
)
_ROUTE_WORDS: Final[Mapping[Route, tuple[str, ...]]] = {
    Route.ORAL: ("po", "by mouth", "in mouth", "per os", "per oris", "oral", "orally"),
    Route.SUBLINGUAL: ("sl", "sublingual", "sublingually", "under the tongue", "under tongue"),
    Route.BUCCAL: ("buccal", "buccally", "inside the cheek", "inside cheek"),
    Route.INTRAVENOUS: ("iv", "ivp", "intravenous", "intravenously"),
    Route.INTRAMUSCULAR: ("im", "intramuscular", "intramuscularly", "into the muscle"),
    Route.SUBCUTANEOUS: ("sc", "sq", "subq", "subcut", "subcutaneous", "subcutaneously",
                         "under the skin"),
    Route.TRANSDERMAL: ("transdermal", "transdermally"),
    Route.TOPICAL: ("topical", "topically", "to affected area", "to the affected area"),
    Route.INHALED: ("inhaled", "inhale", "by inhalation", "nebulized", "via nebulizer"),
    Route.NASAL: ("nasal", "nasally", "intranasal", "intranasally", "each nostril"),
    Route.RECTAL: ("pr", "rectal", "rectally"),
    Route.EPIDURAL: ("epidural",),
    Route.INTRATHECAL: ("intrathecal", "intrathecally"),
}  # fmt: skip
_ROUTES: Final = {words: route for route, all_ in _ROUTE_WORDS.items() for words in all_}
_ROUTE: Final = re.compile(rf"\b({either(_ROUTES)})\b")

# Words by which an instruction tells of more than one dose, or of a dose by weight or by hour.
_CHANGES: Final = re.compile(
    r"\b(?:then|taper|tapering|titrate|titrating|titration|wean|increase|increasing|decrease|"
    r"decreasing|reduce|alternate|alternating|followed by|repeat|additional|another|extra|"
    r"except|skip|hold|unless|loading|bolus|continuous|infuse|infusion|drip|pca|escalate|"
    r"mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?|mwf|"
    r"(?<!a )(?<!per )(?<!each )(?<!every )(?<!other )(?:day|week|month)s? [#\d]|"
    r"(?:first|second|third|next|last) (?:day|week|month|dose)s?|"
    r"per kg|per hour|an hour|hourly|per minute|minutes|mins?)\b"
    r"|/ ?(?:kg|m2|min|h|hr|hour)\b"
)
_MAXIMUM: Final = re.compile(
    r"\b(?:max(?:imum)?\.?|mdd|not to exceed|nte|dne|(?:no|not) more than|at most|"
    r"limit(?:ed)? to|do not (?:exceed|take more than|use more than))"
    r"(?: (?:daily|amount|dose|total|of|is|per day)){0,4} ?[:=]? ?"
    rf"{_RANGE}(?! ?(?:times?|x|days?|weeks?)\b)(?: ?{UNIT})?+(?: ?{_PER} ?{_DAY}| daily\b)?+"
    # "at most 2 at a time", or in a week, is no daily maximum
    rf"(?! ?(?:{_PER}|at\b) ?\w)"
)
_DURATION: Final = re.compile(
    r"\b(?:for|x|duration:?) ?"
    r"(?:up to |(?:no|not) more than |a total of |the next |about |max(?:imum)? (?:of )?)?"
    rf"{_SPAN}[ -]?(?P<span>days?|d|weeks?|wks?|w|months?)\b"
)
_LENGTH_AFTER: Final = re.compile(
    rf"(?:[;,]|\b(?:pain|spasms?)) *{_SPAN}[ -]?"
    r"(?P<span>days?|weeks?|wks?|months?)(?= *(?:[;,.]|$))"
)
_LAST: Final = re.compile(
    rf"[;,] *(?P<low>{NUMBER})(?P<high>) ?(?P<unit>(?:{PRODUCT}|mls?)\b)(?=[;,. ]*$)"
)
_FEW: Final = r"(?:[0-8](?:\.\d{1,6})?|\.\d{1,6})"  # "5 mg, 60 tablets" is no dose of sixty
# "10 mg = 2 tablets", "10 mg, 2 tablets", "10 mg (2 tablets)": the count is the dose.
_SAME_DOSE: Final = re.compile(
    rf"(?<![\w./-])(?>{ANY}) ?(?:mg|mcg|g)\b"
    rf"(?: ?= ?(?=(?>{ANY}) ?(?:{PRODUCT}|ml)\b)"
    rf"| ?[,(] ?(?=(?>{_FEW}(?: ?(?:-|to|or) ?{_FEW})?) ?(?:{PRODUCT})\b))"
)
_AT_MOST: Final = re.compile(
    rf"\b(?:up to|(?:no|not) more than|max(?:imum)?(?: of)?) (?={ANY} ?(?:x|times?)\b)"
)
_TIMES: Final = {
    "bid": 2, "bd": 2, "tid": 3, "tds": 3, "qid": 4, "qds": 4, "daily": 1, "qd": 1, "qday": 1,
    "weekly": 1 / 7, "qwk": 1 / 7, "monthly": 1 / 30,
    "qod": 1 / 2, "every other day": 1 / 2, "every other night": 1 / 2,
    "every other morning": 1 / 2, "alternate days": 1 / 2,
}  # fmt: skip
_FREQUENCIES: Final = (
    (
        re.compile(
            rf"\b(?:q|every|each) ?{_SPAN} ?-?"
            r"(?P<span>hours?|hrs?|h|days?|d|weeks?|wks?|months?)\b"
        ),
        _interval,
    ),
    (
        re.compile(
            rf"{_RANGE} ?(?:x|times?) ?{_PER}? ?"
            rf"(?P<span>days?\b|daily\b|d\b|24 ?{HOURS}|week\b|weekly\b|wk\b)"
        ),
        _count,
    ),
    (
        re.compile(
            rf"(?:\bonce )?(?<!\w)(?P<word>{either(_TIMES)}"
            r"|(?:a|per|each|every) (?P<span>day|week|month))\b"
        ),
        _per_day,
    ),
)
_PARTS: Final = {
    word: number
    for number, words in enumerate(
        (
            ("qam", "q am", "morning", "mornings", "am", "breakfast"),
            ("noon", "midday", "afternoon", "lunch"),
            ("qpm", "q pm", "evening", "evenings", "pm", "dinner", "supper"),
            ("qhs", "q hs", "hs", "bedtime", "night", "nightly", "bed"),
        )
    )
    for word in words
}
_DAY_PART: Final = re.compile(rf"\b(?:{either(_PARTS)})\b")
_MEALS: Final = re.compile(r"\b(?:with|before|after) (?:each |every |all )?meals?\b|\bachs?\b")
_ONCE: Final = re.compile(
    r"\b(?:once|stat|now|single dose|one-time)\b|\b(?:x|for) ?1(?: (?:dose|time))?\b(?! ?\w)"
    r"|(?<![\w.-])1 (?:time|dose)\b"
)
_COUNT_OF_STRENGTH: Final = re.compile(
    rf"{_RANGE} ?(?:x )?{NUMBER} ?(?:mg|mcg|g) (?P<unit>{PRODUCT})\b"
)
_STRENGTH_OF_PRODUCT: Final = re.compile(rf"{_RANGE} ?(?P<unit>mg|mcg|g) (?:{PRODUCT})\b")
_AMOUNT: Final = re.compile(rf"(?:{_RANGE}|\ban?) ?{UNIT}(?! ?/)")
_BARE: Final = re.compile(
    r"(?:^|;|\b(?:take|give|use|apply|place|chew|inject|insert|put|dissolve|wear))"
    rf" *{_SPAN}(?= *(?:;|,|$))"
)
