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

LONGEST: Final = 300  # characters; a longer text is a leaflet, not an instruction

# Unit names as they stand in `Amount.unit`, with what people and systems write for them.
_UNIT_WORDS: Final[Mapping[str, str]] = {
    "tablet": "tablet tablets tab tabs tbl caplet caplets",
    "pill": "pill pills",
    "capsule": "capsule capsules cap caps",
    "film": "film films strip strips",
    "patch": "patch patches ptch",
    "lozenge": "lozenge lozenges troche troches",
    "suppository": "suppository suppositories supp",
    "syringe": "syringe syringes",
    "vial": "vial vials",
    "packet": "packet packets sachet sachets",
    "implant": "implant implants",
    "each": "each ea",
    "spray": "spray sprays",
    "puff": "puff puffs actuation actuations",
    "drop": "drop drops gtt gtts",
    "application": "application applications",
    "unit": "unit units iu unt usp'u",  # of heparin: neither a mass nor a tablet
    "dose": "dose doses",
    "mg": "mg mgs milligram milligrams",
    "mcg": "mcg mcgs ug microgram micrograms",
    "g": "g gm gms gram grams",
    "ml": "ml mls cc milliliter milliliters millilitre millilitres",
    "teaspoon": "tsp teaspoon teaspoons",
    "tablespoon": "tbsp tablespoon tablespoons",
}
_UNITS: Final = {word: name for name, words in _UNIT_WORDS.items() for word in words.split()}
_UNITS_OF_RATE: Final = {f"{mass}/{time}": "mcg/h" for mass in ("mcg", "ug") for time in
                         ("h", "hr", "hour")}  # fmt: skip
_SPOONS_ML: Final = {"teaspoon": 5.0, "tablespoon": 15.0}
_COUNTED: Final = (
    "tablet pill capsule film patch lozenge suppository syringe vial packet implant each"
)
PRODUCT_UNITS: Final = frozenset(_COUNTED.split())  # one of these is one unit of the product


def unit_name(text: str) -> str:
    """Return our name of a unit written or coded in a usual way: ``{tbl}`` is ``tablet``.

    A unit that we do not know keeps its own letters, so that it never passes for no unit.
    """
    word = text.lower().replace("(s)", "").strip("{}[]. ").replace("\N{MICRO SIGN}", "u")
    return _UNITS.get(word) or _UNITS_OF_RATE.get(word, word)


@lru_cache(maxsize=1024)
def read_sig(text: str) -> Dosage:
    """Return what a free-text instruction says; what was not understood stays unknown."""
    if not text.strip() or len(text) > LONGEST:
        return Dosage(text=text)
    line = _Line(_plain(text))
    as_needed = line.takes(_AS_NEEDED)
    route = _route(line)
    line.takes(_NOISE)
    line.takes(_STRENGTH_OF_PATCH)
    changes = line.takes(_CHANGES)
    most = _single(line.each(_MAXIMUM, _maximum))
    days = _single(line.each(_DURATION, _days))
    dose = _dose(line)
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
        days=days.high if days else None,
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
    at_most: bool = False  # "up to 3 times a day": as needed, whether it says so or not


def _dose(line: _Line) -> _Dose:
    at_most = line.takes(_AT_MOST)
    times = {found for pattern, read in _FREQUENCIES for found in line.each(pattern, read)}
    parts = len(line.each(_DAY_PART, _day_part))
    if parts:
        times.add(Amount(parts, parts))
    meals = line.takes(_MEALS)
    once = line.takes(_ONCE)
    amounts = _amounts(line)
    never = any(amount.high <= 0 for amount in times)  # "every 0 hours"
    several = len(times) + once > 1 or len(amounts) > 1 or (meals and parts > 0)
    if several or never or _DIGIT.search(line.text):
        return _Dose()
    return _Dose(_single(amounts), _single(times), once, at_most)


def _amounts(line: _Line) -> set[Amount]:
    counted = line.each(_COUNT_OF_STRENGTH, _amount)  # "2 x 5 mg tablets"
    strengths = line.each(_STRENGTH_OF_PRODUCT, _amount)  # "5 mg tablet"
    amounts = counted | line.each(_AMOUNT, _amount) | line.each(_BARE, _amount)
    # "oxycodone 5 mg tablet, take 1 tablet": the strength describes, the count is the dose
    described = amounts and all(amount.unit in PRODUCT_UNITS for amount in amounts)
    return amounts if described else amounts | strengths


def _plain(text: str) -> str:
    """Return the text in lower case with every number in digits and no asides."""
    text = " ".join(text.lower().translate(_CHARACTERS).split())
    for sign, pattern, replacement in _REWRITES:
        if sign in text:
            text = pattern.sub(replacement, text)
    return _NUMBER_WORD.sub(lambda match: _NUMBER_WORDS[match[0]], text)


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


def _either(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_NUMBER: Final = r"(?:\d{1,7}(?:\.\d{1,6})?|\.\d{1,6})"
_SPAN: Final = rf"(?P<low>{_NUMBER})(?: ?(?:-|to|or) ?(?P<high>{_NUMBER}))?(?![\d.]*\d)"
_RANGE: Final = rf"(?<![\w./-]){_SPAN}"
_ANY: Final = rf"{_NUMBER}(?: ?(?:-|to|or) ?{_NUMBER})?"
_UNIT: Final = rf"(?P<unit>{_either(_UNITS)})\b"
_PRODUCT: Final = _either(w for w, name in _UNITS.items() if name in PRODUCT_UNITS)
_HOURS: Final = r"(?:hours?|hrs?|h)\b"
_DAY: Final = rf"(?:days?\b|daily\b|d\b|24 ?{_HOURS})"
_PER: Final = r"(?:/|\b(?:a|an|per|each|every|in|in a|in any)\b)"
_DIGIT: Final = re.compile(r"\d")
_SPAN_DAYS: Final = {"h": 1 / 24, "d": 1.0, "w": 7.0, "m": 30.0}  # by first letter

_CHARACTERS: Final = str.maketrans(
    {"\N{EN DASH}": "-", "\N{EM DASH}": "-", "\N{MULTIPLICATION SIGN}": "x",
     "\N{VULGAR FRACTION ONE HALF}": " 1/2", "\N{DEGREE SIGN}": "h", "\N{MICRO SIGN}": "u",
     "\N{NO-BREAK SPACE}": " ", "\n": " ", "\t": " "}
)  # fmt: skip
_NUMBER_WORDS: Final = {
    "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7",
    "eight": "8", "nine": "9", "ten": "10", "twelve": "12", "twice": "2 times",
    "thrice": "3 times", "half": "0.5",
}  # fmt: skip
_NUMBER_WORD: Final = re.compile(rf"\b(?:{_either(_NUMBER_WORDS)})\b")
_ASIDE: Final = (  # "(5 mg total)", "6 (six) hours"
    rf" ?\( ?(?:{_NUMBER}(?: ?(?:mg|mcg|g|ml)(?:/\w+)?(?: total)?)?"
    rf"|{_either(_NUMBER_WORDS)}|twenty-four) ?\)"
)
_REWRITES: Final = tuple(
    (sign, re.compile(pattern), replacement)
    for sign, pattern, replacement in (
        ("(s)", r"\(s\)", ""),
        ("/", r" ?/ ?(?=day\b)", " per "),
        (",", r"(?<=\d),(?=\d{3}\b)", ""),
        (".", r"\b([a-z])\.(?=[a-z]\b)", r"\1"),  # q.i.d.
        ("(", _ASIDE, ""),
        ("half", r"\bone[- ]half\b", "half"),
        ("half", r"\bhalf (?:of )?an? ", "half "),
        ("1/2", r"(?<![\d./])(\d+) (?:and )?1/2(?![\d/])", r"\1.5"),
        ("1/2", r"(?<![\d./])1/2(?![\d/])", "0.5"),
    )
)

_AS_NEEDED: Final = re.compile(
    r"prn\b|\b(?:as|if|when|only if)[ -](?:needed|necessary|required)\b"
)
_ROUTE_WORDS: Final[Mapping[Route, tuple[str, ...]]] = {
    Route.ORAL: ("po", "by mouth", "oral", "orally"),
    Route.SUBLINGUAL: ("sl", "sublingual", "sublingually", "under the tongue", "under tongue"),
    Route.BUCCAL: ("buccal", "buccally", "inside the cheek", "inside cheek"),
    Route.INTRAVENOUS: ("iv", "ivp", "intravenous", "intravenously"),
    Route.INTRAMUSCULAR: ("im", "intramuscular", "intramuscularly"),
    Route.SUBCUTANEOUS: ("sc", "sq", "subq", "subcut", "subcutaneous", "subcutaneously"),
    Route.TRANSDERMAL: ("transdermal", "transdermally"),
    Route.TOPICAL: ("topical", "topically", "to affected area", "to the affected area"),
    Route.INHALED: ("inhaled", "inhale", "by inhalation", "nebulized", "via nebulizer"),
    Route.NASAL: ("nasal", "nasally", "intranasal", "intranasally", "each nostril"),
    Route.RECTAL: ("pr", "rectal", "rectally"),
    Route.EPIDURAL: ("epidural",),
    Route.INTRATHECAL: ("intrathecal", "intrathecally"),
}
_ROUTES: Final = {words: route for route, all_ in _ROUTE_WORDS.items() for words in all_}
_ROUTE: Final = re.compile(rf"\b({_either(_ROUTES)})\b")

# What an instruction may say beside the dose. All branches begin with a letter or a sign, so
# that the search passes quickly over a text that has none of them.
_NOISE: Final = re.compile(
    r"\b(?:(?:and )?then (?:stop|discontinue|dc|d/c)\b"
    rf"|pain (?:score|scale|level|rating)?s?:? ?{_ANY}(?: ?/ ?10)?(?! ?(?:mg|tab|cap))"
    r"|disp(?:ense)?:? ?#? ?\d+"
    r"|refills?:? ?\d+"
    rf"|for (?:up to )?{_ANY} ?{_HOURS}"
    rf"|(?:remove|off) after {_ANY} ?{_HOURS}"
    rf"|with {_ANY} ?(?:oz|ounces?|glass(?:es)?|cups?|ml) (?:of )?[a-z]+"
    r"|for (?:[2-9]|\d\d) doses\b"
    r"|x ?(?:[2-9]|\d\d) doses\b"
    rf"|12 ?{_HOURS} on,? ?(?:and |/ ?)?12 ?{_HOURS} off)"
    r"|#\s?\d+"
)
_STRENGTH_OF_PATCH: Final = re.compile(
    rf"{_NUMBER} ?[mu]c?g ?/ ?h(?:r|our)?(?= ?(?:patch|transdermal))"
)
# Words by which an instruction tells of more than one dose, or of a dose by weight or by hour.
_CHANGES: Final = re.compile(
    r"\b(?:then|taper|tapering|titrate|titrating|titration|wean|increase|increasing|decrease|"
    r"decreasing|reduce|alternate|alternating|followed by|repeat|additional|another|extra|"
    r"except|skip|hold|unless|loading|bolus|continuous|infuse|infusion|drip|pca|escalate|"
    r"mondays?|tuesdays?|wednesdays?|thursdays?|fridays?|saturdays?|sundays?|mwf|"
    r"(?:day|week|month)s? [#\d]|(?:first|second|third|next|last) (?:day|week|month|dose)s?|"
    r"per kg|per hour|an hour|hourly|per minute|minutes|mins?)\b"
    r"|/ ?(?:kg|m2|min|h|hr|hour)\b"
)
_MAXIMUM: Final = re.compile(
    r"\b(?:max(?:imum)?\.?|not to exceed|nte|(?:no|not) more than|at most|limit(?:ed)? to|"
    r"do not (?:exceed|take more than|use more than))"
    r"(?: (?:daily|amount|dose|total|of|is|per day))*:? ?"
    rf"{_RANGE}(?! ?(?:times?|x|days?|weeks?)\b)(?: ?{_UNIT})?(?: ?{_PER} ?{_DAY}| daily\b)?"
)
_DURATION: Final = re.compile(
    r"\b(?:for|x) ?(?:up to |a total of |the next |about |max(?:imum)? (?:of )?)?"
    rf"{_SPAN}[ -]?(?P<span>days?|d|weeks?|wks?|w|months?)\b"
)
_AT_MOST: Final = re.compile(
    rf"\b(?:up to|(?:no|not) more than|max(?:imum)?(?: of)?) (?={_ANY} ?(?:x|times?)\b)"
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
            rf"(?P<span>days?\b|daily\b|d\b|24 ?{_HOURS}|week\b|weekly\b|wk\b)"
        ),
        _count,
    ),
    (
        re.compile(
            rf"(?:\bonce )?(?<!\w)(?P<word>{_either(_TIMES)}"
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
_DAY_PART: Final = re.compile(rf"\b(?:{_either(_PARTS)})\b")
_MEALS: Final = re.compile(r"\b(?:with|before|after) (?:each |every |all )?meals?\b|\bachs?\b")
_ONCE: Final = re.compile(
    r"\b(?:once|stat|now|single dose|one-time)\b|\b(?:x|for) ?1(?: (?:dose|time))?\b(?! ?\w)"
    r"|(?<![\w.-])1 (?:time|dose)\b"
)
_COUNT_OF_STRENGTH: Final = re.compile(
    rf"{_RANGE} ?(?:x )?{_NUMBER} ?(?:mg|mcg|g) (?P<unit>{_PRODUCT})\b"
)
_STRENGTH_OF_PRODUCT: Final = re.compile(rf"{_RANGE} ?(?P<unit>mg|mcg|g) (?:{_PRODUCT})\b")
_AMOUNT: Final = re.compile(rf"(?:{_RANGE}|\ban?) ?{_UNIT}(?! ?/)")
_BARE: Final = re.compile(
    r"(?:^|;|\b(?:take|give|use|apply|place|chew|inject|insert|put|dissolve|wear))"
    rf" *{_SPAN}(?= *(?:;|,|$))"
)
