"""FHIR JSON to Chart: every resource is looked at once, and what cannot be read is named."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from cards.chart import (
    Allergy,
    Chart,
    Encounter,
    Measurement,
    MedicationUse,
    Order,
    Patient,
    Problem,
    ServiceUse,
)
from service import reading_medications, reading_services
from service.envelope import HookRequest
from service.fhir import Resource, local, string, word
from service.gather import DATA_OF_TYPE, Gathered
from service.reading_medications import identify_drug, named_medicine, read_use
from service.reading_orders import ANOTHER_PATIENT, NO_MEDICINE, by_reference, read_orders
from service.reading_patient import (
    read_allergies,
    read_encounter,
    read_measurements,
    read_patient,
    read_problem,
    read_specialties,
)
from service.reading_services import read_services
from service.references import Record

_PROPOSED = frozenset({"option", "proposal"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What one request says, in the nouns of the rules."""

    chart: Chart
    orders: tuple[Order, ...] = ()  # those to evaluate
    drafts: Mapping[str, Resource] = field(default_factory=dict)  # as received, by reference
    unread: tuple[str, ...] = ()  # "MedicationStatement/7: names no medicine"
    unidentified: tuple[str, ...] = ()  # drafts of a medicine that our table does not know
    unidentified_on_record: int = 0  # how many other medicines it does not know


@dataclass(slots=True)
class _Found:
    """The chart as it fills up."""

    medications: list[MedicationUse] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    services: list[ServiceUse] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    allergies: list[Allergy] = field(default_factory=list)
    encounters: list[Encounter] = field(default_factory=list)
    users: list[Resource] = field(default_factory=list)
    patients: list[Patient] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)  # resource types
    strange: set[str] = field(default_factory=set)  # resource types about another patient
    unidentified: int = 0
    unnamed: int = 0  # records of medicines that name none

    @property
    def names_no_medicine(self) -> bool:
        """There are records of medicines, and not one says which: that is not none."""
        return self.unnamed > 0 and not self.medications and not self.unidentified


def read_chart(request: HookRequest, gathered: Gathered, today: date) -> Reading:
    """Read everything that a request and its prefetch say; nothing in them can make it fail."""
    record = _index(request, gathered)
    found = _Found()
    for ref, resource in record.stored.items():
        _read(resource, ref, record, found)
    orders = read_orders(request, record)
    chart = Chart(
        today=today,
        patient=found.patients[0] if found.patients else Patient(),
        drafts=tuple(orders.drafts),
        medications=tuple(found.medications),
        problems=tuple(found.problems),
        services=tuple(found.services),
        measurements=tuple(found.measurements),
        allergies=tuple(found.allergies),
        encounters=tuple(found.encounters),
        user_specialties=read_specialties(found.users, local(request.user_id or "")),
        missing=gathered.unknown(_emptied(found)) | _unreadable(found),
    )
    return Reading(
        chart=chart,
        orders=tuple(orders.evaluated),
        drafts=record.drafts,
        unread=(*request.unread, *gathered.unread, *orders.unread, *found.unread),
        unidentified=tuple(orders.unidentified),
        unidentified_on_record=found.unidentified,
    )


def _index(request: HookRequest, gathered: Gathered) -> Record:
    """Make every resource findable; one that came twice is read once."""
    return Record(
        patient=f"Patient/{request.patient_id}",
        visit=_visit(request, gathered),
        drafts=by_reference(request.drafts),
        stored=_stored(gathered.resources.values()),
        # Where a Bundle tells no URNs: a server that makes them uses the id.
        located={
            **{f"urn:uuid:{string(draft.get('id'))}": draft for draft in request.drafts},
            **request.located,
            **gathered.located,
        },
    )


def _stored(groups: Iterable[tuple[Resource, ...]]) -> dict[str, Resource]:
    """Name every resource "Type/id"; one that came twice is kept once, as it came first."""
    named: dict[str, Resource] = {}
    for group in groups:
        for resource in group:
            kind, name = resource["resourceType"], string(resource.get("id"))
            named.setdefault(f"{kind}/{name}" if name else f"{kind}#{len(named)}", resource)
    return named


def _visit(request: HookRequest, gathered: Gathered) -> str:
    """Name the visit of this call: as the context says it, else the only one prefetched."""
    if request.encounter_id:
        return f"Encounter/{request.encounter_id}"
    sent = by_reference(gathered.resources.get("encounter", ()))
    visits = [ref for ref in sent if ref.startswith("Encounter/")]
    return visits[0] if len(visits) == 1 else ""


def _emptied(found: _Found) -> frozenset[str]:
    """Name the data of which everything was about another patient: they are not empty."""
    kinds = found.strange - found.kept
    return frozenset(DATA_OF_TYPE[kind] for kind in kinds if kind in DATA_OF_TYPE)


def _unreadable(found: _Found) -> frozenset[str]:
    return frozenset({"medications"}) if found.names_no_medicine else frozenset()


def _read(resource: Resource, ref: str, record: Record, found: _Found) -> None:
    """Read one stored resource by its type, unless it is void or not about this patient."""
    kind = string(resource.get("resourceType"))
    reader = _READERS.get(kind)
    if reader is None or word(resource.get("status")) == "entered-in-error":
        return
    if (kind == "Patient" and ref != record.patient and "/" in ref) or not record.belongs(
        resource
    ):
        found.unread.append(f"{ref}: {ANOTHER_PATIENT}")
    else:
        found.kept.add(kind)
        reader(resource, ref, record, found)
        return
    found.strange.add(kind)


def _add_medication(resource: Resource, ref: str, record: Record, found: _Found) -> None:
    if resource.get("doNotPerform") is True or word(resource.get("intent")) in _PROPOSED:
        return
    if ref in record.drafts and word(resource.get("status")) == "draft":
        return  # the draft itself, as the server has it
    medicine = named_medicine(resource, record)
    if not medicine.codes and not medicine.text:
        found.unread.append(f"{ref}: {NO_MEDICINE}")
        found.unnamed += 1
    elif drug := identify_drug(medicine):
        found.medications.append(read_use(resource, ref, drug, record))
    else:
        found.unidentified += 1


def _add_problem(resource: Resource, ref: str, _: Record, found: _Found) -> None:
    if problem := read_problem(resource, ref):
        found.problems.append(problem)


def _add_service(resource: Resource, ref: str, record: Record, found: _Found) -> None:
    found.services.extend(read_services(resource, ref, record))


def _add_measurements(resource: Resource, ref: str, _: Record, found: _Found) -> None:
    found.measurements.extend(read_measurements(resource, ref))


def _add_allergies(resource: Resource, ref: str, _: Record, found: _Found) -> None:
    found.allergies.extend(read_allergies(resource, ref))


def _add_encounter(resource: Resource, ref: str, record: Record, found: _Found) -> None:
    visit = read_encounter(resource, ref, record, current=ref == record.visit)
    found.encounters.append(visit)
    _add_service(resource, ref, record, found)


def _add_patient(resource: Resource, _ref: str, _: Record, found: _Found) -> None:
    found.patients.append(read_patient(resource))


def _add_user(resource: Resource, _ref: str, _: Record, found: _Found) -> None:
    found.users.append(resource)


_READERS: Mapping[str, Callable[[Resource, str, Record, _Found], None]] = {
    **dict.fromkeys(reading_medications.KINDS, _add_medication),
    **dict.fromkeys(reading_services.KINDS, _add_service),
    "Encounter": _add_encounter,
    "Condition": _add_problem,
    "Observation": _add_measurements,
    "AllergyIntolerance": _add_allergies,
    "Patient": _add_patient,
    "Practitioner": _add_user,
    "PractitionerRole": _add_user,
}
