"""Rules about when, how long and how an opioid is prescribed for back pain."""

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from cards.case import Case
from cards.chart import Fact, Fires, MedicationUse, Route, ServiceUse, Silent, Verdict
from cards.dosing import (
    daily_mme,
    days_supplied,
    days_with_refills,
    for_cough,
    route_of,
    single_mg,
)
from cards.drug_classes import OPIOIDS
from cards.medications import fact, same_medicine, systemic
from cards.opioid_exposure import (
    Equivalents,
    after,
    before,
    continued,
    earlier_days,
    long_term,
    naive,
    oud_decides,
)
from cards.record import is_recent
from cards.terms import known
from cards.trials import (
    SPENT,
    CareState,
    Trial,
    TrialStatus,
    class_status,
    nsaid_contraindicated,
    nsaid_tried_for_opioid_step,
    tried_modalities,
)
from cards.wording import shortly

AGREEMENT: Final = known("opioid-agreement")
RISK_SCREEN: Final = known("risk-screen")
MOOD_SCREENS: Final = frozenset(map(known, ("phq-2", "phq-9", "gad-7")))

_PENDING: Final = frozenset({"booked", "pending", "proposed", "planned", "active", "draft"})
_SINGLE_DOSE_LIMITS: Final = ("oxycodone", "hydromorphone", "hydrocodone", "tramadol")


def opioid_before_alternatives(case: Case) -> Verdict:
    """Warn of an opioid for chronic back pain before what the sources put first."""
    if silence := _aside(case):
        return Silent(silence)
    acuity = case.view.acuity
    if not acuity.chronic:
        return Silent("not-chronic")
    if acuity.emergency and case.view.supervised:
        return Silent("emergency-dose")
    if continued(case):
        return Silent("continuation")
    steps = (_nsaid_step(case), _second_step(case), _care_step(case))
    missing = [step.name for step in steps if not step.done]
    first = (fact for step in steps for fact in step.facts[:1])  # a card shows three
    rest = (fact for step in steps for fact in step.facts[1:])
    facts = (*first, *case.view.back_pain, *rest)
    notes = tuple(_further_options(case))
    if missing:
        words = {"missing": shortly(missing), "undone": ", ".join(missing)}
        return Fires("steps-missing", facts, words, notes)
    return Fires("steps-done", facts, notes=notes)


def opioid_before_nsaid(case: Case) -> Verdict:
    """Warn of an opioid for acute back pain before a scheduled NSAID was tried."""
    if silence := _aside(case):
        return Silent(silence)
    acuity = case.view.acuity
    flare = acuity.chronic and acuity.emergency and case.view.supervised
    if not (acuity.acute or flare):
        return Silent("not-acute")
    if long_term(case):
        return Silent("continuation")
    chronic = case.history.chronic
    tried = nsaid_tried_for_opioid_step(case.chart, case.history.trials, chronic=chronic)
    notes = tuple(_acute_notes(case))
    if tried:
        return Fires("nsaid-tried", (*case.view.back_pain, tried), notes=notes)
    facts = (*case.view.back_pain, *(trial.fact for trial in _nsaid_trials(case)))
    return Fires("nsaid-untried", facts, notes=notes)


def opioid_acute_duration(case: Case) -> Verdict:
    """Warn when the opioid supply for acute back pain is longer than the sources allow."""
    if silence := _aside(case):
        return Silent(silence)
    if not case.view.acuity.acute_limits:
        return Silent("not-acute")
    if case.view.supervised:
        return Silent("supervised")
    if long_term(case):
        return Silent("long-term")
    own = days_with_refills(case.use)
    if own is None:
        return Silent("duration-unknown")
    earlier = earlier_days(case)
    days = own + earlier
    if days <= case.limits["usual_days"]:
        return Silent("short")
    outcome = "long" if days > case.limits["most_days"] else "longer-than-usual"
    notes = ("earlier-supply",) if earlier else ()
    return Fires(outcome, case.view.back_pain, {"days": f"{math.ceil(days)}"}, notes)


def extended_release_opioid_start(case: Case) -> Verdict:
    """Warn when treatment begins with an extended-release or long-acting opioid."""
    if not _is_long_acting(case.use):
        return Silent("immediate-release")
    if silence := _aside(case):
        return Silent(silence)
    if _goes_on_long_acting(case):
        return Silent("continuation")
    if case.view.acuity.acute and not long_term(case):
        return Fires("acute-pain", case.view.back_pain)
    match naive(case.chart):
        case None:
            return Silent("medications-unknown")
        case False:
            return Silent("not-naive")
        case True:
            return Fires("opioid-naive", case.view.back_pain)


def opioid_start_dose(case: Case) -> Verdict:
    """Warn when an opioid-naive patient starts above the range of the sources."""
    if silence := _aside(case):
        return Silent(silence)
    is_naive = naive(case.chart)
    if not is_naive:
        return Silent("medications-unknown" if is_naive is None else "not-naive")
    if words := _single_dose_excess(case):
        return Fires("single-dose", case.view.back_pain, words)
    daily = daily_mme(case.use)
    if daily is None:
        return Silent("dose-unknown")
    judged = case.view.acuity.chronic and not case.view.supervised
    if "tramadol" in case.drug.classes or not judged:
        return Silent("within-range")
    if daily.high <= case.limits["chronic_daily_mme"]:
        return Silent("within-range")
    return Fires("daily-dose", case.view.back_pain, {"mme": f"{daily.high:.0f}"})


def opioid_dose_escalation(case: Case) -> Verdict:
    """Warn when the opioid dose is raised: that pain persists is a reason to change course."""
    if silence := _aside(case):
        return Silent(silence)
    if case.view.supervised:
        return Silent("supervised")
    old, new = before(case), after(case)
    if not old.uses:
        return Silent("no-opioid-in-use")
    if not (old.complete and new.complete):
        return Silent("dose-unknown")
    if new.mme * 100 <= old.mme * case.limits["most_percent"]:
        return Silent("not-raised")
    words = {"old": _number(old), "new": _number(new)}
    return Fires("raised", (*case.view.back_pain, *map(fact, old.uses)), words)


def opioid_risk_and_monitoring(case: Case) -> Verdict:
    """Remind of what goes with an opioid prescription and is not yet documented."""
    if silence := _aside(case):
        return Silent(silence)
    if case.view.supervised:
        return Silent("supervised")
    undone = [name for name, done in _prescribing_care(case).items() if not done]
    if not undone:
        return Silent("documented")
    if undone == ["a follow-up visit"] and case.view.renewal_of:
        return Silent("renewal")
    words = {"missing": shortly(undone), "undone": ", ".join(undone)}
    return Fires("undocumented", case.view.back_pain, words)


class _Step(NamedTuple):
    """Something that comes before an opioid, and what the record says of it."""

    name: str
    facts: tuple[Fact, ...]
    done: bool


def _aside(case: Case) -> str:
    """Name why rules about opioids for back pain leave this order alone."""
    if not case.for_back_pain or for_cough(case.drug) or not systemic(case.use):
        return "not-for-back-pain"
    if oud_decides(case):
        return "opioid-use-disorder"
    return "exempt" if case.view.exemption else ""


def _nsaid_step(case: Case) -> _Step:
    forbidden = nsaid_contraindicated(case.chart)
    facts = (forbidden,) if forbidden else _spent_facts(_nsaid_trials(case))
    return _Step("an NSAID", facts, _is_spent(case, "nsaid"))


def _second_step(case: Case) -> _Step:
    trials = case.history.trials
    tried = [trials[name] for name in ("duloxetine", "tramadol") if name in trials]
    duloxetine = trials.get("duloxetine")
    at_target = [duloxetine.fact] if duloxetine and _is_at_target(duloxetine) else []
    done = bool(at_target) or _is_spent(case, "duloxetine") or _is_spent(case, "tramadol")
    return _Step("duloxetine (or tramadol)", (*_spent_facts(tried), *at_target), done)


def _care_step(case: Case) -> _Step:
    care = case.history.nonpharmacologic
    facts = tuple(one.fact for one in care.values() if one.state is CareState.DONE)
    wanted = int(case.limits["modalities"])
    done = len(tried_modalities(care)) >= wanted
    return _Step(f"{wanted} kinds of nonpharmacologic care", facts, done)


def _is_spent(case: Case, drug_class: str) -> bool:
    chronic = case.history.chronic
    return class_status(case.chart, case.history.trials, drug_class, chronic=chronic) in SPENT


def _spent_facts(trials: list[Trial]) -> tuple[Fact, ...]:
    return tuple(trial.fact for trial in trials if trial.status in SPENT)


def _is_at_target(trial: Trial) -> bool:
    return trial.status is TrialStatus.ACTIVE and trial.at_target is True


def _nsaid_trials(case: Case) -> list[Trial]:
    return [trial for trial in case.history.trials.values() if "nsaid" in trial.classes]


def _further_options(case: Case) -> Iterator[str]:
    chronic = case.history.chronic
    status = class_status(case.chart, case.history.trials, "tca", chronic=chronic)
    if status is TrialStatus.UNTRIED:
        yield "tricyclic-untried"
    if "multidisciplinary-rehab" not in case.history.nonpharmacologic:
        yield "rehabilitation-untried"
    if duration := _duration_note(case):
        yield duration


def _acute_notes(case: Case) -> Iterator[str]:
    if case.drafted(("nsaid",)):
        yield "nsaid-started"
    if duration := _duration_note(case):
        yield duration


def _duration_note(case: Case) -> str:
    """Ask for the length at signing only: while an order is written it is often still open."""
    signing = case.hook == "order-sign" and not case.view.supervised
    return "duration-unknown" if signing and days_supplied(case.use) is None else ""


def _is_long_acting(use: MedicationUse) -> bool:
    return use.drug.extended or "methadone" in use.drug.ingredient_names


def _goes_on_long_acting(case: Case) -> bool:
    return any(
        _is_long_acting(use) and same_medicine(use, case.use) for use in case.in_use(OPIOIDS)
    )


def _single_dose_excess(case: Case) -> Mapping[str, str] | None:
    """Return the dose at one time and its limit, when an oral immediate-release one is over."""
    if route_of(case.use) is not Route.ORAL or case.drug.extended:
        return None
    for name in _SINGLE_DOSE_LIMITS:
        dose = single_mg(case.use, name)
        most = case.limits[f"{name}_mg"]
        if dose is not None and dose.high > most:
            return {"dose": f"{dose.high:g}", "most": f"{most:g}"}
    return None


def _number(equivalents: Equivalents) -> str:
    return f"{equivalents.mme:.0f}"


def _prescribing_care(case: Case) -> Mapping[str, bool]:
    """Return what goes with a prescription and whether it is documented."""
    return {
        "a substance-use risk screen": _measured(case, frozenset({RISK_SCREEN})),
        "a depression and anxiety screen": _measured(case, MOOD_SCREENS),
        "a treatment agreement": _has_agreement(case),
        "a follow-up visit": _has_follow_up(case),
    }


def _measured(case: Case, terms: frozenset[str]) -> bool:
    days = case.limits["screen_days"]
    return any(
        seen.on is not None and is_recent(seen.on, case.chart.today, days)
        for seen in case.chart.measurements
        if not seen.concept.terms.isdisjoint(terms)
    )


def _has_agreement(case: Case) -> bool:
    days = case.limits["agreement_days"]
    for service in case.chart.services:
        if AGREEMENT in service.concept.terms and service.status in {"active", "completed"}:
            day = service.ended or service.started or service.written
            if day is None or is_recent(day, case.chart.today, days):
                return True
    return False


def _has_follow_up(case: Case) -> bool:
    drafted = (order.service for order in case.chart.drafts if order.service)
    return any(_is_ahead(service, case) for service in (*case.chart.services, *drafted))


def _is_ahead(service: ServiceUse, case: Case) -> bool:
    if service.kind != "appointment" or service.status not in _PENDING or not service.started:
        return False
    return 0 < (service.started - case.chart.today).days <= case.limits["follow_up_days"]


RULES: Final[Mapping[str, Callable[[Case], Verdict]]] = {
    "opioid-before-alternatives": opioid_before_alternatives,
    "opioid-before-nsaid": opioid_before_nsaid,
    "opioid-acute-duration": opioid_acute_duration,
    "extended-release-opioid-start": extended_release_opioid_start,
    "opioid-start-dose": opioid_start_dose,
    "opioid-dose-escalation": opioid_dose_escalation,
    "opioid-risk-and-monitoring": opioid_risk_and_monitoring,
}
