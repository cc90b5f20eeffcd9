"""What forbids a medicine whatever was tried: allergies, and what speaks against NSAIDs."""

from collections.abc import Iterator
from typing import Final

from cards.chart import Allergy, Chart, Drug, Fact, Problem
from cards.circumstances import latest
from cards.definitions import number
from cards.kidney import (
    ACUTE_KIDNEY_INJURY,
    DIALYSIS,
    EGFR,
    SEVERE_KIDNEY_DISEASE,
    acute_injuries,
    severe_disease,
)
from cards.medications import fact, in_use
from cards.record import (
    active_problems,
    dated_fact,
    is_active,
    may_be_recent,
    problem_fact,
    problems_of,
    stands,
)
from cards.terms import known

MYOCARDIAL_INFARCTION: Final = known("myocardial-infarction")
OLD_INFARCTION: Final = known("myocardial-infarction-old")
NSAID_ALLERGY: Final = known("nsaid-allergy")

_NSAIDS: Final = frozenset({"nsaid", "aspirin"})

ANTICOAGULATED: Final = known("anticoagulated")
# The most serious first: one problem is named once.
NSAID_RISKS_EVER: Final = (
    known("gi-bleed"),
    known("intracranial-bleed"),
    MYOCARDIAL_INFARCTION,
    known("cardiovascular-disease"),
    known("gi-ulcer"),
)
_NSAID_RISKS_NOW: Final = (
    known("heart-failure"),
    DIALYSIS,
    known("pregnancy"),
    ANTICOAGULATED,
)


def allergic(chart: Chart, drug: Drug) -> Fact | None:
    """Return the allergy on record to an ingredient of the drug, or to its whole class."""
    return _on_record(chart, drug, intolerance=False)


def intolerant(chart: Chart, drug: Drug) -> Fact | None:
    """Return the intolerance on record to an ingredient of the drug, or to its whole class."""
    return _on_record(chart, drug, intolerance=True)


def nsaid_contraindicated(chart: Chart) -> Fact | None:
    """Return what forbids an NSAID: everything on record for which an NSAID order would warn.

    An allergy to one NSAID or to aspirin forbids the class, as the labels say.
    """
    if allergy := nsaid_allergy(chart):
        return allergy
    for problem in problems_of(chart, (*NSAID_RISKS_EVER, *_NSAID_RISKS_NOW)):
        ever = next((t for t in NSAID_RISKS_EVER if t in problem.concept.terms), "")
        now = next((t for t in _NSAID_RISKS_NOW if t in problem.concept.terms), "")
        if (ever and stands(problem)) or (now and is_active(problem)):
            return problem_fact(problem, ever or now)
    return _bad_kidneys(chart) or _anticoagulant(chart)


def recent_infarctions(chart: Chart, days: float) -> Iterator[Problem]:
    """Yield heart attacks that may be recent; one without a date may be, an old one is not."""
    for problem in active_problems(chart, (MYOCARDIAL_INFARCTION,)):
        old = OLD_INFARCTION in problem.concept.terms
        if not old and may_be_recent(problem, chart, days):
            yield problem


def nsaid_allergy(chart: Chart) -> Fact | None:
    """Return the allergy to an NSAID or to aspirin, which may stand among the problems."""
    for allergy in chart.allergies:
        if not allergy.intolerance and allergy.drug.classes & _NSAIDS:
            return allergy_fact(allergy)
    problem = next(active_problems(chart, (NSAID_ALLERGY,)), None)
    return problem_fact(problem, NSAID_ALLERGY) if problem else None


def _on_record(chart: Chart, drug: Drug, *, intolerance: bool) -> Fact | None:
    for allergy in chart.allergies:
        if allergy.intolerance is intolerance and _concerns(allergy, drug):
            return allergy_fact(allergy)
    return None


def _concerns(allergy: Allergy, drug: Drug) -> bool:
    names = allergy.drug.ingredient_names
    if names:
        return not names.isdisjoint(drug.ingredient_names)
    return not allergy.drug.classes.isdisjoint(drug.classes)


def is_of_whole_class(allergy: Allergy, drug_class: str) -> bool:
    """Say whether the allergy is to a class, such as all NSAIDs, and not to one drug."""
    return not allergy.drug.ingredients and drug_class in allergy.drug.classes


def allergy_fact(allergy: Allergy) -> Fact:
    """Return the fact that the allergy or intolerance is on record."""
    kind = "intolerance" if allergy.intolerance else "allergy"
    return dated_fact(allergy.reference, f"{kind} to {allergy.drug.label}", allergy.recorded)


def _bad_kidneys(chart: Chart) -> Fact | None:
    for problem in acute_injuries(chart):
        return problem_fact(problem, ACUTE_KIDNEY_INJURY)
    for problem in severe_disease(chart):
        return problem_fact(problem, SEVERE_KIDNEY_DISEASE)
    seen = latest(chart, EGFR, number("lookback.laboratory_days"))
    if seen is None or seen.value is None or seen.value >= number("nsaid.severe_egfr"):
        return None
    return dated_fact(seen.reference, f"eGFR {seen.value:g}", seen.on)


def _anticoagulant(chart: Chart) -> Fact | None:
    for use in chart.medications:
        if "anticoagulant" in use.drug.classes and in_use(use, chart.today, for_safety=True):
            return fact(use)
    return None
