"""Rules about duloxetine and tricyclics for back pain: place, dose, organs, interactions."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cards.case import Case
from cards.cautions import QT_PROLONGATION, long_qtc
from cards.chart import Fact, Fires, MedicationUse, Silent, Verdict
from cards.circumstances import age
from cards.contraindications import MYOCARDIAL_INFARCTION, recent_infarctions
from cards.definitions import number
from cards.dosing import daily_mg, days_with_refills
from cards.drug_classes import classes_of
from cards.maois import MAOI, maois
from cards.medications import fact, last_date, systemic
from cards.record import active_problems, dated_fact, is_recent, problem_fact
from cards.relevance import Relevance
from cards.terms import known, title
from cards.trials import TrialStatus, class_status
from cards.unsuitable import duloxetine_risks
from cards.wording import shortly

ALCOHOL_REMISSION = known("alcohol-remission")
ANXIETY = known("anxiety")
DEPRESSION = known("depression")
DULOXETINE_INDICATION = known("duloxetine-indication")
TCA_CAUTIONS: Final = tuple(map(known, ("glaucoma-angle-closure", "urinary-retention")))

DULOXETINE: Final = "duloxetine"
CYP1A2_INHIBITOR: Final = "cyp1a2-inhibitor"
THIORIDAZINE: Final = "thioridazine"
UPTAKE_INHIBITORS: Final = frozenset({"snri", "ssri"})
# Tertiary amines, which the sources call harder to tolerate than nortriptyline.
TERTIARY: Final = frozenset({"amitriptyline", "imipramine"})
# Not enough to call a step tried.
INADEQUATE: Final = frozenset({TrialStatus.UNTRIED, TrialStatus.SUB_THERAPEUTIC})


def duloxetine_start_titrate(case: Case) -> Verdict:
    """Say when a first order of duloxetine skips the lower dose of the first week."""
    if silence := _is_not_for_back_pain(case):
        return Silent(silence)
    if case.view.competing:
        return Silent("possible")
    if taken := _taken_lately(case):
        return Silent("renewal" if DULOXETINE in taken.drug.classes else "switch")
    daily = daily_mg(case.use, DULOXETINE)
    if daily is None:
        return Silent("unknown-dose")
    if daily.low <= case.limits["start_mg"] or _starts_with_another(case):
        return Silent("low-start")
    if daily.high > case.limits["most_mg"]:
        return Silent("above-ceiling")
    return Fires("high-start", case.view.back_pain, {"dose": f"{daily.low:g}"})


def duloxetine_dose_ceiling(case: Case) -> Verdict:
    """Warn of more duloxetine a day than helps in back pain."""
    if silence := _is_not_for_back_pain(case):
        return Silent(silence)
    total = _total(case)
    if total is None:
        return Silent("unknown-dose")
    if total <= case.limits["most_mg"]:
        return Silent("in-range")
    renewed = case.view.renewal_of
    before = daily_mg(renewed, DULOXETINE) if renewed else None
    if before and before.high >= total:
        return Silent("renewal")
    words = {"dose": f"{total:g}"}
    mood = _mood_disorder(case)
    if mood and total <= case.limits["mood_most_mg"]:
        return Fires("mood-disorder", (*case.view.back_pain, mood), words)
    if renewed:
        return Fires("raised", (*case.view.back_pain, fact(renewed)), words)
    return Fires("first-order", case.view.back_pain, words)


def duloxetine_organ(case: Case) -> Verdict:
    """Warn of duloxetine where the label advises against it: liver, kidney, alcohol, eye."""
    risks = dict(duloxetine_risks(case.chart))
    renewed = case.view.renewal_of
    if risks:
        outcome = "continued" if renewed else "new-order"
        return Fires(outcome, tuple(risks.values()), {"risk": shortly(risks)})
    for problem in active_problems(case.chart, (ALCOHOL_REMISSION,)):
        if renewed:
            return Silent("renewal")
        return Fires("alcohol-remission", (problem_fact(problem, ALCOHOL_REMISSION),))
    return Silent("no-risk")


def duloxetine_interaction(case: Case) -> Verdict:
    """Warn of duloxetine beside what raises its level or must not be combined with it."""
    if not systemic(case.use):
        return Silent("local-route")
    others = _partners(case)
    if not others:
        return Silent("no-partner")
    facts, words = tuple(map(fact, others)), {"other": shortly(_names(others))}
    classes = case.drug.classes.union(*(use.drug.classes for use in others))
    return Fires(_interaction(classes), facts, words)


def tca_place_dose(case: Case) -> Verdict:
    """Say when a tricyclic comes early for back pain, or starts high."""
    if silence := _is_not_for_back_pain(case):
        return Silent(silence)
    if case.view.renewal_of:
        return Silent("renewal")
    names = case.drug.ingredient_names
    notes = ("better-tolerated",) if names & TERTIARY else ()
    if case.view.acuity.acute:
        return Fires("before-12-weeks", case.view.back_pain, notes=notes)
    if missing := tuple(_missing_steps(case)):
        words = {"missing": " and ".join(missing)}
        return Fires("before-other-steps", case.view.back_pain, words, notes)
    daily = daily_mg(case.use, _tricyclic(case))
    if daily and daily.low > case.limits["start_mg"]:
        words = {"dose": f"{daily.low:g}"}
        return Fires("high-start", case.view.back_pain, words, notes)
    return Silent("in-place")


def tca_safety(case: Case) -> Verdict:
    """Warn of a tricyclic where the labels and the Beers criteria advise against it."""
    if not systemic(case.use):
        return Silent("local-route")
    if inhibitors := maois(case):
        words = {"other": shortly(_names(inhibitors))}
        return Fires("maoi", tuple(map(fact, inhibitors)), words)
    if heart := dict(_heart_risks(case)):
        return Fires("heart", tuple(heart.values()), {"risk": shortly(heart)})
    cautions = dict(_cautions(case))
    if not cautions:
        return Silent("no-risk")
    if case.view.renewal_of:
        return Silent("renewal")
    return Fires("caution", tuple(cautions.values()), {"risk": shortly(cautions)})


def _is_not_for_back_pain(case: Case) -> str:
    if not systemic(case.use):
        return "local-route"
    if case.for_back_pain:
        return ""
    silences = {
        Relevance.OTHER: "other-indication",
        Relevance.NONE: "no-back-pain",
    }
    return silences.get(case.view.relevance, "possible")


def _taken_lately(case: Case) -> MedicationUse | None:
    """Return duloxetine or a like antidepressant that is in use, or was until lately."""
    taken = case.in_use(UPTAKE_INHIBITORS)
    if taken:
        return taken[0]
    days = number("lookback.active_grace_days")
    for use in case.chart.medications:
        if use.drug.classes & UPTAKE_INHIBITORS and use.status in {"stopped", "completed"}:
            ended = last_date(use)
            if ended and is_recent(ended, case.chart.today, days):
                return use
    return None


def _starts_with_another(case: Case) -> bool:
    """Say whether another order of the session is the low dose that comes first."""
    doses = (daily_mg(use, DULOXETINE) for use in case.drafted((DULOXETINE,)))
    return any(daily and daily.high <= case.limits["start_mg"] for daily in doses)


def _total(case: Case) -> float | None:
    """Return mg a day of all duloxetine ordered now; a short first step is not added.

    What is in use is taken to be replaced.
    """
    uses = [case.use]
    if not _is_step(case, case.use):
        drafted = case.drafted((DULOXETINE,))
        uses += [use for use in drafted if not _is_step(case, use)]
    total = 0.0
    for use in uses:
        daily = daily_mg(use, DULOXETINE)
        if daily is None:
            return None
        total += daily.high
    return total


def _is_step(case: Case, use: MedicationUse) -> bool:
    days = days_with_refills(use)
    return days is not None and days <= case.limits["step_days"]


def _mood_disorder(case: Case) -> Fact | None:
    """Return active depression or generalised anxiety, which higher doses are labelled for."""
    for problem in active_problems(case.chart, (DEPRESSION, ANXIETY)):
        if problem.concept.terms & {DEPRESSION, DULOXETINE_INDICATION}:
            term = DEPRESSION if DEPRESSION in problem.concept.terms else ANXIETY
            return problem_fact(problem, term)
    return None


def _partners(case: Case) -> tuple[MedicationUse, ...]:
    if DULOXETINE not in case.drug.classes:
        return case.beside((DULOXETINE,))
    others = case.beside((CYP1A2_INHIBITOR, THIORIDAZINE))
    return (*maois(case), *filter(systemic, others))


def _interaction(classes: frozenset[str]) -> str:
    """Name the outcome by the most serious partner."""
    return next((name for name in (MAOI, THIORIDAZINE) if name in classes), "cyp1a2")


def _missing_steps(case: Case) -> Iterator[str]:
    """Yield what comes before a tricyclic and has not been tried adequately or ruled out."""
    tried, chronic = case.history.trials, case.history.chronic
    if class_status(case.chart, tried, "nsaid", chronic=chronic) in INADEQUATE:
        yield "an NSAID"
    second = (tried[name].status for name in (DULOXETINE, "tramadol") if name in tried)
    done = any(status not in INADEQUATE for status in second)
    if not done and not any(duloxetine_risks(case.chart)):
        yield DULOXETINE


def _tricyclic(case: Case) -> str:
    names = (ingredient.name for ingredient in case.drug.ingredients)
    return next((name for name in names if "tca" in classes_of(name)), "")


def _heart_risks(case: Case) -> Iterator[tuple[str, Fact]]:
    for problem in recent_infarctions(case.chart, number("tricyclic.infarction_days")):
        yield "recent heart attack", problem_fact(problem, MYOCARDIAL_INFARCTION)
    for problem in active_problems(case.chart, (QT_PROLONGATION,)):
        yield title(QT_PROLONGATION), problem_fact(problem, QT_PROLONGATION)
    if seen := long_qtc(case.chart):
        name = f"QTc {seen.value:g} ms"
        yield name, dated_fact(seen.reference, name, seen.on)


def _cautions(case: Case) -> Iterator[tuple[str, Fact]]:
    for term in TCA_CAUTIONS:
        for problem in active_problems(case.chart, (term,)):
            yield title(term), problem_fact(problem, term)
    years = age(case.chart)
    if years is not None and years >= case.limits["older_years"] and not _is_low_doxepin(case):
        yield f"age {years}", Fact("Patient", f"{years} years old")


def _is_low_doxepin(case: Case) -> bool:
    """Say whether it is doxepin in the low dose for sleep, which the Beers criteria allow."""
    daily = daily_mg(case.use, "doxepin")
    return daily is not None and daily.high <= case.limits["low_doxepin_mg"]


def _names(uses: tuple[MedicationUse, ...]) -> dict[str, None]:
    return dict.fromkeys(name for use in uses for name in sorted(use.drug.ingredient_names))


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "duloxetine-start-titrate": duloxetine_start_titrate,
    "duloxetine-dose-ceiling": duloxetine_dose_ceiling,
    "duloxetine-organ": duloxetine_organ,
    "duloxetine-interaction": duloxetine_interaction,
    "tca-place-dose": tca_place_dose,
    "tca-safety": tca_safety,
}
