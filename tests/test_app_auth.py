"""Tokens at the doors of the service: where they are asked for, and what a refusal tells."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask import Flask
from flask.testing import FlaskClient

from service import audit
from service.app import create_app
from service.auth import Unauthorised
from service.cli import main
from service.settings import Settings
from tests.live import FEEDBACK, REQUEST, SIGN, clients_file, feedback_on, token_for

BASE = "https://cds.example.org/back-pain"
OPEN = ["/health", "/ready", "/metrics", "/openapi.json"]
DOORS = [
    pytest.param("GET", "/cds-services", None, id="discovery"),
    pytest.param("POST", SIGN, REQUEST.read_bytes(), id="call"),
    pytest.param("POST", FEEDBACK, feedback_on("1"), id="feedback"),
]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """Return the service with one trusted client."""
    path = clients_file(tmp_path_factory.mktemp("clients"))
    return create_app(Settings(clients_file=path, public_base_urls=(BASE,)))


def post(client: FlaskClient, path: str, body: bytes, **token: object) -> Any:
    headers = {"Authorization": token_for(BASE + path, **token)} if token else {}
    return client.post(path, data=body, content_type="application/json", headers=headers)


@pytest.mark.parametrize(("method", "path", "body"), DOORS)
def test_door_is_closed_without_a_token(
    client: FlaskClient, method: str, path: str, body: bytes | None
) -> None:
    response = client.open(path, method=method, data=body, content_type="application/json")

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert response.json == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "login",
                "details": {"text": "The call is not authorised."},
                "diagnostics": "Send a token as agreed; the operator's log has the reason.",
            }
        ],
    }


@pytest.mark.parametrize(("method", "path", "body"), DOORS)
def test_door_opens_for_a_good_token(
    client: FlaskClient, method: str, path: str, body: bytes | None
) -> None:
    headers = {"Authorization": token_for(BASE + path)}

    response = client.open(
        path, method=method, data=body, content_type="application/json", headers=headers
    )

    # This service was started without a database, which is said only to those who may call.
    assert response.status_code == (501 if path == FEEDBACK else 200)


@pytest.mark.parametrize("path", OPEN)
def test_what_operators_look_at_needs_no_token(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/cds-services", SIGN, FEEDBACK])
def test_preflight_needs_no_token(client: FlaskClient, path: str) -> None:
    assert client.options(path).status_code == 204


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        pytest.param({"exp": 1, "iat": 0}, "expired", id="expired"),
        pytest.param({"iss": "https://elsewhere.example"}, "issuer", id="stranger"),
        pytest.param({"aud": BASE + "/cds-services"}, "audience", id="for-discovery"),
        pytest.param({"aud": "http://localhost" + SIGN}, "audience", id="for-another-host"),
        pytest.param({"jti": None}, "nonce", id="no-jti"),
    ],
)
def test_reason_of_a_refusal_is_in_the_log_and_nowhere_else(
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    changes: dict[str, object],
    reason: str,
) -> None:
    response = post(client, SIGN, REQUEST.read_bytes(), **changes)

    without = post(client, SIGN, b"")
    assert response.status_code == 401
    assert (response.data, dict(response.headers)) == (without.data, dict(without.headers))
    fields = caplog.records[0].__dict__["fields"]
    assert (fields["reason"], fields["status"]) == (reason, 401)
    assert fields.get("claimed") == (None if reason == "issuer" else "example-ehr")
    assert "client" not in fields


def test_token_serves_once(client: FlaskClient) -> None:
    body = REQUEST.read_bytes()

    statuses = [post(client, SIGN, body, jti="same").status_code for _ in range(2)]

    assert statuses == [200, 401]


@pytest.mark.parametrize("path", ["/cds-services//back-pain-order-sign", FEEDBACK])
def test_token_may_be_for_the_service_however_it_is_called(
    client: FlaskClient, path: str
) -> None:
    assert post(client, path, REQUEST.read_bytes(), aud=BASE + SIGN).status_code in {200, 501}


@pytest.mark.parametrize(
    "body", [b"{", b"", b'{"a":' * 3_000], ids=["not-json", "empty", "deep"]
)
def test_body_of_a_stranger_is_not_looked_at(client: FlaskClient, body: bytes) -> None:
    assert post(client, SIGN, body).status_code == 401
    assert post(client, SIGN, body, sub="x").status_code == 400


def test_large_body_of_a_stranger_is_refused_as_a_strangers(tmp_path: Path) -> None:
    settings = Settings(clients_file=clients_file(tmp_path), max_body_bytes=1_000)
    client = create_app(settings).test_client()

    response = client.post(SIGN, data=b"x" * 50_000)

    assert response.status_code == 401


def test_refusal_reaches_the_browser(client: FlaskClient) -> None:
    response = client.get("/cds-services", headers={"Origin": "https://ehr.example.org"})

    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert "WWW-Authenticate" in response.headers["Access-Control-Expose-Headers"]


def test_log_names_client_and_tenant(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "back_pain_cds"):
        post(client, SIGN, REQUEST.read_bytes(), tenant="north")

    fields = caplog.records[-1].__dict__["fields"]
    assert (fields["client"], fields["tenant"]) == ("example-ehr", "north")


def test_as_of_and_trace_are_off_once_clients_are_named(client: FlaskClient) -> None:
    asked = json.loads(REQUEST.read_bytes())
    asked["extension"] = {"org.back-pain-cds.trace": True}

    response = post(client, SIGN, json.dumps(asked).encode(), sub="x")

    assert "org.back-pain-cds.trace" not in response.json["extension"]


def test_without_clients_a_token_is_not_looked_at() -> None:
    client = create_app(Settings()).test_client()

    response = client.get("/cds-services", headers={"Authorization": "Bearer junk"})

    assert response.status_code == 200


def test_refusal_names_the_same_text_for_every_reason() -> None:
    assert str(Unauthorised("expired")) == str(Unauthorised("missing"))


@pytest.mark.parametrize(
    ("setting", "value", "told"),
    [
        pytest.param("HOST", "0.0.0.0", "--allow-unauthenticated", id="no-clients"),  # noqa: S104
        pytest.param("CLIENTS_FILE", "/nowhere.toml", "No such file", id="no-file"),
        pytest.param("DATABASE_URL", "mysql://u:hunter2@h/d", "sqlite:///", id="database"),
    ],
)
def test_start_is_refused(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, told: str
) -> None:
    monkeypatch.setenv(f"BACK_PAIN_CDS_{setting}", value)
    monkeypatch.setenv("BACK_PAIN_CDS_PORT", "65111")
    monkeypatch.setenv("BACK_PAIN_CDS_METRICS", "false")
    monkeypatch.setattr(audit, "configure", lambda *_, **__: None)  # the tests have their own

    result = CliRunner().invoke(main, ["serve"])

    assert result.exit_code == 1
    assert told in result.output
    assert "hunter2" not in result.output


def test_start_for_others_needs_the_address_that_they_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BACK_PAIN_CDS_CLIENTS_FILE", str(clients_file(tmp_path)))

    result = CliRunner().invoke(main, ["serve", "--host", "0.0.0.0"])  # noqa: S104

    assert result.exit_code == 1
    assert "BACK_PAIN_CDS_PUBLIC_BASE_URLS" in result.output
