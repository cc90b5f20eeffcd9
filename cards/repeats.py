"""Rules about what has been tried before, and about what could not be looked up."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from cards.case import Case
from cards.chart import Amount, Fact, Fires, MedicationUse, Silent, Verdict
from cards.courses import Course, Outcome
from cards.dosing import daily_mg, days_with_refills
from cards.medications import fact, first_taken, in_use, last_date, systemic
from cards.record import active_problems, dated_fact
from cards.relevance import Relevance
from cards.terms import known
from cards.trials import SPENT, Recency, Trial, TrialStatus, failed_courses, intolerant
from cards.wording import shortly

SPASTIC: Final = frozenset(map(known, ("spasticity", "dystonia")))
# Rarely for pain: without a reason on the order it is taken to be for something else.
RARELY_FOR_PAIN: Final = frozenset({"ropinirole", "snri"})
# What a combination holds beside the medicine that it is given for.
BESIDE: Final = frozenset({"acetaminophen", "caffeine", "naloxone"})
FADES: Final = "cyclobenzaprine"

# Why a trial that stands so does not speak against the order here.
OPEN: Final[Mapping[TrialStatus, str]] = {
    TrialStatus.UNTRIED: "untried",
    TrialStatus.TRIED_UNKNOWN: "outcome-unknown",
    TrialStatus.SUB_THERAPEUTIC: "inadequate-trial",
    TrialStatus.ACTIVE: "renewal",
    TrialStatus.CONTRAINDICATED: "contraindicated",
}
CHECKED_DATA: Final = {"medications": "medicines", "conditions": "problems"}


def failed_medication_retried(case: Case) -> Verdict:
    """Warn when a medicine without effect, or not tolerated, is ordered again."""
    if not systemic(case.use):
        return Silent("local-route")
    if not _is_for_back_pain(case):
        return Silent(case.view.relevance.value)
    trial = _trial(case)
    if renewed := _continued(case, trial):
        return _renewed(case, renewed, trial)
    if harm := intolerant(case.chart, case.drug):
        return _not_tolerated(case, trial, harm)
    if trial is None:
        return Silent("untried")
    if trial.status is TrialStatus.INTOLERANCE:
        return _not_tolerated(case, trial, trial.fact)
    return _failed(case, trial)


def drug_class_exhausted(case: Case) -> Verdict:
    """Say when the medicines of a class have failed, so that another will hardly help."""
    if not systemic(case.use):
        return Silent("local-route")
    if not case.for_back_pain:
        return Silent(case.view.relevance.value)
    if _continued(case, _trial(case)):
        return Silent("renewal")
    if "muscle-relaxant" in case.drug.classes:
        return _relaxants(case)
    return _gabapentinoids(case) if "gabapentinoid" in case.drug.classes else _nsaids(case)


def data_incomplete(case: Case) -> Verdict:
    """Say when a safety check lacked the medicines or the problems; an empty list is enough."""
    relaxant = "muscle-relaxant" in case.drug.classes
    if relaxant and "tizanidine" not in case.drug.ingredient_names:
        return Silent("another-relaxant")
    missing = [words for key, words in CHECKED_DATA.items() if key in case.chart.missing]
    if not missing:
        return Silent("complete")
    return Fires("unchecked", words={"missing": " and ".join(missing)})


def _is_for_back_pain(case: Case) -> bool:
    classes = case.drug.classes
    if classes & RARELY_FOR_PAIN and "duloxetine" not in classes:
        return case.view.relevance is Relevance.DEFINITE
    return case.for_back_pain


def _trial(case: Case) -> Trial | None:
    """Return the trial of what the drug is given for; of several the one that says most."""
    names = case.drug.ingredient_names
    tried = case.history.trials
    found = [tried[name] for name in sorted(names - BESIDE or names) if name in tried]
    order = list(TrialStatus)
    return max(found, key=lambda trial: order.index(trial.status), default=None)


def _continued(case: Case, trial: Trial | None) -> MedicationUse | None:
    """Return the medicine in use that the order goes on with.

    A failure or harm recorded after it was last ordered is right: its order was not ended.
    """
    renewed = case.view.renewal_of
    if renewed is None or trial is None or trial.status not in SPENT or trial.on is None:
        return renewed
    last = last_date(renewed)
    return None if last is not None and last < trial.on else renewed


def _renewed(case: Case, renewed: MedicationUse, trial: Trial | None) -> Verdict:
    """Let a medicine go on, but not cyclobenzaprine that has not helped in its first week."""
    today = case.chart.today
    begun = first_taken(renewed, case.chart.medications, today)
    if trial is None or begun is None or trial.ingredient != FADES:
        return Silent("renewal")
    days = (today - begun).days + 1
    useless = any(
        course.outcome is Outcome.INEFFECTIVE and in_use(course.use, today, for_safety=False)
        for course in trial.courses
    )
    if not useless or days <= case.limits["cyclobenzaprine_days"]:
        return Silent("renewal")
    return Fires("continued", (fact(renewed), *case.view.back_pain), {"days": str(days)})


def _not_tolerated(case: Case, trial: Trial | None, harm: Fact) -> Fires:
    on = trial.on if trial else None
    words = {"part": _part(case, trial), "when": f" on {on.isoformat()}" if on else ""}
    return Fires("not-tolerated", (harm, *case.view.back_pain), words)


def _failed(case: Case, trial: Trial) -> Verdict:
    if silence := OPEN.get(trial.status):
        return Silent(silence)
    recency = trial.recency(chronic=case.history.chronic)
    if recency is Recency.EXPIRED:
        return Silent("expired")
    then = _regimen(trial.dose, trial.days)
    now = _regimen(daily_mg(case.use, trial.ingredient), days_with_refills(case.use))
    words = {
        "part": _part(case, trial),
        "when": f" on {trial.on.isoformat()}" if trial.on else "",
        "then": then,
        "now": now or "dose not stated",
    }
    outcome = "failed" if recency is Recency.CURRENT else "failed-long-ago"
    facts = (trial.fact, *case.view.back_pain)
    return Fires(outcome, facts, words, ("then-and-now",) if then else ())


def _part(case: Case, trial: Trial | None) -> str:
    """Name the ingredient meant, when the drug is a combination."""
    return f" (its {trial.ingredient})" if trial and len(case.drug.ingredients) > 1 else ""


def _regimen(dose: Amount | None, days: float | None) -> str:
    parts = []
    if dose:
        span = f"{dose.low:g}-" if dose.low != dose.high else ""
        parts.append(f"{span}{dose.high:g} mg a day")
    if days:
        parts.append(f"{days:g} {'day' if days == 1 else 'days'}")
    return " for ".join(parts)


def _relaxants(case: Case) -> Verdict:
    if any(active_problems(case.chart, SPASTIC)):
        return Silent("spasticity")
    courses = _failed_of(case, "muscle-relaxant")
    if len(courses) < case.limits["relaxant_courses"]:
        return Silent("not-exhausted")
    return _exhausted(case, "relaxants", courses)


def _nsaids(case: Case) -> Verdict:
    courses = _failed_of(case, "nsaid")
    if len({course.ingredient for course in courses}) < case.limits["nsaids"]:
        return Silent("not-exhausted")
    return _exhausted(case, "nsaids", courses)


def _gabapentinoids(case: Case) -> Verdict:
    own = _trial(case)
    if own and own.status in SPENT:
        return Silent("same-medicine")
    names = case.drug.ingredient_names
    others = [c for c in _failed_of(case, "gabapentinoid") if c.ingredient not in names]
    return _exhausted(case, "gabapentinoids", others) if others else Silent("not-exhausted")


def _failed_of(case: Case, drug_class: str) -> tuple[Course, ...]:
    history = case.history
    today = case.chart.today
    return failed_courses(history.trials, drug_class, today=today, chronic=history.chronic)


def _exhausted(case: Case, outcome: str, courses: Iterable[Course]) -> Fires:
    facts = tuple(map(_course_fact, courses))
    names = tuple(dict.fromkeys(course.ingredient for course in courses))
    words = {"n": str(len(facts)), "tried": shortly(names), "agents": str(len(names))}
    return Fires(outcome, (*facts, *case.view.back_pain), words)


def _course_fact(course: Course) -> Fact:
    dose = f" {course.dose.high:g} mg/day" if course.dose else ""
    return dated_fact(course.use.reference, f"{course.ingredient}{dose}, no effect", course.on)


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "failed-medication-retried": failed_medication_retried,
    "drug-class-exhausted": drug_class_exhausted,
    "data-incomplete": data_incomplete,
}
