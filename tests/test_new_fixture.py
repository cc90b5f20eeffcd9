"""A few words become a whole request, valid and ready for replay."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import main
from service.fixture_parts import Described, Kind, NotUnderstood, described, dosage, medication
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
        (["--problem", "M54.5; since yesterday", *OXYCODONE], "'since yesterday' is not under"),
        (["--problem", "low back pain; icd9 724.2", *OXYCODONE], 'may stand: "since 26 weeks"'),
        (["--problem", "since 3 years", *OXYCODONE], "'since 3 years' names nothing"),
        (["--problem", "sciatica; snomed abc", *OXYCODONE], "'ABC' is no code of snomed"),
        (["--problem", "724.2", *OXYCODONE], "'724.2' is neither words nor a code"),
        (["--problem", "M54.5; mild", *OXYCODONE], "'mild' is not understood after 'M54.5'"),
        (["--problem", "M54.5; 2024-01-01 to 2024-02-01", *OXYCODONE], "is not understood"),
        (["--problem", "M54.5; since 9999 years", *OXYCODONE], "before the calendar"),
        (["--reason", "M54.5; since 2 days", *OXYCODONE], 'there may stand: "icd10 M54.50"'),
        (["--order", "naproxen; since yesterday"], "there may stand: how the drug is taken"),
        (["--medication", "naproxen; until 2025-02-01", *OXYCODONE], "is not understood after"),
        (["--order", "naproxen; icd10 M54.5"], "'icd10 M54.5' is not understood"),
        (["--failed", "naproxen; 2025-02-01 to 2025-01-01", *OXYCODONE], "ends before it"),
        (["--service", "lumbar MRI; once"], "'once' is not understood after 'lumbar MRI'"),
    ],
)
def test_what_is_not_understood_is_told(arguments: list[str], told: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--patient", "vignette-000", "--age", "3", *OXYCODONE],
            "--age: only of a new patient",
        ),
        (
            ["--patient", "vignette-000", "--sex", "male", "--visit", "EMER"],
            "--sex, --visit: only",
        ),
        (["--hook", "patient-view", *OXYCODONE], "--order, --sig: at patient-view nothing"),
        (
            ["--hook", "patient-view", "--patient", "vignette-000", "--reason", "M54.5"],
            "--reason",
        ),
        (["--service", "lumbar MRI", "--days", "5"], "--days: of ordered drugs; there is no"),
        (["--days", "0", *OXYCODONE], "'--days': 0"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(arguments: list[str], told: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert told in " ".join(result.output.split())


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "new folder/one.request.json"
    made_it, refused = (run(*OXYCODONE, "--out", str(path)) for _ in range(2))
    path.write_text("mine", "utf-8")
    forced = run(*OXYCODONE, "--out", str(path), "--force")

    assert (made_it.exit_code, refused.exit_code, forced.exit_code) == (0, 2, 0)
    assert "--force writes over it" in " ".join(refused.output.split())
    assert path.read_text("utf-8") != "mine"


def test_a_newborn_has_an_age() -> None:
    request = made("--age", "0", "--as-of", "2026-03-02", *OXYCODONE)

    assert request["prefetch"]["patient"]["birthDate"] == "2026-01-01"


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
    ("text", "kind", "thing"),
    [
        ("M54.50", Kind.CODED, Described("M54.50")),
        (
            "M54.50; Since 26 weeks",
            Kind.PROBLEM,
            Described("M54.50", start=date(2025, 9, 1)),
        ),
        (
            "naproxen; 1 tablet bid; from 2025-01-01 to 2025-02-01; with food",
            Kind.TAKEN,
            Described(
                "naproxen", "1 tablet bid; with food", date(2025, 1, 1), date(2025, 2, 1)
            ),
        ),
        (
            "MRI; cpt 72148",
            Kind.CODED,
            Described("MRI", code=("http://www.ama-assn.org/go/cpt", "72148")),
        ),
    ],
)
def test_a_description_is_taken_apart(text: str, kind: Kind, thing: Described) -> None:
    assert described(text, TODAY, kind) == thing


@pytest.mark.parametrize("text", ["", " ; since 2 weeks"])
def test_a_description_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(NotUnderstood):
        described(text, TODAY, Kind.PROBLEM)


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
