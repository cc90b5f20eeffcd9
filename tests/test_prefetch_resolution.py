"""Prefetch templates become queries, and queries are answered by a folder or a FHIR server."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from service.catalogue import PREFETCH
from service.fhir_sources import ResourceSource, source
from service.prefetch_resolution import Unresolved, prefetched, query_of
from service.replay import ReplayError
from tests.vignettes import PATIENTS, patient

REQUEST = {
    "hook": "order-sign",
    "context": {
        "userId": "Practitioner/dr-1",
        "patientId": "vignette-000",
        "encounterId": "v000-visit",
    },
    "extension": {"org.back-pain-cds.as-of": "2026-03-02"},
}


def chart() -> ResourceSource:
    return ResourceSource(patient("vignette-000"))


@pytest.mark.parametrize(
    ("template", "query"),
    [
        pytest.param("Patient/{{context.patientId}}", "Patient/vignette-000", id="context"),
        pytest.param("{{ context.userId }}", "Practitioner/dr-1", id="whole-reference"),
        pytest.param("Practitioner/{{userPractitionerId}}", "Practitioner/dr-1", id="user"),
        pytest.param("Task?due=ge{{today()}}", "Task?due=ge2026-03-02", id="today"),
        pytest.param(
            "Observation?date=ge{{today() - 90 days}}",
            "Observation?date=ge2025-12-02",
            id="ago",
        ),
    ],
)
def test_a_token_is_replaced(template: str, query: str) -> None:
    assert query_of(template, REQUEST) == query


@pytest.mark.parametrize(
    "template",
    [
        "Patient/{{userPatientId}}",
        "Encounter/{{context.visitId}}",
        "Medication/{{context.draftOrders.entry.resource.id}}",
        "Observation?date=ge{{today() - 999999 days}}",
        "Patient/{{}}",
    ],
)
def test_a_token_that_stands_for_nothing_cannot_be_resolved(template: str) -> None:
    with pytest.raises(Unresolved):
        query_of(template, REQUEST)


def test_an_id_cannot_widen_the_query() -> None:
    request = {"context": {"patientId": "1&_count=0?x#y"}}

    assert query_of("Condition?patient={{context.patientId}}", request) == (
        "Condition?patient=1%26_count%3D0%3Fx%23y"
    )


def test_every_template_of_ours_is_resolved() -> None:
    request, remarks = prefetched(REQUEST, PREFETCH, chart())
    totals = {key: value.get("total") for key, value in request["prefetch"].items()}

    assert remarks == ()
    assert request["prefetch"]["patient"]["id"] == "vignette-000"
    assert totals == {
        "patient": None,
        "encounter": None,
        "conditions": 2,
        "medicationRequests": 2,
        "medicationStatements": 11,
        "allergies": 0,
        "procedures": 2,
        "serviceRequests": 0,
        "observations": 1,
    }


def test_prefetch_that_came_is_left_alone() -> None:
    request = {**REQUEST, "prefetch": {"patient": None}}

    assert prefetched(request, PREFETCH, chart()) == (request, ())


def test_a_key_that_cannot_be_resolved_is_left_out_and_told() -> None:
    templates = {
        "patient": "Patient/{{context.patientId}}",
        "recent": "Observation?patient={{context.patientId}}&date=ge{{today()}}",
    }
    request, remarks = prefetched(REQUEST, templates, chart())

    assert list(request["prefetch"]) == ["patient"]
    assert remarks == (
        "prefetch recent was left out: resources at hand are not searched by date",
    )


def test_nothing_is_sent_when_nothing_could_be_resolved() -> None:
    request, _ = prefetched(REQUEST, {"one": "Patient/{{context.other}}"}, chart())

    assert "prefetch" not in request


def test_a_resource_that_is_not_there_is_null() -> None:
    assert chart().answer("Patient/somebody-else") is None


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("Condition?patient=vignette-000", ["v000-back", "v000-oud"]),
        ("Condition?subject=Patient/vignette-000&code=M54.50", ["v000-back"]),
        ("Condition?code=http://hl7.org/fhir/sid/icd-10-cm|F11.20", ["v000-oud"]),
        ("Condition?code=http://snomed.info/sct|F11.20", []),
        (
            "Condition?clinical-status=active&category=problem-list-item",
            ["v000-back", "v000-oud"],
        ),
        ("Condition?patient=vignette-001", []),
        ("Condition?_id=v000-oud&_sort=-recorded-date&_count=1", ["v000-oud"]),
        ("Procedure?status=completed,stopped", ["v000-epidural-1", "v000-epidural-2"]),
        ("Procedure?status=stopped", []),
        ("Immunization?patient=vignette-000", []),
    ],
)
def test_a_search_finds_what_matches(query: str, ids: list[str]) -> None:
    bundle = chart().answer(query)

    assert bundle is not None
    assert [entry["resource"]["id"] for entry in bundle["entry"]] == ids
    assert bundle["total"] == len(ids)


def test_what_is_referred_to_is_included_and_not_counted() -> None:
    order = {
        "resourceType": "MedicationRequest",
        "id": "order",
        "medicationReference": {"reference": "Medication/drug"},
    }
    drug = {"resourceType": "Medication", "id": "drug"}
    query = "MedicationRequest?_include=MedicationRequest:medication"
    bundle = ResourceSource([order, drug]).answer(query)

    assert bundle is not None
    assert bundle["total"] == 1
    assert [entry["search"]["mode"] for entry in bundle["entry"]] == ["match", "include"]


def test_a_folder_holds_bundles_and_resources(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").write_bytes((PATIENTS / "vignette-000.json").read_bytes())
    (tmp_path / "one.json").write_text('{"resourceType": "Patient", "id": "one"}', "utf-8")
    found = source(str(tmp_path))

    assert found.answer("Patient/one") == {"resourceType": "Patient", "id": "one"}
    assert found.answer("Patient/vignette-000") is not None


@pytest.mark.parametrize("content", [None, "no JSON", "[]", '{"resourceType": 1}'])
def test_a_folder_without_resources_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "file.json").write_text(content, "utf-8")
    with pytest.raises(ReplayError):
        source(str(tmp_path))


def test_a_place_that_is_neither_folder_nor_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="neither a folder nor"):
        source(str(tmp_path / "missing"))


def test_a_server_is_asked_for_each_template(httpserver: HTTPServer) -> None:
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": 0}
    httpserver.expect_request(
        "/fhir/Condition", query_string={"patient": "vignette-000"}
    ).respond_with_json(bundle)
    templates = {"conditions": "Condition?patient={{context.patientId}}"}
    place = source(httpserver.url_for("/fhir/"))
    request, remarks = prefetched(REQUEST, templates, place)

    assert request["prefetch"] == {"conditions": bundle}
    assert remarks == ()


def test_what_a_server_does_not_know_is_null(httpserver: HTTPServer) -> None:
    outcome: dict[str, Any] = {"resourceType": "OperationOutcome"}
    httpserver.expect_request("/Patient/1").respond_with_json(outcome, status=404)

    assert source(httpserver.url_for("/")).answer("Patient/1") is None


@pytest.mark.parametrize(
    ("status", "body"), [(500, "{}"), (401, "{}"), (200, "no JSON"), (200, json.dumps([1]))]
)
def test_what_a_server_fails_to_answer_is_unresolved(
    httpserver: HTTPServer, status: int, body: str
) -> None:
    httpserver.expect_request("/Patient/1").respond_with_data(body, status=status)
    with pytest.raises(Unresolved):
        source(httpserver.url_for("/")).answer("Patient/1")
