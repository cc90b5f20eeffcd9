"""The views: discovery, one CDS Hooks call, health."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from flask import Blueprint, current_app, request

from service.catalogue import PROTOCOL_VERSION, discovery, find
from service.envelope import HookRequest, read_request
from service.settings import Settings

EXTENSION = "back-pain-cds"

Answer = Callable[[HookRequest, date], Mapping[str, object]]

log = logging.getLogger("back_pain_cds")
bp = Blueprint("cds-hooks", __name__)


@dataclass(frozen=True, slots=True)
class Shell:
    """What the views need of the application, in ``app.extensions``."""

    settings: Settings
    answer: Answer
    versions: Mapping[str, str]  # of the rulebook and its tables, for /health


# Clients build "{discovery address}/{id}"; one that was given a slash at the end calls "//id".
@bp.get("/cds-services")
@bp.get("/cds-services/")
def services() -> dict[str, object]:
    """List the services offered."""
    return discovery()


@bp.post("/cds-services/<service_id>")
@bp.post("/cds-services//<service_id>")
def call(service_id: str) -> dict[str, object]:
    """Answer one hook call; it reads from top to bottom."""
    shell = _shell()
    service = find(service_id)
    hook_request = read_request(
        _body(),
        request.content_type,
        service,
        extensions=shell.settings.request_extensions_allowed,
    )
    if not hook_request.hook_matches_service:
        log.info("hook_mismatch service=%s hook=%s", service.id, hook_request.hook)
    return dict(shell.answer(hook_request, hook_request.as_of or _today()))


@bp.get("/health")
def health() -> dict[str, object]:
    """Say that the service answers, and which knowledge it answers with."""
    return {"status": "ok", "cdsHooks": PROTOCOL_VERSION, **_shell().versions}


def _shell() -> Shell:
    return cast(Shell, current_app.extensions[EXTENSION])


def _body() -> bytes:
    body = request.get_data(cache=False)
    # A body without a length is cut off at the limit; the next read raises when there was more.
    request.stream.read(1)
    return body


def _today() -> date:
    """Return the date where the service stands: a day of treatment is a local day."""
    return datetime.now().astimezone().date()
