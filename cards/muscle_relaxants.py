"""Rules about muscle relaxants."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from cards import cautions
from cards.case import Case
from cards.chart import Fact, Fires, MedicationUse, Problem, Silent, Verdict
from cards.circumstances import age, latest, pregnancy
from cards.contraindications import MYOCARDIAL_INFARCTION, recent_infarctions
from cards.definitions import number
from cards.dosing import daily_mg, days_with_refills, single_mg
from cards.drug_classes import ANY_OPIOID, classes_of
from cards.maois import maois
from cards.medications import (
    fact,
    in_use,
    parenteral,
    same_medicine,
    spans,
    supply_end,
    systemic,
)
from cards.record import active_problems, dated_fact, is_recent, problem_fact
from cards.terms import known, title
from cards.trials import TrialStatus, failed_courses
from cards.wording import joined

SPASTIC: Final = frozenset(map(known, ("spasticity", "dystonia")))
LIVER_DISEASE = known("liver-disease")
ALT = known("alt")
LIVER_ENZYMES: Final = {ALT: "ALT", known("ast"): "AST"}
UNITS_PER_LITRE: Final = frozenset({"", "u/l", "iu/l", "[iu]/l", "units/l", "unit/l"})
HEART_AND_THYROID: Final = tuple(
    map(known, ("heart-arrhythmia", "heart-failure", "hyperthyroidism"))
)

TIZANIDINE: Final = "tizanidine"
CYCLOBENZAPRINE: Final = "cyclobenzaprine"
INHIBITOR: Final = "cyp1a2-inhibitor"
WEAK_INHIBITOR: Final = "other-cyp1a2-inhibitor"
CLEARED: Final = frozenset({"ciprofloxacin"})  # taken as a course, and then gone
# Sedating classes that tizanidine adds to, in words for a summary.
SEDATIVES: Final = {
    "opioid-full-agonist": "an opioid",
    "opioid-mixed": "an opioid",
    "tramadol": "an opioid",
    "buprenorphine": "buprenorphine",
    "benzodiazepine": "a benzodiazepine",
}
NEEDED_DATA: Final = frozenset({"medications", "conditions"})


def muscle_relaxant_duration(case: Case) -> Verdict:
    """Warn when a relaxant is meant for longer than two weeks, or for chronic pain at all."""
    if silence := _not_for_the_back(case):
        return Silent(silence)
    days, used = days_with_refills(case.use), _days_used(case)
    if days is not None and days + used > case.limits["most_days"]:
        length = f"{days + used:g} days in all" if used else f"{days:g} days"
        ordered = Fact(case.order.reference, f"{days:g} days ordered, refills included")
        words = {"length": length, "used": str(used)}
        notes = ("already-used",) if used else ()
        return Fires("too-long", (ordered, *case.view.back_pain), words, notes)
    if case.view.acuity.chronic:
        return Fires("chronic", case.view.back_pain)
    return Silent("short" if days is not None else "duration-unknown")


def muscle_relaxant_add_on_nsaid(case: Case) -> Verdict:
    """Say that a relaxant adds little to an anti-inflammatory in acute pain."""
    if silence := _not_for_the_back(case):
        return Silent(silence)
    if not case.view.acuity.acute:
        return Silent("not-acute")
    found = [use for use in _nsaids(case) if systemic(use) and not parenteral(use)]
    if not found:
        return Silent("no-nsaid")
    return Fires("added", (*map(fact, found), *case.view.back_pain))


def tizanidine_alternative(case: Case) -> Verdict:
    """Name tizanidine, where it is open, when another relaxant is ordered in acute pain."""
    if silence := _not_for_the_back(case):
        return Silent(silence)
    if TIZANIDINE in case.drug.ingredient_names:
        return Silent("tizanidine-itself")
    if case.view.renewal_of:
        return Silent("renewal")
    if not case.view.acuity.acute:
        return Silent("not-acute")
    closed = next((name for name, speaks in AGAINST_TIZANIDINE.items() if speaks(case)), "")
    return Silent(closed) if closed else Fires("open", case.view.back_pain)


def tizanidine_safety(case: Case) -> Verdict:
    """Warn of tizanidine in liver disease; say when it adds to sedation or starts high."""
    if TIZANIDINE not in case.drug.ingredient_names:
        return Silent("another-relaxant")
    if liver := _liver_disease(case):
        return Fires("liver-disease", (liver,))
    if raised := _raised_enzyme(case):
        return Fires("raised-enzymes", (raised,))
    high = _high_start(case)
    if sedatives := case.beside(SEDATIVES):
        outcome = "sedatives" if _is_low_or_goes_on(case) else "sedatives-start"
        words = {"sedatives": _in_words(sedatives), "start": high}
        return Fires(outcome, tuple(map(fact, sedatives)), words, tuple(_notes(case, high)))
    if not high:
        return Silent("safe-start")
    ordered = Fact(case.order.reference, f"tizanidine {high} ordered")
    return Fires("high-start", (ordered,), {"start": high}, tuple(_notes(case, "")))


def tizanidine_cyp1a2(case: Case) -> Verdict:
    """Warn of tizanidine beside a drug that blocks its breakdown, whichever is ordered."""
    if not systemic(case.use):
        return Silent("local-route")
    if TIZANIDINE in case.drug.ingredient_names:
        strong, weak = _acting(case, INHIBITOR), _acting(case, WEAK_INHIBITOR)
        outcome = "tizanidine-ordered" if strong else "with-weaker-inhibitor"
        return _together(outcome, strong or weak)
    if case.drug.classes.isdisjoint({INHIBITOR, WEAK_INHIBITOR}):
        return Silent("another-relaxant")
    relaxants = case.beside(("muscle-relaxant",))
    tizanidine = [use for use in relaxants if TIZANIDINE in use.drug.ingredient_names]
    strong_ordered = INHIBITOR in case.drug.classes
    return _together(
        "inhibitor-ordered" if strong_ordered else "with-weaker-inhibitor", tizanidine
    )


def cyclobenzaprine_contra(case: Case) -> Verdict:
    """Warn of cyclobenzaprine where its label contraindicates it."""
    if CYCLOBENZAPRINE not in case.drug.ingredient_names:
        return Silent("another-relaxant")
    if inhibitors := maois(case):
        other = min(inhibitors[0].drug.ingredient_names)
        return Fires("maoi", tuple(map(fact, inhibitors)), {"other": other})
    found = tuple(_heart_and_thyroid(case))
    if not found:
        return Silent("no-contraindication")
    risk = " and ".join(dict.fromkeys(title(term) for _, term in found[:2]))
    facts = tuple(problem_fact(problem, term) for problem, term in found)
    return Fires("heart-or-thyroid", facts, {"risk": risk})


def _not_for_the_back(case: Case) -> str:
    """Name why the order is none of the business of rules about back pain."""
    if not systemic(case.use):
        return "local-route"
    if any(active_problems(case.chart, SPASTIC)):
        return "spasticity"
    if not case.for_back_pain:
        return case.view.relevance.value
    return "supervised" if case.view.supervised else ""


def _days_used(case: Case) -> int:
    """Return the days on which the medicine was taken in fills that lead up to today."""
    today, gap = case.chart.today, case.limits["gap_days"]
    taken = spans(
        use
        for use in case.chart.medications
        if same_medicine(use, case.use)
        and (use.status != "active" or in_use(use, today, for_safety=False))
    )
    begun, used = today, 0
    for first, last in taken:
        end = min(last or today, begun)
        if (begun - end).days > gap:
            break
        used += max((end - first).days, 0)
        begun = min(begun, first)
    return used


def _nsaids(case: Case) -> Iterator[MedicationUse]:
    """Yield anti-inflammatories that are taken; an old order nobody renewed is not."""
    for use in case.in_use(("nsaid",)):
        if in_use(use, case.chart.today, for_safety=False):
            yield use
    yield from case.drafted(("nsaid",))


def _unchecked(case: Case) -> bool:
    return not NEEDED_DATA.isdisjoint(case.chart.missing)


def _tizanidine_was_tried(case: Case) -> bool:
    trial = case.history.trials.get(TIZANIDINE)
    drafted = case.beside(("muscle-relaxant",))
    return bool(
        (trial and trial.status is not TrialStatus.UNTRIED)
        or any(TIZANIDINE in use.drug.ingredient_names for use in drafted)
    )


def _is_exhausted(case: Case) -> bool:
    history, today = case.history, case.chart.today
    failed = failed_courses(
        history.trials, "muscle-relaxant", today=today, chronic=history.chronic
    )
    return len(failed) >= case.limits["failed_courses"]


def _is_sedated(case: Case) -> bool:
    return case.history.opioid_use_disorder.on_record or bool(
        case.beside(ANY_OPIOID | cautions.SEDATIVES)
    )


def _has_inhibitor(case: Case) -> bool:
    return bool(case.beside((INHIBITOR,)))


def _has_liver_trouble(case: Case) -> bool:
    return bool(_liver_disease(case) or _raised_enzyme(case))


def _has_low_pressure(case: Case) -> bool:
    return cautions.has_low_pressure(case.chart)


def _is_older_or_pregnant(case: Case) -> bool:
    years = age(case.chart)
    older = years is not None and years >= number("relaxant.older_years")
    return older or pregnancy(case.chart) is not None


# Why tizanidine is not named, first match first.
AGAINST_TIZANIDINE: Final[Mapping[str, Callable[[Case], bool]]] = {
    "unchecked": _unchecked,
    "tizanidine-tried": _tizanidine_was_tried,
    "class-exhausted": _is_exhausted,
    "sedatives": _is_sedated,
    "inhibitor": _has_inhibitor,
    "liver-disease": _has_liver_trouble,
    "low-blood-pressure": _has_low_pressure,
    "older-or-pregnant": _is_older_or_pregnant,
}


def _liver_disease(case: Case) -> Fact | None:
    problem = next(active_problems(case.chart, (LIVER_DISEASE,)), None)
    return problem_fact(problem, LIVER_DISEASE) if problem else None


def _raised_enzyme(case: Case) -> Fact | None:
    for term, name in LIVER_ENZYMES.items():
        seen = latest(case.chart, term, case.limits["enzyme_days"])
        if seen is None or seen.value is None or seen.unit.lower() not in UNITS_PER_LITRE:
            continue
        if seen.value > case.limits["enzyme_most"]:
            return dated_fact(seen.reference, f"{name} {seen.value:g} U/L", seen.on)
    return None


def _high_start(case: Case) -> str:
    """Name the dose, when treatment starts above what the sources give."""
    if case.view.renewal_of:
        return ""
    once, daily = single_mg(case.use, TIZANIDINE), daily_mg(case.use, TIZANIDINE)
    if once and once.high > case.limits["start_single_mg"]:
        return f"{once.high:g} mg at a time"
    if daily and daily.high > case.limits["start_daily_mg"]:
        return f"{daily.high:g} mg a day"
    return ""


def _is_low_or_goes_on(case: Case) -> bool:
    once = single_mg(case.use, TIZANIDINE)
    low = once is not None and once.high <= case.limits["lowest_mg"]
    return low or case.view.renewal_of is not None


def _notes(case: Case, high: str) -> Iterator[str]:
    if high:
        yield "high-start"
    known_enzyme = latest(case.chart, ALT, case.limits["enzyme_days"])
    if known_enzyme is None and "observations" not in case.chart.missing:
        yield "no-alt"


def _in_words(sedatives: tuple[MedicationUse, ...]) -> str:
    classes = frozenset[str]().union(*(use.drug.classes for use in sedatives))
    return joined(dict.fromkeys(words for name, words in SEDATIVES.items() if name in classes))


def _acting(case: Case, drug_class: str) -> list[MedicationUse]:
    return [use for use in case.beside((drug_class,)) if _still_acts(use, case)]


def _together(outcome: str, others: Sequence[MedicationUse]) -> Verdict:
    if not others:
        return Silent("not-together")
    names = dict.fromkeys(_interacting(use) for use in others)
    words = {"other": " and ".join(sorted(names))}
    return Fires(outcome, tuple(map(fact, others)), words)


def _interacting(use: MedicationUse) -> str:
    """Name the ingredient that matters, of a contraceptive the estrogen."""
    names = use.drug.ingredient_names
    wanted = (name for name in names if classes_of(name) & {INHIBITOR, WEAK_INHIBITOR})
    return min(wanted, default=min(names))


def _still_acts(use: MedicationUse, case: Case) -> bool:
    if not systemic(use):
        return False
    end = supply_end(use)
    if end is None or use.drug.ingredient_names.isdisjoint(CLEARED):
        return True
    return (
        is_recent(end, case.chart.today, case.limits["cleared_days"]) or end > case.chart.today
    )


def _heart_and_thyroid(case: Case) -> Iterator[tuple[Problem, str]]:
    for problem in recent_infarctions(case.chart, case.limits["infarction_days"]):
        yield problem, MYOCARDIAL_INFARCTION
    for term in HEART_AND_THYROID:
        for problem in active_problems(case.chart, (term,)):
            yield problem, term


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "muscle-relaxant-duration": muscle_relaxant_duration,
    "muscle-relaxant-add-on-nsaid": muscle_relaxant_add_on_nsaid,
    "tizanidine-alternative": tizanidine_alternative,
    "tizanidine-safety": tizanidine_safety,
    "tizanidine-cyp1a2": tizanidine_cyp1a2,
    "cyclobenzaprine-contra": cyclobenzaprine_contra,
}
