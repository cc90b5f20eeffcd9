"""The views: discovery, one CDS Hooks call, feedback, and what operators look at."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import cast

from flask import Blueprint, Response, current_app, g, request
from flask.typing import ResponseReturnValue

from service import audit
from service.answering import Answers
from service.auth import Authenticator, Unauthorised
from service.calls import Call, loggable_id
from service.catalogue import PROTOCOL_VERSION, discovery, find
from service.clients import UNAUTHENTICATED, Client
from service.conformance_sampling import ConformanceSampler
from service.envelope import read_request
from service.errors import Issue, UnsupportedMediaType, from_status
from service.feedback import FeedbackBatch, feedback_answer, read_feedback
from service.limits import RateLimit, check_size
from service.metrics import CONTENT_TYPE, Metrics
from service.openapi import description
from service.recording import NothingStored, Records
from service.settings import Settings
from service.shown_plans import ShownPlans
from service.stopwatch import Stopwatch
from service.store import StorageUnavailable
from service.version import program_version

EXTENSION = "back-pain-cds"
RULEBOOK = "rulebook"
_PLAIN = frozenset({"", "identity"})  # a body that is not compressed

log = logging.getLogger("back_pain_cds")
bp = Blueprint("cds-hooks", __name__)


@dataclass(frozen=True, slots=True)
class Shell:
    """What the views need of the application, in ``app.extensions``."""

    settings: Settings
    answers: Answers
    versions: Mapping[str, str]  # of the rulebook and its tables, for /health
    metrics: Metrics
    rate: RateLimit
    shown_plans: ShownPlans
    authenticator: Authenticator | None = None  # None: callers are not authenticated
    records: Records | None = None  # None: nothing is stored
    sampler: ConformanceSampler | None = None  # None: what clients send is not judged


# Clients build "{discovery address}/{id}"; one that was given a slash at the end calls "//id".
@bp.get("/cds-services")
@bp.get("/cds-services/")
def services() -> dict[str, object]:
    """List the services offered."""
    shell, call = _begin("discovery_answered")
    _admit(shell, call)
    return discovery()


@bp.post("/cds-services/<service_id>")
@bp.post("/cds-services//<service_id>")
def hook(service_id: str) -> dict[str, object]:
    """Answer one hook call; it reads from top to bottom."""
    shell, call = _begin("hook_answered")
    service = find(service_id)
    call.service = service.id
    client = _admit(shell, call)
    extensions = shell.settings.request_extensions_allowed
    asked = read_request(_body(), request.content_type, service, extensions=extensions)
    call.hook, call.instance = asked.hook, loggable_id(asked.instance)
    if not asked.hook_matches_service:
        log.info("hook_mismatch service=%s hook=%s", service.id, asked.hook)
    check_size(asked, shell.settings)
    call.watch.lap("read")
    answered = shell.answers.consider(asked, asked.as_of or _today(), client, call.watch)
    answered = call.answered = shell.shown_plans.without_repeats(answered, client)
    body = shell.answers.respond(answered)
    call.watch.lap("answer")
    shell.shown_plans.remember(answered, client)
    if shell.records:
        shell.records.keep_cards(answered, body, client)
    return dict(body)


@bp.post("/cds-services/<service_id>/feedback")
@bp.post("/cds-services//<service_id>/feedback")
def feedback(service_id: str) -> ResponseReturnValue:
    """Store what clinicians did with cards, before it is acknowledged."""
    shell, call = _begin("feedback_answered")
    call.service = find(service_id).id
    client = _admit(shell, call)
    if shell.records is None:
        raise NothingStored
    batch = read_feedback(_body())
    try:
        shell.records.keep_feedback(batch, call.service, client)
    except StorageUnavailable as error:
        log.warning("feedback_not_stored fault=%s", error.fault)
        shell.metrics.count_feedback("unavailable", len(batch.items))
        raise
    _count_feedback(shell.metrics, batch)
    status, body = feedback_answer(batch)
    return body, status


@bp.get("/health")
def health() -> dict[str, object]:
    """Say that the service answers, and which program and knowledge it answers with."""
    known = {"version": program_version(), "cdsHooks": PROTOCOL_VERSION}
    return {"status": "ok", **known, **_shell().versions}


@bp.get("/ready")
def ready() -> ResponseReturnValue:
    """Say whether everything that a call needs is there; knowledge is since the start."""
    records = _shell().records
    loaded = {RULEBOOK: "ok", "drugs": "ok"}
    if records is None:
        return {"status": "ok", **loaded, "database": "off"}
    try:
        records.check()
    except StorageUnavailable as error:
        log.warning("database_unavailable fault=%s", error.fault)
        body = {"status": "unavailable", **loaded, "database": "unavailable"}
        return body, HTTPStatus.SERVICE_UNAVAILABLE, dict(error.headers)
    return {"status": "ok", **loaded, "database": "ok"}


@bp.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Return the numbers of all worker processes, as Prometheus reads them."""
    shell = _shell()
    if not shell.settings.metrics:
        raise from_status(HTTPStatus.NOT_FOUND)
    return Response(shell.metrics.exposition(), content_type=CONTENT_TYPE)


@bp.get("/openapi.json")
def openapi() -> ResponseReturnValue:
    """Return the description of this interface."""
    return Response(description(), content_type="application/json")


@bp.after_app_request
def account(response: Response) -> Response:
    """Log and count the call that ends here, whatever came of it."""
    call: Call | None = g.pop("call", None)
    if call is not None:
        shell = _shell()
        audit.write(call, response.status_code, shell.versions.get(RULEBOOK, ""))
        if call.event == "hook_answered":
            shell.metrics.count_call(call, response.status_code)
            if shell.sampler and call.answered:
                shell.sampler.offer(call, call.answered)
    return response


def _begin(event: str) -> tuple[Shell, Call]:
    shell = _shell()
    g.call = Call(event, Stopwatch(shell.settings.request_seconds))
    return shell, g.call


def _admit(shell: Shell, call: Call) -> Client:
    """Return who calls; raise before the body is read when that is nobody we know."""
    client = replace(UNAUTHENTICATED, origin=request.headers.get("Origin", ""))
    if shell.authenticator is not None:
        authorization = request.headers.get("Authorization")
        try:
            client = shell.authenticator.authenticate(
                authorization, request.path, datetime.now(UTC)
            )
        except Unauthorised as refusal:
            call.reason, call.claimed = refusal.reason, refusal.client
            raise
        call.watch.lap("authenticate")
    call.client, call.tenant = client.name, client.tenant or ""
    shell.rate.take(client.name)
    return client


def _count_feedback(metrics: Metrics, batch: FeedbackBatch) -> None:
    for outcome in ("accepted", "overridden"):
        metrics.count_feedback(outcome, sum(item.outcome == outcome for item in batch.items))
    metrics.count_feedback("refused", batch.refused_items)


def _shell() -> Shell:
    return cast(Shell, current_app.extensions[EXTENSION])


def _body() -> bytes:
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in _PLAIN:
        raise UnsupportedMediaType(
            Issue("The body is compressed.", remedy="Send it without Content-Encoding.")
        )
    body = request.get_data(cache=False)
    # A body without a length is cut off at the limit; the next read raises when there was more.
    request.stream.read(1)
    return body


def _today() -> date:
    """Return the date where the service stands: a day of treatment is a local day."""
    return datetime.now().astimezone().date()
