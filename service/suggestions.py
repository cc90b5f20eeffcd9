"""CDS Hooks suggestions: the FHIR resources that cards propose, one action each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from cards.suggestion_templates import Regimen, ServiceTemplate, product
from cards.suggestions import Proposal
from service.conformance import is_valid
from service.fhir import Resource, items

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
SNOMED = "http://snomed.info/sct"
UCUM = "http://unitsofmeasure.org"
SNOMED_ROUTES: Mapping[str, str] = {  # of the routes that our regimens use
    "oral": "26643006",
    "topical": "6064005",
    "nasal": "46713006",
    "sublingual": "37839007",
    "buccal": "54471007",
    "transdermal": "45890007",
}
CHANGED = frozenset({"MedicationRequest", "ServiceRequest"})
# DSTU2 and STU3 clients send one object where R4 has a list.
LISTS = ("category", "reasonCode", "reasonReference", "dosageInstruction", "note")

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom a created order is for, and by whom, as references of this call."""

    patient_id: str
    encounter_id: str | None = None
    user_id: str | None = None
    back_pain: str | None = None  # "Condition/7"
    seen_for_back_pain: bool = False  # on record or the reason for this visit


def suggestion(
    proposal: Proposal, subject: Subject, drafts: Mapping[str, Resource], seed: UUID
) -> Json | None:
    """Return the proposal as a suggestion.

    ``None`` if the draft that it changes or removes has no id or is not valid R4.
    """
    action = _action(proposal, subject, drafts)
    if action is None:
        return None
    name = f"{proposal.id}|{proposal.target}"
    return {"label": proposal.label, "uuid": str(uuid5(seed, name)), "actions": [action]}


def _action(
    proposal: Proposal, subject: Subject, drafts: Mapping[str, Resource]
) -> Json | None:
    action: Json = {"type": proposal.does, "description": proposal.description}
    if "#" in proposal.target:  # the draft came without an id: nothing can name it
        return None
    if proposal.does == "delete":
        return {**action, "resourceId": proposal.target}
    if proposal.does == "update":
        resource = _changed(drafts.get(proposal.target), proposal)
        # The rest of the draft is the client's own: hand it back only if it is valid.
        return {**action, "resource": resource} if resource and is_valid(resource) else None
    return {**action, "resource": _created(proposal, subject)}


def _created(proposal: Proposal, subject: Subject) -> Json:
    if proposal.regimen:
        return _medication_request(proposal.regimen, subject)
    if proposal.service:
        return _service_request(proposal.service, subject)
    raise TypeError(f"proposal {proposal.id} creates nothing")


def _medication_request(regimen: Regimen, subject: Subject) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "status": "draft",
        "intent": "order",
        **_medication(regimen),
        **_common(subject),
        **_prescription(regimen),
    }


def _service_request(service: ServiceTemplate, subject: Subject) -> Json:
    code: Json = {"text": service.text}
    if service.snomed:
        coding = {"system": SNOMED, "code": service.snomed}
        code = {"coding": [coding], **code}
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        **({"priority": "urgent"} if service.urgent else {}),
        "code": code,
        **_common(subject),
    }


def _common(subject: Subject) -> Json:
    common: Json = {"subject": {"reference": f"Patient/{subject.patient_id}"}}
    if subject.encounter_id:
        common["encounter"] = {"reference": f"Encounter/{subject.encounter_id}"}
    if subject.user_id and subject.user_id.startswith(("Practitioner/", "PractitionerRole/")):
        common["requester"] = {"reference": subject.user_id}
    if subject.back_pain:
        common["reasonReference"] = [{"reference": subject.back_pain}]
    elif subject.seen_for_back_pain:
        common["reasonCode"] = [{"text": "Back pain"}]
    return common


def _medication(regimen: Regimen) -> Json:
    coding = {"system": RXNORM, "code": regimen.rxnorm, "display": regimen.name}
    label = product(regimen).name
    return {"medicationCodeableConcept": {"coding": [coding], "text": label}}


def _prescription(regimen: Regimen) -> Json:
    dispense = _dispense(regimen.days)
    if regimen.quantity:
        unit = regimen.quantity_unit or regimen.unit
        dispense["quantity"] = {"value": regimen.quantity, "unit": unit}
    return {"dosageInstruction": [_dosage(regimen)], "dispenseRequest": dispense}


def _dispense(days: float | None) -> Json:
    dispense: Json = {"numberOfRepeatsAllowed": 0}
    if days:
        supply = {"value": days, "unit": "days", "system": UCUM, "code": "d"}
        dispense["expectedSupplyDuration"] = supply
    return dispense


def _dosage(regimen: Regimen) -> Json:
    dosage: Json = {"text": regimen.sig}
    if regimen.times:
        repeat = {"frequency": int(regimen.times), "period": 1, "periodUnit": "d"}
        dosage["timing"] = {"repeat": repeat}
    if regimen.as_needed:
        dosage["asNeededBoolean"] = True
    if code := SNOMED_ROUTES.get(regimen.route):
        coding = {"system": SNOMED, "code": code}
        dosage["route"] = {"coding": [coding], "text": regimen.route}
    if regimen.amount:
        quantity = {"value": regimen.amount, "unit": regimen.unit}
        dosage["doseAndRate"] = [{"doseQuantity": quantity}]
    return dosage


def _changed(draft: Resource | None, proposal: Proposal) -> Json | None:
    """Return the whole draft with what is proposed; the draft itself stays as it was."""
    kind = draft.get("resourceType") if draft else None
    if draft is None or kind not in CHANGED:
        return None
    kept: Json = {key: _listed(key, value) for key, value in draft.items()}
    if proposal.adds_reason:
        reasons = [*items(kept.get("reasonCode")), {"text": proposal.adds_reason}]
        return {**kept, "reasonCode": reasons}
    if kind != "MedicationRequest":
        return None
    if proposal.regimen:
        others = {key: value for key, value in kept.items() if not key.startswith("medication")}
        return {**others, **_medication(proposal.regimen), **_prescription(proposal.regimen)}
    return {**kept, "dispenseRequest": _dispense(days=proposal.days)}


def _listed(key: str, value: Any) -> Any:
    return [value] if key in LISTS and isinstance(value, dict) else value
