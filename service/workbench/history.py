"""A patient's past as events: what lasted or happened when, and how treatments ended."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from cards import drugs, terms
from service.fhir import Resource, coded, day, first_day, number, objects, string, when
from service.workbench.orders import short_name

GROUPS = ("Conditions", "Treatments", "Care", "Results", "Orders")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that lasted or happened, from one resource."""

    group: str
    label: str
    resource: str  # "MedicationStatement/7"
    start: date | None
    end: date | None  # None: it goes on
    ending: str = ""  # one of ENDINGS
    says: str = ""  # in words, for the list beside the picture


ENDINGS: Mapping[str, str] = {
    "ineffective": "no relief",
    "side-effect": "not tolerated",
    "partial": "some relief",
    "helped": "helped",
    "ended": "ended",
    "ongoing": "in use",
    "draft": "draft",
}
# The most telling first; a note often says more than one thing.
_TOLD: tuple[tuple[str, str], ...] = (
    (terms.known("stopped-side-effect"), "side-effect"),
    (terms.known("partial-relief"), "partial"),
    (terms.known("stopped-ineffective"), "ineffective"),
    (terms.known("outcome-unsuccessful"), "ineffective"),
    (terms.known("outcome-helped"), "helped"),
)
_OVER = frozenset({"stopped", "completed", "cancelled", "ended", "entered-in-error"})
_CLOSED = frozenset({"resolved", "inactive", "remission"})


def events(
    resources: Iterable[Resource], drafts: Iterable[Resource], today: date
) -> list[Event]:
    """Return what the picture shows, in its order."""
    found = [event for resource in resources for event in _event(resource)]
    found += [_draft(draft, today) for draft in drafts]
    return sorted(found, key=_place)


def _place(event: Event) -> tuple[int, date, str]:
    return GROUPS.index(event.group), event.start or date.min, event.label


def _event(resource: Resource) -> Iterator[Event]:
    make = {
        "Condition": _condition,
        "MedicationStatement": _medication,
        "MedicationRequest": _medication,
        "Procedure": _care,
        "ServiceRequest": _care,
        "Observation": _result,
        "AllergyIntolerance": _allergy,
    }.get(string(resource.get("resourceType")))
    if make:
        yield make(resource)


def reference_of(resource: Resource) -> str:
    """Return "Type/id"."""
    return f"{string(resource.get('resourceType'))}/{string(resource.get('id'))}"


def _condition(resource: Resource) -> Event:
    start = first_day(resource, ("onsetDateTime", "recordedDate"))
    end = day(resource.get("abatementDateTime"), last=True)
    clinical = _first_code(resource.get("clinicalStatus"))
    over = bool(end) or clinical in _CLOSED
    return Event(
        group="Conditions",
        label=_named(resource.get("code")),
        resource=reference_of(resource),
        start=start,
        end=end,
        ending="ended" if over else "",
        says=clinical or "on record",
    )


def _medication(resource: Resource) -> Event:
    span = when(resource, "effective")
    start = span.start or day(resource.get("authoredOn"))
    end = span.end or _supplied(resource, start)
    ending = _ending(resource)
    if string(resource.get("resourceType")) == "MedicationRequest":
        end = None if string(resource.get("status")) == "active" else end
    return Event(
        group="Treatments",
        label=short_name(resource),
        resource=reference_of(resource),
        start=start,
        end=end if ending != "ongoing" else None,
        ending=ending,
        says=_told(resource) or ENDINGS[ending],
    )


def _supplied(resource: Resource, start: date | None) -> date | None:
    dispense = objects(resource.get("dispenseRequest"))
    supply = objects(dispense[0].get("expectedSupplyDuration")) if dispense else []
    days = number(supply[0].get("value")) if supply else None
    return start + timedelta(days=days) if start and days else start


def _ending(resource: Resource) -> str:
    """Say how a treatment ended, as its status and notes tell."""
    over = string(resource.get("status")) in _OVER
    for value in (*objects(resource.get("statusReason")), *objects(resource.get("note"))):
        codes, text, _ = coded(value)
        said = terms.concept(codes, text).terms
        for term, ending in _TOLD:
            if term in said and (over or ending != "ineffective"):
                return ending
    return "ended" if over else "ongoing"


def _told(resource: Resource) -> str:
    said = (*objects(resource.get("statusReason")), *objects(resource.get("note")))
    return "; ".join(filter(None, (string(value.get("text")) for value in said)))


def _care(resource: Resource) -> Event:
    span = when(resource, "performed", "occurrence")
    start = span.start or day(resource.get("authoredOn"))
    return Event(
        group="Care",
        label=_named(resource.get("code")),
        resource=reference_of(resource),
        start=start,
        end=span.end or start,
        ending=_ending(resource),
        says=_told(resource) or string(resource.get("status")),
    )


def _result(resource: Resource) -> Event:
    on = when(resource, "effective").start or day(resource.get("issued"))
    quantity = objects(resource.get("valueQuantity"))
    value = number(quantity[0].get("value")) if quantity else None
    unit = string(quantity[0].get("unit")) if quantity else ""
    says = f"{value:g} {unit}".strip() if value is not None else _text_value(resource)
    return Event(
        group="Results",
        label=_named(resource.get("code")),
        resource=reference_of(resource),
        start=on,
        end=on,
        says=says,
    )


def _text_value(resource: Resource) -> str:
    concept = coded(resource.get("valueCodeableConcept"))
    return concept.text or string(resource.get("valueString")) or "recorded"


def _allergy(resource: Resource) -> Event:
    on = day(resource.get("recordedDate"))
    return Event(
        group="Results",
        label=f"Allergy: {_named(resource.get('code'))}",
        resource=reference_of(resource),
        start=on,
        end=on,
        says="allergy or intolerance",
    )


def _draft(draft: Resource, today: date) -> Event:
    return Event(
        group="Orders",
        label=short_name(draft),
        resource=reference_of(draft),
        start=today,
        end=_supplied(draft, today),
        ending="draft",
        says="today's draft order",
    )


def _first_code(value: object) -> str:
    codes = coded(value).codes
    return codes[0].value if codes else ""


def _named(value: object) -> str:
    """Return what a concept says, or failing that what our table calls its code."""
    codes, text, _ = coded(value)
    if text:
        return text
    known = sorted(terms.concept(codes).terms)
    drug = None if known else drugs.identify(codes, "")
    if known:
        title = terms.title(known[0])
        return title[:1].upper() + title[1:]
    return drug.label if drug else "Not named"
