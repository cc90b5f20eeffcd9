"""Rules about opioids and gabapentinoids where breathing is at risk."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from cards import cautions
from cards.case import Case
from cards.chart import Fact, Fires, Problem, Silent, Verdict
from cards.circumstances import age, latest
from cards.definitions import number
from cards.dosing import daily_mg
from cards.drug_classes import ANY_OPIOID
from cards.kidney import SEVERE_KIDNEY_DISEASE, severe_disease
from cards.maintenance import is_treatment
from cards.record import (
    active_problems,
    current_encounter,
    dated_fact,
    of_this_visit,
    problem_fact,
    reason_fact,
)
from cards.sedation import (
    GABAPENTINOID,
    RELAXANT,
    is_local,
    is_palliative,
    named,
    sedating_beside,
    sedative_fact,
)
from cards.terms import known, title

EGFR = known("egfr")
INTOXICATION = known("intoxication")
# Diseases in which the FDA warns of gabapentinoids, and the one that hides behind obesity.
WEAK_BREATHING: Final = tuple(
    map(known, ("sleep-apnoea", "copd", "obesity-hypoventilation", "neuromuscular-disease"))
)

_DEPRESSANT: Final = ANY_OPIOID | RELAXANT | cautions.SEDATIVES


class Risk(NamedTuple):
    """Why breathing may fail: in a few words, and the fact behind them."""

    name: str
    fact: Fact


def opioid_gabapentinoid_sedation(case: Case) -> Verdict:
    """Tell that an opioid and a gabapentinoid sedate together."""
    if silence := _stands_back(case):
        return Silent(silence)
    wanted = ANY_OPIOID if case.order.classes & GABAPENTINOID else GABAPENTINOID
    partners = sedating_beside(case, wanted)
    if not partners:
        return Silent("no-combination")
    if _is_continued(case):
        return Silent("unchanged")
    facts = tuple(map(sedative_fact, partners))
    return Fires("pair", facts, {"other": named(partners, wanted)})


def gabapentinoid_resp_depression(case: Case) -> Verdict:
    """Warn of a gabapentinoid with another sedative in a patient who breathes weakly."""
    if silence := _stands_back(case):
        return Silent(silence)
    wanted = _DEPRESSANT if case.order.classes & GABAPENTINOID else GABAPENTINOID
    partners = sedating_beside(case, wanted)
    if not partners:
        return Silent("no-combination")
    risks = tuple(_risks(case))
    if not risks:
        return Silent("no-risk")
    facts = (*(risk.fact for risk in risks), *map(sedative_fact, partners))
    words = {"other": named(partners, wanted), "risk": risks[0].name}
    return Fires("continued" if _is_continued(case) else "at-risk", facts, words)


def opioid_respiratory_risk(case: Case) -> Verdict:
    """Warn of an opioid in a disease or state in which it can stop breathing."""
    if silence := _stands_back(case):
        return Silent(silence)
    if is_palliative(case):
        return Silent("palliative")
    lasting = active_problems(case.chart, cautions.OPIOIDS_SLOW_BREATHING)
    risks = (
        *_named(lasting, cautions.OPIOIDS_SLOW_BREATHING),
        *_named(cautions.recently_breathless(case.chart), cautions.PASSING),
        *_intoxication(case),
    )
    if not risks:
        return Silent("no-risk")
    return Fires("at-risk", tuple(risk.fact for risk in risks), {"risk": risks[0].name})


def _stands_back(case: Case) -> str:
    if is_local(case.use):
        return "local-route"
    return "treatment" if is_treatment(case) else ""


def _is_continued(case: Case) -> bool:
    """Say whether the order renews what is taken, beside nothing new, at no higher dose."""
    renewed = case.view.renewal_of
    if renewed is None or case.drafted(_DEPRESSANT | GABAPENTINOID):
        return False
    doses = [
        (daily_mg(renewed, name), daily_mg(case.use, name))
        for name in case.drug.ingredient_names
    ]
    return not any(old and new and new.high > old.high for old, new in doses)


def _risks(case: Case) -> Iterator[Risk]:
    yield from _named(active_problems(case.chart, WEAK_BREATHING), WEAK_BREATHING)
    seen = latest(case.chart, EGFR, number("lookback.laboratory_days"))
    if seen and seen.value is not None and seen.value < case.limits["egfr"]:
        words = f"eGFR {seen.value:g}"
        yield Risk(words, dated_fact(seen.reference, words, seen.on))
    for problem in severe_disease(case.chart):
        yield Risk(title(SEVERE_KIDNEY_DISEASE), problem_fact(problem, SEVERE_KIDNEY_DISEASE))
    years = age(case.chart)
    if years is not None and years >= case.limits["age"]:
        yield Risk(f"age {years}", Fact("Patient", f"age {years} years"))


def _named(problems: Iterable[Problem], terms: tuple[str, ...]) -> Iterator[Risk]:
    for problem in problems:
        term = next(term for term in terms if term in problem.concept.terms)
        yield Risk(title(term), problem_fact(problem, term))


def _intoxication(case: Case) -> Iterator[Risk]:
    """Yield intoxication of today: why the patient is here, or a diagnosis of this visit."""
    visit = current_encounter(case.chart)
    if visit and any(INTOXICATION in reason.terms for reason in visit.reasons):
        fact = reason_fact(visit.reference, INTOXICATION, "this visit")
        yield Risk(title(INTOXICATION), fact)
    for problem in active_problems(case.chart, (INTOXICATION,)):
        if of_this_visit(problem, case.chart):
            yield Risk(title(INTOXICATION), problem_fact(problem, INTOXICATION))


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "opioid-gabapentinoid-sedation": opioid_gabapentinoid_sedation,
    "gabapentinoid-resp-depression": gabapentinoid_resp_depression,
    "opioid-respiratory-risk": opioid_respiratory_risk,
}
