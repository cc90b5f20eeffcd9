"""Builders of FHIR resources and hook requests for tests of the reading."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from cards.chart import Chart, Dosage, MedicationUse, Order
from service.catalogue import find
from service.envelope import HookRequest
from service.gather import gather
from service.reading import Reading, read_chart

TODAY = date(2026, 11, 21)
SERVICE = find("back-pain-order-sign")
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
ICD = "http://hl7.org/fhir/sid/icd-10-cm"
LOINC = "http://loinc.org"

Json = dict[str, Any]


def concept(system: str = "", code: str = "", text: str = "") -> Json:
    return {"coding": [{"system": system, "code": code}] if code else [], "text": text}


TRAMADOL = concept(RXNORM, "835603", "tramadol hydrochloride 50 MG Oral Tablet")
PREDNISONE = concept(RXNORM, "312615", "Prednisone 20 MG Oral Tablet")
SUBOXONE = concept(RXNORM, "351267", "Buprenorphine 8 MG / Naloxone 2 MG Sublingual Tablet")
BACK_PAIN = concept(ICD, "M54.50", "Low back pain")
OUD = concept(ICD, "F11.20", "Opioid dependence, uncomplicated")
THERAPY = concept(SNOMED, "91251008", "Physical therapy")


def medication(kind: str = "MedicationRequest", id_: str = "m", **more: Any) -> Json:
    resource = {"resourceType": kind, "id": id_, "subject": {"reference": "Patient/p"}}
    if "medicationReference" not in more and "medication" not in more:
        resource["medicationCodeableConcept"] = TRAMADOL
    return {**resource, **more}


def draft(**more: Any) -> Json:
    return medication(**{"id_": "d", "status": "draft", "intent": "order", **more})


def resource(kind: str, **more: Any) -> Json:
    return {"resourceType": kind, "id": "r", **more}


def read(
    *stored: Json,
    drafts: Iterable[Json] = (),
    selections: Iterable[str] = (),
    hook: str = "order-sign",
    **more: Any,
) -> Reading:
    prefetch = more.pop("prefetch", {"all": list(stored)})
    request = HookRequest(
        service=SERVICE,
        hook=hook,
        instance="i",
        patient_id="p",
        selections=frozenset(selections),
        drafts=tuple(drafts),
        prefetch=prefetch,
        **more,
    )
    return read_chart(request, gather(request, SERVICE), TODAY)


def chart(*stored: Json, **more: Any) -> Chart:
    return read(*stored, **more).chart


def use(**more: Any) -> MedicationUse:
    """Read one stored medication."""
    [found] = chart(medication(**more)).medications
    return found


def dosage(**entry: Any) -> Dosage:
    """Read one dosage instruction."""
    [found] = use(dosageInstruction=[entry]).dosages
    return found


def order(**more: Any) -> Order:
    """Read one draft as it is signed."""
    [found] = read(drafts=[draft(**more)]).orders
    return found


def references(orders: Iterable[Order]) -> list[str]:
    return [each.reference for each in orders]


EGFR = concept(LOINC, "98979-8", "eGFR")
IBUPROFEN = {"text": "Ibuprofen"}
MEDICATION = resource("Medication", id="x", code=TRAMADOL)
TABLET = {"value": 1, "unit": "tablet"}
