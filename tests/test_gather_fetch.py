"""What the prefetch lacks is read from the FHIR server; what cannot be had is named."""

import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.app import create_app
from service.catalogue import find
from service.envelope import HookRequest, validator
from service.fhir_client import Outcome, Pages, Query
from service.gather import DATA, Gathered, gather
from service.settings import Settings
from tests import faulty_fhir
from tests.faulty_fhir import FAULTS, OUTCOME, PATIENT, FaultyFhir, bundle, says
from tests.live import REQUEST, SIGN, clients_file, token_for
from tests.test_gather import ASPIRIN, BACK_PAIN, EMPTY_BUNDLE, TAKEN, outcome

SERVICE = find("back-pain-order-sign")
TOKEN = "canary-77aa.token"  # noqa: S105 - of no server
MORE = {"resourceType": "Condition", "id": "more"}
FIXTURES = [
    path
    for path in sorted(REQUEST.parent.parent.rglob("*.request.json"))
    if path.parent.name != "protocol"  # those are about prefetch of odd shapes
]
KIND_OF_DATA = {
    "patient": "Patient",
    "encounter": "Encounter",
    "conditions": "Condition",
    "medicationRequests": "MedicationRequest",
    "medicationStatements": "MedicationStatement",
    "allergies": "AllergyIntolerance",
    "procedures": "Procedure",
    "serviceRequests": "ServiceRequest",
    "observations": "Observation",
}


class Shelf:
    """A source that has these pages, and notes what it was asked for."""

    def __init__(self, pages: Mapping[str, Pages] | None = None) -> None:
        self.pages = pages or {}
        self.asked: dict[str, Query] = {}

    def read(self, queries: Mapping[str, Query]) -> Mapping[str, Pages]:
        """Return the pages."""
        self.asked = dict(queries)
        return {key: self.pages.get(key, Pages((bundle(),))) for key in queries}


def sent(prefetch: Mapping[str, Any], **more: Any) -> HookRequest:
    named: dict[str, Any] = {"patient_id": "p", "encounter_id": "e"} | more
    return HookRequest(
        service=SERVICE, hook="order-sign", instance="i", prefetch=prefetch, **named
    )


def completed(shelf: Shelf, prefetch: Mapping[str, Any], **more: Any) -> Gathered:
    return gather(sent(prefetch, **more), SERVICE, shelf)


def all_but(*names: str) -> dict[str, Any]:
    return {name: EMPTY_BUNDLE for name in SERVICE.prefetch if name not in names}


def test_everything_is_asked_for_as_the_templates_say() -> None:
    shelf = Shelf()
    completed(shelf, {})

    targets = {key: query.target for key, query in shelf.asked.items()}
    codes = targets.pop("observations").removeprefix("Observation?patient=p&_count=200&code=")
    assert targets == {
        "patient": "Patient/p",
        "encounter": "Encounter/e",
        "conditions": "Condition?patient=p&_count=200",
        "medicationRequests": "MedicationRequest?patient=p&_count=200",
        "medicationStatements": "MedicationStatement?patient=p&_count=200",
        "allergies": "AllergyIntolerance?patient=p&_count=200",
        "procedures": "Procedure?patient=p&_count=200",
        "serviceRequests": "ServiceRequest?patient=p&_count=200",
    }
    assert codes.startswith("http://loinc.org%7C33914-3,http://loinc.org%7C48642-3,")
    kinds = {key: query.kind for key, query in shelf.asked.items()}
    assert kinds == dict.fromkeys(SERVICE.prefetch, "Bundle") | {
        "patient": "Patient",
        "encounter": "Encounter",
    }


def test_what_was_read_is_known() -> None:
    pages = {"conditions": Pages((bundle(BACK_PAIN),)), "patient": Pages((PATIENT,))}
    found = completed(Shelf(pages), {}, encounter_id=None)

    assert found.missing == {"encounter"}
    assert (found.failed, found.incomplete, found.unread) == (frozenset(), frozenset(), ())
    assert found.resources["conditions"] == (BACK_PAIN,)
    assert found.resources["patient"] == (PATIENT,)
    assert found.resources["procedures"] == ()


def test_encounter_is_asked_for_only_when_it_is_known() -> None:
    shelf = Shelf()
    completed(shelf, {}, encounter_id=None)

    assert set(shelf.asked) == DATA - {"encounter"}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="null"),
        pytest.param(EMPTY_BUNDLE, id="empty"),
        pytest.param(bundle(BACK_PAIN), id="data"),
        pytest.param(outcome("error"), id="failed"),
        pytest.param(bundle(outcome("error")), id="failed-entry"),
        pytest.param({"response": {"status": "403"}}, id="failed-wrapper"),
        pytest.param(bundle(BACK_PAIN, total=7), id="part-without-a-link"),
    ],
)
def test_what_came_is_not_asked_for_again(value: object) -> None:
    shelf = Shelf()
    request = sent({"conditions": value})
    found = gather(request, SERVICE, shelf)

    assert set(shelf.asked) == DATA - {"conditions"}
    alone = gather(request, SERVICE)
    assert found.resources.get("conditions") == alone.resources.get("conditions")
    assert ("conditions" in found.failed) is ("conditions" in alone.failed)
    assert found.incomplete == alone.incomplete


@pytest.mark.parametrize(
    ("key", "value", "known"),
    [
        ("problems", None, {"conditions"}),
        ("meds", bundle(TAKEN), {"medicationRequests", "medicationStatements"}),
        ("item1", bundle(ASPIRIN), {"medicationRequests"}),
        ("Conditions", outcome("error"), {"conditions"}),
    ],
)
def test_what_came_under_another_name_is_not_asked_for(
    key: str, value: object, known: set[str]
) -> None:
    shelf = Shelf()
    completed(shelf, {key: value})

    assert set(shelf.asked) == DATA - known


def test_nothing_is_asked_for_when_all_came() -> None:
    class Closed:
        def read(self, _: Mapping[str, Query]) -> Mapping[str, Pages]:
            pytest.fail("it was asked")

    found = gather(sent(all_but()), SERVICE, Closed())

    assert found == gather(sent(all_but()), SERVICE)
    assert found.missing == frozenset()


@pytest.mark.parametrize("value", ["123", 7, {}])
def test_what_is_of_no_use_is_asked_for_and_named(value: object) -> None:
    shelf = Shelf({"conditions": Pages((bundle(BACK_PAIN),))})
    found = completed(shelf, all_but("conditions") | {"conditions": value})

    assert set(shelf.asked) == {"conditions"}
    assert found.resources["conditions"] == (BACK_PAIN,)
    assert found.missing == frozenset()
    assert [path.startswith("prefetch.conditions") for path in found.unread] == [True]


@pytest.mark.parametrize(
    "name",
    [
        *("a,b", "a|b", "a$b", "a\\b", "a/b", "../x", ".", "..", "a?b", "a#b", "a&b=c", "a;b"),
        *("a%2Cb", "a b", "a\tb", "a\u00a0b", "a\x00b"),
    ],
)
def test_id_that_could_mean_something_else_is_not_sent(name: str) -> None:
    shelf = Shelf()
    found = completed(shelf, {}, patient_id=name, encounter_id=name)

    assert shelf.asked == {}
    assert found.missing == DATA


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("eWZ4.x-1", "eWZ4.x-1"),
        ("a" * 194, "a" * 194),
        ("a\u2011b", "a%E2%80%91b"),
        ("a+b", "a%2Bb"),
        ("a'b\"<c>", "a%27b%22%3Cc%3E"),
        ("{{context.userId}}", None),
    ],
)
def test_unusual_id_is_written_safely(name: str, written: str | None) -> None:
    shelf = Shelf()
    completed(shelf, all_but("patient"), patient_id=name)

    expected = {"patient": Query(f"Patient/{written}", "Patient")} if written else {}
    assert shelf.asked == expected


@pytest.mark.parametrize(
    "fault", ["unauthorised", "not-found", "server-error", "timeout", "refused", "not-json"]
)
def test_what_could_not_be_read_has_failed(fault: Outcome) -> None:
    found = completed(Shelf({"conditions": Pages((), fault, (fault,))}), all_but("conditions"))

    assert found.failed == {"conditions"}
    assert found.missing == frozenset()
    assert "conditions" in found.unknown()


@pytest.mark.parametrize(
    "page", [bundle(outcome("error")), bundle(outcome("warning")), bundle(total=3)]
)
def test_answer_that_says_nothing_has_failed(page: dict[str, Any]) -> None:
    found = completed(Shelf({"conditions": Pages((page,))}), all_but("conditions"))

    assert found.failed == {"conditions"}


def test_part_of_what_was_read_is_named_incomplete() -> None:
    page = bundle(BACK_PAIN, following="Condition?page=1")
    pages = Pages((page,), "timeout", ("ok", "timeout"))
    found = completed(Shelf({"conditions": pages}), all_but("conditions"))

    assert found.resources["conditions"] == (BACK_PAIN,)
    assert found.incomplete == {"conditions"}
    assert found.failed == frozenset()


def test_pages_are_one_answer() -> None:
    first = bundle(BACK_PAIN, following="Condition?page=1", total=2)
    found = completed(
        Shelf({"conditions": Pages((first, bundle(MORE, total=2)))}), all_but("conditions")
    )

    assert found.resources["conditions"] == (BACK_PAIN, MORE)
    assert found.incomplete == frozenset()


def test_pages_that_hold_less_than_their_total_are_incomplete() -> None:
    first = bundle(BACK_PAIN, following="Condition?page=1", total=3)
    found = completed(
        Shelf({"conditions": Pages((first, bundle(MORE)))}), all_but("conditions")
    )

    assert found.incomplete == {"conditions"}


def test_next_page_of_what_came_is_read_and_nothing_else() -> None:
    shelf = Shelf({"conditions": Pages((bundle(MORE),))})
    came = bundle(BACK_PAIN, following="https://ehr.example.org/fhir?page=2", total=2)
    found = completed(shelf, all_but("conditions") | {"conditions": came})

    assert shelf.asked == {"conditions": Query("https://ehr.example.org/fhir?page=2")}
    assert found.resources["conditions"] == (BACK_PAIN, MORE)
    assert found.incomplete == frozenset()


@pytest.mark.parametrize("fault", ["timeout", "elsewhere", "forbidden"])
def test_next_page_that_cannot_be_had_leaves_a_gap(fault: Outcome) -> None:
    came = bundle(BACK_PAIN, following="x")
    shelf = Shelf({"conditions": Pages((), fault, (fault,))})
    found = completed(shelf, all_but("conditions") | {"conditions": came})

    assert found.resources["conditions"] == (BACK_PAIN,)
    assert found.incomplete == {"conditions"}
    assert found.failed == frozenset()


def test_empty_page_before_one_that_cannot_be_had_is_not_an_empty_answer() -> None:
    came = bundle(following="x")
    shelf = Shelf({"conditions": Pages((), "timeout", ("timeout",))})

    assert gather(sent({"conditions": came}), SERVICE).failed == {"conditions"}
    assert completed(shelf, all_but("conditions") | {"conditions": came}).failed == {
        "conditions"
    }


def test_empty_page_before_a_full_one_is_a_part_of_the_answer() -> None:
    came = bundle(following="x")
    shelf = Shelf({"conditions": Pages((bundle(MORE),))})
    found = completed(shelf, all_but("conditions") | {"conditions": came})

    assert found.resources["conditions"] == (MORE,)
    assert found.unknown() == frozenset()


def test_link_that_says_nothing_is_not_followed() -> None:
    shelf = Shelf()
    came = bundle(BACK_PAIN, following="")
    found = completed(shelf, all_but("conditions") | {"conditions": came})

    assert shelf.asked == {}
    assert found.incomplete == {"conditions"}


def test_one_call_does_not_have_a_thousand_pages_read() -> None:
    shelf = Shelf()
    completed(shelf, {f"key{n}": bundle(BACK_PAIN, following=f"x?{n}") for n in range(1000)})

    assert len([key for key in shelf.asked if key.startswith("key")]) == 16


def referring(reference: str, **more: Any) -> dict[str, Any]:
    """Return an order that names its medicine by a reference."""
    link = {"reference": reference} | more
    return {"resourceType": "MedicationRequest", "medicationReference": link}


def test_medicine_that_is_only_referred_to_is_asked_for() -> None:
    medicine = {"resourceType": "Medication", "id": "m1"}
    shelf = Shelf({"Medication/m1": Pages((medicine,))})
    came = {"medicationRequests": bundle(referring("Medication/m1"))}
    found = completed(shelf, all_but("medicationRequests") | came)

    assert shelf.asked == {"Medication/m1": Query("Medication/m1", "Medication")}
    assert found.resources["medication"] == (medicine,)
    assert found.incomplete == frozenset()
    assert found.unknown() == frozenset()


def test_unusual_id_of_a_medicine_is_written_safely() -> None:
    shelf = Shelf()
    came = {"medicationRequests": bundle(referring("Medication/a\u2011b"))}
    completed(shelf, all_but("medicationRequests") | came)

    assert [query.target for query in shelf.asked.values()] == ["Medication/a%E2%80%91b"]


def test_medicine_that_cannot_be_had_leaves_a_gap() -> None:
    shelf = Shelf({"Medication/m1": Pages((), "timeout", ("timeout",))})
    came = {"medicationRequests": bundle(referring("Medication/m1"))}
    found = completed(shelf, all_but("medicationRequests") | came)

    assert found.incomplete == {"medicationRequests"}
    assert found.unknown() == frozenset()


@pytest.mark.parametrize(
    ("reference", "more"),
    [
        pytest.param("Medication/m1", {"display": "oxycodone 5 mg tablet"}, id="named"),
        pytest.param("#m1", {}, id="contained"),
        pytest.param("urn:uuid:0b9f", {}, id="urn"),
        pytest.param("Medication/sent", {}, id="sent"),
        pytest.param("Substance/m1", {}, id="no-medication"),
        pytest.param("Medication/m1?_include=*", {}, id="search"),
        pytest.param("https://x.example.org/fhir?x=/Medication/m1", {}, id="any-query"),
        pytest.param("Medication/a,b", {}, id="two"),
        pytest.param("Medication/..", {}, id="elsewhere"),
        pytest.param("", {}, id="empty"),
    ],
)
def test_medicine_that_is_named_or_cannot_be_meant_is_not_asked_for(
    reference: str, more: dict[str, Any]
) -> None:
    shelf = Shelf()
    sent_along = {"resourceType": "Medication", "id": "sent"}
    came = {"medicationRequests": bundle(referring(reference, **more), sent_along)}
    found = completed(shelf, all_but("medicationRequests") | came)

    assert shelf.asked == {}
    assert found.incomplete == frozenset()


def test_medicines_of_drafts_and_of_what_is_in_use_are_asked_for_first() -> None:
    shelf = Shelf()
    old = [referring(f"Medication/old{n}") | {"status": "completed"} for n in range(100)]
    active = referring("https://ehr.example.org/fhir/Medication/active") | {"status": "active"}
    came = {"medicationRequests": bundle(*old, active)}
    draft = referring("Medication/draft")
    found = completed(shelf, all_but("medicationRequests") | came, drafts=(draft,))

    asked = [query.target for query in shelf.asked.values()]
    assert asked[:2] == ["Medication/draft", "https://ehr.example.org/fhir/Medication/active"]
    assert len(asked) == 32
    assert found.incomplete == {"medicationRequests"}


# From here on, the whole service and a server on this machine.


@pytest.fixture(scope="module")
def running() -> Iterator[FaultyFhir]:
    with faulty_fhir.running() as server:
        yield server


@pytest.fixture
def fhir(running: FaultyFhir) -> FaultyFhir:
    running.told.clear()
    running.seen.clear()
    return running


@pytest.fixture(scope="module")
def app() -> Flask:
    """Return the service as it runs on a developer's machine."""
    return create_app(Settings(fhir_budget_seconds=1, max_body_bytes=50_000, most_resources=50))


def call(client: FlaskClient, fhir: FaultyFhir, path: Path = REQUEST, **changes: Any) -> Any:
    """Send the call of a fixture without its prefetch, and with a token for the server."""
    body = json.loads(path.read_bytes())
    body.pop("prefetch")
    body["fhirServer"] = fhir.url
    body["fhirAuthorization"] = {"access_token": TOKEN, "token_type": "Bearer"}
    service = SIGN.replace("order-sign", body["hook"])
    return client.post(service, json=body | changes)


def has(path: Path) -> dict[str, faulty_fhir.Answer]:
    """Return a server that has what the fixture prefetches."""
    prefetch = json.loads(path.read_bytes()).get("prefetch", {})
    told = dict.fromkeys(KIND_OF_DATA.values(), says(OUTCOME, 404))
    for key, value in prefetch.items():
        told[KIND_OF_DATA[key]] = says(bundle(total=0) if value is None else value)
    return told


@pytest.mark.parametrize("path", FIXTURES[::9], ids=lambda path: path.name.partition(".")[0])
def test_answer_is_the_same_as_with_prefetch(
    client: FlaskClient, fhir: FaultyFhir, path: Path
) -> None:
    fhir.told.update(has(path))
    body = json.loads(path.read_bytes())
    service = SIGN.replace("order-sign", body["hook"])

    read = call(client, fhir, path)

    assert fhir.seen
    assert read.status_code == 200
    assert read.json == client.post(service, json=body).json


@pytest.mark.parametrize(
    ("origin", "read"),
    [("https://evil.example", False), ("null", False), ("http://localhost:8000", True)],
)
def test_page_of_another_site_reads_nothing_of_this_machine(
    client: FlaskClient, fhir: FaultyFhir, origin: str, *, read: bool
) -> None:
    fhir.told.update(has(REQUEST))
    body = json.loads(REQUEST.read_bytes()) | {"fhirServer": fhir.url}
    del body["prefetch"]

    client.post(SIGN, json=body, headers={"Origin": origin})

    assert bool(fhir.seen) is read


@pytest.mark.parametrize(("answer", "fault"), FAULTS.values(), ids=FAULTS)
def test_fault_is_a_named_gap_in_an_answer(
    client: FlaskClient,
    fhir: FaultyFhir,
    caplog: pytest.LogCaptureFixture,
    answer: faulty_fhir.Answer,
    fault: Outcome,
) -> None:
    caplog.set_level(logging.DEBUG)
    fhir.told.update(has(REQUEST) | {"Condition": answer})

    response = call(client, fhir)

    assert response.status_code == 200
    assert response.json["cards"]
    told = response.json["extension"]["org.back-pain-cds.evaluation"]
    assert "conditions" in told["missing"] + told["incomplete"]
    assert TOKEN not in response.text + caplog.text
    line = f"fhir_not_read client=unauthenticated fault={fault} missing=conditions"
    assert line in caplog.messages


def test_nothing_to_be_had_is_412(client: FlaskClient, fhir: FaultyFhir) -> None:
    fhir.told.update(dict.fromkeys(KIND_OF_DATA.values(), says(OUTCOME, 403)))

    response = call(client, fhir)

    assert response.status_code == 412
    assert [issue["expression"] for issue in response.json["issue"]] == [["prefetch"]]
    assert TOKEN not in response.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"fhirServer": None},
            "No fhirServer came with the call, so nothing was read from one.",
        ),
        (
            {"fhirAuthorization": {"access_token": TOKEN, "expires_in": 0}},
            "The fhirServer was not read: fhirAuthorization has expired.",
        ),
        (
            {"fhirServer": "https://fhir.example.org/r4"},
            "The fhirServer was not read: not on this machine, and the client is not known.",
        ),
    ],
)
def test_412_says_why_nothing_was_read(
    client: FlaskClient, fhir: FaultyFhir, changes: dict[str, Any], said: str
) -> None:
    response = call(client, fhir, **changes)

    assert response.status_code == 412
    issue = response.json["issue"][1]
    assert (issue["details"]["text"], issue["expression"]) == (said, ["fhirServer"])
    assert issue["diagnostics"]
    assert list(validator("operation-outcome").iter_errors(response.json)) == []
    assert fhir.seen == []


def test_server_that_may_not_be_read_is_a_named_gap(
    client: FlaskClient, fhir: FaultyFhir, caplog: pytest.LogCaptureFixture
) -> None:
    prefetch = json.loads(REQUEST.read_bytes())["prefetch"]
    prefetch.pop("conditions")
    elsewhere = "https://fhir.example.org/fhir"

    response = call(client, fhir, prefetch=prefetch, fhirServer=elsewhere)

    assert response.status_code == 200
    told = response.json["extension"]["org.back-pain-cds.evaluation"]
    assert "conditions" in told["missing"]
    assert fhir.seen == []
    reason = "not on this machine, and the client is not known"
    assert f"fhir_server_refused client=unauthenticated reason={reason}" in caplog.messages


def test_server_that_is_not_needed_is_not_refused(
    client: FlaskClient, fhir: FaultyFhir, caplog: pytest.LogCaptureFixture
) -> None:
    elsewhere = "https://fhir.example.org/fhir"

    assert call(client, fhir, prefetch=all_but(), fhirServer=elsewhere).status_code == 200
    assert [line for line in caplog.messages if line.startswith("fhir_")] == []


def test_only_the_missing_keys_are_read(client: FlaskClient, fhir: FaultyFhir) -> None:
    prefetch = json.loads(REQUEST.read_bytes())["prefetch"]
    prefetch.pop("conditions")
    prefetch |= {"procedures": None, "allergies": OUTCOME, "observations": bundle(total=0)}

    assert call(client, fhir, prefetch=prefetch).status_code == 200
    assert fhir.types_read == sorted({KIND_OF_DATA[key] for key in DATA - set(prefetch)})


def test_reads_are_counted_also_when_nothing_can_be_said(fhir: FaultyFhir) -> None:
    fhir.told.update(dict.fromkeys(KIND_OF_DATA.values(), says(OUTCOME, 403)))
    client = create_app(Settings()).test_client()
    assert call(client, fhir).status_code == 412

    assert 'back_pain_cds_fhir_calls_total{outcome="forbidden"} 9.0' in (
        client.get("/metrics").text.splitlines()
    )


@pytest.mark.parametrize("listed", [True, False])
def test_known_client_has_its_own_server_read(
    fhir: FaultyFhir, tmp_path: Path, listed: bool
) -> None:
    file = clients_file(tmp_path)
    servers = [fhir.url] if listed else [fhir.url.replace("r4", "r5")]
    file.write_text(f"{file.read_text('utf-8')}fhir_servers = {servers}\n", "utf-8")
    client = create_app(Settings(clients_file=file)).test_client()
    fhir.told.update(has(REQUEST))
    body = json.loads(REQUEST.read_bytes())
    del body["prefetch"]["conditions"]
    body |= {"fhirServer": fhir.url, "fhirAuthorization": {"access_token": TOKEN}}

    response: Any = client.post(
        SIGN, json=body, headers={"Authorization": token_for(f"http://localhost:8000{SIGN}")}
    )

    assert response.status_code == 200
    told = json.dumps(response.json["extension"]["org.back-pain-cds.evaluation"]["missing"])
    assert ("conditions" in told) is not listed
    assert [headers["Authorization"] for _, headers in fhir.seen] == [
        f"Bearer {TOKEN}" for _ in fhir.seen
    ]
    assert ("Condition" in fhir.types_read) is listed


def draft_that_refers() -> tuple[dict[str, Any], Any]:
    """Return a call whose draft refers to Medication/m1, and the code that this has."""
    body: dict[str, Any] = json.loads(REQUEST.read_bytes())
    (entry,) = body["context"]["draftOrders"]["entry"]
    code = entry["resource"].pop("medicationCodeableConcept")
    entry["resource"]["medicationReference"] = {"reference": "Medication/m1"}
    return body, code


def test_draft_that_refers_to_its_medicine_is_judged(
    client: FlaskClient, fhir: FaultyFhir
) -> None:
    body, code = draft_that_refers()
    fhir.told["Medication"] = says({"resourceType": "Medication", "id": "m1", "code": code})

    answer: Any = client.post(SIGN, json=body | {"fhirServer": fhir.url}).json

    rules = [card["source"]["topic"]["code"] for card in answer["cards"]]
    assert rules == ["opioid-on-buprenorphine"]
    assert [path for path, _ in fhir.seen] == ["/fhir/r4/Medication/m1"]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"resourceType": ["MedicationRequest"], "id": "z"}, id="odd-type"),
        pytest.param({"resourceType": {"a": 1}}, id="odder-type"),
    ],
)
def test_resource_of_no_type_is_named_although_a_server_is_there(
    client: FlaskClient, fhir: FaultyFhir, changes: dict[str, Any]
) -> None:
    body = json.loads(REQUEST.read_bytes()) | {"fhirServer": fhir.url}
    body["context"]["draftOrders"]["entry"].append({"resource": changes})
    body["prefetch"]["own"] = changes

    answer: Any = client.post(SIGN, json=body).json

    assert answer["cards"]
    unread = answer["extension"]["org.back-pain-cds.evaluation"]["unread"]
    assert "context.draftOrders.entry[1]" in unread
    assert "prefetch.own" in unread


def test_deep_nesting_is_refused_although_a_server_is_there(
    client: FlaskClient, fhir: FaultyFhir
) -> None:
    body = json.loads(REQUEST.read_bytes()) | {"fhirServer": fhir.url}
    deep: Any = 1
    for _ in range(300):
        deep = {"x": deep}
    order = {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"x": deep}}
    body["prefetch"]["medicationRequests"] = bundle(order)

    answer = client.post(SIGN, data=json.dumps(body), content_type="application/json")

    assert answer.status_code == 422


def test_medicine_that_comes_under_another_id_is_the_one_asked_for(
    client: FlaskClient, fhir: FaultyFhir
) -> None:
    body, code = draft_that_refers()
    fhir.told["Medication"] = says({"resourceType": "Medication", "code": code})

    answer: Any = client.post(SIGN, json=body | {"fhirServer": fhir.url}).json

    assert answer["cards"][0]["source"]["topic"]["code"] == "opioid-on-buprenorphine"


def test_medicines_that_nobody_names_are_not_taken_for_none(client: FlaskClient) -> None:
    body = json.loads(REQUEST.read_bytes())
    for key in ("medicationRequests", "medicationStatements"):
        for entry in (body["prefetch"].get(key) or {}).get("entry", ()):
            entry["resource"].pop("medicationCodeableConcept", None)
            entry["resource"]["medicationReference"] = {"reference": "Medication/gone"}

    answer: Any = client.post(SIGN, json=body).json

    told = answer["extension"]["org.back-pain-cds.evaluation"]
    assert "medications" in told["missing"]
    assert any("could not be had: medicines" in card["detail"] for card in answer["cards"])


def test_both_rounds_of_reads_share_one_budget(client: FlaskClient, fhir: FaultyFhir) -> None:
    """Fifty resources may be read in a call: after the orders twenty are left."""
    orders = [referring(f"Medication/{n}") for n in range(30)]
    fhir.told.update(has(REQUEST) | {"MedicationRequest": says(bundle(*orders))})
    fhir.told["Medication"] = says({"resourceType": "Medication", "id": "1"})
    prefetch = json.loads(REQUEST.read_bytes())["prefetch"]
    prefetch.pop("medicationRequests")

    response = call(client, fhir, prefetch=prefetch)

    told = response.json["extension"]["org.back-pain-cds.evaluation"]
    assert told["incomplete"] == ["medicationRequests"]
