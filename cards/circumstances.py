"""Where the patient is, what exempts from opioid rules, what warns of a serious cause."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import NamedTuple

from cards.chart import Chart, Concept, Fact, Measurement, MedicationUse, Order, Problem
from cards.definitions import number
from cards.medications import first_date, in_use, systemic
from cards.record import (
    active_problems,
    current_encounter,
    dated_fact,
    is_active,
    is_doubted,
    is_recent,
    is_tentative,
    of_this_visit,
    problem_fact,
    problems_of,
    reason_fact,
    stands,
    start,
    voices_doubt,
)
from cards.relevance import acuity, stated_reasons
from cards.terms import concept, known, title

CANCER = known("cancer")
CANCER_HISTORY = known("cancer-history")
FEVER = known("fever")
PREGNANCY = known("pregnancy")
SURGERY = known("surgery")
TEMPERATURE = known("body-temperature")
TRAUMA = known("trauma")
MAJOR_TRAUMA = known("major-trauma")
FRACTURE = known("fracture")
BURN = known("burn")
LABOUR = known("labour")
PALLIATIVE_CARE = known("palliative-care")
SICKLE_CELL_CRISIS = known("sickle-cell-crisis")
VERTEBRAL_FRACTURE = known("vertebral-fracture")
FALLS = known("falls")

ADULT = 18

_HOSPITAL = frozenset({"EMER", "IMP", "ACUTE", "OBSENC"})
_DONE = frozenset({"completed", "in-progress"})
_GIVEN = _DONE | {"active"}
_TO_TAKE_HOME = frozenset({"discharge", "community", "outpatient"})

_EXEMPT_WHILE_ACTIVE = (PALLIATIVE_CARE, CANCER, SICKLE_CELL_CRISIS)
_EXEMPT_WHEN_RECENT = (SURGERY, MAJOR_TRAUMA, VERTEBRAL_FRACTURE, FRACTURE, BURN)
_EXEMPTIONS = (*_EXEMPT_WHILE_ACTIVE, *_EXEMPT_WHEN_RECENT, LABOUR)
_EVERY_EXEMPTION = frozenset(_EXEMPTIONS)

_LASTING_FLAGS = tuple(
    map(
        known,
        (
            "cauda-equina",
            "cord-compression",
            "saddle-anaesthesia",
            "motor-deficit",
            "spinal-infection",
            "metastasis",
            "vertebral-fracture",
            "aortic-aneurysm",
            "injection-drug-use",
            "immunosuppression",
            "osteoporosis",
        ),
    )
)
# Events that say nothing about today once they are old.
_PASSING_FLAGS = tuple(
    map(known, ("urinary-retention", "weight-loss", "fever", "major-trauma", "trauma"))
)
_CANCER_EVER = (CANCER, CANCER_HISTORY)
_FLAGS = (*_LASTING_FLAGS, *_CANCER_EVER, *_PASSING_FLAGS)  # the most urgent first
_EVERY_FLAG = frozenset(_FLAGS)
_INJURIES = (MAJOR_TRAUMA, TRAUMA, FALLS)
_SEEN = re.compile(r"^(present|positive|yes|true|abnormal|detected|pregnant)\b")

_SUSPICIONS: Mapping[str, re.Pattern[str]] = {
    known(term): re.compile(pattern)
    for term, pattern in {
        "cauda-equina": r"\bcauda\b",
        "cord-compression": r"\bcompression\b(?! fx| fracture)",
        "spinal-infection": r"\babscess|\binfection|\bosteomyelitis|\bdis[ck]itis",
        "metastasis": r"\bmets\b|\bmetasta|\btumou?r|\bcancer|\bmalignan|\bneoplas",
        "vertebral-fracture": r"\bfractures?\b|\bfx\b",
        "aortic-aneurysm": r"\baneurysm|\baaa\b",
    }.items()
}

_TERM_WEEKS = 40
_LONGEST_WEEKS = 43  # an entry older than any pregnancy was not closed when it ended
_GESTATION = re.compile(r"Z3A\.?(\d\d)")
_LEAST_FAHRENHEIT = 80  # no living patient is that warm in Celsius, or that cold in Fahrenheit
_LEAST_GESTATION, _MOST_GESTATION = 8, 42  # Z3A.00 and .01 say no week, .49 an open one


class Pregnancy(NamedTuple):
    """A pregnancy on record and its length today in weeks, when known."""

    fact: Fact
    weeks: float | None


def age(chart: Chart) -> int | None:
    """Return the age in whole years."""
    born, today = chart.patient.born, chart.today
    if born is None or born > today:
        return None
    return today.year - born.year - ((today.month, today.day) < (born.month, born.day))


def latest(chart: Chart, term: str, within_days: float) -> Measurement | None:
    """Return the newest dated measurement with a value, not older than ``within_days``."""
    found = [
        (seen.on, seen)
        for seen in chart.measurements
        if term in seen.concept.terms
        and seen.value is not None
        and seen.on
        and is_recent(seen.on, chart.today, within_days)
    ]
    return max(found, key=lambda dated: dated[0])[1] if found else None


def supervised(order: Order, chart: Chart) -> bool:
    """Say whether the medicine is given in a hospital or emergency department.

    A category on the order decides; without one, a supply to take home makes a prescription.
    """
    use = order.medication
    if use is None or use.categories & _TO_TAKE_HOME:
        return False
    if "inpatient" in use.categories:
        return True
    visit = current_encounter(chart)
    if visit is None or visit.class_code not in _HOSPITAL or _is_supplied(use):
        return False
    return visit.class_code != "EMER" or not _is_course(use)


def exemption(order: Order, chart: Chart) -> Fact | None:
    """Return why opioid rules stand back, or ``None``."""
    return next(
        (
            fact
            for source in (_exempt_reason, _exempt_problem, _exempt_care)
            for fact in source(order, chart)
        ),
        None,
    )


def red_flags(chart: Chart, order: Order | None = None) -> tuple[Fact, ...]:
    """Return the signs of a serious cause, one of a kind, the most urgent first."""
    return tuple(red_flags_by_term(chart, order).values())


def red_flags_by_term(chart: Chart, order: Order | None = None) -> Mapping[str, Fact]:
    """Return the signs of a serious cause by what they are, the most urgent first."""
    found: dict[str, Fact] = {}
    for term, fact in (
        *_flagged_problems(chart),
        *_flagged_reasons(chart, order),
        *_flagged_wording(order),
        *_flagged_findings(chart),
        *_flagged_temperatures(chart),
        *_flagged_medicines(chart),
        *_flagged_age(chart),
    ):
        found.setdefault(term, fact)
    rank = {term: place for place, term in enumerate(_FLAGS)}
    return {term: found[term] for term in sorted(found, key=lambda t: rank.get(t, len(rank)))}


def pregnancy(chart: Chart) -> Pregnancy | None:
    """Return the present pregnancy, and its length as coded weeks or a due date tell it."""
    signs = tuple(_signs_of_pregnancy(chart))
    if not signs:
        return None
    weeks = (weeks for _, weeks in signs if weeks)
    return Pregnancy(signs[0][0], next(weeks, None))


def _signs_of_pregnancy(chart: Chart) -> Iterator[tuple[Fact, float | None]]:
    today = chart.today
    for problem in active_problems(chart, (PREGNANCY,)):
        began = start(problem)
        if began is None or is_recent(began, today, 7 * _LONGEST_WEEKS):
            coded_on = problem.recorded or (today if of_this_visit(problem, chart) else None)
            weeks = _coded_weeks(problem.concept, coded_on, today)
            yield problem_fact(problem, PREGNANCY), weeks
    for reason, reference, whose in _reasons(None, chart):
        if PREGNANCY in reason.terms and not is_doubted(reason):
            weeks = _coded_weeks(reason, today, today)
            yield reason_fact(reference, PREGNANCY, whose), weeks
    for seen in chart.measurements:
        if PREGNANCY in seen.concept.terms:
            told = _told_weeks(seen, today)
            if told or _says_pregnant(seen, today):
                yield dated_fact(seen.reference, title(PREGNANCY), seen.on), told


def _is_supplied(use: MedicationUse) -> bool:
    return use.dispensed or bool(use.supply_days or use.quantity or use.refills)


def _is_course(use: MedicationUse) -> bool:
    return any(dosage.days is not None and dosage.days > 1 for dosage in use.dosages)


def _reasons(order: Order | None, chart: Chart) -> Iterator[tuple[Concept, str, str]]:
    """Yield each reason of the order and of this visit, with its resource and its owner."""
    for reason in stated_reasons(order) if order else ():
        yield reason, order.reference if order else "", "the order"
    visit = current_encounter(chart)
    for reason in (*visit.reasons, *visit.kinds) if visit else ():
        yield reason, visit.reference if visit else "", "this visit"


def _exempt_reason(order: Order, chart: Chart) -> Iterator[Fact]:
    for reason, reference, whose in _reasons(order, chart):
        term = _first(_EXEMPTIONS, reason.terms)
        if term and not is_doubted(reason) and not _is_known_as_old(term, chart):
            yield reason_fact(reference, term, whose)


def _exempt_problem(_order: Order, chart: Chart) -> Iterator[Fact]:
    days = number("lookback.surgery_days")
    for problem in problems_of(chart, _EVERY_EXEMPTION):
        if not is_active(problem) or is_tentative(problem):
            continue
        term = _first(_EXEMPTIONS, problem.concept.terms)
        lasting = term in _EXEMPT_WHILE_ACTIVE
        if term and (lasting or _is_fresh(problem, chart, 0 if term == LABOUR else days)):
            yield problem_fact(problem, term)


def _exempt_care(_order: Order, chart: Chart) -> Iterator[Fact]:
    days = number("lookback.surgery_days")
    for service in chart.services:
        terms = service.concept.terms
        if PALLIATIVE_CARE in terms and service.status in _GIVEN:
            yield dated_fact(service.reference, title(PALLIATIVE_CARE), service.written)
        day = service.ended or service.started
        done = service.kind == "procedure" and service.status in _DONE
        if SURGERY in terms and done and day and is_recent(day, chart.today, days):
            yield dated_fact(service.reference, title(SURGERY), day)
    for visit in chart.encounters:
        surgical = any(SURGERY in kind.terms for kind in (*visit.kinds, *visit.reasons))
        day = visit.ended or visit.started
        if surgical and day and is_recent(day, chart.today, days):
            yield dated_fact(visit.reference, title(SURGERY), day)


def _is_fresh(problem: Problem, chart: Chart, days: float) -> bool:
    """Say whether the problem belongs to this visit or began in the last ``days`` days."""
    began = start(problem)
    return of_this_visit(problem, chart) or (
        began is not None and is_recent(began, chart.today, days)
    )


def _is_known_as_old(term: str, chart: Chart) -> bool:
    """Say whether the record dates the injury or operation, and only to long ago."""
    days = number("lookback.surgery_days")
    dated = [p for p in active_problems(chart, (term,)) if start(p) is not None]
    return (
        term in _EXEMPT_WHEN_RECENT
        and bool(dated)
        and not any(_is_fresh(problem, chart, days) for problem in dated)
    )


def _first(order: Iterable[str], terms: frozenset[str]) -> str | None:
    return next((term for term in order if term in terms), None)


def _flagged_problems(chart: Chart) -> Iterator[tuple[str, Fact]]:
    days = 7 * number("acuity.subacute_weeks")
    for problem in problems_of(chart, _EVERY_FLAG):
        terms = problem.concept.terms & _EVERY_FLAG
        counted = frozenset(term for term in terms if _is_flag(problem, term, chart, days))
        if worst := _first(_FLAGS, counted):
            yield worst, problem_fact(problem, worst)


def _is_flag(problem: Problem, term: str, chart: Chart, days: float) -> bool:
    if term in _CANCER_EVER:  # a history of it is enough
        return stands(problem)
    if not is_active(problem):
        return False
    undated = start(problem) is None
    return term not in _PASSING_FLAGS or undated or _is_fresh(problem, chart, days)


def _flagged_reasons(chart: Chart, order: Order | None) -> Iterator[tuple[str, Fact]]:
    for reason, reference, whose in _reasons(order, chart):
        if worst := _first(_FLAGS, reason.terms):
            yield worst, reason_fact(reference, worst, whose)
        for term in _suspected(reason.text.lower()):
            yield term, Fact(reference, f"{title(term)} suspected, the reason for {whose}")


def _flagged_wording(order: Order | None) -> Iterator[tuple[str, Fact]]:
    """Yield what an ordered service asks for in words: "trauma protocol", "r/o abscess"."""
    if order is None or order.service is None:
        return
    for text in (order.service.concept.text, order.service.notes):
        for term in (*(concept((), text).terms & _EVERY_FLAG), *_suspected(text.lower())):
            yield term, Fact(order.reference, f"{title(term)}, named on the order")


def _suspected(text: str) -> Iterator[str]:
    if voices_doubt(text):
        yield from (term for term, pattern in _SUSPICIONS.items() if pattern.search(text))


def _flagged_findings(chart: Chart) -> Iterator[tuple[str, Fact]]:
    """Yield what was seen at an examination; a finding that says "absent" is none."""
    days = 7 * number("acuity.subacute_weeks")
    for seen in chart.measurements:
        term = _first(_FLAGS, seen.concept.terms)
        recent = seen.on is not None and is_recent(seen.on, chart.today, days)
        if term and recent and _SEEN.match(seen.text.strip().lower()):
            yield term, dated_fact(seen.reference, title(term), seen.on)


def _flagged_temperatures(chart: Chart) -> Iterator[tuple[str, Fact]]:
    fever, days = number("red_flag.fever_celsius"), number("red_flag.fever_days")
    for seen in chart.measurements:
        if TEMPERATURE not in seen.concept.terms or seen.value is None or seen.on is None:
            continue
        fahrenheit = seen.value >= _LEAST_FAHRENHEIT
        celsius = (seen.value - 32) / 1.8 if fahrenheit else seen.value
        if celsius >= fever and is_recent(seen.on, chart.today, days):
            words = f"temperature {celsius:.1f} \N{DEGREE SIGN}C"
            yield FEVER, dated_fact(seen.reference, words, seen.on)


def _flagged_medicines(chart: Chart) -> Iterator[tuple[str, Fact]]:
    days = number("lookback.established_days")
    injured = _is_injured(chart)
    for use in chart.medications:
        classes = use.drug.classes
        if not classes & {"corticosteroid", "anticoagulant"}:
            continue
        if not in_use(use, chart.today, for_safety=True):
            continue
        if "anticoagulant" in classes and injured:
            yield "anticoagulant", Fact(use.reference, "injury while on an anticoagulant")
        began = first_date(use)
        long_term = began is not None and (chart.today - began).days > days
        if "corticosteroid" in classes and long_term and systemic(use):
            yield "corticosteroid", dated_fact(use.reference, "long-term steroid", began)


def _is_injured(chart: Chart) -> bool:
    days = 7 * number("acuity.subacute_weeks")
    return any(
        _is_fresh(problem, chart, days) for problem in active_problems(chart, _INJURIES)
    ) or any(not reason.terms.isdisjoint(_INJURIES) for reason, _, _ in _reasons(None, chart))


def _flagged_age(chart: Chart) -> Iterator[tuple[str, Fact]]:
    years = age(chart)
    if years is None:
        return
    if years < ADULT:
        yield "age", Fact("Patient", f"back pain under {ADULT} years of age")
    elif years > number("red_flag.older_years") and acuity(chart).acute:
        yield "age", Fact("Patient", f"new back pain at {years} years of age")


def _coded_weeks(concept: Concept, on: date | None, today: date) -> float | None:
    """Return the weeks that a Z3A code gave on the day it was recorded, counted on to today."""
    if on is None:
        return None
    for code in concept.codes:
        match = _GESTATION.fullmatch(code.value) if code.system == "icd10cm" else None
        if match and _LEAST_GESTATION <= int(match[1]) <= _MOST_GESTATION:
            return _possible(int(match[1]) + (today - on).days / 7)
    return None


def _told_weeks(seen: Measurement, today: date) -> float | None:
    """Return the weeks by a gestational age (in weeks) or an expected date of delivery."""
    if seen.value is not None and seen.on and seen.unit.lower().startswith("w"):
        return _possible(seen.value + (today - seen.on).days / 7)
    try:
        due = date.fromisoformat(seen.text[:10])
    except ValueError:
        return None
    return _possible(_TERM_WEEKS - (due - today).days / 7)


def _says_pregnant(seen: Measurement, today: date) -> bool:
    recent = seen.on is not None and is_recent(seen.on, today, 7 * _LONGEST_WEEKS)
    return recent and bool(_SEEN.match(seen.text.strip().lower()))


def _possible(weeks: float) -> float | None:
    return weeks if 0 < weeks <= _LONGEST_WEEKS else None
