"""Ask every rule that looks at an order what it says, and keep what it says."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cards import circumstances
from cards.case import NO_ORDER, Assessment, Case
from cards.chart import Chart, Fact, Fires, Order, Silent
from cards.rulebook import ADULTS, CHART, Indicator, Outcome, Rule, Rulebook, Source
from cards.sources import EVERYBODY, fitting_first, groups_of

CHILDREN = "children"
STOPPED = frozenset({"stopped", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that fired on an order, and the facts that made it fire."""

    rule: Rule
    order: Order
    outcome: Outcome
    indicator: Indicator
    facts: tuple[Fact, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    suggestions: tuple[str, ...] = ()  # instead of the outcome's own
    groups: frozenset[str] = EVERYBODY  # of patients that this one belongs to

    @property
    def sources(self) -> tuple[Source, ...]:
        """What the outcome rests on; what is about patients like this one comes first."""
        by_label = {source.label: source for source in self.rule.sources}
        named = tuple(by_label[label] for label in self.outcome.sources)
        return fitting_first(named or self.rule.sources, self.groups)

    @property
    def summary(self) -> str:
        """The card's sentence, filled in, with a capital."""
        text = fill(self.outcome.summary, self.words)
        return text[:1].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Silence:
    """A rule that looked at an order and had nothing to say, and why."""

    rule: str
    order: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that failed; ``fault`` is the type of the exception, never its message."""

    rule: str
    fault: str


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything the rules said."""

    findings: tuple[Finding, ...] = ()
    silences: tuple[Silence, ...] = ()
    broken: tuple[Broken, ...] = ()
    asked: int = 0  # how many times a rule was asked


def evaluate(
    book: Rulebook, patient: Assessment, hook: str, orders: Iterable[Order]
) -> Evaluation:
    """Put each order, or at patient-view the chart, to each rule that looks at it."""
    findings: list[Finding] = []
    silences: list[Silence] = []
    broken: dict[str, Broken] = {}
    asked = 0
    for order in (NO_ORDER,) if hook == "patient-view" else tuple(orders):
        view = patient.view(order)
        for rule in _rules(book, patient, hook, order):
            asked += 1
            match _ask(rule, Case(view, rule.numbers, hook)):
                case Finding() as finding:
                    findings.append(finding)
                case Silence() as silence:
                    silences.append(silence)
                case Broken() as fault:
                    broken[rule.id] = fault
    return Evaluation(tuple(findings), tuple(silences), tuple(broken.values()), asked)


def fill(text: str, words: Mapping[str, str]) -> str:
    """Fill the ``{placeholders}``; a missing word is a ``KeyError``, which tests look for."""
    return text.format_map(words)


def population_of(chart: Chart) -> str:
    """Return whose rules apply; an unknown age is an adult's, the dead have no rules."""
    if chart.patient.deceased:
        return "nobody"
    age = circumstances.age(chart)
    return CHILDREN if age is not None and age < circumstances.ADULT else ADULTS


def _rules(book: Rulebook, patient: Assessment, hook: str, order: Order) -> list[Rule]:
    population = population_of(patient.chart)
    classes = (CHART,) if order is NO_ORDER else order.classes
    return [
        rule
        for rule in book.about(hook, classes)
        if rule.population == population
        and (order.status not in STOPPED or rule.looks_at_stopped)
    ]


def _heard(case: Case, rule: Rule, fires: Fires) -> Finding | Silence:
    """Return the finding, or a silence when the outcome is not shown at this hook."""
    outcome = rule.fires[fires.outcome]
    indicator = outcome.tiers.get(case.hook)
    if indicator is None:
        return Silence(rule.id, case.order.reference, f"{outcome.name}-not-at-{case.hook}")
    return Finding(
        rule=rule,
        order=case.order,
        outcome=outcome,
        indicator=indicator,
        facts=fires.facts,
        words={"drug": case.order.label, **fires.words},
        notes=fires.notes,
        suggestions=fires.suggestions,
        groups=groups_of(case),
    )


def _ask(rule: Rule, case: Case) -> Finding | Silence | Broken:
    try:
        verdict = rule.decide(case)
        if isinstance(verdict, Silent):
            return Silence(rule.id, case.order.reference, verdict.outcome)
        return _heard(case, rule, verdict)
    except Exception as fault:  # noqa: BLE001 - one broken rule must not hide the others
        # Only the type is kept: the message could quote the patient's data.
        return Broken(rule.id, type(fault).__name__)
