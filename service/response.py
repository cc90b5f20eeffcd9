"""Card plans to the CDS Hooks answer: texts filled in, identifiers derived, order kept."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from cards.card_text import detail, summary
from cards.case import NO_ORDER, Assessment
from cards.evaluation import Evaluation, Finding
from cards.override_reasons import displays
from cards.policy import PLAN, CardPlan
from cards.relevance import back_pain
from cards.site import Site
from cards.suggestions import Proposal, proposals
from service.envelope import HookRequest
from service.gather import Gathered
from service.reading import Reading
from service.suggestions import Subject, suggestion

FINDINGS = "org.back-pain-cds.findings"
EVALUATION = "org.back-pain-cds.evaluation"
TRACE = "org.back-pain-cds.trace"
MOST_UNREAD = 50
LONGEST_PATH = 200  # characters
FORMER_ORDERS = frozenset({"MedicationOrder", "ProcedureRequest", "ReferralRequest"})

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """What one call was answered from; the cards are made from these and nothing else."""

    request: HookRequest
    gathered: Gathered
    reading: Reading
    patient: Assessment
    evaluation: Evaluation
    plans: tuple[CardPlan, ...]


class Responder:
    """Write answers for one site; ``base`` is where its code systems live."""

    def __init__(self, site: Site, base: str) -> None:
        self._version = site.book.version
        self._judge = site.judge
        self._policy = site.policy
        self._reasons = {**displays(), **site.reasons}
        self._links = site.links
        self._topics = f"{base}/CodeSystem/rule"
        self._reason_system = f"{base}/CodeSystem/override-reason"
        self._namespace = uuid5(NAMESPACE_URL, base)

    def respond(self, answered: Answered) -> Json:
        """Return the body of the answer: cards, and what could not be evaluated."""
        extension: Json = {EVALUATION: self._evaluation(answered)}
        if answered.request.trace:
            extension[TRACE] = list(_trace(answered.evaluation))
        body = [self._card(plan, answered) for plan in answered.plans]
        return {"cards": body, "extension": extension}

    def _evaluation(self, answered: Answered) -> Json:
        return {
            "rulebook": self._version,
            "missing": sorted(answered.reading.chart.missing),
            "incomplete": sorted(answered.gathered.incomplete),
            "unidentified": list(answered.reading.unidentified),
            "unread": _first(answered.reading.unread),
            "broken": [broken.rule for broken in answered.evaluation.broken],
        }

    def _card(self, plan: CardPlan, answered: Answered) -> Json:
        headline = plan.headline
        uuid = self._uuid(plan, answered.request)
        source = headline.sources[0]
        card: Json = {
            "uuid": str(uuid),
            "summary": summary(plan),
            "detail": detail(plan, answered.reading.chart.missing),
            "indicator": headline.indicator.value,
            "source": {
                "label": source.label,
                **({"url": source.url} if source.url else {}),
                "topic": {
                    "system": self._topics,
                    "code": headline.rule.id,
                    "display": headline.rule.title,
                },
            },
        }
        if offered := list(self._suggestions(plan, answered, uuid)):
            offered[0]["isRecommended"] = True
            card |= {"suggestions": offered, "selectionBehavior": _selection(offered)}
        if reasons := list(self._override_reasons(headline)):
            card["overrideReasons"] = reasons
        if links := self._links.get(headline.rule.id):
            card["links"] = [dict(link) for link in links]
        card["extension"] = {FINDINGS: list(_findings(plan))}
        return card

    def _uuid(self, plan: CardPlan, request: HookRequest) -> UUID:
        orders = ",".join(order.reference for order in plan.orders)
        return uuid5(
            self._namespace,
            f"{request.instance}|{request.hook}|{plan.headline.rule.id}|{orders}",
        )

    def _suggestions(self, plan: CardPlan, answered: Answered, seed: UUID) -> Iterator[Json]:
        subject, drafts = _subject(answered), answered.reading.drafts
        # A client of an earlier FHIR version cannot read the resources that we would create.
        former = any(draft.get("resourceType") in FORMER_ORDERS for draft in drafts.values())
        made = (
            suggestion(proposal, subject, drafts, seed)
            for proposal in self._proposals(plan, answered)
            if not (former and proposal.does == "create")
        )
        yield from islice((each for each in made if each), self._policy.cards["suggestions"])

    def _proposals(self, plan: CardPlan, answered: Answered) -> Iterator[Proposal]:
        """Yield what the card may propose, each once; a check costs time, so on demand."""
        hook = answered.request.hook
        seen: set[tuple[str, str]] = set()
        for finding in _asking(plan):
            for proposal in proposals(self._judge, answered.patient, finding, hook):
                key = (proposal.id, proposal.target)
                if key not in seen:
                    seen.add(key)
                    yield proposal

    def _override_reasons(self, finding: Finding) -> Iterator[Json]:
        for code in finding.outcome.override_reasons:
            yield {"system": self._reason_system, "code": code, "display": self._reasons[code]}


def _first(unread: Sequence[str]) -> list[str]:
    """Name the first entries that could not be read, and how many more there are."""
    more = len(unread) - MOST_UNREAD
    named = [path[:LONGEST_PATH] for path in unread[:MOST_UNREAD]]
    return [*named, f"and {more} more"] if more > 0 else named


def _selection(offered: Iterable[Json]) -> str:
    """Say whether several may be chosen: two changes of one order exclude each other."""
    changed = [_target(action) for each in offered for action in each["actions"]]
    changed = [target for target in changed if target]
    return "any" if len(set(changed)) == len(changed) else "at-most-one"


def _target(action: Json) -> str:
    if action["type"] == "create":
        return ""
    resource = action.get("resource", {})
    return action.get("resourceId") or f"{resource.get('resourceType')}/{resource.get('id')}"


def _asking(plan: CardPlan) -> Iterable[Finding]:
    """Yield the findings whose suggestions a card shows.

    They are the headline rule's, an order each; of a care plan every line's.
    """
    if plan.group == PLAN:
        return plan.findings
    return (f for f in plan.findings if f.rule.id == plan.headline.rule.id)


def _subject(answered: Answered) -> Subject:
    known = back_pain(answered.reading.chart)
    return Subject(
        patient_id=answered.request.patient_id,
        encounter_id=answered.request.encounter_id,
        user_id=answered.request.user_id,
        back_pain=known[0].reference if known else None,
        seen_for_back_pain=bool(answered.patient.view(NO_ORDER).back_pain),
    )


def _findings(plan: CardPlan) -> Iterator[Json]:
    for finding in (*plan.findings, *plan.dropped):
        entry: Json = {
            "rule": finding.rule.id,
            "outcome": finding.outcome.name,
            "indicator": finding.indicator.value,
            "orders": [finding.order.reference] if finding.order.reference else [],
            "facts": [{"resource": f.resource, "text": f.text} for f in finding.facts],
        }
        if finding in plan.dropped:
            entry["dropped"] = True
        yield entry


def _trace(evaluation: Evaluation) -> Iterator[Json]:
    for silence in evaluation.silences:
        yield {"rule": silence.rule, "order": silence.order, "outcome": silence.outcome}
