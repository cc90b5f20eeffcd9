"""A card first names a source about patients like this one."""

from collections.abc import Mapping
from typing import Any

import pytest

from cards.case import Assessment
from cards.evaluation import Finding, evaluate
from cards.examples import case_of
from cards.rulebook import Rule, load_rulebook
from cards.sources import ABOUT, ACUTE, CHRONIC, EVERYBODY, OPIOID_USE_DISORDER, groups_of

BOOK = load_rulebook()
OUD = "Treatment Options for Refractory Chronic Back Pain in Opioid Use Disorder"
REFRACTORY = "Management of Chronic Back Pain Refractory to Initial Medications"
EMERGENCY = "Opioid Therapy for Refractory Acute Back Pain in the Emergency Department"
CHRONIC_PAIN = "Management of Chronic Back Pain"
STRAIN = "Next Steps for Refractory Back Strain"

FRESH = {"is": "back-pain-axial", "onset": "-10d"}
LONG = {"is": "back-pain-axial", "onset": "-26w"}
PREDNISONE = {"drug": "prednisone 20 mg oral tablet", "reason": "back-pain-axial"}


def finding(rule: str, **given: Any) -> Finding:
    case = case_of(BOOK.by_id[rule], given)
    found = evaluate(BOOK, Assessment.of(case.chart), "order-sign", [case.order]).findings
    return next(one for one in found if one.rule.id == rule)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"problems": [FRESH]}, {ACUTE}),
        ({"problems": [LONG]}, {CHRONIC}),
        ({"problems": [LONG, "opioid-use-disorder"]}, {CHRONIC, OPIOID_USE_DISORDER}),
        (
            {"problems": [LONG, "opioid-use-disorder-remission"]},
            {CHRONIC, OPIOID_USE_DISORDER},
        ),
        (
            {
                "problems": [FRESH],
                "medications": ["buprenorphine 8 MG / naloxone 2 MG Sublingual Film"],
            },
            {ACUTE, OPIOID_USE_DISORDER},
        ),
        ({}, {ACUTE, CHRONIC}),
    ],
    ids=["fresh", "long", "disorder", "remission", "maintained", "length unknown"],
)
def test_a_patient_belongs_to_groups(given: Mapping[str, Any], expected: set[str]) -> None:
    assert groups_of(case_of(BOOK.by_id["systemic-corticosteroid"], given)) == expected


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (FRESH, [EMERGENCY, STRAIN, CHRONIC_PAIN, REFRACTORY, OUD]),
        (LONG, [CHRONIC_PAIN, REFRACTORY, EMERGENCY, OUD, STRAIN]),
    ],
    ids=["fresh", "long"],
)
def test_sources_about_others_come_last(problem: object, expected: list[str]) -> None:
    found = finding("systemic-corticosteroid", order=PREDNISONE, problems=[problem])

    assert [source.label for source in found.sources] == expected


def test_a_product_label_is_about_everybody() -> None:
    found = finding(
        "tizanidine-safety",
        order={"drug": "tizanidine 2 mg oral tablet"},
        problems=[LONG, "cirrhosis"],
    )

    assert [source.label for source in found.sources] == [
        "Tizanidine product label, Warnings and Precautions",
        OUD,
    ]


def test_the_outcome_itself_keeps_its_order_for_everybody() -> None:
    found = finding("systemic-corticosteroid", order=PREDNISONE, problems=[LONG])
    anyone = Finding(
        rule=found.rule,
        order=found.order,
        outcome=found.outcome,
        indicator=found.indicator,
    )

    assert anyone.groups == EVERYBODY
    assert anyone.sources == found.rule.sources


@pytest.mark.parametrize("rule", BOOK.rules, ids=lambda rule: rule.id)
def test_who_a_source_of_a_rule_from_the_documents_is_about_is_known(rule: Rule) -> None:
    if rule.origin == "seed":
        assert {source.label for source in rule.sources} & ABOUT.keys()
