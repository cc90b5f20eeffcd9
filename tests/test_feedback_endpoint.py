"""Feedback over HTTP: what is stored before it is acknowledged, and what is refused."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.app import create_app
from service.catalogue import SERVICES
from service.envelope import validator
from service.settings import Settings
from service.store import CardAnswer, Store
from tests.live import FEEDBACK, REQUEST, SIGN, feedback_on, until

AT = "2026-06-30T14:07:31Z"
ACCEPTED = {
    "card": "1",
    "outcome": "accepted",
    "outcomeTimestamp": AT,
    "acceptedSuggestions": [{"id": "s"}],
}
OVERRIDDEN = {"card": "2", "outcome": "overridden", "outcomeTimestamp": AT}
LONG_AGO, FAR_AHEAD = (
    datetime.now(UTC) - timedelta(days=1),
    datetime.now(UTC) + timedelta(days=1),
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite3"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{file}", b"secret")
    yield store
    store.close()


@pytest.fixture
def app(store: Store) -> Flask:
    """Return the service with a database of its own."""
    return create_app(Settings(max_body_bytes=100_000), store=store)


def send(client: FlaskClient, *items: object, path: str = FEEDBACK) -> Any:
    return client.post(path, json={"feedback": items})


def answers(store: Store) -> list[CardAnswer]:
    return list(store.answers(LONG_AGO, FAR_AHEAD))


def stored(store: Store) -> int:
    """Count the feedback; none of it is about a card that was issued."""
    return store.unknown_feedback(LONG_AGO, FAR_AHEAD)


@pytest.mark.parametrize(
    "path",
    [
        *(f"/cds-services/{service.id}/feedback" for service in SERVICES),
        "/cds-services//back-pain-order-sign/feedback",
    ],
)
def test_feedback_is_stored_for_every_service(
    client: FlaskClient, store: Store, path: str
) -> None:
    response = send(client, ACCEPTED, OVERRIDDEN, path=path)

    assert response.status_code == 200
    assert list(validator("operation-outcome").iter_errors(response.json)) == []
    assert stored(store) == 2


def test_bad_items_are_refused_one_by_one(client: FlaskClient, store: Store) -> None:
    response = send(client, OVERRIDDEN, {**OVERRIDDEN, "outcome": "ignored"}, 7)

    told = response.json["issue"]
    assert response.status_code == 200
    assert [issue.get("expression") for issue in told] == [
        None,
        ["feedback[1].outcome"],
        ["feedback[2]"],
    ]
    assert stored(store) == 1


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"{", 400, id="not-json"),
        pytest.param(b"", 400, id="empty"),
        pytest.param(b'{"feedback": []}', 400, id="nothing"),
        pytest.param(json.dumps({"feedback": [{"card": "1"}]}).encode(), 400, id="no-outcome"),
        pytest.param(b"x" * 200_000, 413, id="too-large"),
    ],
)
def test_useless_feedback_is_refused(
    client: FlaskClient, store: Store, body: bytes, status: int
) -> None:
    response = client.post(FEEDBACK, data=body)

    assert response.status_code == status
    assert list(validator("operation-outcome").iter_errors(response.json)) == []
    assert stored(store) == 0


def test_more_items_than_are_stored_at_once_are_refused_whole(store: Store) -> None:
    client = create_app(Settings(), store=store).test_client()

    many = send(client, *[OVERRIDDEN] * 1_001)
    before = stored(store)
    most = send(client, *[OVERRIDDEN] * 1_000)

    assert (many.status_code, before) == (413, 0)
    assert many.json["issue"][0]["diagnostics"] == "Send them in several calls."
    assert (most.status_code, stored(store)) == (200, 1_000)


def test_compressed_feedback_is_415(client: FlaskClient, store: Store) -> None:
    response = client.post(
        FEEDBACK, data=feedback_on("1"), headers={"Content-Encoding": "gzip"}
    )

    assert (response.status_code, stored(store)) == (415, 0)


def test_feedback_for_an_unknown_service_is_404(client: FlaskClient) -> None:
    assert send(client, OVERRIDDEN, path="/cds-services/other/feedback").status_code == 404


def test_feedback_is_read_by_post_alone(client: FlaskClient) -> None:
    response = client.get(FEEDBACK)

    assert (response.status_code, response.headers["Allow"]) == (405, "OPTIONS, POST")


def test_service_without_a_database_says_that_it_keeps_nothing() -> None:
    response = send(create_app(Settings()).test_client(), OVERRIDDEN)

    assert response.status_code == 501
    assert list(validator("operation-outcome").iter_errors(response.json)) == []


def test_card_that_was_issued_meets_its_feedback(client: FlaskClient, store: Store) -> None:
    asked = json.loads(REQUEST.read_bytes())
    card = client.post(SIGN, json=asked).get_json()["cards"][0]
    assert until(5, lambda: answers(store))
    reason = card["overrideReasons"][0]
    given = {"reason": {"code": reason["code"], "system": reason["system"]}}

    send(client, {**OVERRIDDEN, "card": card["uuid"], "overrideReason": given})

    (answer,) = answers(store)
    headline = card["extension"]["org.back-pain-cds.findings"][0]
    assert (answer.uuid, answer.client) == (card["uuid"], "unauthenticated")
    assert (answer.rule, answer.outcome) == (headline["rule"], headline["outcome"])
    assert answer.indicator == card["indicator"]
    assert (answer.response, answer.reason_code) == ("overridden", reason["code"])
    assert stored(store) == 0


def test_patient_is_stored_as_a_keyed_hash(
    client: FlaskClient, store: Store, file: Path
) -> None:
    text = REQUEST.read_text("utf-8")
    asked = text.replace(json.loads(text)["context"]["patientId"], "Qwertzuiop")

    client.post(SIGN, data=asked, content_type="application/json")
    assert until(5, lambda: answers(store))
    store.close()

    kept = b"".join(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))
    assert b"Qwertzuiop" not in kept
    assert store.patient_key("unauthenticated", "", "Qwertzuiop").encode() in kept


def test_nothing_is_stored_when_nothing_is_said(client: FlaskClient, store: Store) -> None:
    asked = {"hook": "order-sign", "hookInstance": "1", "context": {"patientId": "p"}}

    assert client.post(SIGN, json=asked).get_json()["cards"] == []

    assert answers(store) == []


def test_database_that_is_away_costs_the_feedback_but_no_advice(
    client: FlaskClient, store: Store, file: Path
) -> None:
    asked = json.loads(REQUEST.read_bytes())
    file.rename(file.with_name("away"))

    refused = client.post(FEEDBACK, data=feedback_on("1", "2"))
    advised = client.post(SIGN, json=asked)
    unready = client.get("/ready")
    file.with_name("away").rename(file)

    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert list(validator("operation-outcome").iter_errors(refused.json)) == []
    assert (advised.status_code, len(advised.get_json()["cards"])) == (200, 1)
    assert (unready.status_code, unready.get_json()["database"]) == (503, "unavailable")
    assert stored(store) == 0
    assert client.post(FEEDBACK, data=feedback_on("1", "2")).status_code == 200
    assert stored(store) == 2
    assert client.get("/ready").get_json()["status"] == "ok"
    assert until(5, lambda: answers(store))


def test_database_that_was_away_at_the_start_is_prepared_when_it_comes(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "volume"
    store = Store(f"sqlite:///{folder / 'store.sqlite3'}")
    client = create_app(Settings(), store=store).test_client()

    before = client.post(FEEDBACK, data=feedback_on("1")).status_code
    folder.mkdir()
    after = client.post(FEEDBACK, data=feedback_on("1")).status_code

    assert (before, after, stored(store)) == (503, 200, 1)
    store.close()


def test_cards_are_stored_in_a_database_that_was_away_at_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "volume"
    store = Store(f"sqlite:///{folder / 'store.sqlite3'}")
    client = create_app(Settings(), store=store).test_client()

    folder.mkdir()
    client.post(SIGN, json=json.loads(REQUEST.read_bytes()))

    file = folder / "store.sqlite3"
    assert until(10, lambda: file.exists() and store.current() and answers(store))
    store.close()
