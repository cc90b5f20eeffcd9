"""What discovery offers, and only with templates that CDS Hooks 2.0 clients resolve."""

import re

import pytest

from cards import terms
from service.catalogue import HOOKS, PREFETCH, SERVICES, discovery, find
from service.envelope import validator
from service.errors import UnknownService


def test_discovery_document_is_valid() -> None:
    assert list(validator("discovery").iter_errors(discovery())) == []


def test_each_hook_has_a_service_of_its_own() -> None:
    assert [(service.id, service.hook) for service in SERVICES] == [
        ("back-pain-patient-view", "patient-view"),
        ("back-pain-order-select", "order-select"),
        ("back-pain-order-sign", "order-sign"),
    ]
    assert {"patient-view", "order-select", "order-sign"} == HOOKS


def test_prefetch_keys_keep_their_order() -> None:
    assert list(PREFETCH) == [
        "patient",
        "encounter",
        "conditions",
        "medicationRequests",
        "medicationStatements",
        "allergies",
        "procedures",
        "serviceRequests",
        "observations",
    ]


def test_history_is_asked_for_in_all_statuses_and_large_pages() -> None:
    assert PREFETCH["medicationRequests"] == (
        "MedicationRequest?patient={{context.patientId}}&_count=200"
    )


def test_observations_are_asked_for_by_loinc_code() -> None:
    query = PREFETCH["observations"].partition("&code=")[2]

    assert all(re.fullmatch(r"http://loinc\.org\|\d+-\d", code) for code in query.split(","))


@pytest.mark.parametrize(
    "name",
    sorted(
        {"egfr", "creatinine", "alt", "ast", "pregnancy", "pain-score", "peg", "start-back"}
        | {"phq-2", "phq-9", "gad-7", "risk-screen"}
    ),
)
def test_every_code_of_a_value_that_rules_read_is_asked_for(name: str) -> None:
    asked = PREFETCH["observations"].partition("&code=")[2].split(",")

    assert {f"http://loinc.org|{code}" for code in terms.codes(name)["loinc"]} <= set(asked)


def test_the_longest_query_stays_below_what_servers_take() -> None:
    assert max(map(len, PREFETCH.values())) < 2000  # characters


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.id)
def test_service_is_found_by_its_id(service: object) -> None:
    assert find(service.id) is service  # type: ignore[attr-defined]


@pytest.mark.parametrize("unknown", ["", "back-pain", "BACK-PAIN-ORDER-SIGN", "../health"])
def test_unknown_id_is_refused_with_the_known_ones(unknown: str) -> None:
    with pytest.raises(UnknownService) as caught:
        find(unknown)

    assert "back-pain-order-sign" in caught.value.issues[0].remedy


@pytest.mark.parametrize(
    "template",
    [
        pytest.param("Condition?patient={{context.patientId}}&date=ge{{today()}}", id="date"),
        pytest.param("Condition?encounter={{context.encounterId}}", id="query-token"),
        pytest.param("Patient/{{context.draftOrders.entry[0].id}}", id="fhirpath"),
        pytest.param(
            "MedicationRequest?patient={{context.patientId}}&_include=x", id="include"
        ),
        pytest.param("", id="empty"),
        pytest.param(None, id="null"),
    ],
)
def test_template_that_old_clients_do_not_resolve_is_invalid(template: str | None) -> None:
    document = {"services": [SERVICES[0].entry() | {"prefetch": {"x": template}}]}

    assert not validator("discovery").is_valid(document)
