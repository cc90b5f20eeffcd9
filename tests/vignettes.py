"""The vignette patients of ``fixtures/patients`` and the drafts that are tried on them."""

import copy
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cards import drugs
from cards.chart import Code

PATIENTS = Path(__file__).parent.parent / "fixtures/patients"
TODAY = "2026-03-02"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
SYSTEMS = {
    "icd10cm": ICD10CM,
    "snomed": SNOMED,
    "loinc": LOINC,
    "cpt": "http://www.ama-assn.org/go/cpt",
    "hcpcs": "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
}
KEY_OF_TYPE = {
    "Patient": "patient",
    "Encounter": "encounter",
    "Condition": "conditions",
    "MedicationRequest": "medicationRequests",
    "MedicationStatement": "medicationStatements",
    "AllergyIntolerance": "allergies",
    "Procedure": "procedures",
    "ServiceRequest": "serviceRequests",
    "Observation": "observations",
}
UNITS = {"h": ("h", 1), "d": ("d", 1)}
ROUTES = {
    "oral": "26643006",
    "intravenous": "47625008",
    "intramuscular": "78421000",
    "epidural": "404820008",
    "topical": "6064005",
    "sublingual": "37839007",
}
BACK_PAIN = ("icd10cm", "M54.50")

Json = dict[str, Any]


def patient(name: str) -> list[Json]:
    """Return the resources of a fixture patient."""
    bundle = json.loads((PATIENTS / f"{name}.json").read_bytes())
    return [entry["resource"] for entry in bundle["entry"]]


def concept(*codes: tuple[str, str], text: str = "") -> Json:
    """Return a CodeableConcept."""
    coded: Json = {"coding": [{"system": SYSTEMS[s], "code": c} for s, c in codes]}
    return {**(coded if codes else {}), **({"text": text} if text else {})}


def medication(rxcui: str) -> Json:
    """Return a drug as EHRs code it, with the name that our table has."""
    drug = drugs.identify((Code("rxnorm", rxcui),), "")
    assert drug, rxcui
    coding = {"system": RXNORM, "code": rxcui, "display": drug.name}
    return {"coding": [coding], "text": drug.name}


def drug_order(
    rxcui: str,
    *,
    dose: tuple[float, str] | None = None,
    every: tuple[int, int, str] | None = None,  # times, period, unit: (1, 6, "h")
    **details: Any,
) -> Json:
    """Return a draft MedicationRequest.

    ``details`` may say: days, prn, once, route, reason, category, sig, id, status.
    """
    order: Json = {
        "resourceType": "MedicationRequest",
        "id": details.pop("id", "draft-1"),
        "status": details.pop("status", "draft"),
        "intent": "order",
        "medicationCodeableConcept": medication(rxcui),
        "subject": {"reference": "Patient/PATIENT"},
        "authoredOn": TODAY,
    }
    reason = details.pop("reason", BACK_PAIN)
    if reason:
        order["reasonCode"] = [concept(reason)]
    category = details.pop("category", None)
    if category:
        coding = {
            "system": "http://terminology.hl7.org/CodeSystem/medicationrequest-category",
            "code": category,
        }
        order["category"] = [{"coding": [coding]}]
    if days := details.pop("days", None):
        supply = {
            "value": days,
            "unit": "days",
            "system": "http://unitsofmeasure.org",
            "code": "d",
        }
        order["dispenseRequest"] = {"expectedSupplyDuration": supply}
    dosage = _dosage(dose, every, details)
    assert not details, details
    return {**order, **({"dosageInstruction": [dosage]} if dosage else {})}


def _dosage(
    dose: tuple[float, str] | None, every: tuple[int, int, str] | None, details: Json
) -> Json:
    dosage: Json = {}
    if sig := details.pop("sig", None):
        dosage["text"] = sig
    if every:
        repeat = {"frequency": every[0], "period": every[1], "periodUnit": every[2]}
        dosage["timing"] = {"repeat": repeat}
    if details.pop("once", False):
        dosage["timing"] = {"repeat": {"count": 1}}
    if details.pop("prn", False):
        dosage["asNeededBoolean"] = True
    if route := details.pop("route", None):
        dosage["route"] = concept(("snomed", ROUTES[route]))
    if dose:
        dosage["doseAndRate"] = [{"doseQuantity": {"value": dose[0], "unit": dose[1]}}]
    return dosage


def service_order(text: str, *codes: tuple[str, str], **details: Any) -> Json:
    """Return a draft ServiceRequest, or with ``kind`` a DeviceRequest."""
    kind = details.pop("kind", "ServiceRequest")
    what = "codeCodeableConcept" if kind == "DeviceRequest" else "code"
    reason = details.pop("reason", BACK_PAIN)
    assert not details, details
    return {
        "resourceType": kind,
        "id": "draft-1",
        "status": "draft",
        "intent": "order",
        what: concept(*codes, text=text),
        "subject": {"reference": "Patient/PATIENT"},
        **({"reasonCode": [concept(reason)]} if reason else {}),
    }


def request(
    hook: str,
    resources: Iterable[Json],
    drafts: Iterable[Json] = (),
    without: Iterable[str] = (),
) -> Json:
    """Return a whole CDS Hooks request about a patient made of resources."""
    known = list(resources)
    who = next(one["id"] for one in known if one["resourceType"] == "Patient")
    orders = [_about(copy.deepcopy(draft), who) for draft in drafts]
    visit = next((one["id"] for one in known if one["resourceType"] == "Encounter"), None)
    context: Json = {"userId": "Practitioner/example", "patientId": who}
    if visit:
        context["encounterId"] = visit
    if hook != "patient-view":
        if hook == "order-select":
            context["selections"] = [f"{o['resourceType']}/{o['id']}" for o in orders]
        entries = [{"resource": order} for order in orders]
        context["draftOrders"] = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": entries,
        }
    return {
        "hook": hook,
        "hookInstance": "6f1d2c9e-0000-4000-8000-000000000000",
        "context": context,
        "prefetch": prefetch(known, without),
        "extension": {"org.back-pain-cds.as-of": TODAY, "org.back-pain-cds.trace": True},
    }


def prefetch(resources: Iterable[Json], without: Iterable[str] = ()) -> Json:
    """Return the resources as the answers to our prefetch templates; each key is answered."""
    found: dict[str, list[Json]] = {key: [] for key in KEY_OF_TYPE.values()}
    for one in resources:
        found[KEY_OF_TYPE[one["resourceType"]]].append(one)
    answers: Json = {}
    for key, ones in found.items():
        if key in {"patient", "encounter"}:
            answers[key] = ones[0] if ones else None
        else:
            entries = [{"resource": one} for one in ones]
            answers[key] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    return {key: value for key, value in answers.items() if key not in set(without)}


def findings(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return ``{rule: indicator}`` of every finding on every card."""
    found: dict[str, str] = {}
    for card in answer["cards"]:
        for finding in card["extension"]["org.back-pain-cds.findings"]:
            found[finding["rule"]] = finding["indicator"]
    return found


def _about(draft: Json, who: str) -> Json:
    draft["subject"] = {"reference": f"Patient/{who}"}
    return draft
