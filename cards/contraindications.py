"""What forbids a medicine whatever was tried: allergies, and what speaks against NSAIDs."""

from datetime import date
from typing import Final

from cards.chart import Allergy, Chart, Drug, Fact, Measurement
from cards.definitions import number
from cards.medications import fact, in_use
from cards.record import dated_fact, is_active, problem_fact, problems_of, stands
from cards.terms import known

_NSAID_RISKS_EVER: Final = tuple(
    map(known, ("gi-bleed", "gi-ulcer", "myocardial-infarction", "cardiovascular-disease"))
)
_NSAID_RISKS_NOW: Final = tuple(
    map(known, ("heart-failure", "dialysis", "acute-kidney-injury", "pregnancy"))
)
_EGFR: Final = known("egfr")
_EGFR_TOO_LOW: Final = 30  # mL/min/1.73 m2: NSAID labels, advanced renal disease


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
    for problem in problems_of(chart, (*_NSAID_RISKS_EVER, *_NSAID_RISKS_NOW)):
        ever = next((t for t in _NSAID_RISKS_EVER if t in problem.concept.terms), "")
        now = next((t for t in _NSAID_RISKS_NOW if t in problem.concept.terms), "")
        if (ever and stands(problem)) or (now and is_active(problem)):
            return problem_fact(problem, ever or now)
    return _low_egfr(chart) or _anticoagulant(chart)


def nsaid_allergy(chart: Chart) -> Fact | None:
    """Return the allergy to an NSAID or to aspirin."""
    for allergy in chart.allergies:
        if not allergy.intolerance and allergy.drug.classes & {"nsaid", "aspirin"}:
            return allergy_fact(allergy)
    return None


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


def _low_egfr(chart: Chart) -> Fact | None:
    values = [m for m in chart.measurements if _EGFR in m.concept.terms and m.value is not None]
    latest = max(values, key=_day, default=None)
    if latest is None or latest.value is None or latest.value >= _EGFR_TOO_LOW:
        return None
    days = number("lookback.laboratory_days")
    if latest.on is not None and (chart.today - latest.on).days > days:
        return None
    return dated_fact(latest.reference, f"eGFR {latest.value:g}", latest.on)


def _day(measurement: Measurement) -> date:
    return measurement.on or date.min


def _anticoagulant(chart: Chart) -> Fact | None:
    for use in chart.medications:
        if "anticoagulant" in use.drug.classes and in_use(use, chart.today, for_safety=True):
            return fact(use)
    return None
