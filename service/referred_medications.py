"""Medicines that orders only refer to: which of them the client's FHIR server is asked for.

CDS Hooks clients do not resolve ``_include``, so that a ``medicationReference`` may lead to
something that nobody sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from service.fhir import is_plain_id, local, string, word
from service.fhir_client import Query
from service.reading_medications import referred_medicine

MOST = 32  # in one call

_TYPE = "Medication"
_NOT_IN_A_PATH = frozenset("?#")
_FIRST = frozenset({"draft", "active", "on-hold"})

Json = dict[str, Any]


def not_sent(drafts: Sequence[Json], sent: Mapping[str, Iterable[Json]]) -> dict[str, set[str]]:
    """Return references that lead to nothing that came, with the prefetch keys that hold them.

    Those of drafts come first, of what is in use next.
    """
    held = [("", draft) for draft in drafts]
    held += sorted(
        ((key, resource) for key, group in sent.items() for resource in group),
        key=lambda pair: word(pair[1].get("status")) not in _FIRST,
    )
    there = {f"{_TYPE}/{string(one.get('id'))}" for _, one in held if _is_medication(one)}
    found: dict[str, set[str]] = {}
    for key, resource in held:
        reference = referred_medicine(resource)
        if _leads_to_a_medication(reference) and local(reference) not in there:
            found.setdefault(reference, set()).add(key)
    return found


def queries(references: Iterable[str]) -> dict[str, Query]:
    """Return the reads; a reference to another server is refused where it is read."""
    return {each: Query(quote(each, safe="/:%"), _TYPE) for each in islice(references, MOST)}


def _is_medication(resource: Json) -> bool:
    return resource.get("resourceType") == _TYPE


def _leads_to_a_medication(reference: str) -> bool:
    kind, _, name = local(reference).rpartition("/")
    return kind == _TYPE and is_plain_id(name) and _NOT_IN_A_PATH.isdisjoint(reference)
