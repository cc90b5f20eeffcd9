"""Rules about looking again: at mood, at function, at the diagnosis."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final

from cards.care_plan import no_plan
from cards.case import Case
from cards.chart import Fact, Fires, Measurement, Silent, Verdict
from cards.circumstances import latest
from cards.definitions import number
from cards.record import active_problems, dated_fact, is_recent
from cards.stages import OPEN, WEEK, Standing
from cards.terms import known

DEMENTIA: Final = known("dementia")
SUICIDALITY: Final = known("suicidality")
PHQ_9: Final = known("phq-9")
MOOD_SCORES: Final = (PHQ_9, *map(known, ("phq-2", "gad-7")))
MOOD_DISORDERS: Final = tuple(map(known, ("depression", "anxiety")))
MOOD_CARE: Final = frozenset(map(known, ("behavioural-health", "psychotherapy", "cbt")))
MOOD_MEDICINES: Final = frozenset({"ssri", "snri", "tca", "duloxetine"})
FUNCTION_SCORES: Final = frozenset(map(known, ("oswestry", "roland-morris", "peg")))
PAIN_SCORE: Final = known("pain-score")
PENDING: Final = frozenset({"active", "draft", "on-hold", "booked", "pending", "proposed"})


def mental_health_screening(case: Case) -> Verdict:
    """Say when screening for depression and anxiety is due, or its result needs a plan."""
    now = case.history.standing
    if no_plan(case):
        return Silent("no-plan")
    if not (now.chronic or now.opioid_use_disorder):
        return Silent("acute")
    if any(active_problems(case.chart, (DEMENTIA, SUICIDALITY))):
        return Silent("other-care")
    days = number("stage.score_days")
    scores = [one for term in MOOD_SCORES if (one := latest(case.chart, term, days))]
    high = _high_mood_score(case, scores)
    treated = _mood_is_treated(case)
    if high and not treated and not _has_mood_care(case):
        return Fires("positive", (high,))
    if scores or treated:
        return Silent("screened")
    return Fires("due", case.view.back_pain)


def functional_follow_up(case: Case) -> Verdict:
    """Say when pain and function are to be looked at again."""
    if no_plan(case):
        return Silent("no-plan")
    if _is_booked(case):
        return Silent("booked")
    now = case.history.standing
    if now.acuity.acute:
        return _acute_follow_up(case, now)
    scores = _function_scores(case)
    if not scores:
        pain_only = any(PAIN_SCORE in m.concept.terms for m in case.chart.measurements)
        notes = ("pain-only",) if pain_only else ()
        return Fires("no-score", case.view.back_pain, notes=notes)
    return _after_change(case, max(scores))


def diagnosis_reconsideration(case: Case) -> Verdict:
    """Ask to look afresh at acute pain that has lasted in spite of treatment."""
    if no_plan(case):
        return Silent("no-plan")
    now = case.history.standing
    weeks = now.acuity.weeks
    if not now.acuity.acute:
        return Silent("chronic")
    if weeks is None or weeks < number("stage.recheck_weeks"):
        return Silent("early")
    if now.medicines["nsaid"] in OPEN:
        return Silent("not-optimised")
    if _is_improving(case):
        return Silent("improving")
    return Fires("lasting", case.view.back_pain)


def _high_mood_score(case: Case, scores: Iterable[Measurement]) -> Fact | None:
    for seen in scores:
        high = (seen.value or 0) >= case.limits["phq9_moderate"]
        if PHQ_9 in seen.concept.terms and high:
            return dated_fact(seen.reference, f"PHQ-9 {seen.value:g}", seen.on)
    return None


def _mood_is_treated(case: Case) -> bool:
    """Say whether depression or anxiety is on record and treated, or about to be."""
    if not any(active_problems(case.chart, MOOD_DISORDERS)):
        return False
    return _has_mood_care(case) or bool(case.in_use(MOOD_MEDICINES))


def _has_mood_care(case: Case) -> bool:
    return any(
        use.concept.terms & MOOD_CARE and use.status in PENDING | {"in-progress", "completed"}
        for use in case.chart.services
    )


def _is_booked(case: Case) -> bool:
    return any(
        use.kind == "appointment"
        and use.status in PENDING
        and use.started is not None
        and use.started >= case.chart.today
        for use in case.chart.services
    )


def _acute_follow_up(case: Case, now: Standing) -> Verdict:
    if now.acuity.emergency:
        return Fires("emergency", case.view.back_pain)
    return Fires("acute", case.view.back_pain)


def _function_scores(case: Case) -> list[date]:
    days = number("stage.score_days")
    return [
        seen.on
        for seen in case.chart.measurements
        if seen.on
        and seen.concept.terms & FUNCTION_SCORES
        and is_recent(seen.on, case.chart.today, days)
    ]


def _after_change(case: Case, scored: date) -> Verdict:
    """Say whether a change of medicines was followed by a score within the interval."""
    changed = _last_change(case)
    if changed is None or scored >= changed:
        return Silent("recorded")
    waited = (case.chart.today - changed).days
    if waited < case.limits["chronic_days"]:
        return Silent("recorded")
    return Fires("overdue", case.view.back_pain, {"changed": changed.isoformat()})


def _last_change(case: Case) -> date | None:
    """Return the day when a medicine was last begun or ended."""
    days = [
        day
        for trial in case.history.trials.values()
        for course in trial.courses
        for day in (course.use.started, course.use.ended)
        if day and day <= case.chart.today
    ]
    return max(days, default=None)


def _is_improving(case: Case) -> bool:
    """Say whether the latest pain score is clearly below the one before it."""
    days = number("acuity.chronic_weeks") * WEEK
    seen = sorted(
        (m.on, m.value)
        for m in case.chart.measurements
        if PAIN_SCORE in m.concept.terms
        and m.on
        and m.value is not None
        and is_recent(m.on, case.chart.today, days)
    )
    if len(seen) < 2:  # noqa: PLR2004 - a pair
        return False
    (_, before), (_, after) = seen[-2:]
    return after <= before * (1 - case.limits["improvement_share"])


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "mental-health-screening": mental_health_screening,
    "functional-follow-up": functional_follow_up,
    "diagnosis-reconsideration": diagnosis_reconsideration,
}
