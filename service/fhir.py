"""FHIR data types read from plain JSON: a value of the wrong type is absent, never an error."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

import orjson

from cards.chart import Amount, Code
from cards.sig import PRODUCT_UNITS, unit_name

Resource = Mapping[str, object]

EMPTY: Resource = {}

_SYSTEMS = {
    "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
    "urn:oid:2.16.840.1.113883.6.88": "rxnorm",
    "http://hl7.org/fhir/sid/ndc": "ndc",
    "urn:oid:2.16.840.1.113883.6.69": "ndc",
    "http://snomed.info/sct": "snomed",
    "urn:oid:2.16.840.1.113883.6.96": "snomed",
    "http://hl7.org/fhir/sid/icd-10-cm": "icd10cm",
    "http://hl7.org/fhir/sid/icd-10": "icd10cm",  # what many American senders mean by it
    "urn:oid:2.16.840.1.113883.6.90": "icd10cm",
    "http://hl7.org/fhir/sid/icd-9-cm": "icd9cm",
    "http://hl7.org/fhir/sid/icd-9-cm/diagnosis": "icd9cm",
    "urn:oid:2.16.840.1.113883.6.103": "icd9cm",
    "http://loinc.org": "loinc",
    "urn:oid:2.16.840.1.113883.6.1": "loinc",
    "http://www.ama-assn.org/go/cpt": "cpt",
    "urn:oid:2.16.840.1.113883.6.12": "cpt",
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "hcpcs",
    "urn:oid:2.16.840.1.113883.6.285": "hcpcs",
}

_UNITS = PRODUCT_UNITS | frozenset(
    ("mg", "mcg", "g", "ml", "mcg/h", "spray", "puff", "drop", "application", "dose")
)

_DAYS = {
    word: length
    for words, length in (
        ("s sec second seconds", 1 / 86400),
        ("min minute minutes", 1 / 1440),
        ("h hr hrs hour hours", 1 / 24),
        ("d day days", 1.0),
        ("wk w week weeks", 7.0),
        ("mo month months", 30.0),
        ("a y yr year years", 365.0),
    )
    for word in words.split()
}

# A date is typed digit by digit: the year 0202 is not meant.
_FIRST_YEAR = 1900
_LAST_YEAR = 2200
# What separates the parts of a search or of a path; an id that holds one may ask for more than
# one patient, or for something else.
_SEPARATORS = frozenset(",|$\\/?#&=%;")
_DOTS = frozenset({".", ".."})
# A name or a code is short; what is longer is cut, so that nothing large is remembered.
_LONGEST = 1000  # characters of a text
_LONGEST_CODE = 200
_MOST_CODINGS = 50
_KEPT = 4000  # bytes of a concept that is remembered
_NONE = timedelta()
_DATE = 10  # characters of "2026-03-02"
_LONGEST_INSTANT = 40
_LARGEST = 1e12  # no clinical number is larger; keeps arithmetic finite


class Coded(NamedTuple):
    """A CodeableConcept: its codes, its text (or first display), and its other displays."""

    codes: tuple[Code, ...] = ()
    text: str = ""
    displays: tuple[str, ...] = ()


class Period(NamedTuple):
    """A first and a last day, either of which may be unknown."""

    start: date | None = None
    end: date | None = None


_NOT_CODED = Coded()
_NO_PERIOD = Period()


def objects(value: object) -> list[Resource]:
    """Give the objects of a list; a lone object is a list of one."""
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict)]
    return [value] if isinstance(value, dict) else []


def first_object(value: object) -> Resource:
    """Give an object, or the first one of a list, or an empty one."""
    if isinstance(value, dict):
        return value
    return next(iter(objects(value)), EMPTY)


def items(value: object) -> list[object]:
    """Give a list as it is, nothing as no items, and anything else as a list of one."""
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def string(value: object) -> str:
    """Give a trimmed string, or an empty one."""
    return value.strip() if type(value) is str else ""


def number(value: object) -> float | None:
    """Give a number, also one sent as a string; never a boolean, NaN or infinity."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, (int, float)) and -_LARGEST < value < _LARGEST:
        return float(value)
    return None


def _parsed(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def count(value: object) -> int | None:
    """Give a whole number of zero or more."""
    found = number(value)
    return int(found) if found is not None and found >= 0 else None


def word(value: object) -> str:
    """Give a code in lower case from a string, a Coding or a CodeableConcept."""
    if type(value) is str:
        return value.strip().lower()
    return next(iter(_words(first_object(value))), "") if value else ""


def words(value: object) -> set[str]:
    """Give every code and text in lower case of one CodeableConcept or a list of them."""
    return {found for each in objects(value) for found in _words(each)}


def _words(concept: Resource) -> Iterator[str]:
    codings = objects(concept.get("coding", concept))
    for name in ("code", "display"):
        for coding in codings:
            if found := string(coding.get(name)):
                yield found.lower()
    if found := string(concept.get("text")):
        yield found.lower()


def system_name(url: object) -> str:
    """Give the short name of a code system, or its URL if it has none."""
    if type(url) is not str:
        return ""
    return _SYSTEMS.get(url) or _unusual_system(url)


def _unusual_system(url: str) -> str:
    plain = url.strip().split("|", 1)[0].rstrip("/").replace("https://", "http://", 1)
    if plain.startswith("http://snomed.info/sct/"):  # an edition of SNOMED CT
        return "snomed"
    return _SYSTEMS.get(plain, url)


def coded(value: object) -> Coded:
    """Read a CodeableConcept, a lone Coding, an R5 CodeableReference or a plain string."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        written = orjson.dumps(value)
        return _coded(written) if len(written) <= _KEPT else _read_coded(written)
    return Coded((), value.strip()[:_LONGEST]) if isinstance(value, str) else _NOT_CODED


@lru_cache(maxsize=8192)
def _coded(written: bytes) -> Coded:
    """Read a concept once: the same few stand in resource after resource."""
    return _read_coded(written)


def _read_coded(written: bytes) -> Coded:
    value = orjson.loads(written)
    concept = value.get("concept")
    if isinstance(concept, dict):
        value = concept
    codes, displays = [], []
    for coding in objects(value.get("coding", value))[:_MOST_CODINGS]:
        if code := _code(coding.get("code")):
            codes.append(Code(system_name(coding.get("system")), code))
        if display := string(coding.get("display"))[:_LONGEST]:
            displays.append(display)
    text = string(value.get("text"))[:_LONGEST] or (displays[0] if displays else "")
    return Coded(tuple(codes), text, tuple(displays))


def _code(value: object) -> str:
    """Give a code; some senders make a number of it."""
    if type(value) is str:
        return value.strip() if len(value) <= _LONGEST_CODE else ""
    return str(value) if type(value) is int and 0 <= value < _LARGEST else ""


def day(value: object, *, last: bool = False) -> date | None:
    """Read a date, dateTime or instant; a partial date is its first (or last) day."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    text = local_day(text[:_LONGEST_INSTANT]) if len(text) > _DATE else text
    partial = {4: "-01-01", 7: "-01"}.get(len(text), "")
    try:
        found = date.fromisoformat(text + partial)
    except ValueError:
        return None
    if not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        return None
    return _last_day(found, text) if last and partial else found


@lru_cache(maxsize=8192)
def local_day(instant: str) -> str:
    """Return the day of an instant where this machine is, if it is told in UTC.

    An evening is tomorrow there. Midnight is how some senders write a mere date.
    """
    try:
        moment = datetime.fromisoformat(instant)
        if moment.utcoffset() == _NONE and moment.time() != time():
            return moment.astimezone().date().isoformat()
    except (ValueError, OverflowError):
        pass
    return instant[:_DATE]


def _last_day(first: date, text: str) -> date:
    month = 12 if len(text) == len("YYYY") else first.month
    return date(first.year, month, monthrange(first.year, month)[1])


def first_day(resource: Resource, names: Iterable[str]) -> date | None:
    """Read the first of several fields that holds a date."""
    for name in names:
        if name in resource and (found := day(resource[name])):
            return found
    return None


def period(value: object) -> Period:
    """Read a Period; a day that cannot be read is unknown."""
    if not isinstance(value, dict):
        return _NO_PERIOD
    return Period(day(value.get("start")), day(value.get("end"), last=True))


def when(resource: Resource, *stems: str) -> Period:
    """Read the first of several ``stem[x]`` that is there, as DateTime, Period or Date."""
    for stem in stems:
        for name in _choices(stem):
            if name in resource:
                at = day(resource[name])
                found = Period(at, at) if at else period(resource[name])
                if found.start or found.end:
                    return found
    return _NO_PERIOD


@cache
def _choices(stem: str) -> tuple[str, ...]:
    return (stem + "DateTime", stem + "Period", stem + "Date")


def unit_of(quantity: Resource) -> str:
    """Give the unit of a Quantity as `cards.sig.unit_name` spells it: "tablet", "mg", "mcg"."""
    return _unit(string(quantity.get("code")), string(quantity.get("unit")))


@lru_cache(maxsize=512)
def _unit(code: str, words: str) -> str:
    """Choose the code if we know it, else the words: it may be a code of another system."""
    coded_unit, written = unit_name(code), unit_name(words)
    if coded_unit in _UNITS or (coded_unit not in {"", "1"} and written not in _UNITS):
        return coded_unit
    return written


def quantity(value: object) -> Amount | None:
    """Read a Quantity, a Range or a bare number that is more than zero."""
    if value is None:
        return None
    if not isinstance(value, dict):
        size, unit = number(value), ""
    elif "low" in value or "high" in value:
        return _range(value)
    else:
        size, unit = number(value.get("value")), unit_of(value)
    return Amount(size, size, unit) if size is not None and size > 0 else None


def _range(value: Resource) -> Amount | None:
    low, high = (quantity(first_object(value.get(end))) for end in ("low", "high"))
    if low is None or high is None:
        return low or high
    return Amount(min(low.low, high.low), max(low.high, high.high), low.unit or high.unit)


def days_in(unit: str) -> float | None:
    """Give the length of a unit of time in days."""
    return _DAYS.get(unit.strip().lower())


def duration(value: object) -> float | None:
    """Read a Duration in days; one without a unit is in days. Of a Range, the longest."""
    length = quantity(value)
    if length is None:
        return None
    unit = days_in(length.unit or "d")
    return length.high * unit if unit else None


def reference(value: object) -> str:
    """Give what a Reference points at: "Type/id", "#contained", "urn:..." or nothing."""
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        inner = value.get("reference")
        value = inner.get("reference") if isinstance(inner, dict) else inner
    return local(value) if isinstance(value, str) else ""


def local(url: str) -> str:
    """Take the server and the version off a URL: "https://x/fhir/Patient/1/_history/2"."""
    url = url.strip()
    if url.startswith(("urn:", "#")):
        return url
    parts = url.split("/_history", 1)[0].rstrip("/").rsplit("/", 2)
    return "/".join(parts[-2:])


def is_plain_id(name: str) -> bool:
    """Say whether an id is one, and nothing more than that, so that it may stand in a URL."""
    return (
        name not in _DOTS
        and name.isprintable()
        and _SEPARATORS.isdisjoint(name)
        and "".join(name.split()) == name != ""
    )


def notes(value: object) -> str:
    """Join the texts of Annotations; a plain string is one."""
    texts = [
        string(item.get("text") if isinstance(item, dict) else item) for item in items(value)
    ]
    return "; ".join(text for text in texts if text)
