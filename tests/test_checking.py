"""``check`` explains a request to people and to programs, and cuts nothing of it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main

ROOT = Path(__file__).parent.parent
PREDNISONE = ROOT / "fixtures/systemic-corticosteroid/prednisone-for-low-back-pain.request.json"


def check(path: Path, *options: str, **environment: str) -> Result:
    return CliRunner(env=environment).invoke(main, ["check", str(path), *options])


def words(result: Result) -> str:
    """Return the output in one line, without colours."""
    return " ".join(re.sub(r"\x1b\[[0-9;]*m", "", result.stdout).split())


def sent(folder: Path, document: Any) -> Path:
    path = folder / "one.request.json"
    path.write_text(json.dumps(document), "utf-8")
    return path


def with_order(**fields: Any) -> dict[str, Any]:
    """Return a request whose draft has these fields besides its own."""
    request: dict[str, Any] = json.loads(PREDNISONE.read_bytes())
    request["context"]["draftOrders"]["entry"][0]["resource"] |= fields
    return request


@pytest.mark.parametrize(
    "environment", [{"COLUMNS": "80"}, {"COLUMNS": "80", "FORCE_COLOR": "1"}]
)
def test_nothing_is_cut(environment: dict[str, str]) -> None:
    result = check(PREDNISONE, **environment)
    told = words(result)

    assert result.exit_code == 0, result.output
    assert "…" not in told
    assert "warning systemic-corticosteroid: first-course on MedicationRequest/draft-1" in told
    assert "[Condition/v003-back]" in told
    assert (
        "interventional-selection: not-epidural on MedicationRequest/draft-1 The ster" in told
    )


def test_lines_of_a_terminal_are_as_long_as_it_is_wide() -> None:
    result = check(PREDNISONE, COLUMNS="60", FORCE_COLOR="1")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", result.stdout)

    assert max(map(len, plain.splitlines())) <= 60


@pytest.mark.parametrize("name", ["[/x]", "m[bold]1", "[red]"])
def test_an_id_that_looks_like_markup_is_printed_as_it_is(tmp_path: Path, name: str) -> None:
    told = words(check(sent(tmp_path, with_order(id=name))))

    assert f"MedicationRequest/{name} (draft), evaluated" in told
    assert f"on MedicationRequest/{name}" in told


def test_what_is_not_valid_is_told_in_words(tmp_path: Path) -> None:
    result = check(sent(tmp_path, with_order(colour="red", authoredOn="yesterday")))

    assert result.exit_code == 1
    assert "MedicationRequest.colour: FHIR R4 has no such element" in words(result)
    assert "MedicationRequest.authoredOn: is not written as FHIR R4 asks" in words(result)


def test_a_refusal_names_each_place_once(tmp_path: Path) -> None:
    result = check(sent(tmp_path, {"hookInstance": "1"}))

    assert result.exit_code == 1
    assert "refuses this request with status" in words(result)
    assert "- hook is missing. Send" in words(result)


# The shape that docs/testing.md promises.


def test_the_explanation_is_a_document_too() -> None:
    document = json.loads(check(PREDNISONE, "--format", "json").stdout)
    (order,) = document["orders"]
    (finding,) = document["findings"]

    assert order["takenFor"] == "prednisone 20 mg"
    assert (order["evaluated"], order["days"]) == (True, 5)
    assert finding == {
        "rule": "systemic-corticosteroid",
        "outcome": "first-course",
        "indicator": "warning",
        "order": "MedicationRequest/draft-1",
        "facts": [
            {
                "text": "back pain (M54.50), since 2025-09-29",
                "resource": "Condition/v003-back",
            }
        ],
    }
    assert {one["rule"] for one in document["silences"]} >= {"interventional-selection"}
    assert [one["indicator"] for one in document["cards"]] == ["warning"]


def test_a_refusal_is_a_document_too(tmp_path: Path) -> None:
    result = check(sent(tmp_path, {"hook": "order-sign"}), "--format", "json")
    refused = json.loads(result.stdout)["refused"]

    assert result.exit_code == 1
    assert refused["status"] >= 400
    assert all(issue.keys() == {"text", "path", "remedy"} for issue in refused["issues"])


def test_silent_rules_are_left_out_when_they_are_not_asked_for() -> None:
    document = json.loads(check(PREDNISONE, "--format", "json", "--no-silent").stdout)

    assert document["silences"] == []
    assert "Rules that are silent" not in check(PREDNISONE, "--no-silent").stdout


def test_the_page_names_every_key_of_the_documents() -> None:
    page = (ROOT / "docs/testing.md").read_text("utf-8")
    rules = json.loads(CliRunner().invoke(main, ["rules", "--format", "json"]).stdout)
    explained = json.loads(check(PREDNISONE, "--format", "json").stdout)
    rows = (explained, explained["orders"][0], explained["findings"][0])
    listed = (rules, rules["rules"][0], rules["rules"][0]["outcomes"][0])

    assert [k for row in (*rows, *listed) for k in row if f"`{k}`" not in page] == []
