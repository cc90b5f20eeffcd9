"""Procedures, referrals, devices, plans, appointments, visits and care teams to ServiceUse."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from cards.chart import Concept, ServiceUse
from cards.service_labels import service_label
from service.fhir import (
    Period,
    Resource,
    count,
    first_day,
    first_object,
    items,
    notes,
    objects,
    period,
    string,
    when,
    word,
)
from service.references import (
    Record,
    read_concept,
    read_concepts,
    read_reasons,
    referred_concepts,
)

KINDS: Mapping[str, str] = {
    "ServiceRequest": "request",
    "ProcedureRequest": "request",
    "ReferralRequest": "request",
    "DiagnosticOrder": "request",
    "Procedure": "procedure",
    "DeviceRequest": "device",
    "DeviceUseRequest": "device",
    "DeviceUseStatement": "device",
    "DeviceUsage": "device",
    "CarePlan": "plan",
    "Appointment": "appointment",
    "Encounter": "appointment",
    "CareTeam": "team",
}
ORDERS = frozenset(name for name, kind in KINDS.items() if name.endswith(("Request", "Order")))

# Where versions of FHIR say what it is, the most telling first.
_CODE_FIELDS = (
    "code",
    "codeCodeableConcept",
    "serviceRequested",
    "serviceType",
    "type",
    "specialty",
    "performerType",
    "orderDetail",
    "category",
)
_LINK_FIELDS = ("codeReference", "device")
_TEXT_FIELDS = ("description", "title", "name")
_WRITTEN = ("authoredOn", "orderedOn", "recorded", "recordedOn", "created", "dateAsserted")
_STATUS_REASONS = (
    "statusReason",
    "notDoneReason",
    "reasonNotPerformed",
    "cancelationReason",
    "cancellationReason",
)
# A visit that took place is done, whatever its resource type calls that.
_DONE = {"finished": "completed", "fulfilled": "completed"}


def read_services(resource: Resource, ref: str, record: Record) -> tuple[ServiceUse, ...]:
    """Read a resource, and the activities inside of a plan; only what means something to us."""
    kind = KINDS[string(resource.get("resourceType"))]
    found = [_meaning(resource, record)]
    if kind == "team":
        found += [read_concept(role) for role in _roles(resource)]
    uses = [_read(resource, ref, kind, each, record) for each in found if each.terms]
    if kind == "plan":
        uses += _activities(resource, ref, record)
    return tuple(uses)


def says_what(resource: Resource) -> bool:
    """Say whether an order names a service at all, of ours or not."""
    return bool(read_concepts(resource, *_CODE_FIELDS)) or "codeReference" in resource


def _meaning(resource: Resource, record: Record) -> Concept:
    """Give the first coded or written field that falls into one of our sets."""
    return next((found for found in _said(resource, record) if found.terms), Concept())


def _said(resource: Resource, record: Record) -> Iterator[Concept]:
    """Give all that a resource says of what it is, the most telling field first."""
    for name in _CODE_FIELDS:
        if name in resource:
            yield from read_concepts(resource, name)
    for name in _LINK_FIELDS:
        if name in resource:
            yield from referred_concepts(record, resource, resource[name])
    yield from read_concepts(resource, *_TEXT_FIELDS)


def _read(
    resource: Resource, ref: str, kind: str, meaning: Concept, record: Record
) -> ServiceUse:
    done = _when(resource)
    status = word(resource.get("status"))
    return ServiceUse(
        reference=ref,
        concept=meaning,
        kind=kind,
        status=_DONE.get(status, status) or "unknown",
        written=first_day(resource, _WRITTEN),
        started=done.start,
        ended=done.end,
        outcomes=read_concepts(resource, "outcome", "followUp"),
        reasons=read_reasons(record, resource),
        status_reasons=read_concepts(resource, *_STATUS_REASONS),
        notes=notes(resource.get("note") or resource.get("comment")),
        visits=_visits(resource),
        label=service_label(meaning),
    )


def _when(resource: Resource) -> Period:
    """Give the days on which it was, is or will be done."""
    done = when(resource, "performed", "occurrence", "scheduled", "timing")
    if not done.start and not done.end:
        done = period(resource.get("period") or resource.get("actualPeriod"))
    if not done.start and not done.end:
        done = period(resource)  # an Appointment has start and end itself
    return done


def _visits(resource: Resource) -> int | None:
    """Give the number of visits that the order or plan says."""
    stated = first_object(resource.get("quantityQuantity") or resource.get("quantity"))
    timing = first_object(resource.get("occurrenceTiming") or resource.get("scheduledTiming"))
    return count(stated.get("value")) or count(first_object(timing.get("repeat")).get("count"))


def _roles(resource: Resource) -> Iterator[object]:
    """Give what the members of a care team are there for."""
    for member in objects(resource.get("participant")):
        yield from items(member.get("role"))
        yield first_object(member.get("member")).get("display")


def _activities(plan: Resource, ref: str, record: Record) -> Iterator[ServiceUse]:
    """Read the activities that a plan spells out."""
    for activity in objects(plan.get("activity")):
        detail = first_object(activity.get("detail"))
        meaning = _meaning(detail, record)
        if meaning.terms:
            use = _read(detail, ref, "plan", meaning, record)
            progress = "; ".join(filter(None, (use.notes, notes(activity.get("progress")))))
            yield replace(use, notes=progress, written=use.written or first_day(plan, _WRITTEN))
