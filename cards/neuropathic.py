"""Rules about gabapentinoids, and about radicular pain that they depend on."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cards.case import Case
from cards.chart import Amount, Drug, Fires, Silent, Verdict
from cards.circumstances import age
from cards.courses import Outcome, is_single
from cards.definitions import number
from cards.dosing import daily_mg
from cards.kidney import Clearance, acute_injuries, clearance
from cards.medications import fact, systemic
from cards.record import active_problems, in_emergency
from cards.relevance import Relevance, radicular_assessed
from cards.terms import known
from cards.trials import Recency, Trial, TrialStatus

CHRONIC_KIDNEY_DISEASE = known("chronic-kidney-disease")
# The gabapentinoids that our sources and the United States labels give doses for.
GABAPENTIN: Final = "gabapentin"
DOSED: Final = (GABAPENTIN, "pregabalin")
# Not enough to call the ingredient tried.
INADEQUATE: Final = frozenset({TrialStatus.UNTRIED, TrialStatus.SUB_THERAPEUTIC})


def gabapentinoid_nonradicular(case: Case) -> Verdict:
    """Warn of a gabapentinoid for back pain without documented radicular pain."""
    level = case.view.relevance
    if silence := _is_no_back_pain(case):
        return Silent(silence)
    if case.view.radicular:
        return Silent("radicular")
    if case.view.renewal_of:
        return Silent("renewal")
    if not level.fires:
        return Silent("possible")
    competing = case.view.competing
    certain = level is Relevance.DEFINITE and not competing
    notes = () if radicular_assessed(case.chart) else ("unrecorded",)
    outcome = "stated" if certain else "inferred"
    return Fires(outcome, (*case.view.back_pain, *competing), notes=notes)


def gabapentinoid_dose_titration(case: Case) -> Verdict:
    """Say when a gabapentinoid for back pain starts too high, goes too high, or cannot work."""
    name = _dosed(case.drug)
    if silence := _is_no_back_pain(case) or _has_no_schedule(case, name):
        return Silent(silence)
    daily = daily_mg(case.use, name)
    if daily and _above_renal_range(daily, name, clearance(case.chart)):
        return Silent("renal-dose")
    notes, renewed = tuple(_kidney_notes(case)), case.view.renewal_of
    most = case.limits[f"{name}_most_mg"]
    if daily and daily.high > most and not _is_kept(case, name, daily):
        words = {"dose": f"{daily.high:g}", "most": f"{most:g}"}
        facts = (fact(renewed),) if renewed else case.view.back_pain
        return Fires("raised" if renewed else "above-range", facts, words, notes)
    if renewed:
        return Silent("renewal")
    return _started(case, name, daily, notes)


def gabapentinoid_renal(case: Case) -> Verdict:
    """Warn of a gabapentinoid dose above what the label allows at this kidney function."""
    name = _dosed(case.drug)
    if not name or not systemic(case.use):
        return Silent("no-range")
    kidneys = clearance(case.chart)
    if kidneys is None:
        return Silent("unknown-clearance")
    if kidneys.impairment is None:
        return Silent("sufficient-clearance")
    daily = daily_mg(case.use, name)
    if daily is None:
        return Silent("unknown-dose")
    most = _above_renal_range(daily, name, kidneys)
    if not most:
        return Silent("in-range")
    words = {"dose": f"{daily.high:g}", "most": f"{most:g}", "function": kidneys.name}
    injured = any(acute_injuries(case.chart))
    notes = ("acute-kidney-injury",) if injured else ()
    if renewed := case.view.renewal_of:
        return Fires("continued", (kidneys.fact, fact(renewed)), words, notes)
    band = (f"gabapentin-{kidneys.impairment}",) if name == GABAPENTIN else ()
    return Fires("new-order", (kidneys.fact,), words, notes, band)


def radicular_status_undocumented(case: Case) -> Verdict:
    """Ask for the radicular status of a patient with back pain when nothing tells it."""
    if not case.view.back_pain:
        return Silent("no-back-pain")
    if case.view.radicular:
        return Silent("radicular")
    if radicular_assessed(case.chart):
        return Silent("assessed")
    return Fires("undocumented", case.view.back_pain)


def _is_no_back_pain(case: Case) -> str:
    if not systemic(case.use):
        return "local-route"
    silences = {
        Relevance.OTHER: "other-indication",
        Relevance.NONE: "no-back-pain",
    }
    return silences.get(case.view.relevance, "")


def _has_no_schedule(case: Case, name: str) -> str:
    """Name why the schedules for radicular back pain do not apply to this order."""
    if not name:
        return "no-range"
    radicular = case.view.radicular and not case.view.competing
    return "" if case.for_back_pain or radicular else "possible"


def _dosed(drug: Drug) -> str:
    return next((name for name in DOSED if name in drug.ingredient_names), "")


def _above_renal_range(daily: Amount, name: str, kidneys: Clearance | None) -> float:
    """Return the highest daily dose at this kidney function if it is exceeded, else 0."""
    impairment = kidneys.impairment if kidneys else None
    if impairment is None:
        return 0
    most = number(f"renal.{name}.{impairment}_mg")
    return most if daily.high > most else 0


def _is_kept(case: Case, name: str, daily: Amount) -> bool:
    """Say whether the dose in use is known and is no lower than the one ordered."""
    before = daily_mg(case.view.renewal_of, name) if case.view.renewal_of else None
    return before is not None and before.high >= daily.high


def _started(case: Case, name: str, daily: Amount | None, notes: tuple[str, ...]) -> Verdict:
    if _is_one_dose(case):
        return Fires("single-dose", case.view.back_pain, notes=notes)
    start = case.limits[f"{name}_start_mg"]
    if daily and daily.low > start:  # the low end: a titration begins there
        words = {"dose": f"{daily.low:g}", "start": f"{start:g}"}
        return Fires("start-high", case.view.back_pain, words, notes)
    if trial := _inadequate_trial(case, name):
        return Fires("earlier-inadequate", (trial.fact,), notes=notes)
    return Silent("in-range" if daily else "unknown-dose")


def _is_one_dose(case: Case) -> bool:
    """Say whether one dose is ordered; in an emergency room a dose without frequency is."""
    if is_single(case.use):
        return True
    dosages = case.use.dosages
    timed = any(dosage.times_per_day for dosage in dosages)
    stated = any(dosage.amount for dosage in dosages) and not timed
    return stated and case.view.supervised and in_emergency(case.chart)


def _inadequate_trial(case: Case, name: str) -> Trial | None:
    """Return an earlier trial without effect that was too short or too low to count."""
    trial = case.history.trials.get(name)
    if trial is None or trial.status not in INADEQUATE or trial.in_use:
        return None
    judged = any(course.outcome is Outcome.INEFFECTIVE for course in trial.courses)
    lately = trial.recency(chronic=case.history.chronic) is not Recency.EXPIRED
    return trial if judged and lately else None


def _kidney_notes(case: Case) -> Iterator[str]:
    """Yield the reminder to check kidney function where it is unknown and likely reduced."""
    years = age(case.chart)
    at_risk = years is not None and years >= case.limits["check_kidneys_from_years"]
    at_risk = at_risk or any(active_problems(case.chart, (CHRONIC_KIDNEY_DISEASE,)))
    if at_risk and clearance(case.chart) is None:
        yield "kidney-function-unknown"


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "gabapentinoid-nonradicular": gabapentinoid_nonradicular,
    "gabapentinoid-dose-titration": gabapentinoid_dose_titration,
    "gabapentinoid-renal": gabapentinoid_renal,
    "radicular-status-undocumented": radicular_status_undocumented,
}
