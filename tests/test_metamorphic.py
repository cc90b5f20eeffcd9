"""What must not matter does not matter: findings under changes that keep the meaning."""

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import orjson
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cards import drugs
from cards.chart import Code
from service.answering import Answering
from service.catalogue import find
from service.envelope import read_request
from service.settings import Settings
from tests.vignettes import RXNORM, TODAY, concept, drug_order, findings, request

Json = dict[str, Any]

WEIGHT = {"info": 0, "warning": 1, "critical": 2}
DAY = date.fromisoformat(TODAY)

often = settings(
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@dataclass(frozen=True)
class Drug:
    """One medicine in its generic and its branded code, and how it is usually taken."""

    generic: str
    branded: str
    dose: tuple[float, str]
    every: tuple[int, int, str]


# SCD and SBD of the same ingredients, strength and form.
DRUGS = (
    Drug("1049621", "1049623", (1, "tablet"), (4, 1, "d")),  # oxycodone 5 mg
    Drug("835603", "835605", (1, "tablet"), (4, 1, "d")),  # tramadol 50 mg
    Drug("1010604", "1010606", (2, "film"), (1, 1, "d")),  # buprenorphine/naloxone 8/2 mg
    Drug("596934", "615186", (1, "capsule"), (1, 1, "d")),  # duloxetine 60 mg
    Drug("310431", "105029", (1, "capsule"), (3, 1, "d")),  # gabapentin 300 mg
    Drug("197591", "104700", (1, "tablet"), (2, 1, "d")),  # diazepam 5 mg
    Drug("313413", "153735", (1, "tablet"), (3, 1, "d")),  # tizanidine 4 mg
    Drug("828348", "828350", (1, "tablet"), (3, 1, "d")),  # cyclobenzaprine 10 mg
    Drug("198014", "105899", (1, "tablet"), (2, 1, "d")),  # naproxen 500 mg
    Drug("152695", "152698", (1, "tablet"), (1, 1, "d")),  # meloxicam 15 mg
    Drug("312615", "206997", (2, "tablet"), (1, 1, "d")),  # prednisone 20 mg
)
# The same condition in ICD-10-CM and in SNOMED CT.
CONDITIONS = (
    ("M54.50", "279039007"),
    ("M54.16", "128196005"),
    ("F11.20", "75544000"),
    ("J44.9", "13645005"),
    ("G47.33", "78275009"),
)


@dataclass(frozen=True)
class Patient:
    """A chart, plain enough to be written in several ways."""

    conditions: tuple[int, ...]
    active: tuple[int, ...]
    failed: tuple[tuple[int, int], ...]  # which drug, how many months ago
    born: int


patients = st.builds(
    Patient,
    conditions=st.lists(st.integers(0, 4), max_size=3, unique=True).map(
        lambda more: (0, *(each for each in more if each))
    ),
    active=st.lists(st.integers(0, len(DRUGS) - 1), max_size=3, unique=True).map(tuple),
    failed=st.lists(
        st.tuples(st.integers(0, len(DRUGS) - 1), st.integers(2, 40)),
        max_size=3,
        unique_by=lambda each: each[0],
    ).map(tuple),
    born=st.integers(1930, 2005),
)
orders = st.integers(0, len(DRUGS) - 1)


@cache
def answering() -> Answering:
    return Answering(Settings())


def answered(body: Json) -> Mapping[str, Any]:
    service = find(f"back-pain-{body['hook']}")
    asked = read_request(orjson.dumps(body), None, service, extensions=True)
    assert asked.as_of
    answer: Mapping[str, Any] = orjson.loads(orjson.dumps(answering()(asked, asked.as_of)))
    return answer


def found(resources: Sequence[Json], draft: Json, today: str = TODAY) -> dict[str, str]:
    body = request("order-select", resources, [draft])
    body["extension"]["org.back-pain-cds.as-of"] = today
    return findings(answered(body))


def resources_of(
    patient: Patient, *, snomed: bool = False, form: str = "generic"
) -> list[Json]:
    made: list[Json] = [
        {"resourceType": "Patient", "id": "made", "birthDate": f"{patient.born}-05-05"},
        {
            "resourceType": "Encounter",
            "id": "visit",
            "status": "in-progress",
            "class": {"code": "AMB"},
            "reasonCode": [{"text": "Low back pain"}],
        },
    ]
    for number in patient.conditions:
        made.append(condition(number, snomed=snomed))
    for number in patient.active:
        made.append(statement(f"active-{number}", number, form))
    for number, months in patient.failed:
        if number not in patient.active:
            made.append(failure(number, months, form))
    return made


def condition(number: int, *, snomed: bool = False) -> Json:
    icd, sct = CONDITIONS[number]
    return {
        "resourceType": "Condition",
        "id": f"condition-{number}",
        "clinicalStatus": {"coding": [{"code": "active"}]},
        "verificationStatus": {"coding": [{"code": "confirmed"}]},
        "code": concept(("snomed", sct) if snomed else ("icd10cm", icd)),
        "onsetDateTime": "2024-06-01",
    }


def named(number: int, form: str) -> Json:
    """Return a drug by its generic code, its branded code, or in text alone."""
    drug = DRUGS[number]
    code = drug.branded if form == "branded" else drug.generic
    known = drugs.identify((Code("rxnorm", code),), "")
    assert known
    if form == "text":
        return {"text": known.name}
    return {"coding": [{"system": RXNORM, "code": code}], "text": known.name}


def dosage(number: int) -> list[Json]:
    drug = DRUGS[number]
    times, period, unit = drug.every
    return [
        {
            "timing": {"repeat": {"frequency": times, "period": period, "periodUnit": unit}},
            "doseAndRate": [{"doseQuantity": {"value": drug.dose[0], "unit": drug.dose[1]}}],
        }
    ]


def statement(id_: str, number: int, form: str = "generic") -> Json:
    return {
        "resourceType": "MedicationStatement",
        "id": id_,
        "status": "active",
        "medicationCodeableConcept": named(number, form),
        "effectivePeriod": {"start": "2026-01-10"},
        "dateAsserted": "2026-02-20",
        "dosage": dosage(number),
    }


def failure(number: int, months: int, form: str = "generic") -> Json:
    end = DAY - timedelta(days=30 * months)
    start = end - timedelta(days=60)
    return {
        "resourceType": "MedicationStatement",
        "id": f"failed-{number}",
        "status": "stopped",
        "statusReason": [{"text": "Ineffective"}],
        "medicationCodeableConcept": named(number, form),
        "effectivePeriod": {"start": start.isoformat(), "end": end.isoformat()},
        "dosage": dosage(number),
    }


def draft_of(number: int, form: str = "generic") -> Json:
    drug = DRUGS[number]
    order = drug_order(drug.generic, dose=drug.dose, every=drug.every, days=7)
    return {**order, "medicationCodeableConcept": named(number, form)}


@often
@given(patient=patients, order=orders)
def test_an_unrelated_resource_changes_nothing(patient: Patient, order: int) -> None:
    known = resources_of(patient)
    unrelated: list[Json] = [
        {
            "resourceType": "Observation",
            "id": "height",
            "status": "final",
            "code": {"text": "Height"},
            "valueQuantity": {"value": 180, "unit": "cm"},
        },
        {
            "resourceType": "Condition",
            "id": "wart",
            "clinicalStatus": {"coding": [{"code": "active"}]},
            "code": concept(("icd10cm", "B07.9")),
        },
    ]

    assert found([*known, *unrelated], draft_of(order)) == found(known, draft_of(order))


@often
@given(patient=patients, order=orders, random=st.randoms(use_true_random=False))
def test_the_order_of_entries_changes_nothing(
    patient: Patient, order: int, random: Any
) -> None:
    known = resources_of(patient)
    shuffled = copy.copy(known)
    random.shuffle(shuffled)

    assert found(shuffled, draft_of(order)) == found(known, draft_of(order))


@often
@given(patient=patients, order=orders)
def test_another_code_system_for_the_same_condition_changes_nothing(
    patient: Patient, order: int
) -> None:
    snomed = resources_of(patient, snomed=True)

    assert found(snomed, draft_of(order)) == found(resources_of(patient), draft_of(order))


@often
@given(patient=patients, order=orders, form=st.sampled_from(["branded", "text"]))
def test_another_name_for_the_same_drug_changes_nothing(
    patient: Patient, order: int, form: str
) -> None:
    plain = found(resources_of(patient), draft_of(order))

    assert found(resources_of(patient, form=form), draft_of(order, form)) == plain


@often
@given(patient=patients, order=orders, which=st.sets(st.integers(0, 8)))
def test_a_medication_list_split_over_two_resource_types_changes_nothing(
    patient: Patient, order: int, which: set[int]
) -> None:
    known = resources_of(patient)
    split = [
        reported(one) if number in which and "Statement" in one["resourceType"] else one
        for number, one in enumerate(known)
    ]

    assert found(split, draft_of(order)) == found(known, draft_of(order))


def reported(one: Json) -> Json:
    """Return a statement as a server without MedicationStatement keeps it."""
    period = one["effectivePeriod"]
    request = {
        key: value for key, value in one.items() if key not in {"effectivePeriod", "dosage"}
    }
    instructions = copy.deepcopy(one["dosage"])
    instructions[0]["timing"]["repeat"]["boundsPeriod"] = period
    return {
        **request,
        "resourceType": "MedicationRequest",
        "intent": "order",
        "reportedBoolean": True,
        "authoredOn": one.get("dateAsserted", period.get("end")),
        "dosageInstruction": instructions,
    }


@often
@given(patient=patients, order=orders)
def test_a_duplicate_entered_in_error_changes_nothing(patient: Patient, order: int) -> None:
    known = resources_of(patient)
    doubled = [
        {**one, "id": f"{one['id']}-again", "status": "entered-in-error"}
        for one in known
        if one["resourceType"] == "MedicationStatement"
    ]

    assert found([*known, *doubled], draft_of(order)) == found(known, draft_of(order))


@often
@given(patient=patients, order=st.sampled_from([0, 1]))
def test_an_active_benzodiazepine_never_lowers_an_opioid_order(
    patient: Patient, order: int
) -> None:
    assume(5 not in patient.active)
    known = resources_of(patient)
    before = found(known, draft_of(order))
    after = found([*known, statement("diazepam", 5)], draft_of(order))

    assert loudest(after) >= loudest(before)


def loudest(findings_: Mapping[str, str]) -> int:
    return max((WEIGHT[indicator] for indicator in findings_.values()), default=-1)


@often
@given(patient=patients, order=orders, years=st.integers(1, 6))
def test_a_later_day_never_resurrects_an_expired_failure(
    patient: Patient, order: int, years: int
) -> None:
    alone = Patient(patient.conditions, (), patient.failed, patient.born)
    known = resources_of(alone)
    later = (DAY + timedelta(days=365 * years)).isoformat()
    now, then = found(known, draft_of(order)), found(known, draft_of(order), later)

    for rule in ("failed-medication-retried", "drug-class-exhausted"):
        assert WEIGHT.get(then.get(rule, ""), -1) <= WEIGHT.get(now.get(rule, ""), -1)


@often
@given(patient=patients, order=orders)
def test_an_accepted_suggestion_raises_nothing_above_info(patient: Patient, order: int) -> None:
    known = resources_of(patient)
    body = request("order-sign", known, [draft_of(order)])
    for card in answered(body)["cards"]:
        for suggestion in card.get("suggestions", []):
            (action,) = suggestion["actions"]
            if action["type"] == "delete":
                continue
            accepted = {**json.loads(json.dumps(action["resource"])), "id": "accepted"}
            for hook in ("order-select", "order-sign"):
                again = findings(answered(request(hook, known, [accepted])))
                assert loudest(again) <= WEIGHT["info"], suggestion["label"]
