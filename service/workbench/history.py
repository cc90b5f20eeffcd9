"""A patient's past as events: what lasted or happened when, and how treatments ended."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from cards import drugs, terms
from cards.courses import Outcome, outcome_of
from service.fhir import (
    Resource,
    coded,
    day,
    duration,
    first_day,
    first_object,
    number,
    objects,
    string,
    when,
)
from service.reading_medications import identify_drug, named_medicine, read_use
from service.references import Record
from service.workbench.orders import short_name

GROUPS = ("Conditions", "Treatments", "Care", "Results", "Orders")
LONGEST_SUPPLY = 3_653  # days; a longer one is drawn no longer


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
    "contraindicated": "contraindicated",
    "relief": "relief",
    "ended": "ended",
    "ongoing": "in use",
    "draft": "draft",
}
# How cards judge a course; where they do not know, the status on record says if it goes on.
_JUDGED: Mapping[Outcome, str] = {
    Outcome.INEFFECTIVE: "ineffective",
    Outcome.SIDE_EFFECT: "side-effect",
    Outcome.CONTRAINDICATED: "contraindicated",
    Outcome.RELIEF: "relief",
    Outcome.NOT_A_TRIAL: "ended",
    Outcome.ONGOING: "ongoing",
}
# Of care, and of medicines that no card judges. The most telling first.
_TOLD: tuple[tuple[str, str], ...] = (
    (terms.known("stopped-side-effect"), "side-effect"),
    (terms.known("partial-relief"), "relief"),
    (terms.known("stopped-ineffective"), "ineffective"),
    (terms.known("outcome-unsuccessful"), "ineffective"),
    (terms.known("outcome-helped"), "relief"),
)
_OVER = frozenset({"stopped", "completed", "cancelled", "ended", "entered-in-error"})
_CLOSED = frozenset({"resolved", "inactive", "remission"})


def events(
    resources: Iterable[Resource], drafts: Iterable[Resource], today: date
) -> list[Event]:
    """Return what the picture shows, in its order."""
    known = tuple(resources)
    record = Record(patient="", stored={reference_of(one): one for one in known})
    found = [event for one in known for event in _event(one, record, today)]
    found += [_draft(draft, today) for draft in drafts]
    return sorted(found, key=_place)


def _place(event: Event) -> tuple[int, date, str]:
    return GROUPS.index(event.group), event.start or date.min, event.label


def _event(resource: Resource, record: Record, today: date) -> Iterator[Event]:
    kind = string(resource.get("resourceType"))
    if kind in {"MedicationStatement", "MedicationRequest"}:
        yield _medication(resource, record, today)
    elif make := _MAKERS.get(kind):
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


def _medication(resource: Resource, record: Record, today: date) -> Event:
    medicine = named_medicine(resource, record)
    drug = identify_drug(medicine)
    ending = (
        _judged(resource, outcome_of(read_use(resource, "", drug, record), today))
        if drug
        else _ending(resource)
    )
    span = when(resource, "effective")
    start = span.start or day(resource.get("authoredOn"))
    going_on = ending == "ongoing" or string(resource.get("status")) == "active"
    return Event(
        group="Treatments",
        label=drug.label if drug else medicine.text or "Not named",
        resource=reference_of(resource),
        start=start,
        end=None if going_on else span.end or _supplied(resource, start),
        ending=ending,
        says=_told(resource) or ENDINGS[ending],
    )


def _supplied(resource: Resource, start: date | None) -> date | None:
    dispense = first_object(resource.get("dispenseRequest"))
    days = duration(dispense.get("expectedSupplyDuration"))
    return start + timedelta(days=min(days, LONGEST_SUPPLY)) if start and days else start


def _judged(resource: Resource, outcome: Outcome) -> str:
    return _JUDGED.get(outcome) or ("ended" if _is_over(resource) else "ongoing")


def _is_over(resource: Resource) -> bool:
    return string(resource.get("status")) in _OVER


def _ending(resource: Resource) -> str:
    """Say how a treatment that no card judges ended, as its status and notes tell."""
    over = _is_over(resource)
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


_MAKERS: Mapping[str, Callable[[Resource], Event]] = {
    "Condition": _condition,
    "Procedure": _care,
    "ServiceRequest": _care,
    "Observation": _result,
    "AllergyIntolerance": _allergy,
}


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
