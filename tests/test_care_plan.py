"""What opening the chart of each vignette patient shows, and when it shows nothing."""

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import pytest

from cards.evaluation import Finding, evaluate
from cards.examples import case_of
from cards.policy import PLAN, load_policy, plan, settle
from cards.rulebook import load_rulebook
from service.catalogue import find
from service.envelope import read_request
from tests.test_expected_findings import (
    STEPS_FAILED,
    Change,
    adding,
    answering,
    both,
    changing,
    condition,
    done,
    failed,
    leaving_out,
)
from tests.vignettes import TODAY, concept, drug_order, patient, request

Json = dict[str, Any]
FINDINGS = "org.back-pain-cds.findings"
RADICULAR_STATUS = (
    "Record whether leg pain, numbness or weakness is present: "
    "not on record for this back pain."
)
FUNCTION = "Measure function (Oswestry, Roland-Morris or PEG): none in 12 months."
MOOD = "Screen for depression and anxiety: no PHQ or GAD score in 12 months."
GOALS = (
    "Expect modest gains (5 to 20 of 100 points of pain, less in function): "
    "agree on goals of function."
)
ACTIVE = "Stay active as far as tolerated, use heat, avoid bed rest."
EXERCISE = "Supervised exercise or physical therapy."
PSYCHOLOGICAL = "Cognitive behavioral therapy or mindfulness-based stress reduction."
TEAM = "Opioid use disorder on record: plan changes of pain treatment with addiction medicine."


def opened(name: str, change: Change | None = None) -> list[Json]:
    """Return the cards that opening the chart shows."""
    resources = copy.deepcopy(patient(name))
    body = request("patient-view", change(resources) if change else resources)
    service = find("back-pain-patient-view")
    asked = read_request(orjson.dumps(body), None, service, extensions=True)
    assert asked.as_of
    answer: Json = orjson.loads(orjson.dumps(answering()(asked, asked.as_of)))
    assert answer["extension"]["org.back-pain-cds.evaluation"]["broken"] == []
    cards: list[Json] = answer["cards"]
    return cards


def section(card: Json, heading: str) -> list[str]:
    """Return the bullets under a heading of the card's detail."""
    paragraphs = card["detail"].split("\n\n")
    for above, bullets in itertools.pairwise(paragraphs):
        if above.startswith(f"**{heading}"):
            return [line.removeprefix("- ") for line in bullets.splitlines()]
    return []


def labels(card: Json) -> list[str]:
    return [suggestion["label"] for suggestion in card.get("suggestions", [])]


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One care plan: the sentence, the stage, what was tried, what is next, what is offered."""

    patient: str
    summary: str
    stage: str
    tried: list[str]
    next: list[str]
    plan: list[str]
    offered: list[str]
    source: str


PLANS = (
    Expected(
        patient="vignette-000",
        summary="Back pain, refractory on maximal medicines; next: cognitive behavioral "
        "therapy, yoga or tai chi and pain rehabilitation",
        stage="chronic, since 2021-04, refractory on maximal therapy, opioid use disorder",
        tried=[
            (
                "No effect: ropinirole (2025-07), tizanidine (2025-05), celecoxib (2025-04), "
                "baclofen (2025-02), pregabalin (2025-01), methocarbamol (2024-11), "
                "gabapentin (2024-09), meloxicam (2024-07), cyclobenzaprine (2024-05), "
                "2 epidural injections (2025-11, 2025-09)"
            ),
            "In use: duloxetine 60 mg a day, buprenorphine 24 mg a day",
            (
                "Not on record: exercise or physical therapy, psychological therapy, "
                "complementary therapy, pain rehabilitation"
            ),
        ],
        next=[
            (
                "Now: cognitive behavioral therapy, "
                "of particular value when medicines have failed."
            ),
            "Now: yoga or tai chi; a community class will do.",
            "No further systemic medicine.",
            (
                "Opioid use disorder is on record: no opioid beside its treatment, "
                "which stays as it is."
            ),
            (
                "If still inadequate after 4 to 6 weeks: consultation for interventional pain "
                "treatment."
            ),
        ],
        plan=[
            "Refer to multidisciplinary pain rehabilitation within 2 weeks.",
            "Localized pain: a lidocaine patch or diclofenac gel can be added at little risk.",
            RADICULAR_STATUS,
            TEAM,
            MOOD,
            FUNCTION,
            "Complete relief is unlikely: agree on goals of function, sleep and work.",
        ],
        offered=[
            "Refer to cognitive behavioral therapy",
            "Refer to yoga or tai chi",
            "Refer to multidisciplinary pain rehabilitation",
            "Order lidocaine 5 % patch",
        ],
        source="Treatment Options for Refractory Chronic Back Pain in Opioid Use Disorder",
    ),
    Expected(
        patient="vignette-001",
        summary="Back pain, 26 weeks: 1 medicine without effect; next: exercise and cognitive "
        "behavioral therapy or mindfulness",
        stage="chronic, 26 weeks",
        tried=[
            "No effect: cyclobenzaprine (2025-12)",
            (
                "Below an adequate trial, so no failure: ibuprofen 1200 mg a day as needed "
                "(2025-11)"
            ),
            "Outcome not recorded: acetaminophen (2025-10)",
            (
                "Not on record: exercise or physical therapy, psychological therapy, "
                "complementary therapy, pain rehabilitation"
            ),
        ],
        next=[
            EXERCISE,
            PSYCHOLOGICAL,
            (
                "Then an oral NSAID on schedule, such as naproxen 500 mg twice a day: "
                "the earlier "
                "ibuprofen was below an adequate regular dose, which is no failure."
            ),
            "Then duloxetine 30 mg a day for 1 week, 60 mg from then on.",
            (
                "Not yet multidisciplinary pain rehabilitation: consider it when 6 weeks of "
                "exercise, psychological therapy and an adequate medicine have not helped."
            ),
        ],
        plan=[RADICULAR_STATUS, MOOD, FUNCTION, GOALS],
        offered=[
            "Refer to supervised exercise / physical therapy",
            "Refer to cognitive behavioral therapy",
            "Order naproxen 500 mg twice a day",
            "Order duloxetine 30 mg daily, then 60 mg",
        ],
        source="Management of Chronic Back Pain",
    ),
    Expected(
        patient="vignette-002",
        summary="Back pain, day 7: 2 medicines without effect; next: a regular oral "
        "anti-inflammatory (NSAID) at discharge",
        stage="acute, day 7",
        tried=[
            "No effect: orphenadrine, 2 courses (2026-03-02), prednisone (2026-03-01)",
            (
                "One dose only, not a trial: ketorolac injected (2026-03-02), "
                "dexamethasone (2026-03-02), gabapentin (2026-03-02)"
            ),
        ],
        next=[
            "At discharge an oral NSAID on schedule: an injection is no trial of it.",
            (
                "Only if pain stays severe: a short-acting opioid for 3 to 5 days is an "
                "option; "
                "it works no better than an NSAID."
            ),
        ],
        plan=[RADICULAR_STATUS, "Book a follow-up visit 3 to 5 days after discharge.", ACTIVE],
        offered=["Order naproxen 500 mg twice a day", "Book a follow-up visit for back pain"],
        source="Next Steps for Refractory Back Strain",
    ),
    Expected(
        patient="vignette-003",
        summary="Back pain, 22 weeks, no treatment on record: start with exercise, "
        "cognitive behavioral therapy or mindfulness and one complementary therapy",
        stage="chronic, 22 weeks",
        tried=["No treatment history found"],
        next=[
            EXERCISE,
            PSYCHOLOGICAL,
            (
                "One complementary therapy that the patient prefers: acupuncture, yoga, "
                "tai chi, "
                "massage or manipulation."
            ),
        ],
        plan=[RADICULAR_STATUS, MOOD, FUNCTION, GOALS],
        offered=[
            "Refer to supervised exercise / physical therapy",
            "Refer to cognitive behavioral therapy",
            "Refer to mindfulness-based stress reduction",
            "Refer to acupuncture",
        ],
        source="Management of Chronic Back Pain",
    ),
    Expected(
        patient="vignette-004",
        summary="Back pain, day 12: 1 medicine without effect; next: the anti-inflammatory "
        "(NSAID) on schedule",
        stage="acute, day 12",
        tried=[
            "No effect: cyclobenzaprine (2026-03-01)",
            "Below an adequate trial, so no failure: ibuprofen 2400 mg a day as needed, in use",
            "In use: diclofenac on the skin",
        ],
        next=[
            (
                "Take ibuprofen on schedule at an adequate dose, not as needed, or change to "
                "naproxen 500 mg twice a day."
            ),
            (
                "Stop the anti-inflammatory gel once the tablet is regular: it relieves "
                "acute back "
                "pain less."
            ),
            (
                "Only if a muscle relaxant is wanted: tizanidine 2 mg three times a day "
                "for 1 to 2 "
                "weeks at most. The sources disagree: one prefers it after cyclobenzaprine, "
                "another found no added benefit beside an NSAID."
            ),
            (
                "From day 14 without improvement: recheck the diagnosis and refer to physical "
                "therapy or physiatry."
            ),
            "Not before 12 weeks: a tricyclic such as nortriptyline.",
        ],
        plan=[RADICULAR_STATUS, "Review in 2 to 4 days after a change of treatment.", ACTIVE],
        offered=[
            "Change to naproxen 500 mg twice a day",
            "Order tizanidine 2 mg three times a day, 7 days",
            "Refer to supervised exercise / physical therapy",
            "Book a follow-up visit for back pain",
        ],
        source="Next Steps for Refractory Back Strain",
    ),
)


@pytest.mark.parametrize("expected", PLANS, ids=lambda one: one.patient)
def test_the_chart_of_a_vignette_opens_with_one_care_plan(expected: Expected) -> None:
    (card,) = opened(expected.patient)

    assert card["indicator"] == "info"
    assert card["summary"] == expected.summary
    assert card["detail"].startswith(f"**Stage:** {expected.stage}.\n\n**Tried")
    assert section(card, "Tried") == expected.tried
    assert section(card, "Next") == expected.next
    assert section(card, "Plan") == expected.plan
    assert labels(card) == expected.offered
    assert card["source"]["label"] == expected.source
    assert "overrideReasons" not in card


def test_the_extension_lists_the_lines_as_findings_with_the_stage_first() -> None:
    (card,) = opened("vignette-000")

    assert [(each["rule"], each["outcome"]) for each in card["extension"][FINDINGS]] == [
        ("therapy-stage-summary", "refractory"),
        ("multidisciplinary-rehab-referral", "now"),
        ("topical-adjunct-localized", "patch-or-gel"),
        ("radicular-status-undocumented", "undocumented"),
        ("addiction-medicine-coordination", "uncoordinated"),
        ("mental-health-screening", "due"),
        ("functional-follow-up", "no-score"),
        ("realistic-expectations", "refractory"),
    ]


def test_how_much_failed_stands_above_what_was_tried() -> None:
    (card,) = opened("vignette-000")

    assert "**Tried:** 9 medicines and 2 epidural injections without effect." in card["detail"]


def test_a_steroid_that_was_given_is_named_as_not_recommended() -> None:
    (card,) = opened("vignette-002")

    assert "A systemic steroid was given twice:" in card["detail"]


def made(card: Json) -> list[str]:
    """Return the RxNorm codes of the medicines that a card offers to order."""
    resources = [s["actions"][0]["resource"] for s in card.get("suggestions", ())]
    return [
        r["medicationCodeableConcept"]["coding"][0]["code"]
        for r in resources
        if r["resourceType"] == "MedicationRequest"
    ]


def test_refractory_pain_gets_no_new_systemic_medicine() -> None:
    (card,) = opened("vignette-000")

    assert made(card) == ["1745091"]  # lidocaine patch


def test_an_offered_referral_does_not_tell_of_opioid_use_disorder() -> None:
    (card,) = opened("vignette-000")

    assert "opioid" not in orjson.dumps(card["suggestions"]).decode().lower()


def test_naproxen_in_place_of_ibuprofen_says_that_it_replaces_it() -> None:
    (card,) = opened("vignette-004")
    action = card["suggestions"][0]["actions"][0]

    assert action["type"] == "create"
    assert action["description"].endswith(
        "replaces the anti-inflammatory medicine in use: stop that one"
    )
    assert "in place of" in action["resource"]["dosageInstruction"][0]["text"]


def test_buprenorphine_in_the_emergency_department_takes_the_opioid_off_the_plan() -> None:
    film = drug_order("1010604", id="film", status="active", dose=(2, "film"),
                      every=(1, 1, "d"), route="sublingual", days=28, reason=None)  # fmt: skip
    (card,) = opened(
        "vignette-002", adding({**film, "subject": {"reference": "Patient/vignette-002"}})
    )

    assert section(card, "Next") == [
        "At discharge an oral NSAID on schedule: an injection is no trial of it.",
        (
            "Opioid use disorder is on record: no opioid beside its treatment, "
            "which stays as it is."
        ),
    ]
    assert TEAM in section(card, "Plan")


def test_care_already_ordered_is_not_offered_again() -> None:
    ordered = {
        "resourceType": "ServiceRequest", "id": "cbt", "status": "active", "intent": "order",
        "code": concept(("snomed", "228557008"), text="Cognitive behavioral therapy"),
        "authoredOn": "2026-02-20",
    }  # fmt: skip
    (card,) = opened("vignette-003", adding(ordered))

    assert labels(card)[:2] == [
        "Refer to supervised exercise / physical therapy",
        "Refer to acupuncture",
    ]
    assert PSYCHOLOGICAL not in section(card, "Next")


def test_pregnancy_leaves_no_medicine_on_the_plan() -> None:
    pregnant = condition("pregnant", ("icd10cm", "Z34.00"), onsetDateTime="2025-12-01")
    (card,) = opened("vignette-001", adding(pregnant))

    assert made(card) == []
    assert section(card, "Next")[:2] == [EXERCISE, PSYCHOLOGICAL]


def test_after_65_neither_a_relaxant_nor_a_tricyclic_is_offered() -> None:
    (card,) = opened("vignette-004", changing("vignette-004", birthDate="1958-01-01"))

    assert "Order tizanidine 2 mg three times a day, 7 days" not in labels(card)
    assert not any("tizanidine" in line for line in section(card, "Next"))


def test_the_lines_of_the_plan_fill_the_room_for_suggestions() -> None:
    care = both(
        adding(
            done(
                "pt",
                "Physical therapy",
                ("snomed", "91251008"),
                start="2025-10-01",
                end="2026-02-20",
            ),
            done("cbt", "CBT", ("snomed", "228557008"), start="2025-10-01", end="2026-02-20"),
        ),
        leaving_out("v001-ibuprofen"),
    )
    (card,) = opened("vignette-001", care)

    assert labels(card) == [
        "Order naproxen 500 mg twice a day",
        "Order duloxetine 30 mg daily, then 60 mg",
        "Order ibuprofen 600 mg three times a day",
        "Screen for depression and anxiety (PHQ-9, GAD-7)",
    ]


def test_when_all_is_done_the_plan_goes_on_with_what_helps() -> None:
    all_done = both(
        STEPS_FAILED,
        adding(
            failed("tramadol", "835603", (50, 4), "2025-11-01", "2026-01-20"),
            done("mdr", "Multidisciplinary pain rehabilitation", start="2025-12-01", end=TODAY),
        ),
        leaving_out("v001-cyclobenzaprine"),
        changing("vignette-001", birthDate="1956-01-01"),
    )
    (card,) = opened("vignette-001", all_done)

    assert card["summary"].endswith("next: reassessment of function")
    assert section(card, "Next") == ["Continue what helps, and judge it by function."]


# --- silence ------------------------------------------------------------------------------

RESOLVED = changing(
    "v001-back",
    clinicalStatus={
        "coding": [
            {
                "system": "http://terminology.hl7.org/CodeSystem/condition-clinical",
                "code": "resolved",
            }
        ]
    },
)
ANOTHER_VISIT = changing("v001-visit", reasonCode=[{"text": "Blood pressure check"}])
SILENT: Mapping[str, tuple[str, Change]] = {
    "resolved": ("vignette-001", both(RESOLVED, ANOTHER_VISIT)),
    "visit-for-something-else": ("vignette-001", ANOTHER_VISIT),
    "acute-with-nothing-on-record": (
        "vignette-004",
        leaving_out("v004-cyclobenzaprine", "v004-ibuprofen", "v004-diclofenac"),
    ),
    "palliative": (
        "vignette-000",
        adding(condition("palliative", ("icd10cm", "Z51.5"), recordedDate="2026-02-01")),
    ),
    "operation-last-week": (
        "vignette-001",
        adding(done("fusion", "Lumbar spinal fusion", start="2026-02-25", end="2026-02-25")),
    ),
    "child": ("vignette-003", changing("vignette-003", birthDate="2011-01-01")),
    "deceased": ("vignette-003", changing("vignette-003", deceasedBoolean=True)),
    "weight-loss": (
        "vignette-003",
        adding(condition("loss", ("icd10cm", "R63.4"), onsetDateTime="2026-02-20")),
    ),
}


@pytest.mark.parametrize(("name", "change"), SILENT.values(), ids=SILENT.keys())
def test_no_care_plan_is_shown(name: str, change: Change) -> None:
    assert opened(name, change) == []


def test_a_red_flag_shows_the_urgent_card_and_nothing_else() -> None:
    cauda = condition("cauda", ("icd10cm", "G83.4"), onsetDateTime="2026-03-02")
    (card,) = opened("vignette-000", adding(cauda))

    assert (card["indicator"], card["source"]["topic"]["code"]) == (
        "critical", "red-flag-urgent"
    )  # fmt: skip
    assert [each["rule"] for each in card["extension"][FINDINGS]] == ["red-flag-urgent"]
    assert card["overrideReasons"]


def test_chronic_pain_on_the_problem_list_is_enough_when_the_visit_gives_no_reason() -> None:
    (card,) = opened("vignette-003", changing("v003-visit", reasonCode=[]))

    assert card["source"]["topic"]["code"] == "therapy-stage-summary"


# --- policy -------------------------------------------------------------------------------


def findings_at(visit: str) -> tuple[Finding, ...]:
    """Return what is found about chronic back pain and opioid use disorder at a visit."""
    book = load_rulebook()
    given = {
        "problems": ["chronic-back-pain", "opioid-use-disorder", "diabetes"],
        "encounter": {"reason": visit},
    }
    case = case_of(book.by_id["stay-active"], given)
    return evaluate(book, case.view.patient, "patient-view", ()).findings


def test_lines_without_their_headline_are_dropped() -> None:
    found = findings_at("diabetes")

    assert "addiction-medicine-coordination" in {each.rule.id for each in found}
    assert settle(found, load_policy()) == ()


def test_lines_join_their_headline_in_one_plan() -> None:
    found = findings_at("chronic-back-pain")
    (card,) = plan(settle(found, load_policy()), "patient-view", load_policy())

    assert card.group == PLAN
    assert card.headline.rule.id == "therapy-stage-summary"
    assert {each.rule.id for each in card.findings} == {each.rule.id for each in found}
