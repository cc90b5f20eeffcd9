"""Medication orders, statements, dispenses and administrations of any FHIR version."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from cards.chart import Amount, Dosage, Drug, MedicationUse, Route
from cards.dosing import HOURS_PER_DAY, MG
from cards.drugs import identify
from cards.sig import PRODUCT_UNITS
from service.fhir import (
    Coded,
    Period,
    Resource,
    coded,
    count,
    day,
    days_in,
    duration,
    first_day,
    first_object,
    notes,
    objects,
    period,
    quantity,
    reference,
    string,
    when,
    word,
    words,
)
from service.reading_dosages import in_our_units, read_dosages
from service.references import Record, read_concepts, read_reasons

KINDS = {
    "MedicationRequest": "request",
    "MedicationOrder": "request",
    "MedicationStatement": "statement",
    "MedicationDispense": "dispense",
    "MedicationAdministration": "administration",
}
_CATEGORIES = frozenset({"inpatient", "outpatient", "community", "discharge"})
_LEAST_MG, _MOST_MG = 0.001, 99_999.0  # of a strength: beyond, something else is meant
_DENIALS = ("wasNotTaken", "wasNotGiven", "notGiven")
_ON_TAKING = frozenset({*_DENIALS, "taken"})
_ADHERENCE = {"not-taking": "not-taken", "stopped": "stopped", "on-hold": "on-hold"}
_WRITTEN = (
    "authoredOn",
    "dateWritten",
    "dateAsserted",
    "whenHandedOver",
    "whenPrepared",
    "effectiveDateTime",
)
_TAKEN = {
    "request": ("effectiveDose",),
    "statement": ("effective",),
    "administration": ("effective", "effectiveTime", "occurence"),  # R5 does spell it so
}
_STATUS_REASONS = (
    "statusReason",
    "statusReasonCodeableConcept",
    "reasonEnded",
    "reasonNotTaken",
    "reasonNotGiven",
)


class _Share(NamedTuple):
    """What the strength of an ingredient is given in."""

    size: float
    per: str


class _Supply(NamedTuple):
    """What is, or is to be, handed out."""

    days: float | None
    quantity: object
    refills: int
    given: bool


def named_medicine(resource: Resource, record: Record) -> Coded:
    """Give codes and text of the medicine, wherever the resource or a reference has them."""
    found = _stated(resource)
    if found.codes or found.text:
        return found
    link = _link(resource)
    medication = record.resolve(link, resource)
    found = _of_medication(medication) if medication else Coded()
    return found if found.codes or found.text else coded(link.get("display"))


def referred_medicine(resource: Resource) -> str:
    """Give the reference to the medicine, as it was written, when nothing else names it."""
    if string(resource.get("resourceType")) not in KINDS:
        return ""
    found, link = _stated(resource), _link(resource)
    named = found.codes or found.text or string(link.get("display"))
    return "" if named else string(link.get("reference"))


def _stated(resource: Resource) -> Coded:
    return coded(resource.get("medicationCodeableConcept") or resource.get("medication"))


def _link(resource: Resource) -> Resource:
    link = first_object(resource.get("medicationReference") or resource.get("medication"))
    inner = link.get("reference")
    return inner if isinstance(inner, dict) else link  # R5: a CodeableReference holds it


def _of_medication(medication: Resource) -> Coded:
    """Read a Medication: its code, else its ingredients."""
    found = coded(medication.get("code"))
    if found.codes or found.text:
        return found
    listed = [
        part
        for part in objects(medication.get("ingredient"))
        if part.get("isActive") is not False
    ]
    named = [coded(part.get("itemCodeableConcept") or part.get("item")) for part in listed]
    codes = named[0].codes if len(named) == 1 else ()
    strong = [_strong(each, part) for each, part in zip(named, listed, strict=True)]
    if strong and all(strong):
        form = coded(medication.get("form") or medication.get("doseForm")).text
        return Coded(codes, _in_form(" / ".join(strong), form))
    if len(named) == 1:
        return named[0]
    return Coded((), " / ".join(each.text for each in named if each.text))


def _strong(named: Coded, part: Resource) -> str:
    """Write an ingredient with its strength; nothing if either is not known for certain."""
    drug = identify_drug(named)
    if drug is None or len(drug.ingredients) != 1 or drug.ingredients[0].mg is not None:
        return ""
    strength = _strength(part)
    return f"{drug.ingredients[0].name} {strength}" if strength else ""


def _strength(part: Resource) -> str:
    """Write a strength as names of products do: "30 mg", "2 mg/ml", "0.025 mg/h"."""
    ratio = first_object(
        part.get("strength") or part.get("strengthRatio") or part.get("amount")
    )
    weight = quantity(ratio.get("numerator") or part.get("strengthQuantity"))
    beneath = ratio.get("denominator")
    share = _share(quantity(beneath)) if beneath else _Share(1, "")
    if weight is None or share is None or weight.unit not in MG:
        return ""
    mg = weight.high * MG[weight.unit] / share.size
    return f"{mg:g} mg{share.per}" if _LEAST_MG <= mg <= _MOST_MG else ""


def _share(amount: Amount | None) -> _Share | None:
    """Say what a strength is given in: units of the product, ml or hours."""
    if amount is None:
        return None
    if amount.unit in PRODUCT_UNITS | {"", "1"}:
        return _Share(amount.high, "")
    if amount.unit == "ml":
        return _Share(amount.high, "/ml")
    days = days_in(amount.unit)
    return _Share(amount.high * days * HOURS_PER_DAY, "/h") if days else None


def _in_form(text: str, form: str) -> str:
    """Add the form, unless its words would make another medicine of it."""
    whole = f"{text} {form}".strip()
    plain, formed = identify((), text), identify((), whole)
    same = plain and formed and plain.ingredient_names == formed.ingredient_names
    return whole if same else text


def identify_drug(medicine: Coded) -> Drug | None:
    """Find the drug by its codes and text, else by another display of its codings."""
    drug = identify(medicine.codes, medicine.text)
    if drug:
        return _with_strength(drug, medicine.text)
    others = (
        identify((), display) for display in medicine.displays if display != medicine.text
    )
    return next((other for other in others if other), None)


def _with_strength(drug: Drug, text: str) -> Drug:
    """Take what the code of an ingredient leaves open from a text about the same ingredient."""
    said = drug.doubt or drug.form or drug.brand or drug.extended or drug.pack
    if not text or said or any(each.mg is not None for each in drug.ingredients):
        return drug
    named = identify((), text)
    if named is None or named.ingredient_names != drug.ingredient_names:
        return drug
    more = named.extended or all(each.mg is not None for each in named.ingredients)
    return replace(named, identified=drug.identified) if more else drug


def read_use(resource: Resource, ref: str, drug: Drug, record: Record) -> MedicationUse:
    """Read everything about the use of a drug that has been identified."""
    kind = KINDS[string(resource.get("resourceType"))]
    dosages = read_dosages(resource)
    taken = _taken(resource, kind)
    supply = _read_supply(resource, kind)
    return MedicationUse(
        reference=ref,
        drug=drug,
        status=_status(resource, kind),
        kind=kind,
        route=_route(dosages, drug),
        dosages=dosages,
        supply_days=supply.days,
        quantity=in_our_units(supply.quantity),
        refills=supply.refills,
        dispensed=supply.given,
        written=first_day(resource, _WRITTEN),
        started=taken.start,
        ended=taken.end,
        reasons=read_reasons(record, resource),
        status_reasons=read_concepts(resource, *_STATUS_REASONS),
        notes=notes(resource.get("note")),
        categories=frozenset(words(resource.get("category")) & _CATEGORIES),
        encounter=reference(resource.get("encounter") or resource.get("context")),
    )


def _status(resource: Resource, kind: str) -> str:
    """Give the status; older and newer versions say "not taken" elsewhere."""
    if not resource.keys().isdisjoint(_ON_TAKING) and _is_denied(resource):
        return "not-taken" if kind == "statement" else "not-done"
    status = word(resource.get("status"))
    if status != "recorded":
        return status or "unknown"
    adherence = word(first_object(resource.get("adherence")).get("code"))
    return next(
        (ours for said, ours in _ADHERENCE.items() if adherence.startswith(said)), "active"
    )


def _is_denied(resource: Resource) -> bool:
    flags = (resource.get(name) is True for name in _DENIALS)
    return any(flags) or word(resource.get("taken")) == "n"


def _route(dosages: Sequence[Dosage], drug: Drug) -> Route:
    """Give the first route that the instructions say, else the product's only one."""
    stated = (dosage.route for dosage in dosages if dosage.route is not Route.UNKNOWN)
    return next(stated, drug.route)


def _taken(resource: Resource, kind: str) -> Period:
    """Give the days on which it is, was or will be taken."""
    if kind == "dispense":
        return Period(day(resource.get("whenHandedOver")))
    stated = when(resource, *_TAKEN[kind])
    if kind == "statement" and resource.get("effectiveDateTime") and stated.start:
        return Period(stated.start)  # asserted of that day: it need not have ended then
    if stated.start or stated.end:
        return stated
    bounds = _bounds(resource)
    starts = [start for start, _ in bounds if start]
    ends = [end for _, end in bounds if end]
    return Period(
        min(starts, default=None),
        max(ends) if ends and len(ends) == len(bounds) else day(resource.get("dateEnded")),
    )


def _bounds(resource: Resource) -> list[Period]:
    """Give the bounds of every dosage instruction."""
    listed = objects(resource.get("dosageInstruction")) or objects(resource.get("dosage"))
    timings = (first_object(entry.get("timing")) for entry in listed)
    return [
        period(first_object(timing.get("repeat")).get("boundsPeriod")) for timing in timings
    ]


def _read_supply(resource: Resource, kind: str) -> _Supply:
    if kind == "dispense":
        return _Supply(duration(resource.get("daysSupply")), resource.get("quantity"), 0, True)
    request = first_object(resource.get("dispenseRequest"))
    return _Supply(
        duration(request.get("expectedSupplyDuration")),
        request.get("quantity"),
        count(request.get("numberOfRepeatsAllowed")) or 0,
        bool(request),
    )
