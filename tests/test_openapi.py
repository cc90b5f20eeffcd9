"""The published description says what the service does."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from service.catalogue import SERVICES
from service.openapi import description
from tests.live import FEEDBACK, REQUEST, SIGN, feedback_on

DOCUMENT: dict[str, Any] = json.loads(description())


def resolved(pointer: str) -> Any:
    found: Any = DOCUMENT
    for step in pointer.removeprefix("#/").split("/"):
        found = found[step]
    return found


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from references(item)


def response_of(path: str, method: str, status: int) -> Any:
    told = DOCUMENT["paths"][path][method]["responses"][str(status)]
    return resolved(told["$ref"]) if "$ref" in told else told


def schema_of(path: str, method: str, status: int) -> Draft202012Validator:
    (content,) = response_of(path, method, status)["content"].values()
    return Draft202012Validator({**DOCUMENT, **content["schema"]})


def test_description_is_served(client: FlaskClient) -> None:
    response = client.get("/openapi.json")

    assert response.content_type == "application/json"
    assert response.get_json() == DOCUMENT


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))

    assert len(found) > 20
    assert all(resolved(pointer) for pointer in found)


def test_every_address_is_described_and_nothing_else(app: Flask) -> None:
    served = {
        (re.sub(r"<service_id>", "{service}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        # The same addresses as clients misspell them.
        if "//" not in rule.rule and not rule.rule.endswith("/")
    }
    described = {
        (path, method)
        for path, operations in DOCUMENT["paths"].items()
        for method in operations
        if method != "parameters"
    }

    assert described == served


def test_services_are_those_of_discovery() -> None:
    schema = DOCUMENT["components"]["parameters"]["service"]["schema"]

    assert schema["enum"] == [service.id for service in SERVICES]


CALL, ASKED = "/cds-services/{service}", REQUEST.read_bytes()


@pytest.mark.parametrize(
    ("path", "described", "body", "status"),
    [
        pytest.param("/cds-services", "/cds-services", None, 200, id="discovery"),
        pytest.param("/health", "/health", None, 200, id="health"),
        pytest.param("/ready", "/ready", None, 200, id="ready"),
        pytest.param(SIGN, CALL, ASKED, 200, id="call"),
        pytest.param(SIGN, CALL, b"{", 400, id="no-json"),
        pytest.param(SIGN, CALL, b"[]", 422, id="no-request"),
        pytest.param("/cds-services/other", CALL, ASKED, 404, id="no-service"),
        pytest.param(FEEDBACK, f"{CALL}/feedback", feedback_on("1"), 501, id="feedback"),
    ],
)
def test_answer_is_as_described(
    client: FlaskClient, path: str, described: str, body: bytes | None, status: int
) -> None:
    method = "get" if body is None else "post"

    response = client.open(path, method=method.upper(), data=body)

    assert response.status_code == status
    assert list(schema_of(described, method, status).iter_errors(response.json)) == []


def test_answer_that_is_not_described_is_noticed() -> None:
    wrong = {"cards": [{"summary": "x"}]}

    assert not schema_of(CALL, "post", 200).is_valid(wrong)
