"""The orders that a card may propose, each checked against the whole rulebook first."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from cards import terms
from cards.case import Assessment, Case
from cards.chart import (
    Amount,
    Concept,
    Dosage,
    Drug,
    Identified,
    MedicationUse,
    Order,
    Route,
    ServiceUse,
)
from cards.circumstances import pregnancy
from cards.contraindications import nsaid_allergy
from cards.definitions import number
from cards.dosing import MG, daily_mg, days_with_refills, scheduled
from cards.evaluation import Finding, evaluate, fill
from cards.nonpharmacologic import MODALITIES
from cards.policy import load_policy
from cards.record import is_recent
from cards.relevance import back_pain
from cards.rulebook import Indicator, Rulebook
from cards.sig import PRODUCT_UNITS
from cards.suggestion_templates import (
    Regimen,
    ServiceTemplate,
    Template,
    load_templates,
    product,
)
from cards.trials import SPENT, TRIED_OR_ORDERED
from cards.unsuitable import nsaid_unsuitable

NEVER_REMOVED = frozenset({"buprenorphine"})  # abrupt stop harms
NOT_REMOVED_WHEN_CONTINUED = frozenset(
    {"opioid-full-agonist", "opioid-mixed", "tramadol", "benzodiazepine"}
)
PENDING_OR_DONE = frozenset({"active", "draft", "on-hold", "booked", "completed"})
PROPOSED = "MedicationRequest/proposed"
_OFTEN: Mapping[float, str] = {
    1: "once daily",
    2: "twice daily",
    3: "three times daily",
    4: "four times daily",
    6: "six times daily",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A suggestion fit to be shown: one action on one order."""

    id: str
    does: str
    label: str
    description: str
    target: str = ""  # the draft that is changed or removed
    regimen: Regimen | None = None
    days: float | None = None
    adds_reason: str = ""
    service: ServiceTemplate | None = None


def proposals(
    book: Rulebook, patient: Assessment, finding: Finding, hook: str
) -> Iterator[Proposal]:
    """Yield what may be proposed beside one finding, best first.

    A proposed order is left out when it would itself raise more than an info for this
    patient, is in use, is not tolerated, or has failed before.
    """
    case = Case(patient.view(finding.order), finding.rule.numbers, hook)
    for name in _names(finding, case):
        template = load_templates()[name]
        if not _is_for(template, case):
            continue
        proposal = _proposal(template, case, finding.words)
        if proposal and _fits(book, case, template, proposal):
            yield proposal


def _is_for(template: Template, case: Case) -> bool:
    """Tell whether a new order has its reason: what treats back pain needs a back pain."""
    return template.does != "create" or template.for_anyone or bool(case.view.back_pain)


def _names(finding: Finding, case: Case) -> Iterable[str]:
    if finding.suggestions:
        return dict.fromkeys(finding.suggestions)
    outcome = finding.outcome
    by_phase: tuple[str, ...] = ()
    if case.view.acuity.chronic:
        by_phase = outcome.suggestions_chronic
    elif case.view.acuity.acute:
        by_phase = outcome.suggestions_acute
    return dict.fromkeys((*outcome.suggestions, *by_phase))


def _proposal(template: Template, case: Case, words: Mapping[str, str]) -> Proposal | None:
    if template.does == "delete":
        return _delete(template, case, words)
    if template.does == "update":
        return _update(template, case, words)
    return Proposal(
        id=template.id,
        does="create",
        label=template.label,
        description=template.description,
        regimen=template.regimen,
        service=template.service,
    )


def _delete(template: Template, case: Case, words: Mapping[str, str]) -> Proposal | None:
    classes = case.order.classes
    if classes & NEVER_REMOVED or case.order.status != "draft":
        return None
    if classes & NOT_REMOVED_WHEN_CONTINUED and case.view.renewal_of:
        return None
    return _on_draft(template, case, words)


def _update(template: Template, case: Case, words: Mapping[str, str]) -> Proposal | None:
    if template.days or template.adds_reason:
        proposal = _on_draft(template, case, words)
        return replace(proposal, days=template.days, adds_reason=template.adds_reason)
    if not template.regimens:
        return _previous_dose(template, case, words)
    regimen = _regimen_for(case.drug, template.regimens)
    if regimen is None:
        return None
    said = {**words, "medicine": product(regimen).label}
    return replace(_on_draft(template, case, said), regimen=regimen)


def _regimen_for(drug: Drug, regimens: Mapping[str, Regimen]) -> Regimen | None:
    """Return the regimen of the same combination, else the one of an ingredient."""
    names = drug.ingredient_names
    same = (regimen for key, regimen in regimens.items() if names == set(key.split("/")))
    among = (regimen for key, regimen in regimens.items() if key in names)
    return next(same, None) or next(among, None)


def _previous_dose(template: Template, case: Case, words: Mapping[str, str]) -> Proposal | None:
    """Return the draft as the medicine is taken now, when that is one product and one dose."""
    same = [
        use
        for use in case.history.in_use
        if use.drug.ingredient_names == case.drug.ingredient_names
        and use.drug.extended == case.drug.extended
    ]
    days = case.use.supply_days
    regimens = {regimen for use in same if (regimen := _regimen_of(use, days))}
    if len(regimens) != 1 or len({use.drug.code for use in same}) != 1:
        return None
    (regimen,) = regimens
    medicine = "/".join(ingredient.name for ingredient in case.drug.ingredients)
    said = {**words, "dose": regimen.sig, "medicine": medicine}
    return replace(_on_draft(template, case, said), regimen=regimen)


def _regimen_of(use: MedicationUse, days: float | None) -> Regimen | None:
    """Return how a medicine is taken now, for so many days."""
    if len(use.dosages) != 1 or use.drug.identified is not Identified.CODE or not use.drug.code:
        return None
    (dosage,) = use.dosages
    amount, times = dosage.amount, dosage.times_per_day
    if amount is None or times is None or amount.low != amount.high or times.low != times.high:
        return None
    unit, often = amount.unit or use.drug.form, _OFTEN.get(times.low)
    # Any other unit is the client's word, which is not for showing.
    if often is None or unit not in {*PRODUCT_UNITS, *MG, "ml"}:
        return None
    counted = f"{unit}s" if unit in PRODUCT_UNITS and amount.low > 1 else unit
    needed = " as needed" if dosage.as_needed else ""
    return Regimen(
        rxnorm=use.drug.code,
        name=use.drug.name,
        sig=f"{amount.low:g} {counted} {often}{needed}",
        route=use.route.value,
        unit=unit,
        amount=amount.low,
        times=times.low,
        as_needed=dosage.as_needed,
        days=days,
    )


def _on_draft(template: Template, case: Case, words: Mapping[str, str]) -> Proposal:
    return Proposal(
        id=template.id,
        does=template.does,
        label=fill(template.label, words),
        description=fill(template.description, words),
        target=case.order.reference,
    )


def _fits(book: Rulebook, case: Case, template: Template, proposal: Proposal) -> bool:
    if template.service:
        return _service_is_new(case, template.service)
    if proposal.days:
        return _raises_nothing(book, case.view.patient, case, _shortened(case, proposal.days))
    if proposal.adds_reason:
        return _raises_nothing(
            book, case.view.patient, case, _with_reason(case, proposal.adds_reason)
        )
    if proposal.regimen is None:
        return True
    drug = product(proposal.regimen)
    if proposal.does == "create" and not _drug_is_open(case, drug):
        return False
    patient = _without(case.view.patient, template.replaces)
    order = _as_order(proposal.regimen, drug, _reasons(case, proposal), case)
    if proposal.does == "update" and _is_as_ordered(case.use, order):
        return False
    return _raises_nothing(book, patient, case, order)


def _without(patient: Assessment, drug_class: str) -> Assessment:
    """Return the patient without the medicines in use that the proposal takes the place of."""
    gone = [use for use in patient.history.in_use if drug_class in use.drug.classes]
    if not gone:
        return patient
    kept = tuple(use for use in patient.chart.medications if use not in gone)
    return Assessment.of(replace(patient.chart, medications=kept))


def _service_is_new(case: Case, service: ServiceTemplate) -> bool:
    wanted = frozenset(service.terms)
    if any(order.classes & wanted for order in case.chart.drafts):
        return False
    if wanted.isdisjoint(MODALITIES):
        return not any(
            use.concept.terms & wanted and _is_pending(use, case.chart.today)
            for use in case.chart.services
        )
    known = case.history.nonpharmacologic
    return not any(name in known and known[name].state in TRIED_OR_ORDERED for name in wanted)


def _is_pending(use: ServiceUse, today: date) -> bool:
    """Say whether a request made lately still waits, or what it asked for was just done."""
    day = use.ended or use.started or use.written
    lately = day is None or is_recent(day, today, number("lookback.referral_days"))
    return lately and use.status in PENDING_OR_DONE


def _drug_is_open(case: Case, drug: Drug) -> bool:
    """Tell whether the drug is not in use, not drafted, tolerated, and has not failed."""
    names = drug.ingredient_names
    if case.allergy_to(drug) or _is_unsuitable_nsaid(case, drug):
        return False
    beside = (*case.history.in_use, *case.drafted(drug.classes))
    if any(
        use.drug.ingredient_names & names and use.drug.classes & drug.classes for use in beside
    ):
        return False
    if drug.route is Route.TOPICAL:
        return True
    tried = (case.history.trials.get(name) for name in names)
    return not any(trial and trial.status in SPENT for trial in tried)


def _is_unsuitable_nsaid(case: Case, drug: Drug) -> bool:
    """Say whether it is an NSAID that is not to be proposed; on the skin fewer are barred."""
    if "nsaid" not in drug.classes:
        return False
    if drug.route is Route.TOPICAL:
        return bool(nsaid_allergy(case.chart) or pregnancy(case.chart))
    return nsaid_unsuitable(case.chart) is not None


def _raises_nothing(book: Rulebook, patient: Assessment, case: Case, order: Order) -> bool:
    others = tuple(o for o in case.chart.drafts if o.reference != case.order.reference)
    patient = patient.with_drafts((*others, order))
    found = (
        finding
        for hook in book.telling_hooks
        for finding in evaluate(book, patient, hook, (order,)).findings
    )
    vetoes = load_policy().vetoes
    return all(
        finding.indicator is Indicator.INFO and finding.rule.id not in vetoes
        for finding in found
    )


def _reasons(case: Case, proposal: Proposal) -> tuple[Concept, ...]:
    """Return what the order would be for: a draft that is changed keeps its reasons."""
    if proposal.does == "update":
        return case.use.reasons
    known = back_pain(case.chart)
    return (known[0].concept if known else terms.example("back-pain"),)


def _as_order(regimen: Regimen, drug: Drug, reasons: tuple[Concept, ...], case: Case) -> Order:
    use = MedicationUse(
        reference=PROPOSED,
        drug=drug,
        status="draft",
        route=Route(regimen.route),
        dosages=(_dosage(regimen),),
        supply_days=regimen.days,
        dispensed=True,
        written=case.chart.today,
        reasons=reasons,
        categories=frozenset({"community"}),
    )
    return Order(reference=PROPOSED, medication=use)


def _is_as_ordered(draft: MedicationUse, proposed: Order) -> bool:
    """Say whether the draft already is what is proposed: product, dose, and not for longer."""
    use = proposed.medication
    if use is None or draft.drug.ingredients != use.drug.ingredients:
        return False
    name = use.drug.ingredients[0].name
    same_dose = daily_mg(draft, name) == daily_mg(use, name)
    if not same_dose or scheduled(draft) != scheduled(use):
        return False
    now, then = days_with_refills(draft), days_with_refills(use)
    return now == then or (now is not None and then is not None and now < then)


def _shortened(case: Case, days: float) -> Order:
    """Return the draft as it is but for its supply."""
    use = replace(case.use, supply_days=days, quantity=None, refills=0, dispensed=True)
    return replace(case.order, medication=use)


def _with_reason(case: Case, text: str) -> Order:
    """Return the draft as it is, with one more reason."""
    order, reason = case.order, terms.concept((), text)
    if order.service:
        reasons = (*order.service.reasons, reason)
        return replace(order, service=replace(order.service, reasons=reasons))
    return replace(order, medication=replace(case.use, reasons=(*case.use.reasons, reason)))


def _dosage(regimen: Regimen) -> Dosage:
    amount, times = regimen.amount, regimen.times
    return Dosage(
        text=regimen.sig,
        route=Route(regimen.route),
        amount=Amount(amount, amount, regimen.unit) if amount else None,
        times_per_day=Amount(times, times) if times else None,
        as_needed=regimen.as_needed,
        days=regimen.days,
    )
