"""Whatever stands in one record, it breaks no rule and hides no card about the others."""

from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.answering import Answering
from service.catalogue import find
from service.envelope import read_request
from service.response import EVALUATION
from service.settings import read_settings
from tests.vignettes import Json

SIGN = find("back-pain-order-sign")
TODAY = date(2026, 3, 2)

# Words, numbers and dates that a sender may get wrong, in the fields that readers look into.
WORDS = st.sampled_from(
    [
        *(
            "1 tablet every 0 hours",
            "q0h",
            "0 times a day",
            "bid",
            "1 tablet",
            "every 99 weeks",
        ),
        *("2026-02-30", "2026", "0001-01-01", "9999-12-31", "2200-12-31T24:00:00Z", "#", "#c"),
        *("urn:uuid:d1", "Condition/bp", "Patient/p", "mg", "tablet", "d", "wk", "once", "NaN"),
        *("active", "draft", "completed", "back pain", "ineffective", "no fever " * 50, ""),
    ]
)
NUMBERS = st.sampled_from([0, 1, 2, -1, 0.0, 1e-9, 3.5, 9999, 1e11, 10**18, True, None])
FIELDS = st.sampled_from(
    [
        *(
            "status",
            "intent",
            "category",
            "code",
            "coding",
            "text",
            "display",
            "system",
            "value",
        ),
        *(
            "unit",
            "subject",
            "patient",
            "encounter",
            "reference",
            "authoredOn",
            "effectivePeriod",
        ),
        *("start", "end", "onsetDateTime", "recordedDate", "abatementDateTime", "statusReason"),
        *("reasonCode", "reasonReference", "note", "performedPeriod", "period", "contained"),
        *(
            "dosageInstruction",
            "dosage",
            "timing",
            "repeat",
            "frequency",
            "period",
            "doseAndRate",
        ),
        *("doseQuantity", "doseRange", "low", "high", "maxDosePerPeriod", "numerator", "route"),
        *("dispenseRequest", "quantity", "expectedSupplyDuration", "numberOfRepeatsAllowed"),
        *(
            "valueQuantity",
            "valueString",
            "component",
            "reaction",
            "substance",
            "clinicalStatus",
        ),
    ]
)
ANYTHING = st.recursive(
    WORDS | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=8,
)
KINDS = st.sampled_from(
    [
        *("MedicationRequest", "MedicationStatement", "MedicationDispense", "Condition"),
        *(
            "MedicationAdministration",
            "Procedure",
            "ServiceRequest",
            "Observation",
            "Encounter",
        ),
        *("AllergyIntolerance", "CarePlan", "CareTeam", "Appointment", "MedicationOrder"),
    ]
)
DRUGS = st.sampled_from(
    [
        *("oxycodone 5 mg tablet", "naproxen 500 mg tablet", "ketorolac 10 mg tablet"),
        *("buprenorphine 8 mg / naloxone 2 mg film", "enoxaparin 40 mg injection", "tramadol"),
        *("prednisone 20 mg tablet", "gabapentin 300 mg capsule", "tizanidine 4 mg tablet"),
    ]
)
TIMING = st.fixed_dictionaries(
    {"code": st.fixed_dictionaries({"text": WORDS})},
    optional={
        "repeat": st.dictionaries(
            st.sampled_from(
                [
                    *("count", "frequency", "frequencyMax", "period", "periodUnit", "when"),
                    *(
                        "boundsPeriod",
                        "boundsDuration",
                        "boundsRange",
                        "timeOfDay",
                        "dayOfWeek",
                    ),
                ]
            ),
            ANYTHING,
            max_size=4,
        )
    },
)
SUPPLY = st.fixed_dictionaries(
    {},
    optional={
        "quantity": st.fixed_dictionaries({"value": NUMBERS}),
        "expectedSupplyDuration": st.fixed_dictionaries({"value": NUMBERS, "unit": WORDS}),
        "numberOfRepeatsAllowed": NUMBERS,
    },
)
RECORDS = st.builds(
    lambda kind, drug, timing, supply, more: {
        "medicationCodeableConcept": {"text": drug},
        "dosageInstruction": [{"text": "1 tablet daily", "timing": timing}],
        "dispenseRequest": supply,
        **more,
        "resourceType": kind,
        "id": "odd",
    },
    KINDS,
    DRUGS,
    TIMING,
    SUPPLY,
    st.dictionaries(FIELDS, ANYTHING, max_size=8),
)


@pytest.fixture(scope="module")
def answering() -> Answering:
    return Answering(read_settings({"database_url": "none"}))


def medicine(name: str, drug: str, status: str) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "id": name,
        "status": status,
        "intent": "order",
        "medicationCodeableConcept": {"text": drug},
        "subject": {"reference": "Patient/p"},
        "authoredOn": "2026-03-01",
    }


def answer(answering: Answering, odd: Any) -> Json:
    bundle = {"resourceType": "Bundle", "type": "searchset"}
    taken = medicine("taken", "alprazolam 1 mg oral tablet", "active")
    draft = medicine("draft", "oxycodone 5 mg oral tablet", "draft")
    request = {
        "hook": "order-sign",
        "hookInstance": "1",
        "context": {
            "patientId": "p",
            "draftOrders": {"resourceType": "Bundle", "entry": [{"resource": draft}]},
        },
        "prefetch": {
            "conditions": bundle,
            "medicationRequests": {**bundle, "entry": [{"resource": taken}, {"resource": odd}]},
        },
    }
    read = read_request(orjson.dumps(request), "application/json", SIGN)
    body: Json = orjson.loads(orjson.dumps(answering(read, TODAY)))
    return body


@settings(max_examples=400, derandomize=True)
@given(odd=RECORDS)
def test_an_odd_record_breaks_no_rule(answering: Answering, odd: Json) -> None:
    body = answer(answering, odd)

    assert body["extension"][EVALUATION]["broken"] == []


@pytest.mark.parametrize(
    "supply",
    [
        {"quantity": {"value": 9999}, "numberOfRepeatsAllowed": 999},
        {"quantity": {"value": 9_999_999}},
        {
            "expectedSupplyDuration": {"value": 90, "code": "d"},
            "numberOfRepeatsAllowed": 99_999,
        },
        {"expectedSupplyDuration": {"value": 2_000_000, "code": "d"}},
    ],
)
def test_an_impossible_supply_hides_no_critical_card(
    answering: Answering, supply: Json
) -> None:
    odd = {
        **medicine("odd", "ibuprofen 800 mg oral tablet", "active"),
        "dosageInstruction": [{"text": "1 tablet daily"}],
        "dispenseRequest": supply,
    }
    body = answer(answering, odd)

    assert "critical" in [card["indicator"] for card in body["cards"]]
    assert body["extension"][EVALUATION]["broken"] == []


def test_an_interval_of_no_length_costs_nothing_else(answering: Answering) -> None:
    timing = {"code": {"text": "every 0 hours"}, "repeat": {"count": 10}}
    odd = {
        **medicine("odd", "naproxen 500 mg tablet", "active"),
        "dosageInstruction": [{"timing": timing}],
    }

    assert "critical" in [card["indicator"] for card in answer(answering, odd)["cards"]]
