"""A care plan that a user has seen is not shown again too soon; nothing else is held back."""

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cards.policy import SAFETY
from service import shown_plans
from service.answering import Answering
from service.app import create_app
from service.catalogue import find
from service.clients import UNAUTHENTICATED, Client
from service.envelope import read_request
from service.response import Answered
from service.settings import Settings
from service.shown_plans import ShownPlans
from tests.live import REQUEST

VIEW = "/cds-services/back-pain-patient-view"
FIXTURES = REQUEST.parent.parent
PLAN = (
    FIXTURES
    / "therapy-stage-summary"
    / "chronic-on-buprenorphine-with-options-left.request.json"
)
FLAG = FIXTURES / "red-flag-urgent"
SUMMARY = "therapy-stage-summary"


@pytest.fixture
def app() -> Flask:
    """Return a service that has shown nothing yet."""
    return create_app(Settings(care_plan_quiet_days=14))


def opening(number: int = 1, day: str = "2026-03-02", **context: Any) -> dict[str, Any]:
    """Return the opening of a chart that has a care plan."""
    body: dict[str, Any] = json.loads(PLAN.read_bytes())
    body["hookInstance"] = f"6f0fab19-0000-4000-8000-{number:012}"
    body["context"] |= context
    body["extension"] = {"org.back-pain-cds.as-of": day, "org.back-pain-cds.trace": True}
    return body


def rules(client: FlaskClient, body: dict[str, Any]) -> list[str]:
    """Return the rules of the cards of an answer."""
    answer: Any = client.post(VIEW, json=body).json
    return [card["source"]["topic"]["code"] for card in answer["cards"]]


def test_plan_is_shown_once(client: FlaskClient) -> None:
    assert rules(client, opening(1)) == [SUMMARY]
    assert rules(client, opening(2)) == []
    assert rules(client, opening(3, "2026-03-16")) == []


def test_plan_that_is_held_back_is_told_in_the_trace(client: FlaskClient) -> None:
    rules(client, opening(1))
    answer: Any = client.post(VIEW, json=opening(2)).json

    trace = answer["extension"]["org.back-pain-cds.trace"]
    assert {"rule": SUMMARY, "order": "", "outcome": "shown-lately"} in trace


@pytest.mark.parametrize(
    "again",
    [
        pytest.param(opening(1), id="same-call"),
        pytest.param(opening(2, "2026-03-17"), id="days-later"),
        pytest.param(opening(2, "2026-03-01"), id="an-earlier-day"),
        pytest.param(opening(2, userId="Practitioner/other"), id="another-user"),
    ],
)
def test_plan_is_shown_again(client: FlaskClient, again: dict[str, Any]) -> None:
    rules(client, opening(1))

    assert rules(client, again) == [SUMMARY]


def test_unknown_user_is_always_shown_it(client: FlaskClient) -> None:
    assert rules(client, opening(1, userId=None)) == [SUMMARY]
    assert rules(client, opening(2, userId=None)) == [SUMMARY]


def test_plan_of_another_patient_is_shown(client: FlaskClient) -> None:
    rules(client, opening(1))
    other = json.loads(json.dumps(opening(2)).replace(opening()["context"]["patientId"], "x"))

    assert rules(client, other) == [SUMMARY]


def test_plan_that_says_something_else_is_shown(client: FlaskClient) -> None:
    rules(client, opening(1))
    changed = opening(2)
    changed["prefetch"].pop("procedures")

    assert rules(client, changed) == [SUMMARY]


def test_red_flag_is_never_held_back(client: FlaskClient) -> None:
    for path in sorted(FLAG.glob("*.request.json")):
        body = json.loads(path.read_bytes())
        shown = rules(client, body)
        body["hookInstance"] = "6f0fab19-0000-4000-8000-000000000009"
        assert [rule for rule in shown if rule != SUMMARY] == rules(client, body)


def answered(request: dict[str, Any]) -> Answered:
    """Return what an opening is answered from."""
    service = find("back-pain-patient-view")
    asked = read_request(json.dumps(request).encode(), None, service, extensions=True)
    return Answering(Settings()).consider(asked, date(2026, 3, 2))


def test_plans_of_clients_and_tenants_are_kept_apart() -> None:
    shown = ShownPlans(14)
    shown.remember(answered(opening(1)), Client("ehr", "i", tenant="north"))
    again = answered(opening(2))

    assert shown.without_repeats(again, Client("ehr", "i", tenant="north")).plans == ()
    assert shown.without_repeats(again, Client("ehr", "i", tenant="south")) is again
    assert shown.without_repeats(again, Client("other", "i", tenant="north")) is again


def test_only_the_plan_is_held_back() -> None:
    shown = ShownPlans(14)
    first, again = answered(opening(1)), answered(opening(2))
    shown.remember(first, UNAUTHENTICATED)
    other = replace(again.plans[0], group=SAFETY)

    said = shown.without_repeats(replace(again, plans=(other, *again.plans)), UNAUTHENTICATED)

    assert said.plans == (other,)


def test_plan_of_a_call_that_failed_was_not_shown() -> None:
    shown = ShownPlans(14)
    shown.without_repeats(answered(opening(1)), UNAUTHENTICATED)
    again = answered(opening(2))

    assert shown.without_repeats(again, UNAUTHENTICATED) is again


def test_as_shipped_it_is_shown_at_every_opening() -> None:
    client = create_app(Settings()).test_client()

    assert rules(client, opening(1)) == rules(client, opening(2)) == [SUMMARY]


def test_what_is_remembered_is_bounded(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_plans, "MOST", 1)
    rules(client, opening(1))
    rules(client, opening(2, userId="Practitioner/other"))

    assert rules(client, opening(3)) == [SUMMARY]
