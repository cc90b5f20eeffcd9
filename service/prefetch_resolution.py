"""Prefetch as a CDS client resolves it: templates to queries, queries to their answers."""

import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Protocol
from urllib.parse import quote

from service.envelope import AS_OF

Json = dict[str, Any]

_TOKEN = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_DAY = re.compile(r"today\(\)(?:\s*([+-])\s*(\d{1,6})\s*days?)?")
# "userPractitionerId" stands for the id when the user is a Practitioner (CDS Hooks 2.0).
_USERS = {
    "userPractitionerId": "Practitioner",
    "userPractitionerRoleId": "PractitionerRole",
    "userPatientId": "Patient",
    "userRelatedPersonId": "RelatedPerson",
}


class Unresolved(Exception):
    """A template or its query cannot be resolved; the text says why, without values."""


class Source(Protocol):
    """Where resources come from: a folder of Bundles, or a FHIR server."""

    def answer(self, query: str) -> Json | None:
        """Return the resource or searchset of a relative FHIR query; None if not found.

        Raise `Unresolved` when the query cannot be answered.
        """


def prefetched(
    request: Json, templates: Mapping[str, str], source: Source
) -> tuple[Json, tuple[str, ...]]:
    """Return the request with prefetch, and what could not be resolved.

    A request that brings prefetch is left as it is. A key that cannot be had is left out, as
    CDS Hooks asks; what was looked for and is not there is ``null``.
    """
    if request.get("prefetch"):
        return request, ()
    found: Json = {}
    remarks: list[str] = []
    for key, template in templates.items():
        try:
            found[key] = source.answer(query_of(template, request))
        except Unresolved as fault:
            remarks.append(f"prefetch {key} was left out: {fault}")
    return {**request, **({"prefetch": found} if found else {})}, tuple(remarks)


def query_of(template: str, request: Json) -> str:
    """Return the template with its tokens replaced."""

    def value(token: re.Match[str]) -> str:
        return _value(token[1], request)

    return _TOKEN.sub(value, template)


def _value(token: str, request: Json) -> str:
    context = request.get("context")
    fields = context if isinstance(context, dict) else {}
    if token in _USERS:
        kind, _, id_ = str(fields.get("userId", "")).rpartition("/")
        if kind == _USERS[token]:
            return quote(id_, safe="")
    elif match := _DAY.fullmatch(token):
        return _moved(_today(request), match).isoformat()
    elif token.startswith("context."):
        found = fields.get(token.removeprefix("context."))
        if isinstance(found, str | int) and not isinstance(found, bool) and found != "":
            return quote(str(found), safe="/")
    raise Unresolved(f"nothing stands for {{{{{token}}}}}")


def _today(request: Json) -> date:
    """Return the day that the request is evaluated for."""
    extension = request.get("extension")
    as_of = extension.get(AS_OF) if isinstance(extension, dict) else None
    try:
        return date.fromisoformat(str(as_of))
    except ValueError:
        return date.today()  # noqa: DTZ011 - the day where the tester is


def _moved(day: date, match: re.Match[str]) -> date:
    days = timedelta(int(match[2] or 0))
    try:
        return day - days if match[1] == "-" else day + days
    except OverflowError:
        raise Unresolved("a date out of the calendar") from None
