"""Medication orders, statements, dispenses and administrations of any FHIR version."""

from collections.abc import Sequence
from typing import NamedTuple

from cards.chart import Dosage, Drug, MedicationUse, Route
from cards.drugs import identify
from service.fhir import (
    Coded,
    Period,
    Resource,
    coded,
    count,
    day,
    duration,
    first_day,
    first_object,
    notes,
    objects,
    period,
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
    parts = [
        coded(part.get("itemCodeableConcept") or part.get("item"))
        for part in objects(medication.get("ingredient"))
    ]
    if len(parts) == 1:
        return parts[0]
    return Coded((), " / ".join(part.text for part in parts if part.text))


def identify_drug(medicine: Coded) -> Drug | None:
    """Find the drug by its codes and text, else by another display of its codings."""
    drug = identify(medicine.codes, medicine.text)
    if drug:
        return drug
    others = (
        identify((), display) for display in medicine.displays if display != medicine.text
    )
    return next((other for other in others if other), None)


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
