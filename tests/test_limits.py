"""How much a call may bring, how long it may take, how often a client may call."""

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.app import create_app
from service.envelope import validator
from service.limits import RateLimit, TooManyCalls
from service.settings import Settings
from service.stopwatch import OutOfTime, Stopwatch
from tests.live import FEEDBACK, REQUEST, SIGN, feedback_on

LIMITS = Settings(most_drafts=3, most_resources=5, most_depth=10, calls_per_minute=0)
DRAFT = {"resourceType": "MedicationRequest", "id": "d"}
STORED = {"resourceType": "MedicationRequest", "id": "1"}
DEEP = "stands for a deeply nested value"
DEPTH = 1_000  # the parser reads 1024 levels


@pytest.fixture(scope="module")
def app() -> Flask:
    """Return a service of narrow limits."""
    return create_app(LIMITS)


def call(drafts: int = 0, draft: Any = None, prefetch: Any = None) -> dict[str, Any]:
    entries = [{"resource": draft or DRAFT}] * drafts
    return {
        "hook": "order-sign",
        "hookInstance": "6f0fab19-0000-4000-8000-000000000001",
        "context": {
            "patientId": "p",
            "draftOrders": {"resourceType": "Bundle", "entry": entries},
        },
        "prefetch": prefetch or {},
    }


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"x": value}
    return value


def bundle(entries: int) -> Any:
    resource = {"resource": {"resourceType": "Condition"}}
    return {"resourceType": "Bundle", "entry": [resource] * entries}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(call(3), 200, id="drafts-at-the-limit"),
        pytest.param(call(4), 413, id="too-many-drafts"),
        pytest.param(call(prefetch={"conditions": bundle(5)}), 200, id="resources-at-limit"),
        pytest.param(call(prefetch={"conditions": bundle(6)}), 413, id="too-many-resources"),
        pytest.param(
            call(prefetch={key: bundle(3) for key in ("conditions", "procedures")}),
            413,
            id="too-many-over-two-keys",
        ),
        pytest.param(call(prefetch={"odd": [{}] * 6}), 413, id="too-many-in-a-bare-list"),
        pytest.param(
            call(prefetch={"odd": {"response": {"status": "200"}, "resource": bundle(6)}}),
            413,
            id="too-many-in-a-wrapper",
        ),
        pytest.param(
            call(prefetch={str(key): None for key in range(6)}), 413, id="too-many-keys"
        ),
        pytest.param(call(1, {**DRAFT, "x": nested(9)}), 200, id="depth-at-the-limit"),
        pytest.param(call(1, {**DRAFT, "x": nested(10)}), 422, id="too-deep"),
    ],
)
def test_call_is_limited(client: FlaskClient, body: dict[str, Any], status: int) -> None:
    response = client.post(SIGN, json=body)

    assert response.status_code == status
    if status != 200:
        assert list(validator("operation-outcome").iter_errors(response.json)) == []


@pytest.mark.parametrize("key", ["conditions", "medicationRequests", "patient", "odd"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(DEEP, id="value"),
        pytest.param({"resourceType": "Bundle", "entry": DEEP}, id="entry"),
        pytest.param({"resourceType": "Bundle", "entry": [{"resource": DEEP}]}, id="resource"),
        pytest.param({**STORED, "dosageInstruction": DEEP, "subject": DEEP}, id="field"),
        pytest.param({**STORED, "status": DEEP, "intent": DEEP}, id="code"),
        pytest.param({**STORED, "contained": DEEP, "reasonReference": DEEP}, id="contained"),
        pytest.param({**STORED, "extension": DEEP, "reasonCode": DEEP}, id="extension"),
        pytest.param({"resourceType": "Condition", "id": "1", "code": DEEP}, id="condition"),
    ],
)
def test_deeply_nested_prefetch_harms_nobody(
    client: FlaskClient, key: str, value: object
) -> None:
    for opening, closing in (('{"x":', "}"), ("[", "]"), ('{"resource":', "}")):
        deep = opening * DEPTH + "1" + closing * DEPTH
        body = json.dumps(call(1, prefetch={key: value})).replace(f'"{DEEP}"', deep)

        # Where nobody looks it is read over; where it matters it is refused.
        assert client.post(SIGN, data=body).status_code in {200, 422}


def test_body_nested_beyond_the_parser_is_no_json(client: FlaskClient) -> None:
    body = json.dumps(call()).replace('"prefetch": {}', '"prefetch": ' + '{"a":' * 2_000)

    assert client.post(SIGN, data=body + "1" + "}" * 2_001).status_code == 400


class Clock:
    """Stands still until it is set forward."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the seconds since some moment."""
        return self.now


def test_stopwatch_times_each_stage() -> None:
    clock = Clock()
    watch = Stopwatch(10, clock)

    clock.now += 2
    watch.lap("read")
    clock.now += 3
    watch.lap("gather")

    assert watch.stages == [("read", 2), ("gather", 3)]
    assert (watch.elapsed, watch.left) == (5, 5)


def test_stopwatch_ends_a_late_call() -> None:
    clock = Clock()
    watch = Stopwatch(10, clock)
    clock.now += 10
    watch.lap("read")
    clock.now += 0.5

    with pytest.raises(OutOfTime):
        watch.lap("gather")

    assert watch.stages == [("read", 10), ("gather", 0.5)]


def test_late_call_is_503() -> None:
    client = create_app(Settings(request_seconds=1e-9)).test_client()

    response = client.post(SIGN, data=REQUEST.read_bytes(), content_type="application/json")

    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert list(validator("operation-outcome").iter_errors(response.json)) == []


def test_client_may_call_as_often_as_is_allowed() -> None:
    clock = Clock()
    rate = RateLimit(2, clock)
    rate.take("a")
    rate.take("a")

    with pytest.raises(TooManyCalls) as caught:
        rate.take("a")

    assert caught.value.headers["Retry-After"] == "30"
    rate.take("b")
    clock.now += 30
    rate.take("a")
    with pytest.raises(TooManyCalls):
        rate.take("a")


def test_pause_does_not_save_up_more_than_a_minute_of_calls() -> None:
    clock = Clock()
    rate = RateLimit(3, clock)
    rate.take("a")
    clock.now += 3_600

    for _ in range(3):
        rate.take("a")

    with pytest.raises(TooManyCalls):
        rate.take("a")


def test_no_limit_lets_everyone_call() -> None:
    client = create_app(Settings(calls_per_minute=0)).test_client()

    assert {client.get("/cds-services").status_code for _ in range(200)} == {200}


def test_too_many_calls_are_429_at_every_door() -> None:
    client = create_app(Settings(calls_per_minute=1)).test_client()
    client.get("/cds-services")

    responses = [
        client.get("/cds-services"),
        client.post(SIGN, data=REQUEST.read_bytes(), content_type="application/json"),
        client.post(FEEDBACK, data=feedback_on("1")),
    ]

    for response in responses:
        assert response.status_code == 429
        assert 1 <= int(response.headers["Retry-After"]) <= 60
        assert list(validator("operation-outcome").iter_errors(response.json)) == []
    assert client.get("/health").status_code == 200


SAFE = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "back-pain-cds",
    "X-Content-Type-Options": "nosniff",
}


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "DELETE"])
@pytest.mark.parametrize(
    "path", ["/cds-services", SIGN, FEEDBACK, "/health", "/ready", "/metrics", "/nothing"]
)
def test_every_answer_carries_safe_headers_and_no_page(
    client: FlaskClient, method: str, path: str
) -> None:
    response = client.open(path, method=method)

    assert {name: response.headers.get(name) for name in SAFE} == SAFE
    assert "html" not in response.headers.get("Content-Type", "")
