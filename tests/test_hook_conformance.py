"""What is not valid in requests and answers is named by path, never by value."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from service.hook_conformance import answer_faults, request_faults
from tests.vignettes import drug_order, patient, request

Change = Callable[[dict[str, Any]], object]


def good_request() -> dict[str, Any]:
    order = drug_order("1049621", dose=(1, "tablet"), every=(1, 6, "h"), days=5)
    return request("order-select", patient("vignette-000"), [order])


def good_answer() -> dict[str, Any]:
    action = {"type": "delete", "description": "Remove it", "resourceId": "MedicationRequest/1"}
    return {
        "cards": [
            {
                "summary": "A sentence",
                "indicator": "info",
                "source": {"label": "A source"},
                "suggestions": [{"label": "Do it", "actions": [action]}],
                "selectionBehavior": "any",
            }
        ]
    }


def test_a_good_request_has_no_fault() -> None:
    assert list(request_faults(good_request())) == []


def test_a_good_answer_has_no_fault() -> None:
    assert list(answer_faults(200, good_answer())) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda r: r.pop("hookInstance"), "request as a whole: hookInstance is missing"),
        (
            lambda r: r.update(hookInstance="secret"),
            "request hookInstance: breaks the rule 'pattern' of CDS Hooks",
        ),
        (
            lambda r: r["context"].update(patientId="Patient/secret"),
            "request context.patientId: breaks the rule 'pattern' of CDS Hooks",
        ),
        (lambda r: r["context"].pop("selections"), "request context: selections is missing"),
        (lambda r: r["context"].pop("draftOrders"), "request context: draftOrders is missing"),
        (
            lambda r: r["prefetch"]["patient"].update(birthDate="secret"),
            "prefetch.patient Patient.birthDate: ",
        ),
        (
            lambda r: r["prefetch"]["conditions"]["entry"][1]["resource"].pop("subject"),
            "prefetch.conditions.entry[1] Condition.subject: is missing",
        ),
    ],
)
def test_a_fault_of_a_request_is_named(change: Change, fault: str) -> None:
    document = deepcopy(good_request())
    change(document)
    found = list(request_faults(document))

    assert [one for one in found if one.startswith(fault)], found
    assert "secret" not in " ".join(found)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda card: card.pop("source"), "answer cards[0]: source is missing"),
        (
            lambda card: card.update(summary="x" * 140),
            "answer cards[0].summary: breaks the rule 'maxLength' of CDS Hooks",
        ),
        (
            lambda card: card.update(indicator="urgent"),
            "answer cards[0].indicator: breaks the rule 'enum' of CDS Hooks",
        ),
        (
            lambda card: card.pop("selectionBehavior"),
            "answer cards[0]: breaks the rule 'dependentRequired' of CDS Hooks",
        ),
        (
            lambda card: card["suggestions"][0]["actions"][0].update(type="create"),
            "answer cards[0].suggestions[0].actions[0]: resource is missing",
        ),
    ],
)
def test_a_fault_of_an_answer_is_named(change: Change, fault: str) -> None:
    document = deepcopy(good_answer())
    change(document["cards"][0])

    assert list(answer_faults(200, document)) == [fault]


def test_a_proposed_resource_is_read_as_fhir() -> None:
    document = good_answer()
    action = {"type": "create", "description": "Add", "resource": {"resourceType": "Condition"}}
    document["cards"][0]["suggestions"][0]["actions"] = [action]

    assert list(answer_faults(200, document)) == [
        "cards[0].suggestions[0] Condition.subject: is missing"
    ]


def test_a_refusal_should_be_an_operation_outcome() -> None:
    assert list(answer_faults(412, {"error": "no"})) == ["answer resourceType: is missing"]


@pytest.mark.parametrize("body", [None, [], "text", {"cards": "none"}, {"cards": [1]}])
def test_an_answer_of_another_shape_is_told_and_survived(body: object) -> None:
    assert list(answer_faults(200, body)) != []
