"""Rules about referrals that the course of treatment calls for."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from cards.care_plan import no_plan
from cards.case import Case
from cards.chart import Fact, Fires, Measurement, Silent, Verdict
from cards.circumstances import latest
from cards.definitions import number
from cards.nonpharmacologic import TRIED_OR_ORDERED, CareState
from cards.record import dated_fact, is_recent
from cards.stages import BEGUN, CARE, WEEK, Timing, rehabilitation
from cards.terms import known

PAIN_SPECIALIST: Final = known("pain-specialist")
OSWESTRY: Final = known("oswestry")
START_BACK: Final = known("start-back")
PLACED: Final = frozenset(
    {"active", "draft", "on-hold", "booked", "pending", "proposed", "completed"}
)
PLAN: Final = ("psychological", "rehabilitation")  # what comes before a specialist


def multidisciplinary_rehab_referral(case: Case) -> Verdict:
    """Say when rehabilitation in a team is due."""
    if no_plan(case):
        return Silent("no-plan")
    now = case.history.standing
    state = now.care["rehabilitation"]
    if state in TRIED_OR_ORDERED:
        return Silent("placed")
    if state is CareState.DECLINED:
        return Silent("declined")
    due = rehabilitation(now)
    if due is Timing.NOT_YET:
        return Silent("not-yet")
    return Fires(due.value, case.view.back_pain, suggestions=("multidisciplinary-rehab",))


def pain_specialist_referral(case: Case) -> Verdict:
    """Say when a pain or spine specialist is due, and by which criterion."""
    if no_plan(case):
        return Silent("no-plan")
    if _is_referred(case):
        return Silent("referred")
    met = next(_criteria(case), None)
    if met is None:
        return Silent("not-met")
    words, fact = met
    facts = (fact,) if fact else case.view.back_pain
    return Fires("due", facts, {"criterion": words})


def _is_referred(case: Case) -> bool:
    days = number("lookback.referral_days")
    for use in case.chart.services:
        if PAIN_SPECIALIST in use.concept.terms and use.status in PLACED:
            day = use.ended or use.started or use.written
            if day is None or is_recent(day, case.chart.today, days):
                return True
    return False


def _criteria(case: Case) -> Iterator[tuple[str, Fact | None]]:
    now, limits = case.history.standing, case.limits
    disability = _score(case, OSWESTRY)
    if disability and disability.value and disability.value > limits["oswestry_percent"]:
        yield "severe disability", _told(disability, "Oswestry disability index")
    risk = _start_back_high(case)
    if risk:
        yield "high risk on STarT Back", _told(risk, "STarT Back: high risk")
    weeks = now.acuity.weeks or 0
    if now.acuity.acute and weeks > limits["acute_weeks"]:
        yield f"pain for more than {limits['acute_weeks']:g} weeks", None
    if now.acuity.chronic and now.exhausted and now.treated_weeks >= limits["chronic_weeks"]:
        yield f"no relief in {limits['chronic_weeks']:g} weeks of optimized treatment", None
    if now.refractory and _weeks_of_therapy(case) >= limits["refractory_weeks"]:
        yield f"no relief in {limits['refractory_weeks']:g} weeks of the plan", None


def _weeks_of_therapy(case: Case) -> float:
    """Return the weeks since psychological or rehabilitation care began."""
    now = case.history.standing
    if not any(now.care[name] in BEGUN for name in PLAN):
        return 0
    kinds = frozenset[str]().union(*(CARE[name] for name in PLAN))
    days = [
        day
        for use in case.chart.services
        if use.concept.terms & kinds and (day := use.started or use.ended)
    ]
    return (case.chart.today - min(days)).days / WEEK if days else 0


def _start_back_high(case: Case) -> Measurement | None:
    days = number("stage.score_days")
    for seen in case.chart.measurements:
        recent = seen.on is not None and is_recent(seen.on, case.chart.today, days)
        if START_BACK in seen.concept.terms and recent and "high" in seen.text.lower():
            return seen
    return None


def _told(seen: Measurement, words: str) -> Fact:
    value = f" {seen.value:g}" if seen.value is not None else ""
    return dated_fact(seen.reference, f"{words}{value}", seen.on)


def _score(case: Case, term: str) -> Measurement | None:
    return latest(case.chart, term, number("stage.score_days"))


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "multidisciplinary-rehab-referral": multidisciplinary_rehab_referral,
    "pain-specialist-referral": pain_specialist_referral,
}
