"""One call from the request to the body of its answer; the pipeline reads top to bottom."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Protocol

from cards import definitions, drugs, terms
from cards.case import Assessment
from cards.evaluation import Evaluation, evaluate
from cards.policy import plan, settle
from cards.rulebook import Rulebook
from cards.suggestion_templates import load_templates
from service.clients import UNAUTHENTICATED, Client
from service.envelope import HookRequest
from service.errors import DataUnavailable, InternalError, Issue
from service.fhir_access import FhirAccess, unread_because
from service.gather import DATA, WHO, Gathered, gather, own_name
from service.limits import check_depth
from service.reading import Reading, read_chart
from service.response import Answered, Responder
from service.settings import Settings
from service.site import site_of
from service.stopwatch import Stopwatch
from service.warming import warm_up

MOST_DEPTH = 200  # levels; orjson reads 1024 and writes 254


class Answers(Protocol):
    """What turns one call into its answer, in two steps."""

    def consider(
        self, request: HookRequest, today: date, client: Client, watch: Stopwatch
    ) -> Answered:
        """Work out what is to be said to this client."""
        ...

    def respond(self, answered: Answered) -> Mapping[str, object]:
        """Return the body that says it."""
        ...


class Answering:
    """Everything an answer needs that does not change between calls."""

    def __init__(self, settings: Settings, fhir: FhirAccess | None = None) -> None:
        self.fhir = fhir or FhirAccess(settings)
        site = site_of(settings)
        self.book, self.policy = site.book, site.policy
        self.responder = Responder(site, site.canonical_base)
        definitions.use(site.definitions)
        load_templates()

    def __call__(
        self, request: HookRequest, today: date, client: Client = UNAUTHENTICATED
    ) -> Mapping[str, object]:
        """Return the body of the answer."""
        return self.respond(self.consider(request, today, client))

    def consider(
        self,
        request: HookRequest,
        today: date,
        client: Client = UNAUTHENTICATED,
        watch: Stopwatch | None = None,
    ) -> Answered:
        """Read, evaluate and plan; raise :class:`DataUnavailable` when nothing can be said."""
        watch = watch or Stopwatch()
        source = self.fhir.source(request, client, watch.left)
        try:
            gathered = gather(request, request.service, source)
            watch.lap("gather")
            reading = read_chart(request, gathered, today)
        except TypeError:  # what orjson says of a value that it cannot write, to look it up
            # Only now: to measure every call would take as long as to parse it.
            check_depth(request.prefetch.values(), "prefetch", MOST_DEPTH)
            raise
        patient = Assessment.of(reading.chart)
        evaluation = evaluate(self.book, patient, request.hook, reading.orders)
        _refuse_when_broken(evaluation)
        self._refuse_when_blind(request, gathered, reading, evaluation, unread_because(source))
        plans = plan(settle(evaluation.findings, self.policy), request.hook, self.policy)
        if _is_for_the_patient(request):
            plans = ()
        watch.lap("evaluate")
        return Answered(request, gathered, reading, patient, evaluation, plans)

    def respond(self, answered: Answered) -> Mapping[str, object]:
        """Return the body of the answer."""
        return self.responder.respond(answered)

    def _refuse_when_blind(
        self,
        request: HookRequest,
        gathered: Gathered,
        reading: Reading,
        evaluation: Evaluation,
        unread: Issue | None,
    ) -> None:
        said = any(finding.rule.origin != "service" for finding in evaluation.findings)
        if said or not _is_blind(gathered) or not _concerns(self.book, request.hook, reading):
            return
        raise DataUnavailable(
            Issue(
                "Nothing about the patient could be read, so these orders cannot be checked.",
                path="prefetch",
                remedy="Send the prefetch keys that GET /cds-services names, or let them be "
                "read from a fhirServer that is registered here; null or an empty Bundle says "
                f"that there is nothing. Missing: {_named(gathered)}.",
            ),
            *filter(None, [unread]),
        )


def _refuse_when_broken(evaluation: Evaluation) -> None:
    if evaluation.broken and len(evaluation.broken) == evaluation.asked:
        raise InternalError


def _concerns(book: Rulebook, hook: str, reading: Reading) -> bool:
    return any(book.about(hook, order.classes) for order in reading.orders)


def _is_for_the_patient(request: HookRequest) -> bool:
    """Say whether the patient or a relative opens the chart: our words are for clinicians."""
    kind = (request.user_id or "").rpartition("/")[0].rpartition("/")[2]
    return request.hook == "patient-view" and kind in {"Patient", "RelatedPerson"}


def _is_blind(gathered: Gathered) -> bool:
    """Say whether nothing is known of the patient's health; name and visit tell nothing."""
    return gathered.missing | gathered.failed >= DATA - WHO


def _named(gathered: Gathered) -> str:
    return ", ".join(sorted({own_name(name) for name in gathered.missing | gathered.failed}))


def build(settings: Settings, count_fhir_call: Callable[[str], None]) -> Answers:
    """Return what answers calls, with every table and rule loaded, checked and tried."""
    answering = Answering(settings, FhirAccess(settings, count_fhir_call))
    warm_up(answering.book)
    return answering


def versions(settings: Settings) -> Mapping[str, str]:
    """Return the versions of the knowledge and what the site changes, for ``/health``."""
    site = site_of(settings)
    known = {
        "rulebook": site.book.version,
        "drugs": drugs.version(),
        "terms": terms.version(),
    }
    return {**known, "site": "; ".join(site.changes)} if site.changes else known
