"""The numbers for Prometheus: what is counted, under which labels, and no others."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.app import create_app
from service.calls import Call
from service.metrics import Metrics
from service.settings import Settings
from service.stopwatch import Stopwatch
from service.store import Store
from tests.live import FEEDBACK, REQUEST, SIGN

SAMPLE = re.compile(r"back_pain_cds_(\w+)(?:\{(.*)\})? (\S+)")
CALLS = 'calls_total{hook="order-sign",service="back-pain-order-sign",status="200"}'


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    yield store
    store.close()


@pytest.fixture
def app(store: Store) -> Flask:
    """Return a service whose numbers begin at zero."""
    return create_app(Settings(), store=store)


def numbers(client: FlaskClient) -> dict[str, float]:
    """Return the samples by name and labels."""
    return samples(client.get("/metrics").text)


def samples(text: str) -> dict[str, float]:
    found = filter(None, map(SAMPLE.fullmatch, text.splitlines()))
    return {
        f"{name}{{{labels}}}" if labels else name: float(value)
        for name, labels, value in (match.groups() for match in found)
    }


def request() -> Any:
    return json.loads(REQUEST.read_bytes())


def test_calls_are_counted_by_service_hook_and_status(client: FlaskClient) -> None:
    for _ in range(2):
        client.post(SIGN, json=request())
    client.post(SIGN, json=request() | {"hook": "order-select"})
    client.post(SIGN, data=b"{")
    client.post("/cds-services/other", json=request())

    counted = {name: n for name, n in numbers(client).items() if name.startswith("calls_total")}

    assert counted == {
        CALLS: 2,
        'calls_total{hook="order-select",service="back-pain-order-sign",status="200"}': 1,
        'calls_total{hook="none",service="back-pain-order-sign",status="400"}': 1,
        'calls_total{hook="none",service="none",status="404"}': 1,
    }


def test_other_addresses_are_not_counted_as_calls(client: FlaskClient) -> None:
    for path in ("/cds-services", "/health", "/ready", "/nothing", "/openapi.json"):
        client.get(path)

    assert not any(name.startswith("calls_total") for name in numbers(client))


@pytest.mark.parametrize("stage", ["read", "gather", "evaluate", "answer"])
def test_every_stage_is_timed(client: FlaskClient, stage: str) -> None:
    client.post(SIGN, json=request())

    told = numbers(client)

    assert told[f'stage_seconds_count{{stage="{stage}"}}'] == 1
    assert 0 < told[f'stage_seconds_sum{{stage="{stage}"}}'] < 10


def test_findings_and_silence_are_counted_by_rule(client: FlaskClient) -> None:
    answer = client.post(SIGN, json=request()).get_json()

    told = numbers(client)
    headline = answer["cards"][0]["extension"]["org.back-pain-cds.findings"][0]
    rule, indicator = headline["rule"], headline["indicator"]
    assert told[f'findings_total{{indicator="{indicator}",rule="{rule}"}}'] == 1
    silent = [name for name in told if name.startswith("silent_total{")]
    assert len(silent) > 3
    assert all(f'rule="{rule}"' not in name for name in silent)


def test_what_is_missing_or_unread_is_counted_by_kind(client: FlaskClient) -> None:
    body = request()
    body["prefetch"]["conditions"] = {"resourceType": "OperationOutcome"}
    body["prefetch"]["odd"] = {"resourceType": "OperationOutcome"}
    body["prefetch"]["medicationStatements"] = {
        "resourceType": "Bundle",
        "entry": [{"resource": {"resourceType": "MedicationStatement", "id": "7"}}, 1],
    }

    client.post(SIGN, json=body)

    told = numbers(client)
    assert told['missing_total{data="conditions"}'] == 1
    assert told['missing_total{data="other"}'] == 1
    assert told['unread_total{type="MedicationStatement"}'] == 1
    assert told['unread_total{type="prefetch"}'] == 1


def test_feedback_is_counted_by_outcome(client: FlaskClient) -> None:
    item = {"outcome": "overridden", "outcomeTimestamp": "2026-06-30T14:07:31Z"}
    accepted = {"outcome": "accepted", "acceptedSuggestions": [{"id": "s"}]}
    items: list[object] = [item | {"card": card} for card in "12"]
    items += [{**item, **accepted, "card": "3"}, {"card": "4"}]

    client.post(FEEDBACK, json={"feedback": items})

    told = numbers(client)
    assert {name: n for name, n in told.items() if name.startswith("feedback_total")} == {
        'feedback_total{outcome="overridden"}': 2,
        'feedback_total{outcome="accepted"}': 1,
        'feedback_total{outcome="refused"}': 1,
    }


def test_feedback_that_could_not_be_stored_is_counted(
    client: FlaskClient, tmp_path: Path
) -> None:
    file = tmp_path / "store.sqlite3"
    file.rename(tmp_path / "away")
    item = {"card": "1", "outcome": "overridden", "outcomeTimestamp": "2026-06-30T14:07:31Z"}

    client.post(FEEDBACK, json={"feedback": [item]})

    assert numbers(client)['feedback_total{outcome="unavailable"}'] == 1


def test_fhir_calls_and_cards_are_counted() -> None:
    metrics = Metrics()

    metrics.count_fhir_call("ok")
    metrics.count_fhir_call("timeout")
    metrics.count_fhir_call("ok")
    metrics.watch_cards(5, 0)
    metrics.watch_cards(3, 2)
    metrics.watch_cards(4, 1)

    told = samples(metrics.exposition().decode())
    assert told['fhir_calls_total{outcome="ok"}'] == 2
    assert told['fhir_calls_total{outcome="timeout"}'] == 1
    assert (told["cards_waiting"], told["cards_dropped_total"]) == (4, 3)


def test_stages_of_a_call_that_ended_early_are_counted() -> None:
    metrics, watch = Metrics(), Stopwatch()
    watch.lap("read")

    metrics.count_call(Call("hook_answered", watch), 412)

    told = samples(metrics.exposition().decode())
    assert told['stage_seconds_count{stage="read"}'] == 1
    assert 'stage_seconds_count{stage="answer"}' not in told


def test_metrics_can_be_switched_off() -> None:
    client = create_app(Settings(metrics=False)).test_client()

    response = client.get("/metrics")

    assert response.status_code == 404
    assert response.get_json()["resourceType"] == "OperationOutcome"


def test_two_applications_count_for_themselves(app: Flask) -> None:
    other = create_app(Settings())
    app.test_client().post(SIGN, json=request())

    assert CALLS in numbers(app.test_client())
    assert CALLS not in numbers(other.test_client())
