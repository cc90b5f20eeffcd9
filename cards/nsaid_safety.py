"""Rules about the safety of NSAIDs: heart, gut, bleeding, kidneys, pregnancy, duplicates."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from cards import ketorolac
from cards.case import Case
from cards.chart import (
    Chart,
    Drug,
    Fact,
    Fires,
    Measurement,
    MedicationUse,
    Problem,
    Route,
    Silent,
    Verdict,
)
from cards.circumstances import age, latest, pregnancy
from cards.contraindications import ANTICOAGULATED, NSAID_RISKS_EVER
from cards.courses import is_single
from cards.definitions import number
from cards.dosing import daily_mg, route_of
from cards.heparins import HEPARIN, Purpose, purpose
from cards.kidney import (
    ACUTE_KIDNEY_INJURY,
    DIALYSIS,
    EGFR,
    SEVERE_KIDNEY_DISEASE,
    acute_injuries,
    severe_disease,
)
from cards.medications import fact, systemic
from cards.nsaids import (
    KETOROLAC,
    NSAIDS,
    is_ketorolac,
    nsaid_names,
    staying,
    systemic_nsaid,
)
from cards.record import (
    active_problems,
    dated_fact,
    is_active,
    problem_fact,
    problems_of,
    stands,
)
from cards.terms import known, title
from cards.unsuitable import CHRONIC_KIDNEY_DISEASE
from cards.wording import shortly

GI_ULCER: Final = known("gi-ulcer")
HEART_FAILURE: Final = known("heart-failure")
ANTICOAGULANT: Final = "anticoagulant"
ANTICOAGULANTS: Final = frozenset({ANTICOAGULANT})
HEPARINS: Final = frozenset({HEPARIN})
RAISES_BLEEDING: Final = frozenset({"corticosteroid", "ssri", "antiplatelet", "aspirin"})
PROTON_PUMP_INHIBITOR: Final = "proton-pump-inhibitor"
RENIN_BLOCKERS: Final = frozenset({"ace-inhibitor", "angiotensin-receptor-blocker"})
DIURETICS: Final = frozenset({"diuretic"})
# What a heparin that is not known to treat a clot comes to, the more serious first.
MILDER: Final = {
    Purpose.UNKNOWN: "heparin-dose-unknown",
    Purpose.PREVENTION: "preventive-heparin",
}
NO_SYSTEMIC_NSAID: Final = "no-systemic-nsaid"
LONG_AGO_DAYS: Final = 36525  # any age of a result


def nsaid_risk(case: Case) -> Verdict:
    """Warn of an NSAID when heart, gut, kidneys or an anticoagulant speak against it."""
    if not systemic_nsaid(case.use):
        return Silent(NO_SYSTEMIC_NSAID)
    risks = _risks(case)
    if not risks:
        return Silent("protected-ulcer" if _has_ulcer(case) else "no-risk")
    added = _bleeding_partners(case)
    facts = (*risks.values(), *map(fact, added))
    outcome = "single-dose" if _is_one_dose_with_an_ulcer(case, risks) else "risk"
    notes = ("older-with-bleeding-partner",) if added else ()
    return Fires(outcome, facts, {"risk": shortly(risks)}, notes)


def nsaid_duplicate(case: Case) -> Verdict:
    """Warn when two NSAIDs would be taken at once; with ketorolac it is contraindicated."""
    if not systemic_nsaid(case.use):
        return Silent(NO_SYSTEMIC_NSAID)
    taken = _others(case, staying(case, NSAIDS))
    drafted = _others(case, case.drafted(NSAIDS))
    if not taken and not drafted:
        return Silent("switch" if _others(case, case.in_use(NSAIDS)) else "no-other")
    facts = (*map(fact, taken), *(_ordered_too(use) for use in drafted))
    if any(map(ketorolac.is_scheduled_ketorolac, (case.use, *taken, *drafted))):
        return Fires("ketorolac", facts)
    if _follows_single_ketorolac(case, taken, drafted):
        return Fires("after-ketorolac", facts)
    if taken:
        return Fires("in-use", facts, {"other": taken[0].drug.label})
    return Fires("drafted", facts)


def nsaid_anticoagulant(case: Case) -> Verdict:
    """Warn when an NSAID and an anticoagulant would be taken together."""
    if ANTICOAGULANT in case.drug.classes:
        return _anticoagulant_ordered(case, Purpose.TREATMENT)
    if HEPARIN in case.drug.classes:
        return _anticoagulant_ordered(case, purpose(case.use, case.limits))
    if not systemic_nsaid(case.use):
        return Silent(NO_SYSTEMIC_NSAID)
    heparins = _heparins(case)
    treating = (*_anticoagulants(case), *heparins[Purpose.TREATMENT])
    if treating:
        return _beside("ketorolac" if is_ketorolac(case.use) else "nsaid", treating)
    for why, outcome in MILDER.items():
        if heparins[why]:
            return _beside(outcome, heparins[why])
    return Silent("no-anticoagulant")


def nsaid_renal(case: Case) -> Verdict:
    """Warn of an NSAID when the kidneys work badly, or when other medicines strain them."""
    if not systemic_nsaid(case.use):
        return Silent(NO_SYSTEMIC_NSAID)
    verdict, strain = _by_kidneys(case), _strain(case)
    if not strain:
        return verdict
    facts = tuple(map(_standing, strain))
    if isinstance(verdict, Silent):
        words = {"others": shortly(dict.fromkeys(use.drug.label for use in strain))}
        return Fires("triple", facts, words)
    return replace(verdict, facts=(*verdict.facts, *facts), notes=("triple",))


def _by_kidneys(case: Case) -> Verdict:
    injuries = ((ACUTE_KIDNEY_INJURY, problem) for problem in acute_injuries(case.chart))
    failure = ((DIALYSIS, problem) for problem in active_problems(case.chart, (DIALYSIS,)))
    for term, problem in (*injuries, *failure):
        return Fires("severe", (problem_fact(problem, term),), {"finding": title(term)})
    seen = latest(case.chart, EGFR, number("lookback.laboratory_days"))
    return _by_rate(case, seen) if seen else _by_diagnosis(case)


def nsaid_pregnancy(case: Case) -> Verdict:
    """Warn of an NSAID in the second half of pregnancy."""
    if not systemic_nsaid(case.use, case.limits["low_dose_aspirin_mg"]):
        return Silent(NO_SYSTEMIC_NSAID)
    found = pregnancy(case.chart)
    if found is None:
        return Silent("not-pregnant")
    if found.weeks is None:
        return Fires("week-unknown", (found.fact,))
    if found.weeks < case.limits["kidney_week"]:
        return Silent("first-half")
    outcome = "late" if found.weeks >= case.limits["ductus_week"] else "second-half"
    return Fires(outcome, (found.fact,), {"weeks": f"{int(found.weeks)}"})


def ketorolac_five_days(case: Case) -> Verdict:
    """Warn when ketorolac is given longer, in higher dose or other order than it may be."""
    if not is_ketorolac(case.use):
        return Silent("other-nsaid")
    if not systemic_nsaid(case.use):
        return Silent("local-route")
    window = case.limits["course_window_days"]
    recent = ketorolac.recent(case.chart, window)
    today = case.chart.today
    days = ketorolac.days_ordered(case.use, today).union(
        *(ketorolac.days_taken(use, today, window) for use in recent)
    )
    faults = tuple(_faults(case, recent, len(days)))
    if not faults:
        return Silent("within-limits")
    ordered = Fact(case.use.reference, f"{case.drug.label}, ordered now")
    words = {"days": str(len(days))} if faults[0] == "too-long" else {}
    return Fires(faults[0], (*map(fact, recent), ordered), words, faults[1:])


def _risks(case: Case) -> Mapping[str, Fact]:
    """Return the risks on record by name, the most serious first."""
    found: dict[str, Fact] = {}
    for name, seen in (*_problem_risks(case), *_kidney_risk(case.chart)):
        found.setdefault(name, seen)
    for use in _anticoagulants(case):
        found.setdefault(ANTICOAGULANT, _standing(use))
    for problem in active_problems(case.chart, (ANTICOAGULATED,)):
        found.setdefault(ANTICOAGULANT, problem_fact(problem, ANTICOAGULATED))
    return found


def _problem_risks(case: Case) -> Iterator[tuple[str, Fact]]:
    found: dict[str, Problem] = {}
    for problem in problems_of(case.chart, (*NSAID_RISKS_EVER, HEART_FAILURE)):
        found.setdefault(_risk_of(problem), problem)
    if _is_protected(case):
        found.pop(GI_ULCER, None)
    for term in (*NSAID_RISKS_EVER, HEART_FAILURE):
        if term in found:
            yield title(term), problem_fact(found[term], term)


def _risk_of(problem: Problem) -> str:
    """Name the risk that a problem is; of heart failure only what is there now counts."""
    terms = problem.concept.terms if stands(problem) else frozenset[str]()
    now = (HEART_FAILURE,) if is_active(problem) else ()
    return next((term for term in (*NSAID_RISKS_EVER, *now) if term in terms), "")


def _kidney_risk(chart: Chart) -> Iterator[tuple[str, Fact]]:
    seen = latest(chart, EGFR, number("lookback.laboratory_days"))
    if seen and seen.value is not None and seen.value < number("nsaid.severe_egfr"):
        yield f"eGFR {seen.value:g}", _rate_fact(seen)


def _anticoagulants(case: Case) -> tuple[MedicationUse, ...]:
    return _with_drafts(case, ANTICOAGULANTS)


def _has_ulcer(case: Case) -> bool:
    return any(map(stands, problems_of(case.chart, (GI_ULCER,))))


def _is_protected(case: Case) -> bool:
    """Say whether a proton-pump inhibitor is taken, or is part of the product itself."""
    within = PROTON_PUMP_INHIBITOR in case.drug.classes
    return within or bool(case.beside((PROTON_PUMP_INHIBITOR,)))


def _bleeding_partners(case: Case) -> tuple[MedicationUse, ...]:
    """Return what adds to the risk of bleeding at higher age."""
    years = age(case.chart)
    if years is None or years < case.limits["older_years"]:
        return ()
    return tuple(use for use in case.beside(RAISES_BLEEDING) if systemic(use))


def _is_one_dose_with_an_ulcer(case: Case, risks: Mapping[str, Fact]) -> bool:
    """Say whether the only risk is an ulcer that never bled; ketorolac is ruled out even so."""
    alone = tuple(risks) == (title(GI_ULCER),)
    given = case.view.supervised and is_single(case.use)
    return alone and given and not is_ketorolac(case.use)


def _others(case: Case, uses: Iterable[MedicationUse]) -> tuple[MedicationUse, ...]:
    """Keep the NSAIDs of another ingredient; of the same one it is a change of dose."""
    own = nsaid_names(case.use)
    return tuple(use for use in uses if systemic_nsaid(use) and not nsaid_names(use) & own)


def _follows_single_ketorolac(
    case: Case, taken: tuple[MedicationUse, ...], drafted: tuple[MedicationUse, ...]
) -> bool:
    """Say whether all that meets is one dose of ketorolac and what is taken after it."""
    if ketorolac.is_single_ketorolac(case.use):
        return not taken
    return all(map(ketorolac.is_single_ketorolac, (*taken, *drafted)))


def _heparins(case: Case) -> Mapping[Purpose, list[MedicationUse]]:
    found: dict[Purpose, list[MedicationUse]] = {why: [] for why in Purpose}
    for use in _with_drafts(case, HEPARINS):
        found[purpose(use, case.limits)].append(use)
    return found


def _beside(outcome: str, others: Sequence[MedicationUse]) -> Fires:
    return Fires(outcome, tuple(map(_standing, others)), {"other": _short(others[0].drug)})


def _short(drug: Drug) -> str:
    """Name the drug; of a heparin the strength per mL tells nothing."""
    return min(drug.ingredient_names) if HEPARIN in drug.classes else drug.label


def _strain(case: Case) -> tuple[MedicationUse, ...]:
    """Return a diuretic and a blocker of the renin-angiotensin system, if both are taken."""
    blockers, diuretics = _with_drafts(case, RENIN_BLOCKERS), _with_drafts(case, DIURETICS)
    return tuple(dict.fromkeys((*blockers, *diuretics))) if blockers and diuretics else ()


def _with_drafts(case: Case, classes: frozenset[str]) -> tuple[MedicationUse, ...]:
    return (*staying(case, classes), *case.drafted(classes))


def _anticoagulant_ordered(case: Case, why: Purpose) -> Verdict:
    if why is Purpose.FLUSH:
        return Silent("flush")
    found = _with_drafts(case, NSAIDS)
    others = tuple(use for use in found if systemic_nsaid(use))
    if not others:
        return Silent("no-nsaid")
    if why in MILDER:
        return _beside(MILDER[why], others)
    worst = next(filter(is_ketorolac, others), None)
    outcome = "anticoagulant-on-ketorolac" if worst else "anticoagulant-on-nsaid"
    words = {"other": (worst or others[0]).drug.label}
    return Fires(outcome, tuple(map(_standing, others)), words)


def _by_rate(case: Case, seen: Measurement) -> Verdict:
    rate = seen.value if seen.value is not None else 0.0
    words = {"finding": f"eGFR {rate:g}"}
    if rate < number("nsaid.severe_egfr"):
        return Fires("severe", (_rate_fact(seen),), words)
    if rate < number("nsaid.reduced_egfr"):
        return Fires("reduced", (_rate_fact(seen),), words)
    return Silent("kidneys-work-well")


def _by_diagnosis(case: Case) -> Verdict:
    """Judge without a current filtration rate: by the stage, else by an old result."""
    severe = tuple(severe_disease(case.chart))
    if severe:
        facts = tuple(problem_fact(problem, SEVERE_KIDNEY_DISEASE) for problem in severe)
        return Fires("severe", facts, {"finding": title(SEVERE_KIDNEY_DISEASE)})
    problems = active_problems(case.chart, (CHRONIC_KIDNEY_DISEASE,))
    facts = tuple(problem_fact(problem, CHRONIC_KIDNEY_DISEASE) for problem in problems)
    old = latest(case.chart, EGFR, LONG_AGO_DAYS)
    low = old is not None and old.value is not None and old.value < number("nsaid.severe_egfr")
    if old and low:
        return Fires("not-measured-lately", (*facts, _rate_fact(old)))
    if facts:
        return Fires("not-measured-lately", facts)
    return Silent("no-kidney-disease")


def _faults(case: Case, recent: Iterable[MedicationUse], days: int) -> Iterator[str]:
    if days > case.limits["days"]:
        yield "too-long"
    if route_of(case.use) is not Route.ORAL:
        return
    daily = daily_mg(case.use, KETOROLAC)
    if daily and daily.high > case.limits["oral_daily_mg"]:
        yield "dose"
    begun = (*recent, *case.drafted(NSAIDS))
    if not any(map(ketorolac.starts_the_course, begun)):
        yield "tablets-first"


def _rate_fact(seen: Measurement) -> Fact:
    return dated_fact(seen.reference, f"eGFR {seen.value:g}", seen.on)


def _standing(use: MedicationUse) -> Fact:
    return _ordered_too(use) if use.status == "draft" else fact(use)


def _ordered_too(use: MedicationUse) -> Fact:
    return Fact(use.reference, f"{use.drug.label}, ordered at the same time")


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "nsaid-risk": nsaid_risk,
    "nsaid-duplicate": nsaid_duplicate,
    "nsaid-anticoagulant": nsaid_anticoagulant,
    "nsaid-renal": nsaid_renal,
    "nsaid-pregnancy": nsaid_pregnancy,
    "ketorolac-5-day": ketorolac_five_days,
}
