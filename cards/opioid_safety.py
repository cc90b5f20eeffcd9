"""Safety rules about opioids that hold whatever the opioid is for."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Final

from cards.case import Case
from cards.chart import Amount, Fact, Fires, Route, Silent, Verdict
from cards.circumstances import age
from cards.definitions import number
from cards.dosing import daily_mg, daily_mme, route_of, single_mg
from cards.maintenance import is_treatment
from cards.medications import fact, last_date, parenteral
from cards.opioid_exposure import (
    Equivalents,
    after,
    before,
    for_pain,
    long_term,
    naive,
    tolerant,
)
from cards.record import (
    active_problems,
    current_encounter,
    dated_fact,
    is_recent,
    problem_fact,
    problems_of,
    reason_fact,
    stands,
    visit_reasons,
)
from cards.relevance import stated_reasons
from cards.terms import known, title
from cards.wording import shortly

PDMP_CHECK: Final = known("pdmp-check")
TONSILLECTOMY: Final = known("tonsillectomy")
PALLIATIVE_CARE: Final = known("palliative-care")
# The guideline on morphine equivalents does not speak of these.
OUTSIDE_GUIDELINE: Final = frozenset(
    {known("cancer"), PALLIATIVE_CARE, known("sickle-cell-crisis")}
)
OVERDOSE: Final = known("opioid-overdose")
SUBSTANCE_USE: Final = tuple(
    map(known, ("opioid-use-disorder", "substance-use-disorder", "alcohol-use-disorder"))
)
SLEEP_APNOEA: Final = known("sleep-apnoea")
CHILD_AIRWAY: Final = tuple(map(known, ("sleep-apnoea", "obesity-hypoventilation", "obesity")))

_RISKY_IN_CHILDREN: Final = frozenset({"codeine", "tramadol"})
_RAPID_FENTANYL: Final = frozenset({Route.BUCCAL, Route.SUBLINGUAL, Route.NASAL})
_PROTOCOL: Final = re.compile(r"\bpca\b|patient[- ]controlled")
_WARD: Final = re.compile(r"\bicu\b|intensive care|critical care|operating room|an(?:a)?esthes")
_NOT_HAD: Final = frozenset({"cancelled", "draft", "not-taken", "entered-in-error"})


def mme_threshold(case: Case) -> Verdict:
    """Warn when all opioids together reach the dose at which the guideline asks to pause."""
    if silence := _is_outside_guideline(case):
        return Silent(silence)
    if daily_mme(case.use) is None:
        return Silent("dose-unknown")
    total = after(case)
    if total.mme < case.limits["pause_mme"]:
        return Silent("below")
    alone = all("tramadol" in use.drug.classes for use in total.uses)
    words = {"mme": f"{total.mme:.0f}"}
    facts = tuple(map(fact, total.uses[1:]))
    notes = tuple(_threshold_notes(case, total))
    return Fires("tramadol-alone" if alone else "total", facts, words, notes)


def naloxone_coprescribe(case: Case) -> Verdict:
    """Offer naloxone with an opioid prescription when the risk of overdose is raised."""
    if case.view.supervised:
        return Silent("supervised")
    if _has_outside_condition(case):
        return Silent("exempt")
    if _has_naloxone(case):
        return Silent("naloxone-on-record")
    risks = list(_overdose_risks(case))
    if not risks:
        return Silent("no-risk-on-record")
    words = {"risk": shortly([name for name, _ in risks])}
    return Fires("raised-risk", tuple(fact for _, fact in risks), words)


def hydromorphone_iv_naive(case: Case) -> Verdict:
    """Warn of an injected hydromorphone dose above the label's start in a naive patient."""
    if "hydromorphone" not in case.drug.ingredient_names or not parenteral(case.use):
        return Silent("other-product")
    if _is_protocol(case):
        return Silent("protocol")
    dose = single_mg(case.use, "hydromorphone")
    if dose is None:
        return Silent("dose-unknown")
    if dose.high <= case.limits["most_mg"]:
        return Silent("within-label")
    words = {"dose": f"{dose.high:g}"}
    is_naive = naive(case.chart)
    if is_naive is None:
        return Fires("exposure-unknown", words=words)
    if not is_naive:
        return Silent("not-naive")
    far = dose.high > case.limits["critical_mg"]
    return Fires("far-above" if far else "above", words=words)


def opioid_tolerant_only_product(case: Case) -> Verdict:
    """Warn of a product for opioid-tolerant patients only where tolerance is not shown."""
    if is_treatment(case):
        return Silent("treatment")
    if not _needs_tolerance(case):
        return Silent("other-product")
    if _is_same_product_in_use(case):
        return Silent("continuation")
    facts = tuple(map(fact, for_pain(case)))
    match tolerant(case):
        case True:
            return Silent("tolerant")
        case None:
            return Fires("tolerance-unknown", facts)
        case False:
            return Fires("not-tolerant", facts)


def opioid_no_abrupt_stop(case: Case) -> Verdict:
    """Remind to taper when long-term opioids are stopped or cut at one go."""
    if silence := _no_cut_to_judge(case):
        return Silent(silence)
    old, new = before(case), after(case)
    facts = tuple(map(fact, old.uses))
    if not new.uses:
        return Fires("stopped", facts)
    if not (old.complete and new.complete):
        return Silent("dose-unknown")
    if new.mme >= number("dosing.taper_share") * old.mme:
        return Silent("no-large-cut")
    return Fires("cut", facts, {"old": f"{old.mme:.0f}", "new": f"{new.mme:.0f}"})


def prescription_monitoring_check(case: Case) -> Verdict:
    """Remind of the prescription monitoring check where the site codes such checks."""
    if case.view.supervised:
        return Silent("supervised")
    if case.view.exemption:
        return Silent("exempt")
    last = max(_checks(case), default=None)
    if last is None:
        return Silent("not-coded-here")
    day, reference = last
    renewal = case.view.renewal_of is not None
    days = case.limits["renewal_days" if renewal else "check_days"]
    if is_recent(day, case.chart.today, days):
        return Silent("checked")
    return Fires("unchecked", (dated_fact(reference, f"last {title(PDMP_CHECK)}", day),))


def pediatric_opioid(case: Case) -> Verdict:
    """Warn of codeine and tramadol in the children for whom the labels forbid them."""
    if _RISKY_IN_CHILDREN.isdisjoint(case.drug.ingredient_names):
        return Silent("other-opioid")
    years = age(case.chart) or 0  # only children of known age are asked about
    if years < case.limits["child_age"]:
        return Fires("child", words={"age": f"{years}"})
    if risk := next(_airway_risks(case), None):
        return Fires("airway-risk", (risk,), {"age": f"{years}"})
    return Silent("no-airway-risk")


def _is_outside_guideline(case: Case) -> str:
    if is_treatment(case):
        return "treatment"
    if case.view.supervised:
        return "supervised"
    return "exempt" if _has_outside_condition(case) else ""


def _has_outside_condition(case: Case) -> bool:
    """Say whether cancer, palliative care or a sickle cell crisis exempts; surgery does not."""
    if not case.view.exemption:
        return False
    reasons = (*stated_reasons(case.order), *visit_reasons(case.chart))
    return (
        any(active_problems(case.chart, OUTSIDE_GUIDELINE))
        or any(not reason.terms.isdisjoint(OUTSIDE_GUIDELINE) for reason in reasons)
        or any(PALLIATIVE_CARE in service.concept.terms for service in case.chart.services)
    )


def _threshold_notes(case: Case, total: Equivalents) -> Iterator[str]:
    if total.mme >= case.limits["high_mme"]:
        yield "high"
    if not total.complete:
        yield "incomplete"
    if long_term(case):
        yield "long-term"


def _overdose_risks(case: Case) -> Iterator[tuple[str, Fact]]:
    total = after(case)
    if total.mme >= case.limits["pause_mme"]:
        mme = f"about {total.mme:.0f} morphine milligram equivalents a day"
        yield "a high opioid dose", Fact(case.order.reference, f"opioids together, {mme}")
    for use in case.beside(("benzodiazepine",)):
        yield "a benzodiazepine", fact(use)
        break
    yield from _overdose_problems(case)
    years = age(case.chart)
    if years is not None and years >= case.limits["older_age"]:
        yield f"{years} years of age", Fact("Patient", f"{years} years of age")


def _overdose_problems(case: Case) -> Iterator[tuple[str, Fact]]:
    disorder = case.history.opioid_use_disorder
    if disorder.fact:
        yield title(SUBSTANCE_USE[0]), disorder.fact
    for problem in problems_of(case.chart, (OVERDOSE,)):  # an overdose counts for ever
        if stands(problem):
            yield "an earlier overdose", problem_fact(problem, OVERDOSE)
            break
    for term in (*SUBSTANCE_USE[1:], SLEEP_APNOEA):
        for active in active_problems(case.chart, (term,)):
            yield title(term), problem_fact(active, term)
            break


def _has_naloxone(case: Case) -> bool:
    if case.drafted(("opioid-antagonist",)):
        return True
    for use in case.chart.medications:
        if "opioid-antagonist" in use.drug.classes and use.status not in _NOT_HAD:
            day = last_date(use)
            if day is None or is_recent(day, case.chart.today, case.limits["naloxone_days"]):
                return True
    return False


def _is_protocol(case: Case) -> bool:
    texts = (*(dosage.text for dosage in case.use.dosages), case.use.notes)
    if any(_PROTOCOL.search(text.lower()) for text in texts):
        return True
    visit = current_encounter(case.chart)
    return visit is not None and any(_WARD.search(kind.text.lower()) for kind in visit.kinds)


def _needs_tolerance(case: Case) -> bool:
    names, route = case.drug.ingredient_names, route_of(case.use)
    if "fentanyl" in names:
        return route is Route.TRANSDERMAL or route in _RAPID_FENTANYL
    if "methadone" in names:
        return _exceeds(daily_mg(case.use, "methadone"), case.limits["methadone_daily_mg"])
    if not case.drug.extended:
        return False
    return "hydromorphone" in names or any(
        _exceeds(single_mg(case.use, name), case.limits[f"{name}_single_mg"])
        for name in ("oxycodone", "morphine")
    )


def _exceeds(dose: Amount | None, most: float) -> bool:
    return dose is not None and dose.high > most


def _is_same_product_in_use(case: Case) -> bool:
    renewed = case.view.renewal_of
    return renewed is not None and route_of(renewed) is route_of(case.use)


def _checks(case: Case) -> Iterator[tuple[date, str]]:
    """Yield the days of the coded checks that show that this site codes them."""
    days = case.limits["coded_days"]
    for service in case.chart.services:
        day = service.ended or service.started or service.written
        done = PDMP_CHECK in service.concept.terms and service.status == "completed"
        if done and day and is_recent(day, case.chart.today, days):
            yield day, service.reference
    for seen in case.chart.measurements:
        recent = seen.on and is_recent(seen.on, case.chart.today, days)
        if PDMP_CHECK in seen.concept.terms and seen.on and recent:
            yield seen.on, seen.reference


def _airway_risks(case: Case) -> Iterator[Fact]:
    for term in CHILD_AIRWAY:
        for problem in active_problems(case.chart, (term,)):
            yield problem_fact(problem, term)
    reasons = (*stated_reasons(case.order), *visit_reasons(case.chart))
    if any(TONSILLECTOMY in reason.terms for reason in reasons):
        yield reason_fact(case.order.reference, TONSILLECTOMY, "this order or visit")
    days = case.limits["tonsillectomy_days"]
    for service in case.chart.services:
        day = service.ended or service.started
        recent = day and is_recent(day, case.chart.today, days)
        if TONSILLECTOMY in service.concept.terms and recent:
            yield dated_fact(service.reference, title(TONSILLECTOMY), day)


def _no_cut_to_judge(case: Case) -> str:
    if is_treatment(case):
        return "treatment"
    if case.view.supervised:
        return "supervised"
    return "" if long_term(case) else "not-long-term"


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "mme-threshold": mme_threshold,
    "naloxone-coprescribe": naloxone_coprescribe,
    "hydromorphone-iv-naive": hydromorphone_iv_naive,
    "opioid-tolerant-only-product": opioid_tolerant_only_product,
    "opioid-no-abrupt-stop": opioid_no_abrupt_stop,
    "prescription-monitoring-check": prescription_monitoring_check,
    "pediatric-opioid": pediatric_opioid,
}
