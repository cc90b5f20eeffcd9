"""The FHIR server of the demo: what clients read and search, and how tolerant it is."""

from datetime import date
from typing import Any

import pytest
from flask.testing import FlaskClient

from service.conformance import faults
from service.demo.fhir_server import TYPES, create_fhir_app
from service.demo.stories import STORY_DAY, stories

TODAY = date(2026, 11, 21)
ORIGIN = {"Origin": "https://sandbox.example.org"}
LOINC_EGFR = "http://loinc.org|98979-8"


@pytest.fixture(scope="module")
def fhir() -> FlaskClient:
    return create_fhir_app(TODAY).test_client()


def found(answer: Any) -> list[str]:
    bundle = answer.get_json()
    ids = [entry["resource"]["id"] for entry in bundle.get("entry", [])]
    assert (answer.status_code, bundle["type"], bundle["total"]) == (200, "searchset", len(ids))
    return ids


def test_metadata_says_r4(fhir: FlaskClient) -> None:
    statement = fhir.get("/fhir/metadata").get_json()

    assert statement["fhirVersion"] == "4.0.1"
    assert faults(statement) == ()
    assert {each["type"] for each in statement["rest"][0]["resource"]} == set(TYPES)


def test_every_patient_is_listed_with_a_given_name(fhir: FlaskClient) -> None:
    answer = fhir.get("/fhir/Patient")

    assert found(answer) == list(stories())
    people = [entry["resource"] for entry in answer.get_json()["entry"]]
    assert all(person["name"][0]["given"] for person in people)


def test_a_patient_is_read(fhir: FlaskClient) -> None:
    answer = fhir.get("/fhir/Patient/vignette-000", headers={"Accept": "application/json+fhir"})

    assert (answer.status_code, answer.get_json()["id"]) == (200, "vignette-000")
    assert answer.content_type == "application/fhir+json"


@pytest.mark.parametrize("form", ["vignette-000", "Patient/vignette-000"])
@pytest.mark.parametrize("name", ["patient", "subject"])
def test_search_by_patient_finds_that_patient_only(
    fhir: FlaskClient, name: str, form: str
) -> None:
    expected = ["v000-back", "v000-oud"]

    assert found(fhir.get("/fhir/Condition", query_string={name: form})) == expected
    assert found(fhir.post("/fhir/Condition/_search", data={name: form})) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, ["v000-egfr"]),
        ({"code": LOINC_EGFR}, ["v000-egfr"]),
        ({"code": f"http://loinc.org|2160-0,{LOINC_EGFR}"}, ["v000-egfr"]),
        ({"code": "98979-8"}, ["v000-egfr"]),
        ({"code": "http://loinc.org|2160-0"}, []),
        ({"status": "final", "_count": "200"}, ["v000-egfr"]),
        ({"status": "cancelled"}, []),
        ({"_summary": "null", "_sort": "-date", "unheard-of": "x"}, ["v000-egfr"]),
        ({"_id": "v000-egfr"}, ["v000-egfr"]),
        ({"_id": "another"}, []),
    ],
    ids=str,
)
def test_search_narrows_by_what_it_knows_and_tolerates_the_rest(
    fhir: FlaskClient, query: dict[str, str], expected: list[str]
) -> None:
    asked = {"patient": "vignette-000", **query}

    assert found(fhir.post("/fhir/Observation/_search", data=asked)) == expected


@pytest.mark.parametrize("kind", TYPES)
def test_search_for_an_unknown_patient_is_empty_with_a_total(
    fhir: FlaskClient, kind: str
) -> None:
    assert found(fhir.get(f"/fhir/{kind}?patient=nobody")) == []


def test_conditions_are_found_by_category_and_clinical_status(fhir: FlaskClient) -> None:
    asked = {"patient": "cauda-equina", "category": "problem-list-item"}

    assert found(fhir.get("/fhir/Condition", query_string=asked)) == ["cauda-equina-back"]
    asked = {"patient": "cauda-equina", "clinical-status": "resolved"}
    assert found(fhir.get("/fhir/Condition", query_string=asked)) == []


def test_patients_are_found_by_name(fhir: FlaskClient) -> None:
    assert found(fhir.get("/fhir/Patient?name=caldwell")) == ["vignette-000"]


def test_visit_of_the_story_is_today(fhir: FlaskClient) -> None:
    visit = fhir.get("/fhir/Encounter/v000-visit").get_json()

    assert STORY_DAY.isoformat() == "2026-03-02"
    assert visit["period"]["start"] == "2026-11-21T09:00:00Z"


def test_slash_at_the_end_of_the_address_is_forgiven(fhir: FlaskClient) -> None:
    assert fhir.get("/fhir//Patient/vignette-000").status_code == 200
    assert found(fhir.post("/fhir//Condition/_search", data={"patient": "nobody"})) == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/fhir/Patient/nobody", 404),
        ("GET", "/fhir/Medication/1", 404),
        ("GET", "/", 404),
        ("POST", "/fhir/Patient", 405),
        ("DELETE", "/fhir/Patient/vignette-000", 405),
        ("PUT", "/fhir/Patient/vignette-000", 405),
    ],
    ids=str,
)
def test_what_is_not_there_is_refused_as_an_outcome(
    fhir: FlaskClient, method: str, path: str, status: int
) -> None:
    answer = fhir.open(path, method=method, headers=ORIGIN)

    assert (answer.status_code, answer.get_json()["resourceType"]) == (
        status,
        "OperationOutcome",
    )
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert faults(answer.get_json()) == ()


def test_any_origin_may_ask(fhir: FlaskClient) -> None:
    preflight = {
        **ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
        "Access-Control-Request-Private-Network": "true",
    }
    answer = fhir.options("/fhir/Condition/_search", headers=preflight)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert answer.headers["Access-Control-Allow-Private-Network"] == "true"


def test_everything_served_is_valid_fhir(fhir: FlaskClient) -> None:
    served = [
        entry["resource"]
        for kind in TYPES
        for entry in fhir.get(f"/fhir/{kind}").get_json().get("entry", [])
    ]

    assert [r["id"] for r in served if faults(r)] == []
    assert len(served) > 100
