"""The person and what is known: patient, user, visits, problems, values, allergies."""

import re
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import chain

from cards import drugs
from cards.allergens import allergen_named, class_of_drugs
from cards.chart import (
    Allergy,
    Concept,
    Drug,
    Encounter,
    Measurement,
    Patient,
    Problem,
)
from cards.terms import concept, known
from service.fhir import (
    Coded,
    Resource,
    coded,
    day,
    first_day,
    first_object,
    number,
    objects,
    period,
    reference,
    string,
    unit_of,
    when,
    word,
    words,
)
from service.reading_medications import identify_drug
from service.references import (
    Record,
    read_concept,
    read_concepts,
    read_reasons,
    referred_concepts,
)

_RECORDED = ("recordedDate", "assertedDate", "dateRecorded", "dateAsserted")
_SAID = ("valueCodeableConcept", "valueString", "valueDateTime")
# "45", "<15 mL/min/1.73 m2", ">60"; a limit stands for the value: it is the nearest known.
_AMOUNT = re.compile(
    r"[<>\u2264\u2265]?=?\s*(\d{1,6}(?:\.\d{1,6})?)((?:\s*[a-zA-Z/%].{0,40})?)"
)
_VOID = frozenset({"entered-in-error", "cancelled"})
# What says only how a treatment went: as a problem it tells nothing.
_REASONS_ONLY = frozenset(
    map(
        known,
        (
            *("stopped-ineffective", "stopped-side-effect", "stopped-contraindication"),
            *("stopped-other", "switched", "partial-relief"),
            *("outcome-helped", "outcome-unsuccessful"),
        ),
    )
)
_NO_ALLERGY = frozenset({"inactive", "resolved", "refuted", "entered-in-error"})
_CLASSES = {  # words of DSTU2 and of displays for the codes of version 3
    "inpatient": "IMP",
    "inpatient encounter": "IMP",
    "outpatient": "AMB",
    "ambulatory": "AMB",
    "emergency": "EMER",
    "observation": "OBSENC",
    "home": "HH",
    "virtual": "VR",
}


def read_patient(resource: Resource) -> Patient:
    """Read birth date, sex, and whether the patient has died."""
    died = resource.get("deceasedBoolean") is True or "deceasedDateTime" in resource
    return Patient(
        born=day(resource.get("birthDate")), sex=word(resource.get("gender")), deceased=died
    )


def read_problem(resource: Resource, ref: str) -> Problem | None:
    """Read a condition whose code or text means something to a rule."""
    verification = word(resource.get("verificationStatus"))
    if verification in _VOID:
        return None
    meaning = read_concept(resource.get("code"))
    if meaning.terms <= _REASONS_ONLY:
        return None
    abated = when(resource, "abatement")
    over = resource.get("abatementBoolean") is True or abated.start or abated.end
    return Problem(
        reference=ref,
        concept=meaning,
        clinical=word(resource.get("clinicalStatus")) or ("resolved" if over else "active"),
        verification=verification or "confirmed",
        encounter_diagnosis=_is_encounter_diagnosis(resource),
        encounter=reference(resource.get("encounter") or resource.get("context")),
        onset=when(resource, "onset").start,
        recorded=first_day(resource, _RECORDED),
        abated=abated.end or abated.start,
    )


def _is_encounter_diagnosis(resource: Resource) -> bool:
    return bool(
        words(resource.get("category")) & {"encounter-diagnosis", "encounter diagnosis"}
    )


def read_measurements(resource: Resource, ref: str) -> Iterator[Measurement]:
    """Read an observation and its components, as far as they are coded as something of ours."""
    if word(resource.get("status")) in _VOID:
        return
    for part in (resource, *objects(resource.get("component"))):
        meaning = read_concept(part.get("code"))
        if meaning.terms and (measured := _read_value(part, ref, meaning, resource)):
            yield measured


def _read_value(
    part: Resource, ref: str, meaning: Concept, whole: Resource
) -> Measurement | None:
    """Read the value of an observation or a component; none is no measurement."""
    measured = first_object(part.get("valueQuantity"))
    said = coded(next((part[name] for name in _SAID if part.get(name)), None))
    value, unit = number(measured.get("value")), unit_of(measured)
    if value is None:
        value = number(part.get("valueInteger"))
    if value is None and (amount := _AMOUNT.fullmatch(said.text)):
        value, unit = number(amount[1]), amount[2].strip().lower()
    if value is None and not said.codes and not said.text:
        return None
    value = None if value is None else round(value, 2)
    return Measurement(
        reference=ref,
        concept=meaning,
        value=value,
        unit=unit,
        on=_measured_on(whole),
        text=said.text,
    )


def _measured_on(resource: Resource) -> date | None:
    at = when(resource, "effective")
    return at.end or at.start or first_day(resource, ("effectiveInstant", "issued"))


def read_allergies(resource: Resource, ref: str) -> Iterator[Allergy]:
    """Read an allergy that is not inactive or refuted; one for each drug that it names."""
    statuses = {
        word(resource.get(name)) for name in ("clinicalStatus", "verificationStatus", "status")
    }
    if statuses & _NO_ALLERGY:
        return
    reactions = [reaction.get("substance") for reaction in objects(resource.get("reaction"))]
    substances = map(coded, (resource.get("code"), resource.get("substance"), *reactions))
    drugs = {drug.name: drug for named in substances if (drug := _allergen(named))}
    for drug in drugs.values():
        yield Allergy(
            reference=ref,
            drug=drug,
            intolerance=word(resource.get("type")) == "intolerance",
            recorded=first_day(resource, _RECORDED) or when(resource, "onset").start,
        )


def _allergen(named: Coded) -> Drug | None:
    """Find the drug, or the class of drugs, that an allergy names."""
    known = identify_drug(named) or class_of_drugs(named.text)
    return known or drugs.by_name(allergen_named(named.text))


def read_encounter(resource: Resource, ref: str, record: Record, *, current: bool) -> Encounter:
    """Read a visit and why it takes place."""
    during = period(resource.get("period") or resource.get("actualPeriod"))
    return Encounter(
        reference=ref,
        class_code=_class_code(resource.get("class")),
        status=word(resource.get("status")),
        current=current,
        reasons=tuple(_visit_reasons(resource, record)),
        kinds=read_concepts(resource, "type", "serviceType"),
        started=during.start,
        ended=during.end,
    )


def _class_code(value: object) -> str:
    """Give the code of the class in version 3 of HL7, from a Coding, a list or a word."""
    name = word(value)
    return _CLASSES.get(name, name.upper())


def _visit_reasons(resource: Resource, record: Record) -> Iterator[Concept]:
    """Give reasons and diagnoses of a visit."""
    yield from read_reasons(record, resource)
    for reason in objects(resource.get("reason")):  # R5: reason[].value[]
        yield from _codeable_references(reason.get("value"), resource, record)
    for diagnosis in objects(resource.get("diagnosis")):
        yield from _codeable_references(diagnosis.get("condition"), resource, record)


def _codeable_references(value: object, within: Resource, record: Record) -> Iterator[Concept]:
    """Read References and CodeableReferences."""
    for item in objects(value):
        meaning = coded(item)
        if meaning.codes or meaning.text:
            yield concept(meaning.codes, meaning.text)
        else:
            yield from referred_concepts(record, within, item)


def read_specialties(resources: Iterable[Resource], user: str) -> frozenset[str]:
    """Give the named sets that the ordering user's roles and qualifications fall into."""
    found = (each for resource in resources for each in _specialties(resource, user))
    return frozenset(term for each in found for term in each.terms)


def _specialties(resource: Resource, user: str) -> tuple[Concept, ...]:
    own = f"{resource.get('resourceType')}/{string(resource.get('id'))}"
    if user not in {own, reference(resource.get("practitioner"))}:
        return ()
    names = ("specialty", "code") if "practitioner" in resource else ("specialty",)
    qualified = (read_concepts(each, "code") for each in objects(resource.get("qualification")))
    return (*read_concepts(resource, *names), *chain.from_iterable(qualified))
