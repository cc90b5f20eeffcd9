"""What cards propose: which change to the draft, in which words, and when nothing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cards.case import Assessment
from cards.chart import Amount, Chart, Code, Dosage, Drug, Ingredient
from cards.drugs import identify
from cards.evaluation import evaluate
from cards.examples import case_of
from cards.rulebook import load_rulebook
from cards.suggestions import Proposal, proposals

BOOK = load_rulebook()
RULES = {rule.id: rule for rule in BOOK.rules}


def chart_of(rule_id: str, **given: Any) -> Chart:
    """Return the chart that the words describe, as examples of the rule would have it."""
    return case_of(RULES[rule_id], given).chart


def proposed(rule_id: str, chart: Chart, hook: str = "order-sign") -> Mapping[str, Proposal]:
    """Return what a rule's finding about the first order proposes, by name."""
    patient, order = Assessment.of(chart), chart.drafts[0]
    found = evaluate(BOOK, patient, hook, (order,)).findings
    (finding,) = (one for one in found if one.rule.id == rule_id)
    return {one.id: one for one in proposals(BOOK, patient, finding, hook)}


def of_code(rxnorm: str) -> Drug:
    drug = identify((Code("rxnorm", rxnorm),), "")
    assert drug
    return drug


OXYCODONE_ER = "12 HR oxycodone hydrochloride 20 MG Extended Release Oral Tablet"
START = "extended-release-opioid-start"
FAILED_NAPROXEN = {
    "drug": "naproxen 500 mg oral tablet",
    "sig": "1 tablet twice daily",
    "started": "-300d",
    "ended": "-200d",
    "outcome": "stopped-ineffective",
}
FAILED_DULOXETINE = {
    **FAILED_NAPROXEN,
    "drug": "duloxetine 60 mg delayed release oral capsule",
    "sig": "1 capsule daily",
}
CARE = [{"is": "exercise", "visits": 10}, {"is": "cbt", "visits": 8}]


def extended_release_for(**problem: str) -> Chart:
    return chart_of(
        START,
        order={
            "drug": OXYCODONE_ER,
            "sig": "1 tablet twice daily",
            "reason": "back-pain-axial",
        },
        problems=[problem],
        medications=[FAILED_NAPROXEN, FAILED_DULOXETINE],
        services=CARE,
    )


@pytest.mark.parametrize(
    ("problem", "expected", "days"),
    [
        pytest.param(
            {"is": "chronic-back-pain", "onset": "-2y"}, "limit-opioid-chronic", 7, id="chronic"
        ),
        pytest.param({"is": "back-pain-axial", "onset": "-2w"}, "limit-opioid", 3, id="acute"),
    ],
)
def test_limited_opioid_fits_the_phase(
    problem: Mapping[str, str], expected: str, days: int
) -> None:
    found = proposed(START, extended_release_for(**problem))

    assert list(found) == ["delete-order", expected]
    regimen = found[expected].regimen
    assert regimen
    assert (regimen.name, regimen.days, regimen.quantity) == (
        "oxycodone hydrochloride 5 MG Oral Tablet",
        days,
        days * 4,
    )


FIVE_FOR_THREE_DAYS = "1 tablet every 6 hours as needed, max 4 a day"


def proposed_after_naproxen(drug: str, sig: str, days: int) -> Mapping[str, Proposal]:
    """Return what is proposed about an opioid for acute pain that naproxen did not help."""
    rule = "opioid-before-nsaid"
    chart = chart_of(
        rule,
        order={"drug": drug, "sig": sig, "days": days, "reason": "back-pain-axial"},
        problems=[{"is": "back-pain-axial", "onset": "-14d"}],
        medications=[{**FAILED_NAPROXEN, "started": "-10d", "ended": "-2d"}],
    )
    return proposed(rule, chart, "order-select")


def test_limited_opioid_keeps_what_the_opioid_is_combined_with() -> None:
    drug = "oxycodone 10 mg / acetaminophen 325 mg oral tablet"
    found = proposed_after_naproxen(drug, "1 tablet every 6 hours", 10)

    assert found["limit-opioid"].label == (
        "Change to oxycodone/acetaminophen 5/325 mg every 6 hours, 3 days"
    )


@pytest.mark.parametrize(
    ("sig", "days", "expected"),
    [
        pytest.param(FIVE_FOR_THREE_DAYS, 3, [], id="as proposed"),
        pytest.param(FIVE_FOR_THREE_DAYS, 2, [], id="shorter"),
        pytest.param(FIVE_FOR_THREE_DAYS, 5, ["limit-opioid"], id="longer"),
        pytest.param("1 tablet every 6 hours", 3, ["limit-opioid"], id="on schedule"),
    ],
)
def test_draft_is_not_changed_to_what_it_is(sig: str, days: int, expected: list[str]) -> None:
    found = proposed_after_naproxen("oxycodone 5 mg oral tablet", sig, days)

    assert list(found) == expected


def test_limited_opioid_is_not_proposed_while_the_phase_is_unknown() -> None:
    unknown = extended_release_for(**{"is": "back-pain-axial", "recorded": "+1y"})

    assert list(proposed(START, unknown)) == ["delete-order"]


def test_limited_opioid_is_not_proposed_before_other_treatment() -> None:
    chart = extended_release_for(**{"is": "chronic-back-pain", "onset": "-2y"})

    assert list(proposed(START, replace(chart, medications=()))) == ["delete-order"]


def escalated(drug: str, in_use: Drug, sig: str) -> Mapping[str, Proposal]:
    """Return what is proposed about an order on top of an opioid that is in use."""
    rule = "opioid-dose-escalation"
    chart = chart_of(
        rule,
        order={
            "drug": drug,
            "sig": "1 tablet every 6 hours",
            "reason": "back-pain-axial",
            "days": 10,
        },
        medications=[{"drug": in_use.name, "sig": sig, "started": "-200d"}],
        problems=[{"is": "chronic-back-pain", "onset": "-2y"}],
    )
    (taken,) = chart.medications
    return proposed(rule, replace(chart, medications=(replace(taken, drug=in_use),)))


def test_dose_in_use_is_proposed_as_it_is_taken() -> None:
    drug = "oxycodone 10 mg / acetaminophen 325 mg oral tablet"
    found = escalated(drug, of_code("1049221"), "1 tablet every 6 hours as needed")

    # Without the strength of the draft, which is another one.
    assert found["previous-dose"].label == "Keep the current dose of oxycodone/acetaminophen"
    regimen = found["previous-dose"].regimen
    assert regimen
    assert (regimen.sig, regimen.as_needed, regimen.days) == (
        "1 tablet four times daily as needed",
        True,
        10,
    )


def test_draft_of_immediate_release_is_not_changed_to_the_extended_release_in_use() -> None:
    found = escalated("tramadol 50 mg oral tablet", of_code("833711"), "1 tablet daily")

    assert list(found) == ["pain-specialist", "multidisciplinary-rehab"]


RENAL = "gabapentinoid-renal"


@pytest.mark.parametrize(
    ("rate", "expected", "mg", "times"),
    [
        pytest.param(45, "gabapentin-moderate", 300, 2, id="30-to-59"),
        pytest.param(20, "gabapentin-severe", 300, 1, id="15-to-29"),
        pytest.param(10, "gabapentin-failure", 100, 1, id="below-15"),
    ],
)
def test_gabapentin_is_lowered_to_the_kidneys(
    rate: float, expected: str, mg: float, times: int
) -> None:
    chart = chart_of(
        RENAL,
        order={
            "drug": "gabapentin 600 mg oral tablet",
            "sig": "1 tablet three times daily",
            "reason": "radicular",
        },
        measurements=[{"is": "egfr", "value": rate}],
    )
    found = proposed(RENAL, chart)

    assert list(found) == [expected]
    regimen = found[expected].regimen
    assert regimen
    assert of_code(regimen.rxnorm).ingredients == (Ingredient("gabapentin", mg),)
    assert (regimen.times, regimen.quantity) == (times, times * 14)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(
            {"order": {"drug": "pregabalin 150 mg oral capsule", "sig": "3 times daily"}},
            id="pregabalin",
        ),
        pytest.param(
            {
                "order": {"drug": "gabapentin 800 mg oral tablet", "sig": "3 times daily"},
                "medications": [
                    {"drug": "gabapentin 800 mg oral tablet", "sig": "3 times daily"}
                ],
            },
            id="in-use-already",
        ),
    ],
)
def test_no_kidney_dose_is_proposed(given: dict[str, Any]) -> None:
    order = {**given["order"], "sig": "1 three times daily"}
    chart = chart_of(
        RENAL, **{**given, "order": order}, measurements=[{"is": "egfr", "value": 40}]
    )

    assert proposed(RENAL, chart) == {}


NONRADICULAR = "gabapentinoid-nonradicular"
GABAPENTIN = {
    "drug": "gabapentin 300 mg oral capsule",
    "sig": "1 capsule at bedtime",
    "reason": "back-pain-axial",
}


def test_radicular_pain_is_proposed_as_the_reason() -> None:
    chart = chart_of(NONRADICULAR, order=GABAPENTIN, problems=["back-pain-axial"])
    found = proposed(NONRADICULAR, chart)["radicular-reason"]

    assert (found.does, found.target, found.adds_reason, found.regimen) == (
        "update",
        "MedicationRequest/draft-1",
        "Radicular pain",
        None,
    )


def test_reason_is_not_proposed_for_an_order_that_is_warned_of_for_another() -> None:
    chart = chart_of(
        NONRADICULAR,
        order=GABAPENTIN,
        problems=["back-pain-axial"],
        medications=["oxycodone 10 mg oral tablet", "lorazepam 1 mg oral tablet"],
    )

    assert "radicular-reason" not in proposed(NONRADICULAR, chart)


def test_red_flags_are_proposed_as_reasons_of_an_image() -> None:
    rule = "imaging-without-red-flags"
    order = {"service": "spine-imaging", "reason": "back-pain-axial"}
    chart = chart_of(rule, order=order, problems=["back-pain-axial"])
    found = proposed(rule, chart)

    assert list(found) == [
        "delete-order",
        "deficit-reason",
        "spinal-infection-reason",
        "physical-therapy",
    ]
    assert found["deficit-reason"].adds_reason == "Progressive neurological deficit"


def test_what_treats_back_pain_is_not_proposed_where_there_is_none() -> None:
    given = {
        "order": "oxycodone hydrochloride 5 mg oral tablet",
        "medications": ["buprenorphine 8 mg / naloxone 2 mg sublingual film"],
    }
    rule = "opioid-on-buprenorphine"

    without = proposed(rule, chart_of(rule, **given))
    with_pain = proposed(rule, chart_of(rule, **given, problems=["back-pain-axial"]))

    assert set(without) == {"delete-order", "addiction-medicine"}
    assert set(with_pain) > set(without)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, {"naproxen", "ibuprofen"}, id="nothing against it"),
        pytest.param({"age": 80}, set(), id="old age"),
        pytest.param(
            {"allergies": ["aspirin 325 mg oral tablet"]}, set(), id="aspirin allergy"
        ),
        pytest.param({"allergies": ["ketorolac"]}, set(), id="allergy to another NSAID"),
        pytest.param({"problems": ["pregnancy"]}, set(), id="pregnancy"),
        pytest.param({"problems": ["chronic-kidney-disease"]}, set(), id="kidney disease"),
        pytest.param({"problems": ["depression"]}, {"naproxen", "ibuprofen"}, id="another one"),
    ],
)
def test_nsaid_is_not_proposed_to_whom_it_is_not_suited(
    given: Mapping[str, Any], expected: set[str]
) -> None:
    pain = {"is": "back-pain-axial", "onset": "-14d"}
    chart = chart_of(
        "systemic-corticosteroid",
        **{
            "order": {"drug": "prednisone 20 mg oral tablet", "reason": "back-pain-axial"},
            **given,
            "problems": [pain, *given.get("problems", [])],
        },
    )

    assert {"naproxen", "ibuprofen"} & set(
        proposed("systemic-corticosteroid", chart)
    ) == expected


@pytest.mark.parametrize(
    ("unit", "expected"), [("capsule", True), ("call https://evil.example", False)]
)
def test_dose_in_use_is_proposed_only_in_units_of_ours(unit: str, expected: bool) -> None:
    rule = "gabapentinoid-dose-titration"
    chart = chart_of(
        rule,
        order={
            "drug": "gabapentin 300 mg oral capsule",
            "sig": "4 capsules four times daily",
            "reason": "radicular",
        },
        medications=[{"drug": "gabapentin 300 mg oral capsule", "started": "-20d"}],
        problems=[{"is": "radicular", "onset": "-2w"}],
    )
    (taken,) = chart.medications
    once = Dosage(amount=Amount(1, 1, unit), times_per_day=Amount(3, 3))
    taken = replace(taken, drug=of_code("310431"), dosages=(once,))
    chart = replace(chart, medications=(taken,))

    assert ("previous-dose" in proposed(rule, chart, "order-select")) is expected
