"""Opioid use disorder, buprenorphine and what it is for, and who else looks after it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from cards.chart import (
    Chart,
    Concept,
    Drug,
    Encounter,
    Fact,
    MedicationUse,
    Problem,
    Route,
    ServiceUse,
)
from cards.definitions import number
from cards.medications import in_use, last_date
from cards.record import (
    current_encounter,
    dated_fact,
    is_doubted,
    is_recent,
    is_tentative,
    problem_fact,
    problems_of,
    reason_fact,
    stands,
)
from cards.terms import concept, known, title

OPIOID_USE_DISORDER = known("opioid-use-disorder")
REMISSION = known("opioid-use-disorder-remission")
TREATMENT_PROGRAMME = known("opioid-treatment-programme")
ADDICTION_MEDICINE = known("addiction-medicine")

METHADONE = "methadone"

_DISORDER = frozenset({OPIOID_USE_DISORDER, REMISSION})
_TREATED = _DISORDER | {TREATMENT_PROGRAMME}
_PAIN = frozenset(map(known, ("back-pain", "chronic-pain", "neck-pain", "cancer")))
_PAIN_WORD = re.compile(r"\bpain\b")

# United States brands; a strength or a form may be missing where the brand is not.
_MAINTENANCE_BRANDS = frozenset(
    {"suboxone", "subutex", "zubsolv", "bunavail", "sublocade", "brixadi", "probuphine"}
)
_ANALGESIC_BRANDS = frozenset({"butrans", "belbuca", "buprenex"})
_MAINTENANCE_MG = 2  # the least strength of sublingual buprenorphine for maintenance
_INJECTED = frozenset(
    {Route.INJECTION, Route.INTRAVENOUS, Route.INTRAMUSCULAR, Route.SUBCUTANEOUS}
)

_PENDING = frozenset({"draft", "active", "on-hold", "booked", "proposed", "pending"})
_ATTENDED = frozenset({"finished", "in-progress", "arrived", "completed"})
_UNDER_WAY = frozenset({"active", "in-progress", "on-hold"})


class OudStatus(StrEnum):
    """What the record says about opioid use disorder."""

    ACTIVE = "active"
    REMISSION = "remission"
    NONE = "none"  # not on record: segmented records may hold it back


@dataclass(frozen=True, slots=True)
class OpioidUseDisorder:
    """Opioid use disorder on record, and the fact that says so."""

    status: OudStatus = OudStatus.NONE
    fact: Fact | None = None
    provisional: bool = False

    @property
    def on_record(self) -> bool:
        """Active or in remission."""
        return self.status is not OudStatus.NONE


class ProductClass(StrEnum):
    """What a buprenorphine product is taken for."""

    OUD = "oud"
    PAIN = "pain"
    UNKNOWN = "unknown"  # handled as pain


@dataclass(frozen=True, slots=True)
class BuprenorphineUse:
    """Buprenorphine in use or drafted; ``last`` is when it was last given or ordered."""

    use: MedicationUse
    product: ProductClass
    last: date | None


def opioid_use_disorder(chart: Chart) -> OpioidUseDisorder:
    """Return opioid use disorder as the record has it; it does not expire.

    An active entry outranks one in remission, a confirmed one a provisional one.
    """
    found = (*_from_problems(chart), *_from_visit(chart), *_from_treatment(chart))
    return max(found, key=_weight, default=OpioidUseDisorder())


def buprenorphine_uses(chart: Chart) -> tuple[BuprenorphineUse, ...]:
    """Return the buprenorphine in use now, drafts not included."""
    return tuple(
        BuprenorphineUse(use, product_class(use), last_date(use))
        for use in chart.medications
        if "buprenorphine" in use.drug.classes and in_use(use, chart.today, for_safety=True)
    )


def drafted_buprenorphine(chart: Chart) -> tuple[BuprenorphineUse, ...]:
    """Return the buprenorphine among the orders on the screen."""
    return tuple(
        BuprenorphineUse(order.medication, product_class(order.medication), None)
        for order in chart.drafts
        if order.medication
        and "buprenorphine" in order.medication.drug.classes
        and order.status in _PENDING
        and not order.do_not_perform
    )


def product_class(use: MedicationUse) -> ProductClass:
    """Return what this buprenorphine is for: by its reason, else by the product."""
    if any(reason.terms & _DISORDER for reason in use.reasons):
        return ProductClass.OUD
    if any(_is_pain(reason) for reason in use.reasons):
        return ProductClass.PAIN
    return _by_product(use)


def treats_disorder(use: MedicationUse) -> bool:
    """Say whether this methadone is given for opioid use disorder, as its record says."""
    if METHADONE not in use.drug.ingredient_names:
        return False
    sigs = (concept((), dosage.text) for dosage in use.dosages if dosage.text)
    return any(reason.terms & _TREATED for reason in (*use.reasons, *sigs))


def addiction_consult(chart: Chart) -> Fact | None:
    """Return a recent consultation of addiction medicine, or a standing tie to it."""
    if ADDICTION_MEDICINE in chart.user_specialties:
        return Fact("", "the ordering clinician practices addiction medicine")
    days = number("lookback.addiction_consult_days")
    for service in _addiction_services(chart):
        if service.kind == "team" and service.status == "active" and not service.ended:
            return Fact(service.reference, "addiction medicine on the care team")
        day = service.ended or service.started or service.written
        if service.status == "completed" and day and is_recent(day, chart.today, days):
            return dated_fact(service.reference, "addiction-medicine consultation", day)
    for visit in chart.encounters:
        if _is_addiction_visit(visit) and is_recent_visit(visit, chart.today, days):
            return dated_fact(visit.reference, "addiction-medicine visit", visit.started)
    return None


def addiction_referral_placed(chart: Chart) -> Fact | None:
    """Return a referral to addiction medicine that is ordered and not yet completed."""
    drafted = (order.service for order in chart.drafts if order.service)
    days = number("lookback.addiction_consult_days")
    for service in (*_addiction_services(chart), *_of_addiction_medicine(drafted)):
        day = service.written
        pending = service.kind in {"request", "appointment"} and service.status in _PENDING
        if pending and (day is None or is_recent(day, chart.today, days)):
            return dated_fact(service.reference, "addiction-medicine referral placed", day)
    return None


def is_recent_visit(visit: Encounter, today: date, days: float) -> bool:
    """Say whether the patient was there in the last ``days`` days."""
    if visit.current:
        return True
    day = visit.ended or visit.started
    return visit.status in _ATTENDED and day is not None and is_recent(day, today, days)


def _weight(found: OpioidUseDisorder) -> tuple[bool, bool]:
    return found.status is OudStatus.ACTIVE, not found.provisional


def _from_problems(chart: Chart) -> Iterator[OpioidUseDisorder]:
    for problem in problems_of(chart, _DISORDER):
        if stands(problem):
            status = OudStatus.REMISSION if _is_remitted(problem) else OudStatus.ACTIVE
            term = REMISSION if status is OudStatus.REMISSION else OPIOID_USE_DISORDER
            fact = problem_fact(problem, term)
            yield OpioidUseDisorder(status, fact, is_tentative(problem))


def _from_visit(chart: Chart) -> Iterator[OpioidUseDisorder]:
    """Yield what this visit is for: an unlisted disorder is one all the same."""
    visit = current_encounter(chart)
    if visit is None:
        return
    for reason in visit.reasons:
        if reason.terms & _DISORDER:
            remitted = REMISSION in reason.terms
            term = REMISSION if remitted else OPIOID_USE_DISORDER
            status = OudStatus.REMISSION if remitted else OudStatus.ACTIVE
            fact = reason_fact(visit.reference, term, "this visit")
            yield OpioidUseDisorder(status, fact, is_doubted(reason))


def _is_remitted(problem: Problem) -> bool:
    return (
        REMISSION in problem.concept.terms
        or problem.clinical in {"remission", "resolved", "inactive"}
        or (problem.clinical == "active" and problem.abated is not None)
    )


def _from_treatment(chart: Chart) -> Iterator[OpioidUseDisorder]:
    """Yield what treatment tells: a methadone programme, methadone given for the disorder."""
    for service in chart.services:
        if TREATMENT_PROGRAMME in service.concept.terms and service.status in _UNDER_WAY:
            day = service.started or service.written
            fact = dated_fact(service.reference, title(TREATMENT_PROGRAMME), day)
            yield OpioidUseDisorder(OudStatus.ACTIVE, fact)
    for use in chart.medications:
        if treats_disorder(use) and in_use(use, chart.today, for_safety=True):
            fact = dated_fact(
                use.reference, f"methadone for {title(OPIOID_USE_DISORDER)}", last_date(use)
            )
            yield OpioidUseDisorder(OudStatus.ACTIVE, fact)


def _is_pain(reason: Concept) -> bool:
    return bool(reason.terms & _PAIN or _PAIN_WORD.search(reason.text.lower()))


def _by_product(use: MedicationUse) -> ProductClass:
    drug = use.drug
    brand = drug.brand.lower()
    if brand in _MAINTENANCE_BRANDS:
        return ProductClass.OUD
    route = use.route if drug.route is Route.UNKNOWN else drug.route
    if brand in _ANALGESIC_BRANDS or route is Route.TRANSDERMAL or drug.form == "patch":
        return ProductClass.PAIN
    # Buprenorphine with naloxone exists for maintenance alone; so does the implant.
    if "naloxone" in drug.ingredient_names or Route.IMPLANT in {route, drug.form}:
        return ProductClass.OUD
    return _by_strength(use, route)


def _by_strength(use: MedicationUse, route: Route) -> ProductClass:
    mg = _strength(use.drug) or _single_dose(use)
    if route in _INJECTED and use.drug.extended:
        return ProductClass.OUD
    if mg is None:
        # No sublingual product for pain is sold in the United States.
        return ProductClass.OUD if route is Route.SUBLINGUAL else ProductClass.UNKNOWN
    if mg >= _MAINTENANCE_MG:
        return ProductClass.OUD
    if route is Route.BUCCAL or route in _INJECTED:
        return ProductClass.PAIN
    return ProductClass.UNKNOWN


def _strength(drug: Drug) -> float | None:
    """Return mg of buprenorphine in a unit, or in a mL of an injection."""
    return next((one.mg for one in drug.ingredients if one.name == "buprenorphine"), None)


def _single_dose(use: MedicationUse) -> float | None:
    """Return the mg taken at one time, when the instructions give it in mg."""
    amounts = (dosage.amount for dosage in use.dosages)
    return next((amount.high for amount in amounts if amount and amount.unit == "mg"), None)


def _addiction_services(chart: Chart) -> tuple[ServiceUse, ...]:
    return tuple(_of_addiction_medicine(chart.services))


def _of_addiction_medicine(services: Iterable[ServiceUse]) -> Iterator[ServiceUse]:
    return (one for one in services if ADDICTION_MEDICINE in one.concept.terms)


def _is_addiction_visit(visit: Encounter) -> bool:
    return any(ADDICTION_MEDICINE in kind.terms for kind in visit.kinds)
