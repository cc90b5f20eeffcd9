"""Where replay finds patients: a folder of FHIR Bundles, or a FHIR server."""

import json
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import requests

from service.fhir import items, objects, reference
from service.hooks_client import reason
from service.prefetch_resolution import Source, Unresolved
from service.replay import ReplayError

SECONDS = 30
FHIR_JSON = "application/fhir+json"
# These say how a result is given, not which resources match.
_PRESENTATION = frozenset(
    {
        *("_count", "_elements", "_format", "_include", "_maxresults"),
        *("_sort", "_summary", "_total"),
    }
)
# Where a search parameter looks, if not in the field of its own name.
_FIELDS: Mapping[str, tuple[str, ...]] = {
    "_id": ("id",),
    "clinical-status": ("clinicalStatus",),
    "code": ("code", "medicationCodeableConcept", "codeCodeableConcept"),
    "encounter": ("encounter", "context"),
    "patient": ("subject", "patient"),
    "subject": ("subject", "patient"),
    "verification-status": ("verificationStatus",),
}
_REFERENCES = frozenset({"encounter", "patient", "subject"})
_CODED = frozenset({"category", "clinical-status", "code", "verification-status"})
_KNOWN = _PRESENTATION | _REFERENCES | _CODED | {"_id", "intent", "status"}

Json = dict[str, Any]


def source(place: str) -> Source:
    """Return the source that ``--patients`` names."""
    if place.startswith(("http://", "https://")):
        return ServerSource(place)
    folder = Path(place)
    if not folder.is_dir():
        raise ReplayError(f"{place}: neither a folder nor the address of a FHIR server")
    return ResourceSource(_in_folder(folder))


class ServerSource:
    """A FHIR server; its first page is the answer, with the link to the next if any."""

    def __init__(self, base: str) -> None:
        self._base = base.rstrip("/")

    def answer(self, query: str) -> Json | None:
        """Return what the server answers; None when it does not know the resource."""
        try:
            response = requests.get(
                f"{self._base}/{query}", headers={"Accept": FHIR_JSON}, timeout=SECONDS
            )
            if response.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
                return None
            found = response.json()
        except requests.JSONDecodeError:
            raise Unresolved("the FHIR server's answer is not JSON") from None
        except requests.RequestException as fault:
            raise Unresolved(reason(self._base, fault)) from None
        if response.status_code != HTTPStatus.OK or not isinstance(found, dict):
            raise Unresolved(f"the FHIR server answered with {response.status_code}")
        return found


class ResourceSource:
    """Resources at hand: reads, and searches by what prefetch templates commonly ask."""

    def __init__(self, resources: Iterable[Json]) -> None:
        self._by_type: dict[str, dict[str, Json]] = {}
        for resource in resources:
            same_type = self._by_type.setdefault(resource["resourceType"], {})
            same_type[str(resource.get("id", len(same_type)))] = resource

    def answer(self, query: str) -> Json | None:
        """Return a resource, or a searchset of those that match."""
        path, asks, parameters = query.partition("?")
        kind, _, id_ = path.partition("/")
        if not asks:
            return self._by_type.get(kind, {}).get(id_)
        if id_:
            raise Unresolved("resources at hand answer reads and searches of one type only")
        asked = parse_qsl(parameters, keep_blank_values=True)
        for name, _ in asked:
            if name not in _KNOWN:
                raise Unresolved(f"resources at hand are not searched by {name}")
        matches = [one for one in self._by_type.get(kind, {}).values() if _match(one, asked)]
        found = [{"resource": one, "search": {"mode": "match"}} for one in matches]
        included = [
            {"resource": one, "search": {"mode": "include"}}
            for one in self._included(matches, asked)
        ]
        return {
            "resourceType": "Bundle",
            "type": "searchset",
            "total": len(found),
            "entry": found + included,
        }

    def _included(self, found: Iterable[Json], asked: Iterable[tuple[str, str]]) -> list[Json]:
        """Return what the matches refer to, where ``_include`` asks for it."""
        fields = [
            value.split(":")[1] for name, value in asked if name == "_include" and ":" in value
        ]
        references = dict.fromkeys(
            reference(one.get(name))
            for one in found
            for field in fields
            for name in (field, f"{field}Reference")
        )
        split = [each.partition("/") for each in references if each]
        reads = [self._by_type.get(kind, {}).get(id_) for kind, _, id_ in split]
        return [one for one in reads if one]


def _in_folder(folder: Path) -> list[Json]:
    """Return the resources of all ``*.json`` files, each a Bundle or a resource."""
    found = [one for path in sorted(folder.rglob("*.json")) for one in _resources(path)]
    if not found:
        raise ReplayError(f"{folder}: no FHIR resources")
    return found


def _resources(path: Path) -> Iterator[Json]:
    try:
        document = json.loads(path.read_bytes())
    except ValueError:
        raise ReplayError(f"{path}: not JSON") from None
    if not isinstance(document, dict):
        return
    entries = document.get("entry") if document.get("resourceType") == "Bundle" else None
    listed = [each.get("resource") for each in objects(entries)] if entries else [document]
    for one in listed:
        if isinstance(one, dict) and isinstance(one.get("resourceType"), str):
            yield one


def _match(resource: Json, asked: Iterable[tuple[str, str]]) -> bool:
    return all(_matches(resource, name, value) for name, value in asked if value)


def _matches(resource: Json, parameter: str, value: str) -> bool:
    """Say whether a resource matches one search parameter; several values are a choice."""
    if parameter in _PRESENTATION:
        return True
    values = [resource.get(field) for field in _FIELDS.get(parameter, (parameter,))]
    choices = value.split(",")
    if parameter in _REFERENCES:
        held = {reference(each) for each in values}
        ids = {each.rpartition("/")[2] for each in held if each}
        return any(choice in held or choice in ids for choice in choices)
    if parameter in _CODED:
        return any(
            _is_coded(concept, c) for v in values for concept in items(v) for c in choices
        )
    return any(str(each) in choices for each in values if each is not None)


def _is_coded(concept: object, token: str) -> bool:
    """Compare a CodeableConcept with ``code``, ``|code`` or ``system|code``."""
    system, bar, code = token.rpartition("|")
    codings = objects(concept.get("coding")) if isinstance(concept, dict) else []
    if not codings and isinstance(concept, str):
        return concept == code
    return any(
        coding.get("code") == code and (not bar or coding.get("system", "") == system)
        for coding in codings
    )
