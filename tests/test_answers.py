"""Whole answers to unusual requests: no card is lost, none goes to the wrong reader."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.vignettes import Json

FIXTURES = Path(__file__).parent.parent / "fixtures"
IMAGING = "imaging-without-red-flags/lumbar-mri-for-axial-back-pain-without-red-flags"
ON_BUPRENORPHINE = "opioid-on-buprenorphine/oxycodone-prescribed-to-a-patient-on-buprenorphine"
PLAN = "therapy-stage-summary/chronic-after-an-under-dosed-nsaid"


def request_of(name: str) -> Json:
    found: Json = json.loads((FIXTURES / f"{name}.request.json").read_bytes())
    return found


def answer(client: FlaskClient, request: Json) -> Json:
    response = client.post(f"/cds-services/back-pain-{request['hook']}", json=request)
    assert response.status_code == 200
    found: Json = response.get_json()
    return found


@pytest.mark.parametrize("kept", [("patient",), ("patient", "encounter"), ("encounter",)])
def test_name_and_visit_alone_are_no_data(client: FlaskClient, kept: tuple[str, ...]) -> None:
    request = request_of("serotonergic/amitriptyline-for-a-patient-on-duloxetine")
    request["prefetch"] = {key: request["prefetch"][key] for key in kept}

    response = client.post(f"/cds-services/back-pain-{request['hook']}", json=request)

    assert response.status_code == 412


def test_entries_that_cannot_be_read_are_told_in_short(client: FlaskClient) -> None:
    request = request_of(ON_BUPRENORPHINE)
    request["prefetch"]["k" * 9000] = [0] * 500
    request["prefetch"]["mine"] = [0]

    unread = answer(client, request)["extension"]["org.back-pain-cds.evaluation"]["unread"]

    assert unread[0] == "prefetch.other[0]"
    assert unread[-1] == "and 451 more"
    assert len(unread) == 51


@pytest.mark.parametrize("key", ["hookInstance", "patientId", "encounterId", "userId"])
def test_id_that_is_a_text_is_refused(client: FlaskClient, key: str) -> None:
    request = request_of(ON_BUPRENORPHINE)
    (request if key == "hookInstance" else request["context"])[key] = "x" * 256

    response = client.post("/cds-services/back-pain-order-sign", json=request)

    assert response.status_code == (400 if key == "patientId" else 422)
    (issue,) = response.get_json()["issue"]
    assert issue["details"]["text"].endswith("is longer than 255 characters.")


@pytest.mark.parametrize("odd", [None, 0, True, "pain", {}, [None]])
def test_odd_reason_of_a_draft_costs_no_card(client: FlaskClient, odd: Any) -> None:
    request = request_of(IMAGING)
    usual = answer(client, request)
    changed = copy.deepcopy(request)
    for entry in changed["context"]["draftOrders"]["entry"]:
        entry["resource"]["reasonCode"] = odd

    found = answer(client, changed)["cards"]

    assert [card["summary"] for card in found] == [card["summary"] for card in usual["cards"]]


def test_two_changes_of_one_order_exclude_each_other(client: FlaskClient) -> None:
    (card,) = answer(client, request_of(IMAGING))["cards"]

    kinds = [action["type"] for each in card["suggestions"] for action in each["actions"]]
    assert kinds.count("create") < len(kinds) - 1
    assert card["selectionBehavior"] == "at-most-one"


@pytest.mark.parametrize(
    ("user", "told"),
    [
        ("Practitioner/dr-1", True),
        ("PractitionerRole/7", True),
        ("Patient/patient-1", False),
        ("RelatedPerson/2", False),
        ("https://ehr.example.org/fhir/Patient/1", False),
    ],
)
def test_plan_is_told_to_clinicians_only(client: FlaskClient, user: str, told: bool) -> None:
    request = request_of(PLAN)
    request["context"]["userId"] = user

    assert bool(answer(client, request)["cards"]) is told
