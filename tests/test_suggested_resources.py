"""The resources that cards propose: valid FHIR R4, and of a draft only what is changed."""

import copy
from typing import Any
from uuid import UUID

import pytest

from cards.suggestion_templates import load_templates
from cards.suggestions import Proposal
from service.conformance import faults
from service.suggestions import Subject, suggestion

SEED = UUID("8d1c2d3e-0000-5000-8000-000000000001")
SUBJECT = Subject("p1")
BACK_PAIN = {"text": "Low back pain"}
GABAPENTIN = {
    "resourceType": "MedicationRequest",
    "id": "g1",
    "status": "draft",
    "intent": "order",
    "medicationCodeableConcept": {"text": "gabapentin 600 MG Oral Tablet"},
    "subject": {"reference": "Patient/p1"},
    "reasonCode": [BACK_PAIN],
    "dosageInstruction": [{"text": "1 tablet three times daily"}],
}
IMAGE = {
    "resourceType": "ServiceRequest",
    "id": "s1",
    "status": "draft",
    "intent": "order",
    "code": {"text": "MRI lumbar spine"},
    "subject": {"reference": "Patient/p1"},
}
RADICULAR = {"text": "Radicular pain"}


def update(draft: dict[str, Any], name: str = "radicular-reason") -> Proposal:
    template = load_templates()[name]
    return Proposal(
        id=name,
        does="update",
        label=template.label,
        description=template.description,
        target=f"{draft['resourceType']}/{draft['id']}",
        regimen=template.regimens.get("gabapentin"),
        adds_reason=template.adds_reason,
    )


def changed(draft: dict[str, Any], name: str = "radicular-reason") -> dict[str, Any] | None:
    proposal = update(draft, name)
    made = suggestion(proposal, SUBJECT, {proposal.target: draft}, SEED)
    if made is None:
        return None
    (action,) = made["actions"]
    assert action["type"] == "update"
    resource: dict[str, Any] = action["resource"]
    return resource


@pytest.mark.parametrize(
    ("draft", "reasons"),
    [
        pytest.param(GABAPENTIN, [BACK_PAIN, RADICULAR], id="after-the-reason-of-the-draft"),
        pytest.param(IMAGE, [RADICULAR], id="service-without-a-reason"),
        pytest.param(
            {**GABAPENTIN, "reasonCode": BACK_PAIN}, [BACK_PAIN, RADICULAR], id="one-object"
        ),
    ],
)
def test_reason_is_added_to_the_draft(
    draft: dict[str, Any], reasons: list[dict[str, str]]
) -> None:
    before = copy.deepcopy(draft)
    resource = changed(draft)

    assert resource == {**draft, "reasonCode": reasons}
    assert faults(resource) == ()
    assert draft == before


@pytest.mark.parametrize(
    "draft",
    [
        pytest.param({**GABAPENTIN, "status": ["draft"]}, id="not-valid-R4"),
        pytest.param(
            {**GABAPENTIN, "resourceType": "MedicationOrder"}, id="of-another-version"
        ),
        pytest.param({**GABAPENTIN, "reasonCode": "back pain"}, id="reason-of-a-wrong-type"),
    ],
)
def test_draft_that_cannot_be_handed_back_is_not_changed(draft: dict[str, Any]) -> None:
    assert changed(draft) is None


@pytest.mark.parametrize(
    ("name", "code", "times"),
    [
        pytest.param("gabapentin-moderate", "310431", 2, id="30-to-59"),
        pytest.param("gabapentin-severe", "310431", 1, id="15-to-29"),
        pytest.param("gabapentin-failure", "310430", 1, id="below-15"),
    ],
)
def test_kidney_dose_takes_the_place_of_the_product_and_the_dose(
    name: str, code: str, times: int
) -> None:
    resource = changed(GABAPENTIN, name)

    assert resource
    assert faults(resource) == ()
    assert resource["medicationCodeableConcept"]["coding"][0]["code"] == code
    (dosage,) = resource["dosageInstruction"]
    assert dosage["timing"] == {"repeat": {"frequency": times, "period": 1, "periodUnit": "d"}}
    assert resource["reasonCode"] == [BACK_PAIN]


def test_service_is_not_given_a_regimen() -> None:
    assert changed(IMAGE, "gabapentin-severe") is None
