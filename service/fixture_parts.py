"""Parts of a made-up chart, from words: drugs, instructions, problems, orders, as FHIR R4."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum
from typing import Any

from cards import drug_table
from cards.chart import Amount, Dosage, Drug, Route
from cards.drugs import by_name
from cards.sig import read_sig
from service.fhir import days_in
from service.suggestions import RXNORM, SNOMED, SNOMED_ROUTES, UCUM

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
_SYSTEMS = {
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "icd10": ICD10CM,
    "snomed": SNOMED,
}
_CATEGORY = "http://terminology.hl7.org/CodeSystem/condition-category"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_VERIFICATION = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
_ORDER_CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
_INEFFECTIVE = "395007004"

# Products of one strength and form that are not the same for it.
_QUALIFIERS = (
    "abuse-deterrent",
    "chewable",
    "delayed",
    "disintegrating",
    "enteric",
    "effervescent",
)
_ICD10CM_CODE = re.compile(r"[A-Z]\d[0-9A-Z](?:\.[0-9A-Z]{1,4})?")
_SNOMED_CODE = re.compile(r"\d{6,18}")
_CODES = {
    "cpt": re.compile(r"\d{4}[0-9A-Z]"),
    "hcpcs": re.compile(r"[A-Z]\d{4}"),
    "icd10": _ICD10CM_CODE,
    "snomed": _SNOMED_CODE,
}
_CODE = re.compile(r"(cpt|hcpcs|icd10|snomed) (\S+)", re.IGNORECASE)
_AGO = re.compile(r"since (\d{1,4}) (day|week|month|year)s?", re.IGNORECASE)
_SINCE = re.compile(r"since (\d{4}-\d\d-\d\d)", re.IGNORECASE)
_SPAN = re.compile(r"(?:from )?(\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)", re.IGNORECASE)
# What begins like this is meant as a date or a code, and is no name and no instruction.
_MEANT = re.compile(
    r"(?:since|from|(?:until|to) \d+|icd\S*|snomed|cpt|hcpcs|loinc|rxnorm|ndc|\d{4}-\d\d)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]{2}")

_SINCE_FORMS = ('"since 26 weeks"', '"since 2025-09-01"')
_SPAN_FORMS = ('"2024-06-01 to 2024-09-15"',)
_CODE_FORMS = ('"icd10 M54.50"', '"snomed 278860009"', '"cpt 72148"', '"hcpcs E0720"')
_SIG_FORMS = ("how the drug is taken",)

Json = dict[str, Any]


class NotUnderstood(ValueError):
    """A part of the description cannot be read; the text says which."""


class Kind(Enum):
    """What is described: the parts that may stand after its name."""

    PROBLEM = (*_SINCE_FORMS, *_CODE_FORMS)
    CODED = _CODE_FORMS  # a reason, a service
    TAKEN = (*_SINCE_FORMS, *_SPAN_FORMS, *_SIG_FORMS)
    ORDER = _SIG_FORMS

    @property
    def is_drug(self) -> bool:
        """Say whether it is a drug, known by name, and how it is taken is said in words."""
        return self in {Kind.TAKEN, Kind.ORDER}


@dataclass(frozen=True, slots=True)
class Described:
    """One thing taken apart: "gabapentin 300 mg; 1 capsule at night; since 6 weeks"."""

    what: str
    says: str = ""  # the instruction
    start: date | None = None
    end: date | None = None
    code: tuple[str, str] | None = None  # system and code


def described(text: str, today: date, kind: Kind) -> Described:
    """Take a description apart at its semicolons; every part of it must be understood."""
    what, *parts = (part.strip() for part in text.split(";"))
    if not what or _MEANT.match(what):
        raise NotUnderstood(f"{text!r} names nothing: what it is about comes first")
    if not kind.is_drug and not _WORD.search(what) and not _bare_code(what):
        raise NotUnderstood(f"{what!r} is neither words nor a code of ICD-10-CM or SNOMED CT")
    found = Described(what)
    for part in filter(None, parts):
        found = _with_part(found, part, today, kind)
    if found.start and found.end and found.end < found.start:
        raise NotUnderstood(f"{text!r} ends before it begins")
    return found


def _with_part(thing: Described, part: str, today: date, kind: Kind) -> Described:
    forms = kind.value
    if (match := _SPAN.fullmatch(part)) and _SPAN_FORMS[0] in forms:
        return replace(thing, start=_date(match[1]), end=_date(match[2]))
    if (match := _SINCE.fullmatch(part)) and _SINCE_FORMS[0] in forms:
        return replace(thing, start=_date(match[1]))
    if (match := _AGO.fullmatch(part)) and _SINCE_FORMS[0] in forms:
        return replace(thing, start=_ago(int(match[1]), match[2].lower(), today))
    if (match := _CODE.fullmatch(part)) and _CODE_FORMS[0] in forms:
        return replace(thing, code=_code(match[1].lower(), match[2].upper()))
    if kind.is_drug and not _MEANT.match(part):
        return replace(thing, says="; ".join(filter(None, (thing.says, part))))
    raise NotUnderstood(
        f"{part!r} is not understood after {thing.what!r}; there may stand: " + ", ".join(forms)
    )


def _ago(count: int, unit: str, today: date) -> date:
    try:
        return today - timedelta(round(count * (days_in(unit) or 0)))
    except OverflowError:
        raise NotUnderstood(f"{count} {unit}s ago is before the calendar") from None


def _code(system: str, code: str) -> tuple[str, str]:
    if not _CODES[system].fullmatch(code):
        raise NotUnderstood(f"{code!r} is no code of {system}")
    return _SYSTEMS[system], code


def _bare_code(what: str) -> Json | None:
    """Return the coding of a name that is just a code."""
    if _ICD10CM_CODE.fullmatch(what.upper()):
        return _coding(ICD10CM, what.upper())
    return _coding(SNOMED, what) if _SNOMED_CODE.fullmatch(what) else None


def medication(text: str) -> Json:
    """Return a drug as a CodeableConcept, coded if the words mean one product of RxNorm."""
    drug = by_name(text)
    row = _product(drug, text) if drug else None
    if row is None:
        return {"text": text}
    coding = {"system": RXNORM, "code": row.code, "display": row.name}
    return {"coding": [coding], "text": row.name}


def concept(thing: Described) -> Json:
    """Return a problem, a reason or a service: a code if it is one, else the words."""
    if thing.code:
        return {"coding": [_coding(*thing.code)], "text": thing.what}
    bare = _bare_code(thing.what)
    return {"coding": [bare]} if bare else {"text": thing.what}


def dosage(sig: str) -> Json:
    """Return an instruction with its words, and as fields what was understood of them."""
    read = read_sig(sig)
    found: Json = {"text": sig}
    if timing := _timing(read):
        found["timing"] = {"repeat": timing}
    if read.as_needed:
        found["asNeededBoolean"] = True
    if code := SNOMED_ROUTES.get(read.route.value):
        found["route"] = {"coding": [_coding(SNOMED, code)]}
    if read.amount:
        found["doseAndRate"] = [_dose(read.amount)]
    return found


def condition(thing: Described, number: int, patient: str) -> Json:
    """Return an active, confirmed problem of the problem list."""
    return {
        "resourceType": "Condition",
        "id": f"problem-{number}",
        "clinicalStatus": {"coding": [_coding(_CLINICAL, "active")]},
        "verificationStatus": {"coding": [_coding(_VERIFICATION, "confirmed")]},
        "category": [{"coding": [_coding(_CATEGORY, "problem-list-item")]}],
        "code": concept(thing),
        "subject": {"reference": f"Patient/{patient}"},
        **({"onsetDateTime": thing.start.isoformat()} if thing.start else {}),
    }


def statement(thing: Described, number: int, patient: str, *, failed: bool) -> Json:
    """Return a medicine that is taken, or one that was stopped because it did not help."""
    ineffective = {"coding": [_coding(SNOMED, _INEFFECTIVE)], "text": "Stopped, ineffective"}
    dates = {"start": thing.start, "end": thing.end}
    period = {name: day.isoformat() for name, day in dates.items() if day}
    return {
        "resourceType": "MedicationStatement",
        "id": f"{'failed' if failed else 'medication'}-{number}",
        "status": "stopped" if failed else "active",
        **({"statusReason": [ineffective]} if failed else {}),
        "medicationCodeableConcept": medication(thing.what),
        "subject": {"reference": f"Patient/{patient}"},
        **({"effectivePeriod": period} if period else {}),
        **({"dosage": [dosage(thing.says)]} if thing.says else {}),
    }


def drug_order(
    thing: Described, *, days: float | None, setting: str | None, today: date
) -> Json:
    """Return a draft MedicationRequest, without its subject and reason."""
    supply = {**_quantity(days or 0, "days"), "system": UCUM, "code": "d"}
    dispense = {"numberOfRepeatsAllowed": 0, "expectedSupplyDuration": supply}
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        **({"category": [{"coding": [_coding(_ORDER_CATEGORY, setting)]}]} if setting else {}),
        "medicationCodeableConcept": medication(thing.what),
        "authoredOn": today.isoformat(),
        **({"dosageInstruction": [dosage(thing.says)]} if thing.says else {}),
        **({"dispenseRequest": dispense} if days else {}),
    }


def service_order(thing: Described, today: date) -> Json:
    """Return a draft ServiceRequest, without its subject and reason."""
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "code": concept(thing),
        "authoredOn": today.isoformat(),
    }


def doubts(things: Iterable[Described]) -> list[str]:
    """Return what of drugs and their instructions the service will not understand."""
    found = []
    for thing in things:
        read = read_sig(thing.says)
        if by_name(thing.what) is None:
            found.append(f"{thing.what}: no drug that a rule looks at")
        elif thing.says and not (read.amount and (read.times_per_day or read.once)):
            found.append(f"{thing.says}: the dose or how often it is taken is not understood")
    return found


def _product(drug: Drug, text: str) -> drug_table.Row | None:
    """Return the product of RxNorm that the words mean; None if it could be several."""
    names = [ingredient.name for ingredient in drug.ingredients]
    alike = [
        row
        for row in drug_table.products(names, drug.brand)
        if _is_alike(drug_table.drug_of(row), drug) and bool(row.brand) == bool(drug.brand)
    ]
    if len({row.form for row in alike}) != 1:
        return None
    plain = [row for row in alike if _qualifiers(row.name) == _qualifiers(text)]
    # A product that was named anew has a new number: the highest is the current one.
    return max(plain, key=lambda row: int(row.code), default=None)


def _qualifiers(name: str) -> frozenset[str]:
    return frozenset(word for word in _QUALIFIERS if word in name.lower())


def _is_alike(product: Drug, drug: Drug) -> bool:
    return (
        set(product.ingredients) == set(drug.ingredients)
        and product.extended == drug.extended
        and product.pack == drug.pack
        and drug.form in {"", product.form}
        and drug.route in {Route.UNKNOWN, product.route}
    )


def _timing(read: Dosage) -> Json:
    """Return the ``repeat`` of a FHIR Timing: "four times in one day", "once in 7 days"."""
    if read.once:
        return {"count": 1}
    often = read.times_per_day
    if often is None:
        return {}
    if often.low < 1 and often.low == often.high:
        return {"frequency": 1, "period": round(1 / often.low), "periodUnit": "d"}
    if often.low % 1 or often.high % 1:
        return {}
    most = {"frequencyMax": int(often.high)} if often.high > often.low else {}
    return {"frequency": int(often.low), **most, "period": 1, "periodUnit": "d"}


def _dose(amount: Amount) -> Json:
    if amount.low == amount.high:
        return {"doseQuantity": _quantity(amount.low, amount.unit)}
    low, high = (_quantity(value, amount.unit) for value in (amount.low, amount.high))
    return {"doseRange": {"low": low, "high": high}}


def _quantity(value: float, unit: str) -> Json:
    plain = value if value % 1 else int(value)
    return {"value": plain, **({"unit": unit} if unit else {})}


def _coding(system: str, code: str) -> Json:
    return {"system": system, "code": code}


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotUnderstood(f"{text} is no date") from None
