"""What stands on record at this moment: problems that count, this visit, facts in our words."""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from cards.chart import Chart, Concept, Encounter, Fact, Problem
from cards.terms import title

_GOING_ON = frozenset({"recurrence", "relapse"})
_VOID = frozenset({"refuted", "entered-in-error"})
_TENTATIVE = frozenset({"unconfirmed", "provisional", "differential"})
_DOUBT = re.compile(
    r"(?<!no )(?<!low )\b(?:r/o\b|rule out\b|suspect|suspici|concern for\b|possible\b)|\?"
)
_ICD10CM = re.compile(r"[A-Z]\d[0-9A-Z](\.[0-9A-Z]{1,4})?")


def stands(problem: Problem) -> bool:
    """Say whether the entry was neither refuted nor entered in error."""
    return problem.verification not in _VOID


def is_active(problem: Problem) -> bool:
    """Say whether the patient has the problem now; an end on record makes it past."""
    current = problem.clinical == "active" and problem.abated is None
    return stands(problem) and (current or problem.clinical in _GOING_ON)


def is_tentative(problem: Problem) -> bool:
    """Say whether the diagnosis is only being considered; it counts half."""
    return problem.verification in _TENTATIVE or is_doubted(problem.concept)


def is_doubted(concept: Concept) -> bool:
    """Say whether it is only text, and the text says "possible", "r/o" or the like."""
    return not concept.codes and voices_doubt(concept.text)


def voices_doubt(text: str) -> bool:
    """Say whether the text speaks of a suspicion, and not of a low or absent one."""
    return bool(_DOUBT.search(text.lower()))


def problems_of(chart: Chart, terms: Iterable[str]) -> tuple[Problem, ...]:
    """Return the problems of the term sets, whatever their status, in the chart's order."""
    wanted, by_term = frozenset(terms), chart.problems_by_term
    groups = [by_term[term] for term in wanted if term in by_term]
    if len(groups) > 1:
        return tuple(p for p in chart.problems if not p.concept.terms.isdisjoint(wanted))
    return groups[0] if groups else ()


def active_problems(chart: Chart, terms: Iterable[str]) -> Iterator[Problem]:
    """Yield the active problems that belong to one of the term sets."""
    return filter(is_active, problems_of(chart, terms))


def current_encounter(chart: Chart) -> Encounter | None:
    """Return the visit that this call belongs to, if it is known."""
    return next((visit for visit in chart.encounters if visit.current), None)


def visit_reasons(chart: Chart) -> tuple[Concept, ...]:
    """Return why the patient is here today, as the visit itself says it."""
    visit = current_encounter(chart)
    return visit.reasons if visit else ()


def of_this_visit(problem: Problem, chart: Chart) -> bool:
    """Say whether the problem was recorded at this visit.

    A diagnosis that names no visit belongs to this one if it is dated today.
    """
    visit = current_encounter(chart)
    if visit and problem.encounter:
        return problem.encounter == visit.reference
    return problem.encounter_diagnosis and (problem.recorded or problem.onset) == chart.today


def in_emergency(chart: Chart) -> bool:
    """Say whether this visit is to an emergency department or to urgent care."""
    visit = current_encounter(chart)
    if visit is None:
        return False
    return visit.class_code == "EMER" or any(
        "urgent care" in kind.text.lower() for kind in visit.kinds
    )


def start(problem: Problem) -> date | None:
    """Return the onset, else the day when the problem was recorded: it had begun by then."""
    return problem.onset or problem.recorded


def later(day: date, days: float) -> date:
    """Return the day so many days on; what lies beyond the calendar is its end."""
    try:
        return day + timedelta(days=days)
    except OverflowError:
        return date.max if days > 0 else date.min


def is_recent(day: date, today: date, days: float) -> bool:
    """Say whether ``day`` lies in the last ``days`` days; one day ahead is a time zone."""
    return -1 <= (today - day).days <= days


def problem_fact(problem: Problem, term: str) -> Fact:
    """Return the fact that this problem, a member of the set ``term``, is on record."""
    codes = (code.value for code in problem.concept.codes if code.system == "icd10cm")
    # The code came from the client: it is shown only if it cannot be anything else.
    code = next((f" ({value})" for value in codes if _ICD10CM.fullmatch(value)), "")
    return Fact(problem.reference, f"{title(term)}{code}{_since(problem)}")


def reason_fact(reference: str, term: str, whose: str) -> Fact:
    """Return the fact that ``term`` is the reason for ``whose``: "the order", "this visit"."""
    return Fact(reference, f"{title(term)}, the reason for {whose}")


def dated_fact(reference: str, words: str, day: date | None) -> Fact:
    """Return a fact with its day, when that is known."""
    return Fact(reference, f"{words}, {day.isoformat()}" if day else words)


def _since(problem: Problem) -> str:
    if problem.onset:
        return f", since {problem.onset.isoformat()}"
    if problem.recorded:
        return f", on record since {problem.recorded.isoformat()}"
    return ", on record"
