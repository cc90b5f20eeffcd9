"""The log: one line a call, fields from a list, and the patient nowhere."""

import copy
import json
import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from cards.chart import Chart
from service import audit
from service.calls import missing_data, unread_types
from service.catalogue import SERVICES
from service.envelope import HookRequest
from service.gather import Gathered
from service.reading import Reading
from service.response import Answered
from service.settings import Settings
from tests.live import FEEDBACK, REQUEST, SIGN, feedback_on

FIXTURES = sorted((Path(__file__).parent.parent / "fixtures").glob("*/*.request.json"))
NAME, BORN = "Qwertzuiop", "1901-02-03"
INSTANCE = "6f0fab19-0000-4000-8000-000000000001"


class Lines(logging.Handler):
    """Keeps what is logged, as the service would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(audit.LogLine())
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the line, and the message that it was made from."""
        self.lines += [self.format(record), record.getMessage(), repr(record.__dict__)]


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler, root = Lines(), logging.getLogger()
    root.addHandler(handler)
    yield handler
    root.removeHandler(handler)


def call(text: str) -> Any:
    """Return a request whose patient carries the canary in every place there is."""
    body = json.loads(text.replace(json.loads(text)["context"]["patientId"], NAME))
    body["prefetch"] = dict(body.get("prefetch") or {})
    body["prefetch"]["patient"] = {
        "resourceType": "Patient",
        "id": NAME,
        "name": [{"family": NAME, "text": NAME}],
        "birthDate": BORN,
    }
    body["prefetch"][NAME] = {"resourceType": "OperationOutcome", "text": {"div": NAME}}
    body["fhirServer"] = f"https://fhir.example.org/{NAME}"
    body["fhirAuthorization"] = {"access_token": NAME}
    return body


def spoiled(body: Any) -> Iterator[Any]:
    """Yield the request, and others made from it that are refused or read in part."""
    yield body
    yield {**body, "prefetch": {}}
    yield {**body, "prefetch": [NAME]}
    yield {**body, "hook": NAME}
    yield {**body, "hookInstance": {NAME: NAME}}
    yield {**body, "context": {**body["context"], "patientId": [NAME, BORN]}}
    broken = copy.deepcopy(body)
    broken["prefetch"]["conditions"] = {
        "resourceType": "Bundle",
        "entry": [NAME, {"resource": {"resourceType": NAME, "id": BORN}}],
    }
    broken["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": [NAME, {NAME: BORN}]}
    yield broken


@pytest.mark.parametrize(
    "path", FIXTURES, ids=lambda path: f"{path.parent.name}/{path.name.split('.')[0]}"
)
def test_patient_is_in_no_log_no_metric_and_no_error(
    client: FlaskClient, lines: Lines, path: Path
) -> None:
    body = call(path.read_text("utf-8"))
    service = next(each.id for each in SERVICES if each.hook == body["hook"])

    statuses = []
    for sent in spoiled(body):
        response = client.post(f"/cds-services/{service}", json=sent)
        statuses.append(response.status_code)
        if response.status_code != 200:
            assert NAME not in response.text
            assert BORN not in response.text

    said = "".join(lines.lines) + client.get("/metrics").text
    refused = path.with_name(path.name.replace(".request.", ".412.response.")).exists()
    assert statuses[0] == (412 if refused else 200)
    assert {400, 422} <= set(statuses)
    assert NAME not in said
    assert BORN not in said
    assert said.count('"event":"hook_answered"') == len(statuses)


def test_fault_of_ours_tells_nothing_about_the_patient(
    monkeypatch: pytest.MonkeyPatch, app: Flask, client: FlaskClient, lines: Lines
) -> None:
    def fail(*_: object) -> None:
        raise ValueError(NAME, BORN)

    monkeypatch.setattr(app.extensions["back-pain-cds"].answers.responder, "respond", fail)
    response = client.post(SIGN, data=REQUEST.read_bytes(), content_type="application/json")

    assert response.status_code == 500
    assert NAME not in response.text + "".join(lines.lines)
    assert '"event":"internal_error"' in "".join(lines.lines)


def test_comment_on_a_card_is_not_logged(client: FlaskClient, lines: Lines) -> None:
    body = json.loads(feedback_on(NAME))
    body["feedback"][0]["overrideReason"] = {"userComment": NAME}

    client.post(FEEDBACK, json=body)

    assert NAME not in "".join(lines.lines)


def fields(caplog: pytest.LogCaptureFixture) -> Any:
    return caplog.records[-1].__dict__["fields"]


def test_line_of_a_call_says_what_was_decided(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    asked = json.loads(REQUEST.read_bytes()) | {"hookInstance": INSTANCE}

    response = client.post(SIGN, json=asked)

    told = fields(caplog)
    fired = {
        finding["rule"]
        for card in response.get_json()["cards"]
        for finding in card["extension"]["org.back-pain-cds.findings"]
    }
    assert caplog.records[-1].message == "hook_answered"
    assert set(told) == {
        "status",
        "ms",
        "service",
        "hook",
        "instance",
        "client",
        "rulebook",
        "orders",
        "fired",
        "silent",
        "broken",
        "unread",
        "missing",
    }
    assert (told["service"], told["hook"]) == ("back-pain-order-sign", "order-sign")
    assert (told["status"], told["instance"], told["orders"]) == (200, INSTANCE, 1)
    assert fired <= set(told["fired"])
    assert all(": " in silent for silent in told["silent"])
    assert told["rulebook"] == client.get("/health").get_json()["rulebook"]


@pytest.mark.parametrize(
    ("path", "event", "status"),
    [
        ("/cds-services", "discovery_answered", 200),
        (SIGN, "hook_answered", 400),
        ("/cds-services/other", "hook_answered", 404),
        (FEEDBACK, "feedback_answered", 501),
    ],
)
def test_every_call_has_one_line(
    client: FlaskClient,
    caplog: pytest.LogCaptureFixture,
    path: str,
    event: str,
    status: int,
) -> None:
    response = client.get(path) if status == 200 else client.post(path, data=b"{")

    assert response.status_code == status
    assert caplog.messages == [event]
    assert fields(caplog)["status"] == status


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics", "/openapi.json"])
def test_probes_are_not_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    client.get(path)

    assert caplog.messages == []


def test_instance_that_is_no_uuid_is_not_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.post(SIGN, json=json.loads(REQUEST.read_bytes()) | {"hookInstance": NAME})

    assert fields(caplog)["instance"] == "other"


def answered(*unread: str, missing: frozenset[str] = frozenset()) -> Answered:
    reading = Reading(chart=Chart(today=date(2026, 3, 2), missing=missing), unread=unread)
    # Only what was read is looked at.
    nothing: Any = None
    request: HookRequest = nothing
    return Answered(request, Gathered(), reading, nothing, nothing, ())


def test_of_what_is_unread_only_the_type_is_told() -> None:
    unread = (
        "MedicationStatement/7: names no medicine",
        f"{NAME}/7: is about another patient",
        f"prefetch.{NAME}/x.entry[3]",
        "context.draftOrders.entry[2]",
    )

    assert unread_types(answered(*unread)) == [
        "MedicationStatement",
        "other",
        "prefetch",
        "context",
    ]


def test_key_that_only_the_client_knows_is_other() -> None:
    missing = frozenset({"conditions", "medications", NAME})

    assert missing_data(answered(missing=missing)) == ["conditions", "medications", "other"]


def test_key_that_only_the_client_knows_is_on_no_card(client: FlaskClient) -> None:
    answer = client.post(SIGN, json=call(REQUEST.read_text("utf-8"))).get_json()

    assert NAME in answer["extension"]["org.back-pain-cds.evaluation"]["missing"]
    assert "could not be had: other data." in answer["cards"][0]["detail"]
    assert NAME not in json.dumps([card["detail"] for card in answer["cards"]])


def record(name: str, message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.WARNING, "", 0, message, args, None)
    made.created = 1_772_452_800.5
    made.__dict__.update(extra)
    return made


STAMP = {"time": "2026-03-02T12:00:00.500+00:00", "level": "WARNING"}


def test_message_becomes_an_event_with_fields() -> None:
    made = record(
        "back_pain_cds", "cards_not_stored waiting=%d fault=%s", 7, "OperationalError"
    )

    line = json.loads(audit.LogLine().format(made))

    assert line == {
        "event": "cards_not_stored",
        **STAMP,
        "waiting": 7,
        "fault": "OperationalError",
    }


def test_line_for_people_is_text() -> None:
    made = record(
        "back_pain_cds.calls", "hook_answered", fields={"status": 200, "fired": ["a"]}
    )

    text = audit.LogLine(as_json=False).format(made)

    assert text == (
        "hook_answered time=2026-03-02T12:00:00.500+00:00 level=WARNING status=200 fired=a"
    )


def test_field_that_is_not_listed_is_dropped() -> None:
    made = record("back_pain_cds", "odd patient=%s waiting=%d", NAME, 1)

    assert json.loads(audit.LogLine().format(made)) == {"event": "odd", **STAMP, "waiting": 1}


def test_field_that_is_not_listed_fails_a_test() -> None:
    log = logging.getLogger("back_pain_cds")

    with pytest.raises(audit.UnlistedField, match=r"^patient$"):
        log.info("odd patient=%s", NAME)


def test_what_other_packages_say_is_not_repeated() -> None:
    made = record("urllib3.connectionpool", "GET /Patient/%s", NAME)
    made.exc_info = ValueError, ValueError(NAME), None

    assert json.loads(audit.LogLine().format(made)) == {
        "event": "package_logged",
        **STAMP,
        "logger": "urllib3.connectionpool",
        "fault": "ValueError",
    }


def test_calls_are_logged_at_every_level(capsys: pytest.CaptureFixture[str]) -> None:
    root, kept = logging.getLogger(), logging.getLogger().handlers[:]
    ours = logging.getLogger(audit.LOGGER)
    try:
        audit.configure("ERROR", as_json=True)
        audit.log.info("hook_answered", extra={"fields": {"status": 200}})
        ours.warning("odd waiting=%d", 1)
    finally:
        root.handlers[:] = kept
        ours.setLevel(logging.INFO)

    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == [
        "hook_answered"
    ]


def test_settings_show_no_secret() -> None:
    settings = Settings(
        database_url=f"postgresql://u:{NAME}@h/d",  # type: ignore[arg-type]
        patient_key_secret=NAME * 2,  # type: ignore[arg-type]
    )

    assert NAME not in repr(settings)
