"""A few words become a whole request, valid and ready for replay."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.fixture_parts import Described, NotUnderstood, described, dosage, medication
from service.hook_conformance import request_faults
from service.replay import Reply, Verdict, keep, replay
from tests.vignettes import findings

TODAY = date(2026, 3, 2)
OXYCODONE = ["--order", "oxycodone 5 mg tablet", "--sig", "1 tablet every 6 hours as needed"]
NEW_PATIENT = [
    *("--age", "52", "--sex", "female", "--as-of", "2026-03-02"),
    *("--problem", "M54.50; since 26 weeks"),
    *("--problem", "F11.20; since 2022-03-01"),
    *("--medication", "Suboxone 8 mg-2 mg film; 2 films once a day; since 2022-03-01"),
    *("--failed", "gabapentin 800 mg tablet; 1 tablet tid; 2024-06-01 to 2024-09-15"),
    *(*OXYCODONE, "--days", "5", "--reason", "M54.50", "--setting", "outpatient"),
]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["new-fixture", *arguments])


def made(*arguments: str) -> dict[str, Any]:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    request: dict[str, Any] = json.loads(result.stdout)
    return request


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(NEW_PATIENT, id="new-patient"),
        pytest.param(["--patient", "vignette-000", *OXYCODONE], id="known-patient"),
        pytest.param(["--hook", "patient-view", "--patient", "vignette-003"], id="chart"),
        pytest.param(
            ["--hook", "order-select", "--service", "lumbar spine MRI; cpt 72148"], id="imaging"
        ),
        pytest.param(["--order", "no such drug"], id="unknown-drug"),
    ],
)
def test_the_request_is_valid_and_has_a_day(arguments: list[str]) -> None:
    request = made(*arguments)

    assert list(request_faults(request)) == []
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", request["extension"]["org.back-pain-cds.as-of"])


def test_the_request_is_answered_as_it_means(client: Any) -> None:
    answer = client.post("/cds-services/back-pain-order-sign", json=made(*NEW_PATIENT))

    assert findings(answer.get_json())["opioid-on-buprenorphine"] == "critical"


def test_the_day_of_a_known_patient_is_that_of_the_visit() -> None:
    request = made("--patient", "vignette-000", *OXYCODONE)

    assert request["extension"]["org.back-pain-cds.as-of"] == TODAY.isoformat()
    assert request["context"]["encounterId"] == "v000-visit"


def test_the_same_words_make_the_same_request() -> None:
    assert made(*NEW_PATIENT) == made(*NEW_PATIENT)


def test_every_key_is_answered_as_an_ehr_would() -> None:
    prefetch = made(*NEW_PATIENT)["prefetch"]

    assert prefetch["patient"]["birthDate"] == "1974-01-01"
    assert prefetch["conditions"]["total"] == 2
    assert prefetch["medicationStatements"]["total"] == 2
    assert prefetch["observations"]["entry"] == []


def test_a_chart_comes_from_a_bundle(tmp_path: Path) -> None:
    person = {"resourceType": "Patient", "id": "mine", "birthDate": "1960-01-01"}
    path = tmp_path / "bundle.json"
    bundle = {"resourceType": "Bundle", "entry": [{"resource": person}]}
    path.write_text(json.dumps(bundle), "utf-8")
    request = made("--patient", str(path), *OXYCODONE, "--as-of", "2026-03-02")

    assert request["prefetch"]["patient"] == person
    assert "encounterId" not in request["context"]


def test_the_file_can_be_replayed(tmp_path: Path) -> None:
    path = tmp_path / "one.request.json"
    result = run(*NEW_PATIENT, "--out", str(path))
    keep(path, Reply(200, {"cards": []}))

    assert result.exit_code == 0
    assert replay(path, lambda _: Reply(200, {"cards": []})).verdict is Verdict.SAME


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--hook", "order-sign"], "needs an --order"),
        (["--patient", "nobody", *OXYCODONE], "neither a Bundle nor one of"),
        (["--problem", "; since 2 weeks", *OXYCODONE], "names nothing"),
        (["--problem", "M54.50; since 2026-13-01", *OXYCODONE], "no date"),
    ],
)
def test_what_is_not_understood_is_told(arguments: list[str], told: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("order", "note"),
    [
        ("no such drug", "no drug that a rule looks at"),
        ("oxycodone 5 mg tablet; as directed", "is not understood"),
    ],
)
def test_what_the_service_will_not_understand_is_noted(order: str, note: str) -> None:
    assert note in run("--order", order).stderr


@pytest.mark.parametrize(
    ("text", "thing"),
    [
        ("M54.50", Described("M54.50")),
        ("M54.50; since 26 weeks", Described("M54.50", start=date(2025, 9, 1))),
        (
            "naproxen; 1 tablet bid; from 2025-01-01 to 2025-02-01",
            Described("naproxen", "1 tablet bid", date(2025, 1, 1), date(2025, 2, 1)),
        ),
        (
            "MRI; cpt 72148",
            Described("MRI", code=("http://www.ama-assn.org/go/cpt", "72148")),
        ),
    ],
)
def test_a_description_is_taken_apart(text: str, thing: Described) -> None:
    assert described(text, TODAY) == thing


@pytest.mark.parametrize("text", ["", " ; since 2 weeks"])
def test_a_description_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood):
        described(text, TODAY)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("oxycodone 5 mg tablet", "1049621"),
        ("gabapentin 800 mg tablet", "310434"),
        ("naproxen 500 mg tablet", "198014"),
        ("Suboxone 8 mg-2 mg film", "1010606"),
        ("duloxetine 30 mg delayed release capsule", "596930"),
    ],
)
def test_words_that_mean_one_product_are_coded(text: str, code: str) -> None:
    assert medication(text)["coding"][0]["code"] == code


@pytest.mark.parametrize("text", ["duloxetine 30 mg", "naproxen", "no such drug 5 mg tablet"])
def test_words_that_mean_several_products_stay_words(text: str) -> None:
    assert medication(text) == {"text": text}


@pytest.mark.parametrize(
    ("sig", "fields"),
    [
        (
            "1 tablet by mouth every 6 hours as needed",
            {
                "timing": {"repeat": {"frequency": 4, "period": 1, "periodUnit": "d"}},
                "asNeededBoolean": True,
                "route": {"coding": [{"system": "http://snomed.info/sct", "code": "26643006"}]},
                "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "tablet"}}],
            },
        ),
        (
            "1-2 tablets q4-6h",
            {
                "timing": {
                    "repeat": {
                        "frequency": 4,
                        "frequencyMax": 6,
                        "period": 1,
                        "periodUnit": "d",
                    }
                },
                "doseAndRate": [
                    {
                        "doseRange": {
                            "low": {"value": 1, "unit": "tablet"},
                            "high": {"value": 2, "unit": "tablet"},
                        }
                    }
                ],
            },
        ),
        ("as directed", {}),
    ],
)
def test_an_instruction_keeps_its_words_and_gains_fields(
    sig: str, fields: dict[str, Any]
) -> None:
    assert dosage(sig) == {"text": sig, **fields}
