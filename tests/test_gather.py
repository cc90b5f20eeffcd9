"""Prefetch values are sorted into known, empty, failed and missing."""

from typing import Any

import pytest
from hypothesis import given

from service.catalogue import find
from service.envelope import HookRequest
from service.gather import DATA, Gathered, gather
from tests.test_fhir import JSON

SERVICE = find("back-pain-order-sign")
ASPIRIN = {"resourceType": "MedicationRequest", "id": "a"}
TAKEN = {"resourceType": "MedicationStatement", "id": "t"}
BACK_PAIN = {"resourceType": "Condition", "id": "c"}
VISIT = {"resourceType": "Encounter", "id": "e"}
EMPTY_BUNDLE: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": 0}


def bundle(*resources: dict[str, Any], **more: object) -> dict[str, Any]:
    entries = [{"resource": resource} for resource in resources]
    return {"resourceType": "Bundle", "entry": entries, **more}


def outcome(severity: str) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity}]}


def gathered(**prefetch: Any) -> Gathered:
    request = HookRequest(
        service=SERVICE, hook="order-sign", instance="i", patient_id="p", prefetch=prefetch
    )
    return gather(request, SERVICE)


def test_without_prefetch_everything_is_missing() -> None:
    assert gathered() == Gathered(missing=DATA)


@pytest.mark.parametrize(
    "value", [None, EMPTY_BUNDLE, {"resourceType": "Bundle", "entry": []}, []]
)
def test_null_and_empty_are_known_to_be_empty(value: object) -> None:
    found = gathered(conditions=value)
    assert found == Gathered(resources={"conditions": ()}, missing=DATA - {"conditions"})


@pytest.mark.parametrize(
    "value",
    [
        outcome("error"),
        {"resourceType": "OperationOutcome"},
        bundle(outcome("error")),
        bundle(outcome("fatal"), total=0),
        bundle(outcome("warning")),
        {"response": {"status": "404 Not Found"}},
    ],
)
def test_outcome_is_a_failure_and_not_an_empty_answer(value: object) -> None:
    found = gathered(conditions=value)
    assert found.failed == {"conditions"}
    assert found.missing == DATA - {"conditions"}
    assert "conditions" in found.unknown()


@pytest.mark.parametrize("value", ["123", 7, True, {}, {"issue": []}, ["x"]])
def test_what_is_not_fhir_is_missing_and_named(value: object) -> None:
    found = gathered(conditions=value)
    assert "conditions" in found.unknown()
    assert [path.startswith("prefetch.conditions") for path in found.unread] == [True]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(bundle(BACK_PAIN), id="a Bundle"),
        pytest.param(
            {"resourceType": "Bundle", "entry": {"resource": BACK_PAIN}}, id="lone entry"
        ),
        pytest.param(BACK_PAIN, id="a bare resource for a search"),
        pytest.param([BACK_PAIN], id="a list of resources"),
        pytest.param([{"resource": BACK_PAIN}], id="a list of entries"),
        pytest.param(
            {"response": {"status": "200"}, "resource": bundle(BACK_PAIN)}, id="wrapper"
        ),
        pytest.param({"resource": BACK_PAIN}, id="wrapper without a response"),
    ],
)
def test_value_is_read_in_every_shape(value: object) -> None:
    found = gathered(conditions=value)
    assert found.resources == {"conditions": (BACK_PAIN,)}
    assert found.missing == DATA - {"conditions"}
    assert found.incomplete == frozenset()


def test_search_without_matches_may_say_so_in_an_outcome() -> None:
    found = gathered(conditions=bundle(outcome("warning"), total=0))
    assert "conditions" not in found.unknown()
    assert found.incomplete == {"conditions"}


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(
            bundle(BACK_PAIN, link=[{"relation": "next", "url": "x"}]), id="next page"
        ),
        pytest.param(bundle(BACK_PAIN, total=2), id="fewer than the total"),
        pytest.param(bundle(BACK_PAIN, outcome("error")), id="an error beside the data"),
        pytest.param(bundle(BACK_PAIN, outcome("warning")), id="a warning beside the data"),
    ],
)
def test_part_of_an_answer_is_used_and_named_incomplete(value: object) -> None:
    found = gathered(conditions=value)
    assert found.resources == {"conditions": (BACK_PAIN,)}
    assert found.incomplete == {"conditions"}
    assert "conditions" not in found.unknown()


def test_information_beside_the_data_does_not_matter() -> None:
    assert (
        gathered(conditions=bundle(BACK_PAIN, outcome("information"))).incomplete == frozenset()
    )


def test_unreadable_entry_is_named_by_its_place() -> None:
    found = gathered(conditions=bundle(BACK_PAIN, {"no": "type"}))
    assert found.resources == {"conditions": (BACK_PAIN,)}
    assert found.unread == ("prefetch.conditions.entry[1]",)


@pytest.mark.parametrize(
    ("key", "value", "known"),
    [
        ("medications", EMPTY_BUNDLE, {"medicationRequests", "medicationStatements"}),
        ("Medications", bundle(TAKEN), {"medicationRequests", "medicationStatements"}),
        ("statements", EMPTY_BUNDLE, {"medicationStatements"}),
        ("MedicationRequest", EMPTY_BUNDLE, {"medicationRequests"}),
        ("problems", None, {"conditions"}),
        ("item1", bundle(ASPIRIN), {"medicationRequests"}),
        ("item1", bundle(ASPIRIN, TAKEN), {"medicationRequests", "medicationStatements"}),
        ("item1", EMPTY_BUNDLE, set()),
        ("item1", VISIT, {"encounter"}),
        ("item1", BACK_PAIN, set()),
    ],
)
def test_key_of_another_name_counts_for_what_it_holds(
    key: str, value: object, known: set[str]
) -> None:
    assert gathered(**{key: value}).missing == DATA - known


def test_included_resources_are_used_but_are_not_the_answer() -> None:
    entries = [
        {"resource": VISIT, "search": {"mode": "match"}},
        {"resource": BACK_PAIN, "search": {"mode": "include"}},
    ]
    found = gathered(visits={"resourceType": "Bundle", "entry": entries})
    assert found.resources == {"visits": (VISIT, BACK_PAIN)}
    assert found.missing == DATA - {"encounter"}


def test_resource_is_found_by_its_urn() -> None:
    entry = {"fullUrl": "urn:uuid:1", "resource": BACK_PAIN}
    found = gathered(conditions={"resourceType": "Bundle", "entry": [entry]})
    assert found.located == {"urn:uuid:1": BACK_PAIN}


def test_either_kind_of_medication_record_makes_medications_known() -> None:
    unknown = gathered(medicationRequests=EMPTY_BUNDLE).unknown()
    assert unknown == DATA - {"medicationRequests"}
    assert gathered().unknown() == DATA | {"medications"}


def test_data_that_came_under_one_key_have_not_failed_under_another() -> None:
    found = gathered(conditions=outcome("error"), problems=bundle(BACK_PAIN))
    assert found.failed == frozenset()
    assert "conditions" not in found.missing


@given(value=JSON, entry=JSON)
def test_no_prefetch_makes_it_fail(value: object, entry: object) -> None:
    whole = {"resourceType": "Bundle", "entry": entry, "link": value, "total": value}
    part = {"resourceType": "Bundle", "entry": [entry, {"resource": value, "search": entry}]}
    found = gathered(patient=value, conditions=whole, meds=part, x={"resource": value})
    assert found.unknown() <= DATA | {"medications", "x"}
