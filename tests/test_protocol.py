"""CDS Hooks over HTTP: statuses, headers and shapes, whatever the rules say."""

import gzip
import io
import json
import logging
from collections.abc import Mapping
from datetime import date
from importlib import metadata
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from cards.case import Assessment
from cards.chart import Chart
from cards.evaluation import Evaluation
from service.app import create_app
from service.clients import Client
from service.envelope import HookRequest, validator
from service.errors import DataUnavailable, Issue
from service.gather import Gathered
from service.reading import Reading
from service.response import Answered
from service.settings import Settings
from service.stopwatch import Stopwatch
from service.version import program_version

SIGN = "/cds-services/back-pain-order-sign"
REQUEST: dict[str, Any] = {
    "hook": "order-sign",
    "hookInstance": "6f0fab19-0000-4000-8000-000000000001",
    "context": {"patientId": "p1", "userId": "Practitioner/9"},
}
CANARY = "Qwertzuiop"
ORIGIN = {"Origin": "https://sandbox.example.org"}
PREFLIGHT = ORIGIN | {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


class Answers:
    """Stands for the rulebook: remembers what it was asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[HookRequest, date]] = []
        self.body: Mapping[str, object] = {"cards": []}
        self.failure: Exception | None = None

    def consider(
        self, request: HookRequest, today: date, _client: Client, _watch: Stopwatch
    ) -> Answered:
        """Find nothing, or fail."""
        self.calls.append((request, today))
        if self.failure:
            raise self.failure
        chart = Chart(today=today)
        patient = Assessment.of(chart)
        return Answered(
            request, Gathered(), Reading(chart=chart), patient, Evaluation(), plans=()
        )

    def respond(self, _answered: Answered) -> Mapping[str, object]:
        """Return the body."""
        return self.body


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def app(answers: Answers) -> Flask:
    return create_app(
        Settings(max_body_bytes=2000),
        answers=answers,
        versions={"rulebook": "abc", "drugs": "d"},
    )


def assert_outcome(response: TestResponse, status: int) -> dict[str, Any]:
    """Check the one shape of errors, and return the first issue."""
    assert response.status_code == status
    assert response.content_type == "application/json"
    assert list(validator("operation-outcome").iter_errors(response.json)) == []
    return dict(body(response)["issue"][0])


def body(response: TestResponse) -> dict[str, Any]:
    return dict(json.loads(response.data))


def test_discovery_lists_the_services(client: FlaskClient) -> None:
    response = client.get("/cds-services")

    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert list(validator("discovery").iter_errors(response.json)) == []


def test_discovery_keeps_the_order_of_keys(client: FlaskClient) -> None:
    entry = body(client.get("/cds-services"))["services"][0]

    assert list(entry)[:2] == ["hook", "id"]
    assert list(entry["prefetch"])[:3] == ["patient", "encounter", "conditions"]


def test_every_service_of_discovery_answers(client: FlaskClient) -> None:
    for service in body(client.get("/cds-services"))["services"]:
        response = client.post(
            f"/cds-services/{service['id']}", json=REQUEST | {"hook": service["hook"]}
        )

        assert (response.status_code, response.json) == (200, {"cards": []})


def test_health_names_the_knowledge(client: FlaskClient) -> None:
    assert client.get("/health").json == {
        "status": "ok",
        "version": program_version(),
        "cdsHooks": "2.0.1",
        "rulebook": "abc",
        "drugs": "d",
    }


def test_version_is_that_of_the_installed_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", {"back-pain-cds": "2026.11.0"}.__getitem__)

    assert program_version.__wrapped__() == "2026.11.0"


@pytest.mark.parametrize("encoding", ["gzip", "br", "gzip, identity"])
def test_compressed_body_is_415(client: FlaskClient, answers: Answers, encoding: str) -> None:
    body = gzip.compress(json.dumps(REQUEST).encode())
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}

    issue = assert_outcome(client.post(SIGN, data=body, headers=headers), 415)

    assert issue["diagnostics"] == "Send it without Content-Encoding."
    assert answers.calls == []


def test_body_that_says_it_is_not_compressed_is_read(client: FlaskClient) -> None:
    headers = {"Content-Encoding": "identity"}

    assert client.post(SIGN, json=REQUEST, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/cds-services/", "/cds-services//back-pain-order-sign"])
def test_slash_at_the_end_of_the_discovery_address_is_survived(
    client: FlaskClient, path: str
) -> None:
    response = client.get(path) if path.endswith("/") else client.post(path, json=REQUEST)

    assert response.status_code == 200


def test_answer_keeps_its_order_and_numbers(client: FlaskClient, answers: Answers) -> None:
    answers.body = {"cards": [], "b": 1.5, "a": "ü"}

    response = client.post(SIGN, json=REQUEST)

    assert response.data == '{"cards":[],"b":1.5,"a":"ü"}'.encode()
    assert response.content_type == "application/json"


def test_as_of_is_the_day_of_the_evaluation(client: FlaskClient, answers: Answers) -> None:
    client.post(SIGN, json=REQUEST | {"extension": {"org.back-pain-cds.as-of": "2026-03-02"}})

    assert [today for _, today in answers.calls] == [date(2026, 3, 2)]


def test_as_of_is_ignored_where_it_is_not_allowed(answers: Answers) -> None:
    app = create_app(Settings(allow_request_extensions=False), answers=answers)
    sent = REQUEST | {"extension": {"org.back-pain-cds.as-of": "1999-03-02"}}

    app.test_client().post(SIGN, json=sent)

    (request, today) = answers.calls[0]
    assert request.as_of is None
    assert today != date(1999, 3, 2)


def test_other_hook_than_the_path_says_is_answered_and_noted(
    client: FlaskClient, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "back_pain_cds"):
        response = client.post(SIGN, json=REQUEST | {"hook": "patient-view"})

    assert response.status_code == 200
    assert [request.hook for request, _ in answers.calls] == ["patient-view"]
    assert caplog.messages[0] == "hook_mismatch service=back-pain-order-sign hook=patient-view"


def test_unknown_service_is_404(client: FlaskClient) -> None:
    issue = assert_outcome(client.post("/cds-services/other", json=REQUEST), 404)

    assert issue["details"] == {"text": "No CDS service has this id."}


@pytest.mark.parametrize("path", ["/", "/nothing", "/cds-services/a/b/c", "/favicon.ico"])
def test_unknown_path_is_404(client: FlaskClient, path: str) -> None:
    assert_outcome(client.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", SIGN, "OPTIONS, POST"),
        ("PUT", SIGN, "OPTIONS, POST"),
        ("DELETE", "/cds-services", "GET, HEAD, OPTIONS"),
        ("POST", "/cds-services", "GET, HEAD, OPTIONS"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
    ],
)
def test_wrong_method_is_405(client: FlaskClient, method: str, path: str, allowed: str) -> None:
    response = client.open(path, method=method)

    assert_outcome(response, 405)
    assert response.headers["Allow"] == allowed


def test_large_body_is_413(client: FlaskClient, answers: Answers) -> None:
    sent = REQUEST | {"prefetch": {"x": "x" * 2000}}

    assert_outcome(client.post(SIGN, json=sent), 413)
    assert answers.calls == []


def test_large_body_without_length_is_413(client: FlaskClient, answers: Answers) -> None:
    # The part within the limit is a whole request: it must not be answered for the rest.
    sent = json.dumps(REQUEST).encode().ljust(2500)

    response = client.post(
        SIGN,
        content_type="application/json",
        environ_overrides={"wsgi.input": io.BytesIO(sent), "wsgi.input_terminated": True},
    )

    assert_outcome(response, 413)
    assert answers.calls == []


@pytest.mark.parametrize(
    ("sent", "content_type", "status"),
    [
        pytest.param(b"{", "application/json", 400, id="not-json"),
        pytest.param(b"", "application/json", 400, id="empty"),
        pytest.param(json.dumps(REQUEST).encode(), "text/plain", 415, id="text"),
        pytest.param(b"[]", "application/json", 422, id="list"),
        pytest.param(b"{}", "application/json", 400, id="no-context"),
        pytest.param(
            json.dumps(REQUEST | {"hook": "order-dispatch"}).encode(),
            "application/json",
            400,
            id="hook-not-offered",
        ),
        pytest.param(
            json.dumps(REQUEST | {"hookInstance": 7}).encode(),
            "application/json",
            422,
            id="instance-number",
        ),
    ],
)
def test_unusable_body_is_refused(
    client: FlaskClient, answers: Answers, sent: bytes, content_type: str, status: int
) -> None:
    assert_outcome(client.post(SIGN, data=sent, content_type=content_type), status)
    assert answers.calls == []


def test_unavailable_data_is_412(client: FlaskClient, answers: Answers) -> None:
    answers.failure = DataUnavailable(Issue("Nothing could be read.", "prefetch", "Send it."))

    issue = assert_outcome(client.post(SIGN, json=REQUEST), 412)

    assert issue["code"] == "required"


def test_fault_of_ours_is_500_and_tells_nobody_its_message(
    client: FlaskClient, answers: Answers, caplog: pytest.LogCaptureFixture
) -> None:
    answers.failure = KeyError(CANARY)

    response = client.post(SIGN, json=REQUEST)

    assert assert_outcome(response, 500)["severity"] == "fatal"
    assert CANARY not in response.text
    message = caplog.messages[0]
    assert message.startswith("internal_error type=KeyError at=tests.test_protocol:")
    assert CANARY not in caplog.text


@pytest.mark.parametrize("path", ["/cds-services", SIGN, SIGN + "/feedback", "/nothing", "/"])
def test_preflight_is_answered_on_any_path(client: FlaskClient, path: str) -> None:
    response = client.options(path, headers=PREFLIGHT)

    assert response.status_code == 204
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert response.headers["Access-Control-Allow-Methods"] == "GET, OPTIONS, POST"
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    ("method", "path", "sent", "status"),
    [
        ("GET", "/cds-services", None, 200),
        ("POST", SIGN, json.dumps(REQUEST), 200),
        ("POST", SIGN, "{", 400),
        ("GET", "/nothing", None, 404),
        ("GET", SIGN, None, 405),
        ("POST", SIGN, "x" * 3000, 413),
        ("POST", SIGN, "[]", 422),
    ],
)
def test_every_status_carries_cors_and_safety_headers(
    client: FlaskClient, method: str, path: str, sent: str | None, status: int
) -> None:
    response = client.open(
        path, method=method, data=sent, content_type="application/json", headers=ORIGIN
    )

    assert response.status_code == status
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_500_carries_cors_headers(client: FlaskClient, answers: Answers) -> None:
    answers.failure = RuntimeError()

    response = client.post(SIGN, json=REQUEST, headers=ORIGIN)

    assert response.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://a.example", "https://a.example"),
        ("https://evil.example", None),
        ("https://a.example.evil.example", None),
        ("https://aXexample", None),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://:::3000", None),
        ("http://[::1]:30001", None),
    ],
)
def test_only_listed_origins_are_allowed(
    answers: Answers, origin: str, allowed: str | None
) -> None:
    settings = Settings(cors_origins=("https://a.example", "http://[::1]:3000"))
    app = create_app(settings, answers=answers)

    response = app.test_client().get("/cds-services", headers={"Origin": origin})

    assert response.headers.get("Access-Control-Allow-Origin") == allowed


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
@pytest.mark.parametrize(
    ("path", "shared"),
    [
        ("/metrics", False),
        ("/report", False),
        ("/metrics/", False),
        ("/metricsx", True),
        ("/health", True),
        ("/nothing", True),
    ],
)
def test_pages_of_other_sites_do_not_read_what_operators_are_told(
    client: FlaskClient, method: str, path: str, *, shared: bool
) -> None:
    response = client.open(path, method=method, headers=ORIGIN)

    assert ("Access-Control-Allow-Origin" in response.headers) is shared
