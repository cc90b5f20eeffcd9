"""The next step of treatment follows from the stage, pathway by pathway."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cards.examples import case_of
from cards.rulebook import load_rulebook
from cards.stages import Pathway, Standing, Timing, next_steps, rehabilitation
from cards.steps import Step, load_steps, proposed, steps_of
from cards.suggestion_templates import load_templates

BACK = "back-pain-axial"
VISIT = {"reason": BACK}


def standing(
    onset: str, *problems: object, visit: Mapping[str, str] = VISIT, **given: Any
) -> Standing:
    chart = {
        "problems": [{"is": BACK, "onset": onset}, *problems],
        "encounter": visit,
        **given,
    }
    return case_of(load_rulebook().by_id["stay-active"], chart).history.standing


def failed(drug: str, began: str, ended: str, sig: str = "") -> dict[str, str]:
    use = {"drug": drug, "outcome": "stopped-ineffective", "started": began, "ended": ended}
    return {**use, "sig": sig} if sig else use


def done(kind: str, began: str = "-100d") -> dict[str, object]:
    return {"is": kind, "started": began, "ended": "-10d", "visits": 8}


RADICULAR = {"is": "radicular", "onset": "-26w"}
LEG_PAIN = {"is": "radicular", "onset": "-10d"}
EMERGENCY = {"class": "EMER", "reason": BACK}
AS_NEEDED = {"drug": "ibuprofen 800 mg oral tablet", "sig": "1 tablet 3 times daily as needed"}
RELAXANT = failed("cyclobenzaprine 10 mg oral tablet", "-9d", "-1d")
NAPROXEN = failed("naproxen 500 mg oral tablet", "-120d", "-70d", "1 tablet twice daily")
NAPROXEN_ACUTE = failed("naproxen 500 mg oral tablet", "-9d", "-1d", "1 tablet twice daily")
NAPROXEN_NOW = {
    "drug": "naproxen 500 mg oral tablet",
    "sig": "1 tablet twice daily",
    "started": "-9d",
}
UNDER_DOSED = failed("ibuprofen 400 mg oral tablet", "-100d", "-60d", "1 tablet once daily")
GABAPENTIN = failed("gabapentin 600 mg oral tablet", "-150d", "-90d", "1 tablet 3 times daily")
CYCLOBENZAPRINE = failed("cyclobenzaprine 10 mg oral tablet", "-150d", "-140d")
DULOXETINE = {"drug": "duloxetine 60 mg oral capsule", "sig": "1 daily", "started": "-90d"}
DULOXETINE_30 = {"drug": "duloxetine 30 mg oral capsule", "sig": "1 daily", "started": "-90d"}
DULOXETINE_FAILED = failed("duloxetine 60 mg oral capsule", "-100d", "-50d", "1 daily")
TRAMADOL = failed("tramadol 50 mg oral tablet", "-60d", "-30d", "1 tablet 4 times daily")
CARE = [done("physical-therapy"), done("cbt"), done("multidisciplinary-rehab")]
DISORDER = "opioid-use-disorder"
MAXIMAL = [DULOXETINE, NAPROXEN, GABAPENTIN, CYCLOBENZAPRINE]

STEPS: Mapping[str, tuple[Standing, list[str]]] = {
    # (a) acute
    "acute, nothing tried": (standing("-4d"), ["nsaid", "tricyclic-not-yet"]),
    "acute, day 12, ibuprofen as needed, relaxant failed, gel in use": (
        standing(
            "-12d",
            medications=[RELAXANT, AS_NEEDED, {"drug": "diclofenac 1 % gel"}],
        ),
        [
            "nsaid-optimise",
            "topical-nsaid-stop",
            "relaxant-switch",
            "recheck-at-two-weeks",
            "tricyclic-not-yet",
        ],
    ),
    "acute, NSAID on schedule": (
        standing("-10d", medications=[NAPROXEN_NOW]),
        ["nsaid-continue", "recheck-at-two-weeks", "tricyclic-not-yet"],
    ),
    "acute, NSAID failed": (
        standing("-10d", medications=[NAPROXEN_ACUTE]),
        ["relaxant", "opioid-if-severe", "recheck-at-two-weeks", "tricyclic-not-yet"],
    ),
    "acute, two relaxants failed": (
        standing(
            "-20d",
            medications=[RELAXANT, failed("methocarbamol 750 mg oral tablet", "-18d", "-10d")],
        ),
        ["nsaid", "tricyclic-not-yet"],
    ),
    "acute, relaxant failed, on oxycodone": (
        standing("-20d", medications=[RELAXANT, "oxycodone hydrochloride 5 mg oral tablet"]),
        ["nsaid", "tricyclic-not-yet"],
    ),
    "acute, relaxant failed, liver disease": (
        standing("-20d", "liver-disease", medications=[RELAXANT]),
        ["nsaid", "tricyclic-not-yet"],
    ),
    "acute, relaxant failed, age 68": (
        standing("-20d", medications=[RELAXANT], age=68),
        ["nsaid", "tricyclic-not-yet"],
    ),
    "acute radicular": (
        standing("-10d", LEG_PAIN, medications=[NAPROXEN_NOW]),
        ["nsaid-continue", "gabapentinoid", "recheck-at-two-weeks", "tricyclic-not-yet"],
    ),
    "acute radicular with opioid use disorder": (
        standing("-10d", LEG_PAIN, DISORDER, medications=[NAPROXEN_ACUTE]),
        ["no-opioid", "recheck-at-two-weeks", "tricyclic-not-yet"],
    ),
    "acute in the emergency department": (
        standing("-7d", visit=EMERGENCY),
        ["nsaid-at-discharge"],
    ),
    # (b) chronic
    "chronic, nothing tried": (
        standing("-26w"),
        ["exercise", "psychological", "complementary"],
    ),
    "chronic, under-dosed NSAID": (
        standing("-26w", medications=[UNDER_DOSED]),
        ["exercise", "psychological", "nsaid-again", "duloxetine", "rehabilitation-later"],
    ),
    "chronic, two weeks of treatment": (
        standing("-26w", services=[done("physical-therapy", "-14d")]),
        ["psychological", "complementary", "rehabilitation-later"],
    ),
    "chronic, care done, NSAID and duloxetine open": (
        standing("-26w", medications=[CYCLOBENZAPRINE], services=CARE),
        ["nsaid", "duloxetine"],
    ),
    "chronic, duloxetine below 60 mg": (
        standing("-26w", medications=[NAPROXEN, DULOXETINE_30], services=CARE),
        ["duloxetine-optimise"],
    ),
    "acute, relaxant failed, low blood pressure": (
        standing(
            "-12d",
            medications=[RELAXANT, AS_NEEDED],
            measurements=[{"is": "systolic-bp", "value": 88, "on": "-1d"}],
        ),
        ["nsaid-optimise", "recheck-at-two-weeks", "tricyclic-not-yet"],
    ),
    "acute, relaxant failed, zolpidem in use": (
        standing("-12d", medications=[RELAXANT, AS_NEEDED, "zolpidem 10 mg oral tablet"]),
        ["nsaid-optimise", "recheck-at-two-weeks", "tricyclic-not-yet"],
    ),
    "chronic, duloxetine stopped below 60 mg": (
        standing(
            "-26w",
            medications=[NAPROXEN, failed(DULOXETINE_30["drug"], "-100d", "-50d", "1 daily")],
            services=CARE,
        ),
        ["duloxetine-again"],
    ),
    "chronic, NSAID and duloxetine failed, epilepsy": (
        standing(
            "-26w",
            "seizure",
            medications=[NAPROXEN, DULOXETINE_FAILED],
            services=CARE,
        ),
        ["tricyclic"],
    ),
    "chronic, NSAID and duloxetine failed, alprazolam in use": (
        standing(
            "-26w",
            medications=[NAPROXEN, DULOXETINE_FAILED, "alprazolam 0.5 mg oral tablet"],
            services=CARE,
        ),
        ["tricyclic"],
    ),
    "chronic, NSAID and duloxetine failed, phenelzine in use": (
        standing(
            "-26w",
            medications=[NAPROXEN, DULOXETINE_FAILED, "phenelzine 15 mg oral tablet"],
            services=CARE,
        ),
        [],
    ),
    "chronic, NSAID and duloxetine failed": (
        standing("-26w", medications=[NAPROXEN, DULOXETINE_FAILED], services=CARE),
        ["tramadol", "tricyclic"],
    ),
    "chronic, tramadol failed too": (
        standing("-26w", medications=[NAPROXEN, DULOXETINE_FAILED, TRAMADOL], services=CARE),
        ["tricyclic"],
    ),
    "chronic, tramadol failed too, age 70": (
        standing(
            "-26w",
            medications=[NAPROXEN, DULOXETINE_FAILED, TRAMADOL],
            services=CARE,
            age=70,
        ),
        [],
    ),
    "chronic, NSAID failed, exercise done, rehabilitation not asked": (
        standing(
            "-26w",
            medications=[NAPROXEN, DULOXETINE],
            services=[done("physical-therapy"), done("cbt")],
        ),
        ["rehabilitation"],
    ),
    # (c) chronic radicular
    "chronic radicular": (
        standing("-26w", RADICULAR, medications=[UNDER_DOSED], services=CARE),
        ["nsaid-again", "gabapentinoid", "duloxetine", "imaging", "epidural"],
    ),
    "chronic radicular, imaged, injection failed": (
        standing(
            "-26w",
            RADICULAR,
            medications=[NAPROXEN, DULOXETINE],
            services=[
                *CARE,
                {"is": "spine-imaging", "ended": "-60d"},
                {"is": "epidural-steroid-injection", "ended": "-40d", "outcome": "~no relief"},
            ],
        ),
        ["gabapentinoid"],
    ),
    # (d) opioid use disorder
    "chronic with opioid use disorder": (
        standing("-26w", DISORDER),
        [
            "psychological-now",
            "mind-body",
            "rehabilitation",
            "topical",
            "nsaid",
            "duloxetine",
            "no-opioid",
            "interventional-later",
        ],
    ),
    # (e) refractory
    "refractory": (
        standing("-26w", medications=MAXIMAL),
        [
            "psychological-now",
            "mind-body",
            "rehabilitation",
            "topical",
            "no-new-medicine",
            "interventional-later",
        ],
    ),
    "refractory and radicular": (
        standing("-26w", RADICULAR, medications=MAXIMAL, services=CARE),
        ["mind-body", "topical", "no-new-medicine", "interventional-later", "imaging",
         "stimulator"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("now", "steps"), STEPS.values(), ids=STEPS.keys())
def test_next_steps(now: Standing, steps: list[str]) -> None:
    assert list(next_steps(now)) == steps


def test_every_step_is_reached() -> None:
    reached = {name for now, _ in STEPS.values() for name in next_steps(now)}

    assert reached | {"continue"} == load_steps().keys()  # "continue": when none is left


@pytest.mark.parametrize("step", load_steps().values(), ids=lambda step: step.name)
def test_a_step_says_or_proposes_something_that_exists(step: Step) -> None:
    assert step.says or step.suggestions
    assert {*step.suggestions, *step.more} <= load_templates().keys()


@pytest.mark.parametrize(
    ("now", "pathway"),
    [
        pytest.param(standing("-5d", DISORDER), Pathway.ACUTE, id="acute-comes-first"),
        pytest.param(standing("-26w"), Pathway.CHRONIC, id="chronic"),
        pytest.param(standing("-26w", DISORDER), Pathway.OPIOID_USE_DISORDER, id="disorder"),
        pytest.param(
            standing("-26w", medications=["Suboxone 8 mg / 2 mg sublingual film"]),
            Pathway.OPIOID_USE_DISORDER,
            id="its-treatment-is-enough",
        ),
        pytest.param(
            standing("-26w", DISORDER, medications=MAXIMAL), Pathway.REFRACTORY, id="refractory"
        ),
        pytest.param(
            standing("-26w", medications=MAXIMAL[:3]), Pathway.CHRONIC, id="two-classes-failed"
        ),
        pytest.param(
            standing("-26w", medications=MAXIMAL[1:]), Pathway.CHRONIC, id="no-duloxetine"
        ),
        pytest.param(
            standing("-26w", medications=[DULOXETINE_30, *MAXIMAL[1:]]),
            Pathway.CHRONIC,
            id="duloxetine-below-its-full-dose",
        ),
        pytest.param(
            standing(
                "-26w",
                medications=MAXIMAL[:3],
                services=[
                    {
                        "is": "epidural-steroid-injection",
                        "ended": "-40d",
                        "outcome": "~no relief",
                    }
                ],
            ),
            Pathway.REFRACTORY,
            id="a-failed-injection-is-a-class",
        ),
    ],
)
def test_pathway(now: Standing, pathway: Pathway) -> None:
    assert now.pathway is pathway


@pytest.mark.parametrize(
    ("weeks", "timing"),
    [(5.9, Timing.NOT_YET), (6, Timing.OFFER), (11.9, Timing.OFFER), (12, Timing.STRONGLY)],
)
def test_rehabilitation_waits_for_six_weeks_of_treatment(weeks: float, timing: Timing) -> None:
    now = standing("-26w", medications=[NAPROXEN], services=[done("physical-therapy")])

    assert rehabilitation(replace(now, treated_weeks=weeks)) is timing


def test_weeks_of_treatment_count_from_the_first_treatment_of_this_pain() -> None:
    assert standing("-26w", medications=[NAPROXEN]).treated_weeks == pytest.approx(120 / 7)
    assert standing("-10w", medications=[NAPROXEN]).treated_weeks == pytest.approx(10)
    assert standing("-26w").treated_weeks == 0


def test_medicines_are_left_out_when_they_are_not_wanted() -> None:
    names = ("exercise", "nsaid", "duloxetine")

    assert [step.name for step in steps_of(names, medicines=False)] == ["exercise"]


def test_what_there_is_room_for_comes_after_what_the_steps_propose() -> None:
    steps = steps_of(("exercise", "psychological", "complementary"), medicines=True)

    assert proposed(steps) == ("physical-therapy", "cbt", "mindfulness", "acupuncture")
