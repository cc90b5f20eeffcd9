"""Every request under ``fixtures/`` is answered as kept, and every answer is well formed."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient

from service.cli import main
from service.conformance import faults
from service.envelope import validator
from service.replay import (
    ReplayError,
    Reply,
    Verdict,
    difference,
    find_requests,
    junit,
    keep,
    kept_reply,
    replay,
)

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
REQUESTS = [
    pytest.param(path, id=f"{path.parent.name}/{path.name.removesuffix('.request.json')}")
    for path in find_requests([FIXTURES])
]

each_request = pytest.mark.parametrize("path", REQUESTS)


def post(client: FlaskClient, path: Path) -> Reply:
    request = json.loads(path.read_bytes())
    response = client.post(f"/cds-services/back-pain-{request['hook']}", json=request)
    return Reply(response.status_code, response.get_json())


@each_request
def test_the_answer_is_as_kept(client: FlaskClient, path: Path) -> None:
    outcome = replay(path, lambda _: post(client, path))

    assert outcome.verdict is Verdict.SAME, outcome.difference


@each_request
def test_the_answer_follows_the_schema(client: FlaskClient, path: Path) -> None:
    reply = post(client, path)
    schema = "hook-response" if reply.status == 200 else "operation-outcome"

    assert [fault.json_path for fault in validator(schema).iter_errors(reply.body)] == []


@each_request
def test_every_proposed_resource_is_valid_fhir(client: FlaskClient, path: Path) -> None:
    patient = json.loads(path.read_bytes())["context"]["patientId"].removeprefix("Patient/")
    for action in _actions(post(client, path).body):
        resource = action.get("resource")
        if resource:
            assert faults(resource) == ()
            assert resource["subject"]["reference"] == f"Patient/{patient}"


@each_request
def test_the_same_request_gives_the_same_bytes(client: FlaskClient, path: Path) -> None:
    body = path.read_bytes()
    address = f"/cds-services/back-pain-{json.loads(body)['hook']}"
    answers = [
        client.post(address, data=body, content_type="application/json").data for _ in range(2)
    ]

    assert answers[0] == answers[1]


def test_every_card_and_suggestion_has_a_uuid_of_its_own(client: FlaskClient) -> None:
    seen: list[str] = []
    for path in find_requests([FIXTURES]):
        for card in post(client, path).body.get("cards", []):
            seen += [card["uuid"], *(one["uuid"] for one in card.get("suggestions", []))]

    assert len(seen) == len(set(seen))
    assert all(str(UUID(one)) == one for one in seen)


def test_no_created_resource_tells_of_opioid_use_disorder(client: FlaskClient) -> None:
    created = [
        json.dumps(action["resource"]).lower()
        for path in find_requests([FIXTURES])
        for action in _actions(post(client, path).body)
        if action["type"] == "create"
    ]

    assert created
    assert not [text for text in created if "addict" in text or "opioid use" in text]


def test_an_answer_without_a_kept_one_is_new(tmp_path: Path) -> None:
    path = _request(tmp_path)

    assert replay(path, lambda _: Reply(200, {"cards": []})).verdict is Verdict.NEW


def test_another_status_is_a_difference(tmp_path: Path) -> None:
    path = _request(tmp_path)
    keep(path, Reply(412, {"resourceType": "OperationOutcome"}))
    outcome = replay(path, lambda _: Reply(200, {"resourceType": "OperationOutcome"}))

    assert outcome.verdict is Verdict.DIFFERENT
    assert "-status 412" in outcome.difference
    assert "+status 200" in outcome.difference


def test_update_replaces_the_kept_answer(tmp_path: Path) -> None:
    path = _request(tmp_path)
    keep(path, Reply(412, {"resourceType": "OperationOutcome"}))
    outcome = replay(path, lambda _: Reply(200, {"cards": []}), update=True)

    assert outcome.verdict is Verdict.UPDATED
    assert kept_reply(path) == Reply(200, {"cards": []})
    assert [one.name for one in tmp_path.glob("*response.json")] == ["one.response.json"]


def test_the_answer_of_another_request_is_left_alone(tmp_path: Path) -> None:
    path = _request(tmp_path)
    (tmp_path / "one.more.response.json").write_text("{}", "utf-8")
    keep(path, Reply(200, {"cards": []}))

    assert (tmp_path / "one.more.response.json").exists()


def test_the_version_of_the_rulebook_is_no_difference(tmp_path: Path) -> None:
    path = _request(tmp_path)
    extension = "org.back-pain-cds.evaluation"
    keep(path, Reply(200, {"cards": [], "extension": {extension: {"missing": []}}}))
    body = {"cards": [], "extension": {extension: {"missing": [], "rulebook": "abc"}}}

    assert replay(path, lambda _: Reply(200, body)).verdict is Verdict.SAME


def test_a_service_that_cannot_be_reached_is_a_failure(tmp_path: Path) -> None:
    def refuse(_: Any) -> Reply:
        raise ReplayError("nothing answers")

    outcome = replay(_request(tmp_path), refuse)

    assert outcome.verdict is Verdict.FAILED
    assert outcome.difference == "nothing answers"


def test_the_difference_names_only_what_differs() -> None:
    text = difference(Reply(200, {"a": 1, "b": 2}), Reply(200, {"a": 1, "b": 3}))

    assert '-  "b": 2' in text
    assert '+  "b": 3' in text


def test_junit_counts_what_is_not_as_kept(tmp_path: Path) -> None:
    path = _request(tmp_path)
    outcome = replay(path, lambda _: Reply(200, {"cards": []}))
    suite = ET.fromstring(junit([outcome]))  # noqa: S314 - our own

    assert suite.attrib["tests"] == "1"
    assert suite.attrib["failures"] == "1"
    assert suite[0].attrib["name"] == "one"


def test_a_file_of_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="neither a folder nor a file"):
        find_requests([tmp_path / "notes.txt"])


def test_the_command_succeeds_when_every_answer_is_as_kept() -> None:
    result = CliRunner().invoke(main, ["replay", str(FIXTURES / "silence")])

    assert result.exit_code == 0, result.output
    assert "different" not in result.output


def test_the_command_fails_when_an_answer_differs(tmp_path: Path) -> None:
    source = next(iter(find_requests([FIXTURES / "systemic-corticosteroid"])))
    path = tmp_path / source.name
    path.write_bytes(source.read_bytes())
    keep(path, Reply(200, {"cards": []}))
    report = tmp_path / "report.xml"
    result = CliRunner().invoke(main, ["replay", str(path), "--junit", str(report)])

    assert result.exit_code == 1
    assert "1 different" in result.output
    assert 'failures="1"' in report.read_text("utf-8")


def _request(folder: Path) -> Path:
    path = folder / "one.request.json"
    path.write_text('{"hook": "order-sign"}', "utf-8")
    return path


def _actions(body: Any) -> list[dict[str, Any]]:
    return [
        action
        for card in body.get("cards", [])
        for one in card.get("suggestions", [])
        for action in one["actions"]
    ]


def command(*arguments: str | Path, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, ["replay", *map(str, arguments)])


def differing(folder: Path) -> Path:
    """Return a request whose kept answer has two long lines that are not as answered."""
    (source,) = (FIXTURES / "systemic-corticosteroid").glob("prednisone-for-low*.request.json")
    path = folder / "a.request.json"
    path.write_bytes(source.read_bytes())
    kept = kept_reply(source)
    assert kept is not None
    card = kept.body["cards"][0]
    card["detail"] = card["detail"][:-2] + "!."
    keep(path, kept)
    return path


def test_a_difference_is_printed_whole_where_no_terminal_is(tmp_path: Path) -> None:
    lines = command(differing(tmp_path), COLUMNS="80").output.splitlines()
    (expected,) = (line for line in lines if line.startswith("-      "))
    (answered,) = (line for line in lines if line.startswith("+      "))

    assert expected.endswith('!.",')
    assert expected[1:-4] == answered[1 : len(expected) - 3 - 1]
    assert expected != answered


def test_a_difference_is_folded_on_a_terminal(tmp_path: Path) -> None:
    result = command(differing(tmp_path), COLUMNS="80", FORCE_COLOR="1")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)

    assert '!."' in plain
    assert max(len(line) for line in plain.splitlines()[1:]) <= 80


def test_reports_are_written_into_folders_that_are_not_there_yet(tmp_path: Path) -> None:
    junit_file, html_file = tmp_path / "a/b/x.xml", tmp_path / "c/x.html"
    result = command(_request(tmp_path), "--junit", junit_file, "--html", html_file)

    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert junit_file.exists()
    assert html_file.exists()


def test_files_are_named_from_where_the_command_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "family").mkdir()
    _request(tmp_path)
    _request(tmp_path / "family")
    monkeypatch.chdir(tmp_path)
    output = command(".").output

    assert "  family/one.request.json  " in output
    assert "  one.request.json  " in output
    suite = ET.fromstring(junit([replay(Path("one.request.json"), lambda _: Reply(200, {}))]))  # noqa: S314 - our own
    assert suite[0].attrib["classname"] == tmp_path.name


def test_a_name_that_looks_like_markup_is_printed_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "[" / "x]"
    folder.mkdir(parents=True)

    assert "[/x]/one.request.json" in command(_request(folder)).output


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://127.0.0.1:1/cds-services/"])
def test_a_service_that_is_not_running_is_told(tmp_path: Path, url: str) -> None:
    result = command(_request(tmp_path), "--url", url)

    assert result.exit_code == 1
    assert result.output == (
        "Error: Nothing answers at http://127.0.0.1:1/cds-services: is the service running?\n"
    )


@pytest.mark.parametrize(
    "url", ["nonsense", "localhost:8000", "http://", "http://[", "http://x:y"]
)
def test_an_address_that_is_none_is_told(tmp_path: Path, url: str) -> None:
    result = command(_request(tmp_path), "--url", url)

    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {url} is no web address. Write it as http://")


WITHOUT_PREFETCH = ROOT / "docs/without-prefetch"


def test_requests_without_prefetch_are_answered_from_the_patients() -> None:
    patients = FIXTURES / "patients"
    result = command(WITHOUT_PREFETCH, "--patients", patients)

    assert result.exit_code == 0, result.output
    assert "2 requests needed --patients" in result.output
    assert command(WITHOUT_PREFETCH).exit_code == 1


def test_patients_that_no_request_needs_are_told() -> None:
    output = command(FIXTURES / "stay-active", "--patients", FIXTURES / "patients").output

    assert "No request needed --patients: all bring prefetch" in output
