"""What a rule is asked: one order, and everything worked out about the patient, each once."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from cards import circumstances, medications, oud, record, relevance, stages
from cards import trials as drug_trials
from cards.chart import Chart, Drug, Fact, MedicationUse, Order, ServiceUse
from cards.relevance import Acuity, Relevance
from cards.trials import NonpharmacologicTrial, Trial

WILL_BE_TAKEN = frozenset({"draft", "active", "on-hold"})
NO_ORDER = Order(reference="", intent="none")  # what patient-view rules are asked about


class History:
    """What follows from the record alone, whatever is being ordered."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart

    @cached_property
    def chronic(self) -> bool:
        """Whether trials and failures are judged as in chronic pain; unknown counts as so."""
        return not relevance.acuity(self.chart).acute

    @cached_property
    def trials(self) -> Mapping[str, Trial]:
        """Systemic drug trials by ingredient."""
        return drug_trials.trials(self.chart, chronic=self.chronic)

    @cached_property
    def nonpharmacologic(self) -> Mapping[str, NonpharmacologicTrial]:
        """Exercise, psychological and complementary care by modality."""
        return drug_trials.nonpharmacologic(self.chart)

    @cached_property
    def opioid_use_disorder(self) -> oud.OpioidUseDisorder:
        """Opioid use disorder as the problem list has it."""
        return oud.opioid_use_disorder(self.chart)

    @cached_property
    def buprenorphine(self) -> tuple[oud.BuprenorphineUse, ...]:
        """Buprenorphine in use now."""
        return oud.buprenorphine_uses(self.chart)

    @cached_property
    def standing(self) -> stages.Standing:
        """Where the patient stands in the treatment of back pain."""
        maintained = any(one.product is oud.ProductClass.OUD for one in self.buprenorphine)
        return stages.standing(
            self.chart,
            self.trials,
            self.nonpharmacologic,
            opioid_use_disorder=self.opioid_use_disorder.on_record or maintained,
        )

    @cached_property
    def addiction_consult(self) -> Fact | None:
        """A recent addiction-medicine consultation."""
        return oud.addiction_consult(self.chart)

    @cached_property
    def in_use(self) -> tuple[MedicationUse, ...]:
        """Medicines in use now as safety rules see it: old active entries count."""
        today = self.chart.today
        return tuple(
            use
            for use in self.chart.medications
            if medications.in_use(use, today, for_safety=True)
        )


@dataclass(frozen=True)
class Assessment:
    """One patient and the orders on the screen."""

    chart: Chart
    history: History
    _views: dict[str, "OrderView"] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, chart: Chart) -> "Assessment":
        """Return the assessment of a chart as it was read."""
        return cls(chart, History(chart))

    def with_drafts(self, drafts: tuple[Order, ...]) -> "Assessment":
        """Return the same patient with other orders on the screen."""
        return Assessment(replace(self.chart, drafts=drafts), self.history)

    def view(self, order: Order) -> "OrderView":
        """Return what is known about one order; asked again, the same object."""
        view = self._views.get(order.reference)
        if view is None or view.order is not order:
            view = self._views[order.reference] = OrderView(order, self)
        return view


class OrderView:
    """What several rules ask about the same order."""

    def __init__(self, order: Order, patient: Assessment) -> None:
        self.order = order
        self.patient = patient

    @cached_property
    def relevance(self) -> Relevance:
        """How surely the order is for back pain."""
        return relevance.relevance(self.order, self.patient.chart)

    @cached_property
    def back_pain(self) -> tuple[Fact, ...]:
        """The fact that makes the order one for back pain, as a finding cites it."""
        chart, term = self.patient.chart, relevance.BACK_PAIN
        if problems := relevance.back_pain(chart):
            return (record.problem_fact(problems[0], term),)
        if any(term in reason.terms for reason in relevance.stated_reasons(self.order)):
            return (record.reason_fact(self.order.reference, term, "this order"),)
        visit = record.current_encounter(chart)
        if visit and any(term in reason.terms for reason in visit.reasons):
            return (record.reason_fact(visit.reference, term, "this visit"),)
        return ()

    @cached_property
    def acuity(self) -> Acuity:
        """How long the back pain has lasted."""
        return relevance.acuity(self.patient.chart, self.order)

    @cached_property
    def radicular(self) -> Fact | None:
        """Documented radicular pain; ``None`` means not documented, never absent."""
        return relevance.radicular(self.patient.chart, self.order)

    @cached_property
    def competing(self) -> tuple[Fact, ...]:
        """Other conditions on record that the order could be for."""
        return relevance.competing(self.order, self.patient.chart)

    @cached_property
    def supervised(self) -> bool:
        """Given under supervision in an emergency department or hospital."""
        return circumstances.supervised(self.order, self.patient.chart)

    @cached_property
    def exemption(self) -> Fact | None:
        """A reason why opioid rules stand back: cancer, palliative care, surgery."""
        return circumstances.exemption(self.order, self.patient.chart)

    @cached_property
    def red_flags(self) -> tuple[Fact, ...]:
        """Signs of a serious cause."""
        return circumstances.red_flags(self.patient.chart, self.order)

    @cached_property
    def renewal_of(self) -> MedicationUse | None:
        """The medicine in use that this order continues."""
        use = self.order.medication
        return medications.renewal_of(use, self.patient.chart) if use else None


@dataclass(frozen=True, slots=True)
class Case:
    """One order put to one rule, with the rule's own numbers."""

    view: OrderView
    limits: Mapping[str, float]
    hook: str = "order-sign"

    @property
    def order(self) -> Order:
        """The order asked about; :data:`NO_ORDER` at patient-view."""
        return self.view.order

    @property
    def use(self) -> MedicationUse:
        """The medication ordered; rules that look at services must not ask."""
        if self.order.medication is None:
            raise TypeError("this rule asked a service order for its medication")
        return self.order.medication

    @property
    def service(self) -> ServiceUse:
        """The service ordered; rules that look at medicines must not ask."""
        if self.order.service is None:
            raise TypeError("this rule asked a medication order for its service")
        return self.order.service

    @property
    def drug(self) -> Drug:
        """The drug ordered."""
        return self.use.drug

    @property
    def chart(self) -> Chart:
        """The patient's chart."""
        return self.view.patient.chart

    @property
    def history(self) -> History:
        """What follows from the record alone."""
        return self.view.patient.history

    @property
    def for_back_pain(self) -> bool:
        """Back pain is the stated or the probable reason (levels D and P)."""
        return self.view.relevance.fires

    def drafted(self, classes: Iterable[str]) -> tuple[MedicationUse, ...]:
        """Return other drafts of the session that belong to one of the classes."""
        wanted = frozenset(classes)
        return tuple(use for use in self._other_drafts() if use.drug.classes & wanted)

    def in_use(self, classes: Iterable[str]) -> tuple[MedicationUse, ...]:
        """Return medicines in use, one an ingredient, that belong to one of the classes."""
        wanted = frozenset(classes)
        found = (use for use in self.history.in_use if use.drug.classes & wanted)
        return medications.distinct(found)

    def beside(self, classes: Iterable[str]) -> tuple[MedicationUse, ...]:
        """Return what would be taken beside this order: in use, or drafted with it."""
        wanted = frozenset(classes)
        return medications.distinct((*self.in_use(wanted), *self.drafted(wanted)))

    def allergy_to(self, drug: Drug) -> Fact | None:
        """Return the recorded allergy to the drug or its class."""
        return drug_trials.allergic(self.chart, drug)

    def _other_drafts(self) -> Iterator[MedicationUse]:
        for order in self.chart.drafts:
            other = order.reference != self.order.reference
            if other and order.medication and order.status in WILL_BE_TAKEN:
                yield order.medication
