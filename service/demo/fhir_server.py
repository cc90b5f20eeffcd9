"""A small read-only FHIR R4 server over the synthetic patients, as demo clients need it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, request
from flask_cors import CORS
from werkzeug.exceptions import HTTPException

from service.demo.dates import shifted
from service.demo.stories import STORY_DAY, everything
from service.fhir import coded, items, objects, reference, string
from service.gather import DATA_OF_TYPE

FHIR_JSON = "application/fhir+json"
FHIR_VERSION = "4.0.1"
BASE = "/fhir"
# The types that we ask for; those of other versions of FHIR are not served.
TYPES = tuple(
    kind
    for kind in DATA_OF_TYPE
    if kind not in {"MedicationOrder", "ProcedureRequest", "ReferralRequest"}
)
# How a result is given, not which: a page holds all that there is.
TOLERATED = frozenset({"_count", "_format", "_sort", "_summary", "_elements", "_include"})

Json = dict[str, Any]


class Charts:
    """The resources of every patient, moved so that the day of their story is ``today``."""

    def __init__(self, today: date) -> None:
        days = (today - STORY_DAY).days
        self._by_type: dict[str, list[Json]] = {kind: [] for kind in TYPES}
        for resource in everything():
            self._by_type[resource["resourceType"]].append(shifted(resource, days))

    def read(self, kind: str, id_: str) -> Json | None:
        """Return one resource."""
        return next((each for each in self._by_type[kind] if each["id"] == id_), None)

    def search(self, kind: str, asked: Iterable[tuple[str, str]]) -> list[Json]:
        """Return the resources that match every parameter that narrows."""
        wanted = [(name.partition(":")[0], value) for name, value in asked if value]
        return [
            resource
            for resource in self._by_type[kind]
            if all(_matches(resource, name, value) for name, value in wanted)
        ]


def _matches(resource: Json, name: str, value: str) -> bool:
    choices = {choice.strip() for choice in value.split(",")}
    match name:
        case "_id":
            return resource["id"] in choices
        case "patient" | "subject":
            return _patient(resource) in {choice.rpartition("/")[2] for choice in choices}
        case "name" | "given" | "family":
            return any(choice.lower() in _name(resource) for choice in choices)
        case "code" | "category" | "status" | "clinical-status" | "encounter":
            return bool(choices & set(_tokens(resource, name)))
        case _:  # a search that we do not narrow finds more, never less
            return True


def _patient(resource: Json) -> str:
    if resource["resourceType"] == "Patient":
        return string(resource["id"])
    whom = resource.get("subject") or resource.get("patient")
    return reference(whom).rpartition("/")[2]


def _name(resource: Json) -> str:
    names = objects(resource.get("name"))
    return " ".join(
        " ".join((*map(string, items(name.get("given"))), string(name.get("family"))))
        for name in names
    ).lower()


def _tokens(resource: Json, name: str) -> Iterator[str]:
    """Yield what a token parameter may be compared with: ``code`` and ``system|code``."""
    field = {"clinical-status": "clinicalStatus"}.get(name, name)
    value = resource.get(field, resource.get("medicationCodeableConcept"))
    if isinstance(value, str):
        yield value
    for concept in objects(value):
        yield reference(concept).rpartition("/")[2]
        for coding in objects(concept.get("coding")):
            yield string(coding.get("code"))
            yield f"{string(coding.get('system'))}|{string(coding.get('code'))}"
        yield coded(concept).text


def create_fhir_app(today: date) -> Flask:
    """Build the server, below ``/fhir``: metadata, reads, and searches by GET and POST."""
    app = Flask("service.demo.fhir_server", static_folder=None)
    app.url_map.merge_slashes = False
    CORS(
        app,
        origins="*",
        send_wildcard=True,
        allow_headers="*",
        max_age=600,
        allow_private_network=True,  # of the reader, asked by a page of the web
    )
    for status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        app.register_error_handler(status, _refuse)
    _add_views(app, Charts(today))
    return app


def _add_views(app: Flask, charts: Charts) -> None:
    def search(kind: str) -> Response:
        asked = ((name, value) for name, value in _asked() if name not in TOLERATED)
        return _searchset(charts.search(kind, asked))

    def read(kind: str, id_: str) -> Response:
        found = charts.read(kind, id_)
        return _answer(found) if found else _outcome("not-found", HTTPStatus.NOT_FOUND)

    kind = f"<any({','.join(TYPES)}):kind>"
    # A client whose address of the server ends in a slash asks for "/fhir//Patient".
    for base in (f"{BASE}/", f"{BASE}//"):
        app.add_url_rule(f"{base}metadata", view_func=_metadata)
        app.add_url_rule(f"{base}{kind}", view_func=search)
        app.add_url_rule(f"{base}{kind}/_search", view_func=search, methods=["POST"])
        app.add_url_rule(f"{base}{kind}/<id_>", view_func=read)


def _asked() -> Iterable[tuple[str, str]]:
    """Return the parameters of the address and of the form."""
    for given in (request.args, request.form):
        yield from given.items(multi=True)


def _metadata() -> Response:
    searched = [
        {"name": name, "type": "token"} for name in ("_id", "patient", "code", "category")
    ]
    interactions = [{"code": "read"}, {"code": "search-type"}]
    return _answer(
        {
            "resourceType": "CapabilityStatement",
            "status": "active",
            "date": STORY_DAY.isoformat(),
            "kind": "instance",
            "implementation": {"description": "Synthetic patients with back pain"},
            "fhirVersion": FHIR_VERSION,
            "format": ["json"],
            "rest": [
                {
                    "mode": "server",
                    "resource": [
                        {"type": kind, "interaction": interactions, "searchParam": searched}
                        for kind in TYPES
                    ],
                }
            ],
        }
    )


def _searchset(found: Iterable[Json]) -> Response:
    server = request.host_url.rstrip("/") + BASE
    entries = [
        {
            "fullUrl": f"{server}/{each['resourceType']}/{each['id']}",
            "resource": each,
            "search": {"mode": "match"},
        }
        for each in found
    ]
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(entries)}
    return _answer({**bundle, "entry": entries} if entries else bundle)


def _refuse(error: HTTPException) -> Response:
    return _outcome("not-supported", HTTPStatus(error.code or HTTPStatus.NOT_FOUND))


def _outcome(code: str, status: HTTPStatus) -> Response:
    text = "This server reads and searches what it has, and nothing else."
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return _answer({"resourceType": "OperationOutcome", "issue": [issue]}, status)


def _answer(body: Mapping[str, Any], status: int = 200) -> Response:
    """Answer in FHIR JSON whatever the Accept header says: that of DSTU2 is still sent."""
    return Response(json.dumps(body), status, content_type=FHIR_JSON)
