"""The application factory: wiring, CORS, one error shape for every status."""

import logging
import re
import time
from collections.abc import Mapping
from datetime import timedelta
from types import TracebackType
from typing import IO, Any

import orjson
from flask import Flask, Response, current_app, g, request
from flask.json.provider import JSONProvider
from flask.typing import ResponseReturnValue
from flask_cors import CORS
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from service.answering import Answers
from service.auth import Authenticator, Limits, NonceStore
from service.calls import Call
from service.clients import load_clients
from service.conformance_sampling import ConformanceSampler
from service.errors import InternalError, ServiceError, from_status, operation_outcome
from service.keys import KeyCache
from service.limits import RateLimit
from service.metrics import Metrics
from service.recording import Records
from service.replay_guard import MemoryNonces, ReplayGuard
from service.routes import EXTENSION, Shell, bp
from service.settings import Settings
from service.shown_plans import ShownPlans
from service.site import site_of
from service.store import Store

METHODS = ("GET", "POST", "OPTIONS")
DRAIN_SECONDS = 2.0
CHUNK = 1 << 16
# Pages of other sites have no business with what the service tells its operators.
OPEN_PATHS = r"(?!/(?:metrics|report)(?:/|\Z)).*"
HEADERS = (
    ("Cache-Control", "no-store"),  # answers are about a patient, now
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Server", "back-pain-cds"),  # otherwise the name of the web server
    ("X-Content-Type-Options", "nosniff"),
)

log = logging.getLogger("back_pain_cds")


class OrjsonProvider(JSONProvider):
    """JSON as orjson writes it: quick, and keys stay in their order."""

    def dumps(self, obj: Any, **kwargs: Any) -> str:
        """Return ``obj`` as text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        """Return what the JSON text says."""
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with a JSON body."""
        body = orjson.dumps(self._prepare_response_obj(args, kwargs))
        return Response(body, content_type="application/json")


def create_app(
    settings: Settings,
    *,
    answers: Answers | None = None,
    versions: Mapping[str, str] | None = None,
    store: Store | None = None,
) -> Flask:
    """Build the service; without a store it keeps nothing.

    ``answers`` and ``versions`` replace the rulebook in tests.
    """
    app = Flask("service", static_folder=None)
    app.json = OrjsonProvider(app)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False  # a redirect loses the preflight; see routes.py
    app.extensions[EXTENSION] = _shell(settings, answers, versions, store)
    app.before_request(_answer_preflight)
    app.after_request(_add_headers)
    CORS(
        app,
        resources=OPEN_PATHS,
        origins=[_exactly(origin) for origin in settings.cors_origins],
        send_wildcard=True,
        methods=METHODS,
        allow_headers=["Authorization", "Content-Type"],
        expose_headers=["Retry-After", "WWW-Authenticate"],
        max_age=600,
        # A page of the web asks the demo, which stands on the device of its reader.
        allow_private_network=settings.workbench,
    )
    app.register_error_handler(ServiceError, _refuse)
    app.register_error_handler(HTTPException, _refuse_http)
    app.register_error_handler(Exception, _fail)
    app.register_blueprint(bp)
    if settings.workbench:
        _add_workbench(app, settings, store)
    return app


def _exactly(origin: str) -> str | re.Pattern[str]:
    """Return an origin as flask-cors compares it: one with brackets it takes for a pattern."""
    return re.compile(re.escape(origin) + r"\Z") if "[" in origin else origin


def _add_workbench(app: Flask, settings: Settings, store: Store | None) -> None:
    from service.workbench import views  # noqa: PLC0415 - only the demo needs its pages

    views.register(app, site_of(settings).book, store)


def _shell(
    settings: Settings,
    answers: Answers | None,
    versions: Mapping[str, str] | None,
    store: Store | None,
) -> Shell:
    metrics = Metrics()
    if answers is None:
        from service import answering  # noqa: PLC0415 - loads every table and rule

        answers = answering.build(settings, metrics.count_fhir_call)
        versions = answering.versions(settings)
    records = Records(store, metrics.watch_cards) if store else None
    if records:
        records.prepare()
    return Shell(
        settings=settings,
        answers=answers,
        versions=versions or {},
        metrics=metrics,
        rate=RateLimit(settings.calls_per_minute),
        shown_plans=ShownPlans(settings.care_plan_quiet_days),
        authenticator=_authenticator(settings, store),
        records=records,
        sampler=_sampler(settings, metrics),
    )


def _sampler(settings: Settings, metrics: Metrics) -> ConformanceSampler | None:
    """Return what judges the resources that clients send; None when it is switched off."""
    first, every = settings.conformance_first, settings.conformance_every
    return ConformanceSampler(first, every, metrics.count_judged) if first or every else None


def _authenticator(settings: Settings, store: Store | None) -> Authenticator | None:
    """Return what checks tokens; None when no clients are named."""
    if settings.clients_file is None:
        return None
    clients = load_clients(settings.clients_file)
    for name in clients.with_public_keys:
        log.warning("client_key_is_public client=%s", name)
    nonces: NonceStore = ReplayGuard(store) if store else MemoryNonces()
    limits = Limits(
        timedelta(seconds=settings.token_leeway_seconds),
        timedelta(seconds=settings.token_lifetime_seconds),
    )
    keys = KeyCache(longest_unread=settings.keys_unread_seconds)
    return Authenticator(clients, keys, nonces, settings.audience_bases, limits)


def _answer_preflight() -> ResponseReturnValue | None:
    """Answer OPTIONS on any path before routing or anything else can refuse it."""
    if request.method != "OPTIONS":
        return None
    response = Response(status=204)
    del response.headers["Content-Type"]
    return response


def _add_headers(response: Response) -> Response:
    there = {name.lower() for name, _ in response.headers}
    response.headers.extend([each for each in HEADERS if each[0].lower() not in there])
    return response


def _refuse(error: ServiceError) -> ResponseReturnValue:
    _take_in()
    return operation_outcome(error), error.status, dict(error.headers)


def _refuse_http(error: HTTPException) -> ResponseReturnValue:
    """Turn an error of the framework, HTML by default, into an OperationOutcome."""
    _take_in()
    known = from_status(error.code or InternalError.status)
    headers = {}
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return operation_outcome(known), known.status, headers


def _take_in() -> None:
    """Take in what a known client is still sending: most read no answer before they are done.

    A stranger is answered at once and loses the connection. The server can wait for a body
    but not give the wait up, so that half a body would hold a thread, and the stop.
    """
    call: Call | None = g.get("call")
    if call is None or not call.client:
        return
    try:
        _drain(request.stream)
    except HTTPException:  # larger than is read, or the client has gone
        _drain(request.environ["wsgi.input"])


def _drain(stream: IO[bytes]) -> None:
    left = 2 * current_app.config["MAX_CONTENT_LENGTH"]
    end = time.monotonic() + DRAIN_SECONDS
    while left > 0 and time.monotonic() < end and (chunk := stream.read(min(left, CHUNK))):
        left -= len(chunk)


def _fail(error: Exception) -> ResponseReturnValue:
    """Answer for a fault of ours; only its kind and place are logged, never its message."""
    log.error("internal_error type=%s at=%s", type(error).__name__, _place(error.__traceback__))
    return _refuse(InternalError())


def _place(traceback: TracebackType | None) -> str:
    """Return module and line where the error arose."""
    if traceback is None:
        return "unknown"
    while traceback.tb_next:
        traceback = traceback.tb_next
    return f"{traceback.tb_frame.f_globals.get('__name__')}:{traceback.tb_lineno}"
