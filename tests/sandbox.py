"""The public CDS Hooks sandbox as a scripted client: the calls it makes, with its oddities."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID, uuid4

from flask.testing import FlaskClient

ORIGIN = "https://sandbox.cds-hooks.org"
TOKEN = "Bearer eyJhbGciOiJFUzM4NCJ9.eyJpc3MiOiJodHRwczovL3NhbmRib3gifQ.c2ln"  # noqa: S105 - nobody checks it
DSTU2_JSON = "application/json+fhir"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"

Json = dict[str, Any]


class Sandbox:
    """One browser with the sandbox open on one patient."""

    def __init__(self, service: FlaskClient, fhir: FlaskClient, patient: str) -> None:
        self.service = service
        self.fhir = fhir
        self.patient = patient
        self.services: dict[str, Json] = {}
        self.conditions: list[Json] = []

    def open(self) -> None:
        """Load the patient, and discover the services."""
        assert self._fhir("/metadata")["fhirVersion"] == "4.0.1"
        assert self._fhir("/Patient")["total"] > 0
        assert self._fhir(f"/Patient/{self.patient}")["name"][0]["given"]
        found = self._fhir(f"/Condition?patient={self.patient}")
        self.conditions = [entry["resource"]["code"] for entry in found.get("entry", ())]
        answer = self._call("GET", "/cds-services")
        self.services = {each["hook"]: each for each in answer["services"]}

    def hook(self, hook: str, context: Mapping[str, Any] | None = None) -> Json:
        """Resolve the prefetch templates of the hook's service and call it."""
        service = self.services[hook]
        known = {"userId": "Practitioner/COREPRACTITIONER1", "patientId": self.patient}
        body = {
            "hookInstance": str(uuid4()),
            "hook": hook,
            "fhirServer": "http://localhost:8001/fhir",
            "context": {**known, **(context or {})},
            "prefetch": self._prefetch(service["prefetch"]),
        }
        answer = self._call("POST", f"/cds-services/{service['id']}", body)
        check_drawn(answer)
        return answer

    def select(self, draft: Json) -> Json:
        """Change the draft on Rx View, or the study on PAMA Imaging."""
        reference = f"{draft['resourceType']}/{draft['id']}"
        return self.hook("order-select", {"selections": [reference], **drafts(draft)})

    def sign(self, draft: Json) -> Json:
        """Press Sign Order: the reason is never sent."""
        kept = {key: value for key, value in draft.items() if key != "reasonCode"}
        return self.hook("order-sign", drafts(kept))

    def feedback(self, hook: str, item: Json) -> None:
        """Say what was done with a card."""
        path = f"/cds-services/{self.services[hook]['id']}/feedback"
        stamped = {**item, "outcomeTimestamp": "2026-11-21T08:40:02.294Z"}
        self._call("POST", path, {"feedback": [stamped]})

    def _prefetch(self, templates: Mapping[str, str]) -> Json:
        answers = {}
        for key, template in templates.items():
            query = template.replace("{{context.patientId}}", self.patient)
            if "{{" not in query:  # of a path that cannot be resolved the key is left out
                answers[key] = self._fhir_query(query)
        return answers

    def _fhir_query(self, query: str) -> Json:
        path, _, parameters = query.partition("?")
        if not parameters:
            return self._fhir(f"/{path}")
        form = sorted(parse_qsl(parameters))
        answer = self.fhir.post(
            f"/fhir/{path}/_search",
            data=dict(form),
            headers={"Origin": ORIGIN, "Accept": DSTU2_JSON},
        )
        return _good(answer)

    def _fhir(self, path: str) -> Json:
        headers = {"Origin": ORIGIN, "Accept": DSTU2_JSON}
        return _good(self.fhir.get(f"/fhir{path}", headers=headers))

    def _call(self, method: str, path: str, body: Json | None = None) -> Json:
        """Preflight, then call, as a browser does for a request with a token."""
        asked = "authorization,content-type" if body else "authorization"
        preflight = self.service.options(
            path,
            headers={
                "Origin": ORIGIN,
                "Access-Control-Request-Method": method,
                "Access-Control-Request-Headers": asked,
            },
        )
        assert 200 <= preflight.status_code < 300
        allowed = preflight.headers["Access-Control-Allow-Headers"].lower()
        assert all(name in allowed for name in asked.split(","))
        headers = {"Origin": ORIGIN, "Authorization": TOKEN, "Accept": "application/json"}
        answer = self.service.open(path, method=method, json=body, headers=headers)
        return _good(answer, empty=path.endswith("/feedback"))


def _good(answer: Any, *, empty: bool = False) -> Json:
    """Return the body of an answer that the sandbox can use."""
    assert 200 <= answer.status_code < 300, answer.get_data(as_text=True)[:400]
    assert answer.headers["Access-Control-Allow-Origin"] in {"*", ORIGIN}
    body: Json = answer.get_json(silent=True) or {}
    assert body or empty
    return body


def drafts(*orders: Json) -> Json:
    """Return the draft orders as they are sent: a Bundle without a type."""
    entries = [{"resource": order} for order in orders]
    return {"draftOrders": {"resourceType": "Bundle", "entry": entries}}


def nothing_chosen(patient: str) -> Json:
    """Return the draft of an untouched Rx View."""
    return {
        "resourceType": "MedicationRequest",
        "id": "request-123",
        "status": "draft",
        "subject": {"reference": f"Patient/{patient}"},
        "authoredOn": "2026-11-21",
    }


def chosen(patient: str, code: str, name: str, reason: Json | None = None) -> Json:
    """Return the draft after a medication was picked: objects where lists are due."""
    coding = {"display": name, "system": RXNORM, "code": code}
    repeat: Json = {"frequency": 2, "period": 1, "periodUnit": "d"}
    quantity = {"value": 1, "system": "http://unitsofmeasure.org", "code": "{pill}"}
    supply = {"value": 30, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
    draft = {
        **nothing_chosen(patient),
        "dosageInstruction": [
            {"timing": {"repeat": repeat}, "doseAndRate": [{"doseQuantity": quantity}]}
        ],
        "dispenseRequest": {"expectedSupplyDuration": supply},
        "intent": "order",
        "category": {"coding": [{"system": CATEGORY, "code": "community"}]},
        "medicationCodeableConcept": {"text": name, "coding": [coding]},
    }
    return {**draft, "reasonCode": reason} if reason else draft


def dated(draft: Json, start: str) -> Json:
    """Return the draft while its start date is typed."""
    dosage = draft["dosageInstruction"][0]
    repeat = {**dosage["timing"]["repeat"], "boundsPeriod": {"start": start, "end": start}}
    return {**draft, "dosageInstruction": [{**dosage, "timing": {"repeat": repeat}}]}


def study(patient: str, code: str = "", reason: str = "") -> Json:
    """Return the draft of PAMA Imaging."""
    coding = {"code": code, "system": "http://www.ama-assn.org/go/cpt"} if code else {}
    reasons = [{"coding": [{"system": "http://snomed.info/sct", "code": reason}]}]
    return {
        "resourceType": "ServiceRequest",
        "id": "example-request-id",
        "status": "draft",
        "intent": "plan",
        "code": {"coding": [coding]},
        "subject": {"reference": f"Patient/{patient}"},
        "reasonCode": reasons if reason else [],
    }


def check_drawn(answer: Json) -> None:
    """Check that the page can draw every card, apply what it offers and report on it."""
    cards = answer["cards"]
    assert len({card["uuid"] for card in cards}) == len(cards)
    for card in cards:
        assert str(UUID(card["uuid"])) == card["uuid"]
        assert card["indicator"] in {"info", "warning", "critical"}
        assert 0 < len(card["summary"]) < 140
        assert "<" not in card["detail"]
        assert card["source"]["label"]
        for suggestion in card.get("suggestions", ()):
            _check_applicable(suggestion)
        for reason in card.get("overrideReasons", ()):
            assert reason["code"]
            assert reason["display"]


def _check_applicable(suggestion: Json) -> None:
    assert str(UUID(suggestion["uuid"])) == suggestion["uuid"]
    assert suggestion["label"]
    (action,) = suggestion["actions"]  # only the first one is applied
    assert action["description"]
    if action["type"] == "delete":
        assert action["resourceId"]
    elif action["resource"]["resourceType"] == "MedicationRequest":
        medication = action["resource"]["medicationCodeableConcept"]
        assert medication["text"]
        assert medication["coding"][0]["code"]
