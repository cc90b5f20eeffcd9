"""Whether an order is for back pain, how long the pain has lasted, whether it is radicular."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from cards.chart import Chart, Code, Concept, Fact, Order, Problem
from cards.definitions import number
from cards.record import (
    active_problems,
    current_encounter,
    in_emergency,
    is_active,
    is_tentative,
    later,
    of_this_visit,
    problem_fact,
    problems_of,
    reason_fact,
    stands,
    start,
    visit_reasons,
)
from cards.terms import concept, known

BACK_PAIN = known("back-pain")
CHRONIC_BACK_PAIN = known("chronic-back-pain")
CHRONIC_PAIN = known("chronic-pain")
RADICULAR = known("radicular")

_BACK_ONLY = frozenset({BACK_PAIN})

# Names a sensation, not a condition: it neither proves back pain nor rules it out.
_UNSPECIFIC_TERMS = frozenset({CHRONIC_PAIN})
_UNSPECIFIC_CODES = frozenset({Code("icd10cm", "R52")})

# Conditions that a class of drugs is normally given for: without a reason on the order they
# make back pain a possible reason only.
_COMPETING: Mapping[str, frozenset[str]] = {
    drug_class: frozenset(map(known, terms))
    for drug_class, terms in {
        "corticosteroid": (
            "steroid-indication",
            "adrenal-insufficiency",
            "contrast-allergy",
            "cord-compression",
            "spondyloarthropathy",
        ),
        "benzodiazepine": (
            "benzodiazepine-indication",
            "anxiety",
            "palliative-care",
            "seizure",
            "spasticity",
        ),
        "muscle-relaxant": ("muscle-relaxant-indication", "spasticity"),
        "gabapentinoid": ("gabapentinoid-indication", "restless-legs"),
        "tca": ("tca-indication", "depression"),
        "duloxetine": ("duloxetine-indication", "depression"),
    }.items()
}
# Treated with steroids while they flare: on a problem list they say nothing about today.
_FLARING = frozenset({known("asthma"), known("copd")})

_KEPT = 2000  # characters of instructions that are remembered
_INDICATION = re.compile(r"(?<!not )\b(?:for|prn|indication:?|indicated for)\s+([^.;,()\n]+)")
_SPASM = re.compile(r"(?<!not )\bfor (?:(?:acute|muscle|muscular|painful) )*spasms?\b")
_LEG_TEST = re.compile(r"straight[- ]leg|\bslr\b|las[eè]gue|radicul|dermatom|sciatic")


class Relevance(StrEnum):
    """How surely an order is for back pain."""

    DEFINITE = "definite"  # the order says so
    PROBABLE = "probable"  # the order gives no reason, this visit is for back pain
    POSSIBLE = "possible"  # back pain is on the problem list, or is competed with
    OTHER = "other"  # the order gives another reason
    NONE = "none"  # no back pain on record

    @property
    def fires(self) -> bool:
        """Say whether rules about back pain speak at full weight."""
        return self in FIRES


FIRES = frozenset({Relevance.DEFINITE, Relevance.PROBABLE})


class Phase(StrEnum):
    """How far the episode has come."""

    ACUTE = "acute"
    SUBACUTE = "subacute"
    CHRONIC = "chronic"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Acuity:
    """How long the back pain has lasted; ``onset`` is the earliest day it is known from."""

    phase: Phase = Phase.UNKNOWN
    onset: date | None = None
    weeks: float | None = None
    emergency: bool = False  # seen in an emergency department or urgent care

    @property
    def acute(self) -> bool:
        """Acute or subacute: both are handled alike."""
        return self.phase in {Phase.ACUTE, Phase.SUBACUTE}

    @property
    def chronic(self) -> bool:
        """Say whether the rules for chronic pain apply."""
        return self.phase is Phase.CHRONIC

    @property
    def acute_limits(self) -> bool:
        """Say whether the limits on days of supply apply: an emergency flare keeps them."""
        return self.acute or (self.chronic and self.emergency)


def relevance(order: Order, chart: Chart) -> Relevance:
    """Return how surely the order is for back pain."""
    reasons = [reason for reason in stated_reasons(order) if _names_a_condition(reason)]
    for_back = [reason for reason in reasons if BACK_PAIN in reason.terms]
    if for_back:
        doubted = all(_is_only_considered(reason, chart) for reason in for_back)
        return Relevance.POSSIBLE if doubted else Relevance.DEFINITE
    if reasons:
        return Relevance.OTHER
    visit = _visit_is_for_back_pain(chart)
    on_record = visit or bool(back_pain(chart))
    if on_record and _is_for_spasm(order):
        return Relevance.DEFINITE
    if visit and not competing(order, chart):
        return Relevance.PROBABLE
    return Relevance.POSSIBLE if on_record else Relevance.NONE


def competing(order: Order, chart: Chart) -> tuple[Fact, ...]:
    """Return the conditions on record, other than back pain, that the order could be for."""
    wanted = _usual(order)
    if not wanted:
        return ()
    visit = current_encounter(chart)
    reasons = visit.reasons if visit else ()
    reference = visit.reference if visit else ""
    of_visit = (
        reason_fact(reference, min(hits), "this visit")
        for reason in reasons
        if (hits := _competes(reason, wanted))
    )
    on_record = (
        problem_fact(problem, min(hits))
        for problem in problems_of(chart, wanted)
        if (hits := _competes(problem.concept, wanted))
        and is_active(problem)
        and (not problem.concept.terms & _FLARING or of_this_visit(problem, chart))
    )
    return (*of_visit, *on_record)


def back_pain(chart: Chart) -> tuple[Problem, ...]:
    """Return the active problems that are back pain, tentative ones included."""
    return tuple(active_problems(chart, (BACK_PAIN,)))


def stated_reasons(order: Order) -> tuple[Concept, ...]:
    """Return the reasons of the order: its reason fields, then what its instructions say."""
    if order.medication:
        use = order.medication
        sigs = "\n".join(dosage.text for dosage in use.dosages)
        # "Hold for sedation" is no reason: only back pain and uses of the class count.
        known = _of_instructions if len(sigs) <= _KEPT else _indications
        named = _naming(known(sigs), _usual(order) | {BACK_PAIN})
        return (*use.reasons, *named, *_naming(_indications(use.notes), _BACK_ONLY))
    if order.service:
        noted = _indications(order.service.notes)
        return (*order.service.reasons, *_naming(noted, _BACK_ONLY))
    return ()


def acuity(chart: Chart, order: Order | None = None) -> Acuity:
    """Return how long the back pain has lasted, from problems, else from visits."""
    reasons = (*(stated_reasons(order) if order else ()), *visit_reasons(chart))
    problems = back_pain(chart)
    emergency = in_emergency(chart)
    terms = frozenset[str]().union(*(reason.terms for reason in reasons))
    if not problems and BACK_PAIN not in terms:
        return Acuity(emergency=emergency)
    onset, told = _onset(chart)
    weeks = (chart.today - onset).days / 7 if onset else None
    phase = _phase(weeks)
    if _is_called_chronic(chart, terms):
        phase = Phase.CHRONIC
    elif emergency and not told and phase is not Phase.CHRONIC:
        phase = Phase.ACUTE
    return Acuity(phase, onset, weeks, emergency)


def radicular(chart: Chart, order: Order | None = None) -> Fact | None:
    """Return documented radicular pain; ``None`` is "not documented", never "absent"."""
    for problem in active_problems(chart, (RADICULAR,)):
        return problem_fact(problem, RADICULAR)
    if order and any(RADICULAR in reason.terms for reason in stated_reasons(order)):
        return reason_fact(order.reference, RADICULAR, "the order")
    visit = current_encounter(chart)
    if visit and any(RADICULAR in reason.terms for reason in visit.reasons):
        return reason_fact(visit.reference, RADICULAR, "this visit")
    return None


def radicular_assessed(chart: Chart) -> bool:
    """Say whether radicular pain was looked for, whatever was found.

    A refuted radicular diagnosis or a leg-raising test on record is an answer too.
    """
    return (
        radicular(chart) is not None
        or any(
            problem.verification == "refuted" for problem in problems_of(chart, (RADICULAR,))
        )
        or any(_LEG_TEST.search(seen.concept.text.lower()) for seen in chart.measurements)
    )


def _usual(order: Order) -> frozenset[str]:
    """Return the conditions, other than back pain, that the order's classes are given for."""
    return frozenset[str]().union(*(_COMPETING.get(name, ()) for name in order.classes))


def _indications(text: str) -> tuple[Concept, ...]:
    """Return what "for ..." and "prn ..." name in a text."""
    return tuple(concept((), found) for found in _INDICATION.findall(text.lower()))


@lru_cache(maxsize=4096)
def _of_instructions(text: str) -> tuple[Concept, ...]:
    """Return what instructions name, looked up once: they are the same in many orders."""
    return _indications(text)


def _naming(phrases: Iterable[Concept], wanted: frozenset[str]) -> Iterator[Concept]:
    return (phrase for phrase in phrases if not phrase.terms.isdisjoint(wanted))


def _is_for_spasm(order: Order) -> bool:
    use = order.medication
    texts = (*(dosage.text for dosage in use.dosages), use.notes) if use else ()
    return any(_SPASM.search(text.lower()) for text in texts if text)


def _names_a_condition(reason: Concept) -> bool:
    if reason.terms:
        return not reason.terms <= _UNSPECIFIC_TERMS
    return any(code not in _UNSPECIFIC_CODES for code in reason.codes)


def _is_only_considered(reason: Concept, chart: Chart) -> bool:
    """Say whether the reason is a problem on record, and one that is not yet confirmed."""
    for_back = problems_of(chart, _BACK_ONLY)
    same = [p for p in for_back if p.concept == reason and stands(p)]
    return bool(same) and all(is_tentative(problem) for problem in same)


def _visit_is_for_back_pain(chart: Chart) -> bool:
    return any(BACK_PAIN in reason.terms for reason in visit_reasons(chart)) or any(
        of_this_visit(problem, chart) and not is_tentative(problem)
        for problem in back_pain(chart)
    )


def _competes(condition: Concept, wanted: frozenset[str]) -> frozenset[str]:
    if condition.terms.isdisjoint(wanted) or BACK_PAIN in condition.terms:
        return frozenset()
    return condition.terms & wanted


def _is_called_chronic(chart: Chart, terms: frozenset[str]) -> bool:
    chronic = (CHRONIC_BACK_PAIN, CHRONIC_PAIN)
    return not terms.isdisjoint(chronic) or any(active_problems(chart, chronic))


def _phase(weeks: float | None) -> Phase:
    if weeks is None:
        return Phase.UNKNOWN
    if weeks < number("acuity.subacute_weeks"):
        return Phase.ACUTE
    return Phase.SUBACUTE if weeks < number("acuity.chronic_weeks") else Phase.CHRONIC


def _onset(chart: Chart) -> tuple[date | None, bool]:
    """Return the first day of this episode, and whether an onset on record tells it."""
    problems = [p for p in problems_of(chart, _BACK_ONLY) if stands(p)]
    spans = [span for problem in problems for span in _span(problem, chart.today)]
    if not spans:
        spans = list(_visits(chart))
    first = _first_of_chain(spans, chart.today)
    return first, any(problem.onset == first for problem in problems if problem.onset)


def _span(problem: Problem, today: date) -> Iterator[tuple[date, date]]:
    first = start(problem)
    if first and first <= today:
        yield first, today if is_active(problem) else problem.abated or first


def _visits(chart: Chart) -> Iterator[tuple[date, date]]:
    for visit in chart.encounters:
        for_back_pain = any(BACK_PAIN in reason.terms for reason in visit.reasons)
        if for_back_pain and visit.started and visit.started <= chart.today:
            yield visit.started, visit.ended or visit.started


def _first_of_chain(spans: Iterable[tuple[date, date]], today: date) -> date | None:
    """Return where a chain of spans begins that reaches back from today without a long gap."""
    gap = number("acuity.same_episode_gap_days")
    newest_first: Sequence[tuple[date, date]] = sorted(spans, key=lambda s: s[1], reverse=True)
    first: date | None = None
    for began, ended in newest_first:
        if ended <= later(first or today, -gap):
            break
        first = min(first or began, began)
    return first
