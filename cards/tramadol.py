"""Rules about tramadol: its place in chronic back pain, and the limits of its label."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cards.case import Case
from cards.chart import Fact, Fires, MedicationUse, Silent, Verdict
from cards.circumstances import age, latest
from cards.definitions import number
from cards.dosing import daily_mg
from cards.opioid_exposure import after, oud_decides
from cards.record import active_problems, dated_fact, problem_fact
from cards.terms import known
from cards.trials import TrialStatus, class_status
from cards.wording import shortly

TRAMADOL: Final = "tramadol"
EGFR: Final = known("egfr")
SEIZURE: Final = known("seizure")
SUICIDALITY: Final = known("suicidality")

_NOT_TRIED: Final = frozenset({TrialStatus.UNTRIED, TrialStatus.SUB_THERAPEUTIC})


def tramadol_place_dose(case: Case) -> Verdict:
    """Say what comes before tramadol in chronic back pain, and which dose is its highest."""
    if not case.for_back_pain:
        return Silent("not-for-back-pain")
    if not case.view.acuity.chronic:
        return Silent("not-chronic")
    if oud_decides(case):
        return Silent("opioid-use-disorder")
    daily = daily_mg(case.use, TRAMADOL)
    if daily is not None and daily.high > case.limits["most_daily_mg"]:
        return Fires("above-range", case.view.back_pain, {"dose": f"{daily.high:g}"})
    if case.view.exemption:
        return Silent("exempt")
    if case.view.renewal_of:
        return Silent("continuation")
    missing = list(_untried(case))
    if not missing:
        return Silent("others-tried")
    return Fires("others-untried", case.view.back_pain, {"missing": shortly(missing)})


def tramadol_label(case: Case) -> Verdict:
    """Warn of a dose above the label's limits, of seizures and of suicidal thoughts."""
    risks = tuple(_risks(case))
    facts = tuple(risk for _, risk in risks)
    daily = daily_mg(case.use, TRAMADOL)
    if daily is not None:
        most, whom, why = _limit(case)
        beside = _beside(case)
        dose = daily.high + sum(mg for _, mg in beside)
        if dose > most:
            words = {"dose": f"{dose:g}", "most": f"{most:g}", "whom": whom}
            notes = tuple(name for name, _ in risks)
            others = tuple(_dose_fact(use, mg) for use, mg in beside)
            outcome = "dose" if daily.high > most else "dose-together"
            return Fires(outcome, (*others, *why, *facts), words, notes)
    if not risks:
        return Silent("dose-unknown" if daily is None else "within-label")
    return Fires(risks[0][0], facts, notes=tuple(name for name, _ in risks[1:]))


def _untried(case: Case) -> Iterator[str]:
    chronic = case.history.chronic
    for drug_class, name in (("nsaid", "an NSAID"), ("duloxetine", "duloxetine")):
        status = class_status(case.chart, case.history.trials, drug_class, chronic=chronic)
        if status in _NOT_TRIED:
            yield name


def _limit(case: Case) -> tuple[float, str, tuple[Fact, ...]]:
    """Return the highest daily mg for this product and patient, for whom, and the facts."""
    limits = case.limits
    found: list[tuple[float, str, tuple[Fact, ...]]] = [
        (limits["immediate_release_mg"], "for adults", ())
    ]
    if case.drug.extended:
        found.append((limits["extended_release_mg"], "for extended release", ()))
    years = age(case.chart)
    if years is not None and years > limits["older_age"]:
        fact = Fact("Patient", f"{years} years of age")
        found.append((limits["older_mg"], f"at {years} years of age", (fact,)))
    filtration = latest(case.chart, EGFR, number("lookback.laboratory_days"))
    if filtration and filtration.value is not None and filtration.value < limits["low_egfr"]:
        fact = dated_fact(filtration.reference, f"eGFR {filtration.value:g}", filtration.on)
        found.append((limits["renal_mg"], f"with an eGFR of {filtration.value:g}", (fact,)))
    return min(found, key=lambda one: one[0])


def _beside(case: Case) -> tuple[tuple[MedicationUse, float], ...]:
    """Return the other tramadol that stays or is ordered, with its highest mg a day."""
    others = (use for use in after(case).uses if use is not case.use)
    doses = ((use, daily_mg(use, TRAMADOL)) for use in others)
    return tuple((use, dose.high) for use, dose in doses if dose)


def _dose_fact(use: MedicationUse, mg: float) -> Fact:
    return Fact(use.reference, f"{use.drug.label}, up to {mg:g} mg a day")


def _risks(case: Case) -> Iterator[tuple[str, Fact]]:
    for term in (SEIZURE, SUICIDALITY):
        for problem in active_problems(case.chart, (term,)):
            yield term, problem_fact(problem, term)
            break


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "tramadol-place-dose": tramadol_place_dose,
    "tramadol-label": tramadol_label,
}
