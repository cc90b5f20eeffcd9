"""The recording proxy changes nothing that passes, and writes nothing that identifies."""

import json
from copy import deepcopy
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pytest_httpserver import HTTPServer
from werkzeug.test import Client
from werkzeug.wrappers import Request, Response

from service.cli import main
from service.deidentification import DEFAULT, Privacy, chosen, deidentified
from service.recorder import Recorder
from service.replay import find_requests, kept_reply

TOKEN = "a-secret-token"  # noqa: S105 - of nobody
PATH = "/cds-services/their-service"
PERSON: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "person-7",
    "text": {"status": "generated", "div": "<div>Jane Roe</div>"},
    "identifier": [{"value": "MRN-123"}],
    "name": [{"family": "Roe", "given": ["Jane"]}],
    "telecom": [{"value": "555-0100"}],
    "address": [{"line": ["1 Main Street"]}],
    "gender": "female",
    "birthDate": "1974-05-06",
}
CALL: dict[str, Any] = {
    "hook": "order-sign",
    "hookInstance": "6f1d2c9e-0000-4000-8000-000000000000",
    "fhirServer": "https://fhir.hospital.example.org",
    "fhirAuthorization": {"access_token": TOKEN, "token_type": "Bearer"},
    "context": {"userId": "Practitioner/dr-1", "patientId": "person-7"},
    "prefetch": {
        "patient": PERSON,
        "conditions": {
            "resourceType": "Bundle",
            "entry": [
                {
                    "resource": {
                        "resourceType": "Condition",
                        "id": "c",
                        "code": {"text": "Low back pain"},
                        "subject": {"reference": "Patient/person-7", "display": "Roe, Jane"},
                        "note": [{"text": "Jane says it hurts"}],
                    }
                }
            ],
        },
    },
}
SECRETS = (TOKEN, "Roe", "MRN-123", "555-0100", "Main Street", "hospital")


def answered(server: HTTPServer, status: int = 200) -> list[Request]:
    """Let the service behind answer, and return the calls that it gets."""
    seen: list[Request] = []

    def answer(request: Request) -> Response:
        seen.append(request)
        body = json.dumps({"cards": [], "patient": PERSON})
        headers = {
            "Content-Type": "application/json",
            "Access-Control-Allow-Origin": "https://ehr.example.org",
        }
        return Response(body, status, headers)

    server.expect_request(PATH).respond_with_handler(answer)
    return seen


def recorder(server: HTTPServer, folder: Path, **how: Any) -> Client:
    return Client(Recorder(server.url_for("/"), folder, **how))


def test_a_call_passes_unchanged(httpserver: HTTPServer, tmp_path: Path) -> None:
    seen = answered(httpserver)
    headers = {"Authorization": f"Bearer {TOKEN}", "Origin": "https://ehr.example.org"}
    response = recorder(httpserver, tmp_path).post(PATH, json=CALL, headers=headers)

    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == "https://ehr.example.org"
    assert response.get_json()["patient"] == PERSON
    assert seen[0].get_json() == CALL
    assert seen[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert seen[0].headers["Origin"] == "https://ehr.example.org"


def test_a_call_becomes_a_fixture_without_secrets(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    answered(httpserver)
    client = recorder(httpserver, tmp_path, today=date(2026, 3, 2))
    client.post(PATH, json=CALL, headers={"Authorization": f"Bearer {TOKEN}"})
    written = (tmp_path / "order-sign-1.request.json").read_text("utf-8")
    reply = kept_reply(tmp_path / "order-sign-1.request.json")
    request = json.loads(written)

    assert reply is not None
    assert [s for s in SECRETS if s in written + json.dumps(reply.body)] == []
    assert request["extension"] == {"org.back-pain-cds.as-of": "2026-03-02"}
    assert request["context"] == CALL["context"]
    assert request["prefetch"]["patient"] == {
        "resourceType": "Patient",
        "id": "person-7",
        "gender": "female",
        "birthDate": "1974-05-06",
    }


def test_calls_are_numbered_and_nothing_is_written_over(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    answered(httpserver)
    for _ in range(2):
        recorder(httpserver, tmp_path).post(PATH, json=CALL)

    assert [path.name for path in find_requests([tmp_path])] == [
        "order-sign-1.request.json",
        "order-sign-2.request.json",
    ]


def test_a_refusal_is_kept_with_its_status(httpserver: HTTPServer, tmp_path: Path) -> None:
    answered(httpserver, status=412)
    recorder(httpserver, tmp_path).post(PATH, json=CALL)

    assert (tmp_path / "order-sign-1.412.response.json").exists()


def test_a_hook_cannot_name_a_file_elsewhere(httpserver: HTTPServer, tmp_path: Path) -> None:
    answered(httpserver)
    folder = tmp_path / "out"
    recorder(httpserver, folder).post(PATH, json={**CALL, "hook": "../../evil/hook"})

    assert [path.name for path in find_requests([tmp_path])] == [
        "------evil-hook-1.request.json"
    ]
    assert find_requests([folder]) == find_requests([tmp_path])


def test_feedback_is_written_without_what_people_typed(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    httpserver.expect_request(f"{PATH}/feedback").respond_with_data("", 200)
    reason = {"reason": {"code": "a"}, "userComment": "Jane Roe refused"}
    item = {"card": "1", "outcome": "overridden", "overrideReason": reason}
    sent = {"feedback": [item]}
    response = recorder(httpserver, tmp_path).post(f"{PATH}/feedback", json=sent)
    written = json.loads((tmp_path / "their-service-1.feedback.json").read_text("utf-8"))

    assert response.status_code == 200
    assert written["feedback"][0]["overrideReason"] == {"reason": {"code": "a"}}


def test_discovery_and_preflights_pass_and_are_not_written(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    httpserver.expect_request("/cds-services", method="GET").respond_with_json({"services": []})
    httpserver.expect_request(PATH, method="OPTIONS").respond_with_data(
        "", 204, headers={"Access-Control-Allow-Methods": "POST"}
    )
    client = recorder(httpserver, tmp_path)

    assert client.get("/cds-services").get_json() == {"services": []}
    assert client.options(PATH).headers["Access-Control-Allow-Methods"] == "POST"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("body", [b"no JSON", b"[]", b"", b'{"hook": 1}'])
def test_what_is_no_call_passes_and_is_not_written(
    httpserver: HTTPServer, tmp_path: Path, body: bytes
) -> None:
    seen = answered(httpserver, status=400)
    response = recorder(httpserver, tmp_path).post(PATH, data=body)

    assert response.status_code == 400
    assert seen[0].get_data() == body
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_is_away_is_a_bad_gateway(tmp_path: Path) -> None:
    client = Client(Recorder("http://127.0.0.1:1", tmp_path))

    assert client.post(PATH, json=CALL).status_code == 502
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("target", ["nonsense", "127.0.0.1:8000", "ftp://127.0.0.1"])
def test_a_service_behind_without_an_address_is_refused(tmp_path: Path, target: str) -> None:
    command = ["record", "--listen", "0", "--to", target, "--out", str(tmp_path)]
    result = CliRunner().invoke(main, command)

    assert result.exit_code == 2
    assert f"{target} is no web address" in " ".join(result.output.split())


def test_a_birth_date_is_moved() -> None:
    person = deidentified(PERSON, Privacy(birth_date_days=-10))

    assert person["birthDate"] == "1974-04-26"


@pytest.mark.parametrize("born", ["1974", "1974-05", "unknown"])
def test_a_birth_date_that_is_no_day_stays(born: str) -> None:
    person = deidentified({**PERSON, "birthDate": born}, Privacy(birth_date_days=-10))

    assert person["birthDate"] == born


@pytest.mark.parametrize(
    ("name", "gone"),
    [("birthDate", "1974-05-06"), ("note", "it hurts"), ("patientId", "person-7")],
)
def test_more_is_removed_when_it_is_chosen(name: str, gone: str) -> None:
    assert gone in json.dumps(deidentified(CALL, Privacy(), "person-7"))
    privacy = Privacy(DEFAULT | {name})

    assert gone not in json.dumps(deidentified(CALL, privacy, "person-7"))


def test_the_patient_is_the_same_in_every_place() -> None:
    found = deidentified(CALL, Privacy(frozenset({"patientId"})), "Patient/person-7")
    condition = found["prefetch"]["conditions"]["entry"][0]["resource"]

    assert found["context"]["patientId"] == "patient"
    assert found["prefetch"]["patient"]["id"] == "patient"
    assert condition["subject"]["reference"] == "Patient/patient"


def test_tokens_go_even_when_nothing_is_chosen() -> None:
    found = deidentified(CALL, Privacy(frozenset()))

    assert TOKEN not in json.dumps(found)
    assert found["prefetch"]["patient"]["name"] == PERSON["name"]


@pytest.mark.parametrize(
    "odd",
    [
        {"type": {"coding": []}, "doseQuantity": {"value": 1}},
        {"resourceType": {"is": "odd"}, "text": {"div": 1}},
        {"reference": ["Patient/1"], "display": "x"},
    ],
)
def test_what_is_no_person_is_left_alone(odd: dict[str, Any]) -> None:
    assert deidentified(odd, Privacy()) == odd


def test_the_document_itself_stays_as_it_was() -> None:
    before = deepcopy(CALL)
    deidentified(CALL, Privacy(), "person-7")

    assert before == CALL


def test_a_choice_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="surname"):
        chosen(["name", "surname"])
    command = ["record", "--listen", "0", "--to", "http://127.0.0.1:1", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, [*command, "--remove", "surname"])

    assert result.exit_code == 2
    assert "the choices are name, identifier" in " ".join(result.output.split())


SERVER = "https://ehr.hospital.example.org/fhir"
LEAKY: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "searchset",
    "link": [
        {"relation": "self", "url": f"{SERVER}/Condition?patient=mrn123"},
        {"relation": "next", "url": f"{SERVER}?page=2&patient=mrn123"},
    ],
    "entry": [
        {
            "fullUrl": f"{SERVER}/Condition/c1",
            "resource": {
                "resourceType": "Condition",
                "id": "c1",
                "meta": {"source": f"{SERVER}#mrn123", "versionId": "2"},
                "contained": [{"resourceType": "Practitioner", "id": "doc"}],
                "code": {"coding": [{"code": "M54.50", "display": "Low back pain"}]},
                "subject": {"reference": f"{SERVER}/Patient/mrn123/_history/4"},
                "asserter": {"display": "Dr Smith"},
                "recorder": {"reference": "#doc", "display": "Dr Smith"},
                "evidence": [{"detail": [{"reference": "#doc", "display": "Dr Smith"}]}],
                "encounter": {"reference": "Encounter/mrn1234", "display": "Visit of mrn123."},
            },
        }
    ],
}
EVERYTHING = Privacy(frozenset({"patientId", "fhirServer", "name", "identifier"}))


def test_nothing_of_the_server_the_patient_and_the_doctors_stays_in_a_bundle() -> None:
    found = deidentified(LEAKY, EVERYTHING, "mrn123")
    (entry,) = found["entry"]
    resource = entry["resource"]

    assert [w for w in ("hospital", "mrn123 ", "mrn123.", "Smith") if w in str(found)] == []
    assert entry["fullUrl"] == "Condition/c1"
    assert resource["meta"] == {"versionId": "2"}
    assert resource["subject"] == {"reference": "Patient/patient/_history/4"}
    assert resource["asserter"] == {}
    assert resource["recorder"] == {"reference": "#doc"}
    assert resource["evidence"] == [{"detail": [{"reference": "#doc"}]}]
    assert resource["encounter"] == {
        "reference": "Encounter/mrn1234",  # of something else
        "display": "Visit of patient.",
    }
    assert resource["code"] == {"coding": [{"code": "M54.50", "display": "Low back pain"}]}


def test_that_there_was_a_next_page_stays_known() -> None:
    found = deidentified(LEAKY, EVERYTHING, "mrn123")

    assert found["link"] == [{"relation": "next", "url": "urn:removed"}]
    assert "link" not in deidentified({**LEAKY, "link": LEAKY["link"][:1]}, EVERYTHING)


def test_what_refers_to_no_person_keeps_its_display() -> None:
    order = {
        "medicationReference": {"reference": "#m", "display": "oxycodone 5 mg"},
        "performerType": {"coding": [{"code": "x", "display": "Nurse"}]},
        "performer": [{"function": {"coding": [{"system": "s", "display": "Nurse"}]}}],
    }

    assert deidentified(order, EVERYTHING) == order


def test_a_short_id_is_replaced_only_where_it_is_the_patients() -> None:
    call = {
        "context": {"patientId": "5"},
        "patient": {"resourceType": "Patient", "id": "5"},
        "order": {
            "id": "5",
            "subject": {"reference": "Patient/5"},
            "dosage": {"text": "5 tablets", "code": "5"},
            "asked": "Condition?patient=5&code=5",
        },
    }
    order = {
        "id": "5",
        "subject": {"reference": "Patient/patient"},
        "dosage": {"text": "5 tablets", "code": "5"},
        "asked": "Condition?patient=patient&code=5",
    }

    assert deidentified(call, EVERYTHING, "5") == {
        "context": {"patientId": "patient"},
        "patient": {"resourceType": "Patient", "id": "patient"},
        "order": order,
    }


def test_a_code_that_reads_like_the_id_stays() -> None:
    coding = {"system": "http://snomed.info/sct", "code": "278860009"}

    assert deidentified(coding, EVERYTHING, "278860009") == coding
