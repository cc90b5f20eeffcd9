"""What the client sent along, in one of four states; what it did not send is read.

A key that is absent or useless is missing, ``null`` or an empty Bundle is known to be empty,
an OperationOutcome is a failure, and anything else is data, whatever its key is called. Only
what is missing is read from the client's FHIR server, and the further pages of what came; then
the medicines that orders only refer to.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from types import MappingProxyType
from typing import Any, Protocol
from urllib.parse import quote

from service.catalogue import ServiceDefinition
from service.envelope import HookRequest
from service.fhir import EMPTY, first_object, is_plain_id, local, number, objects, string, word
from service.fhir_client import Pages, Query, next_link
from service.referred_medications import not_sent, queries

Json = dict[str, Any]

# Which of our data a resource type belongs to.
DATA_OF_TYPE: Mapping[str, str] = MappingProxyType(
    {
        "Patient": "patient",
        "Encounter": "encounter",
        "Condition": "conditions",
        "MedicationRequest": "medicationRequests",
        "MedicationOrder": "medicationRequests",
        "MedicationStatement": "medicationStatements",
        "AllergyIntolerance": "allergies",
        "Procedure": "procedures",
        "ServiceRequest": "serviceRequests",
        "ProcedureRequest": "serviceRequests",
        "ReferralRequest": "serviceRequests",
        "Observation": "observations",
    }
)
DATA = frozenset(DATA_OF_TYPE.values())
WHO = frozenset({"patient", "encounter"})
_MEDICATIONS = frozenset({"medicationRequests", "medicationStatements"})
_NAMED_DATA = DATA | {"medications"}
OTHER = "other"

# Keys as other services ask for the same data; clients answer us with them.
_KEYS: Mapping[str, frozenset[str]] = {
    **{name.lower(): frozenset({name}) for name in DATA},
    **{kind.lower(): frozenset({name}) for kind, name in DATA_OF_TYPE.items()},
    **{kind.lower() + "s": frozenset({name}) for kind, name in DATA_OF_TYPE.items()},
    "medications": _MEDICATIONS,
    "meds": _MEDICATIONS,
    "orders": frozenset({"medicationRequests"}),
    "statements": frozenset({"medicationStatements"}),
    "problems": frozenset({"conditions"}),
    "problemlist": frozenset({"conditions"}),
}

_READ = frozenset({"Patient", "Encounter"})
_HARMLESS = frozenset({"information", "success"})

_LONGEST_KEY = 64  # characters
_MOST_CONTINUED = 16  # keys of a call whose further pages are read; services ask for nine


class Source(Protocol):
    """Where missing data may be read."""

    def read(self, queries: Mapping[str, Query]) -> Mapping[str, Pages]:
        """Read all queries, and say of each what came of it."""
        ...


class _State(Enum):
    KNOWN = "known"  # data, or known to be empty
    FAILED = "failed"
    USELESS = "useless"


@dataclass(slots=True)
class _Answer:
    """One prefetch value, taken apart."""

    state: _State = _State.KNOWN
    resources: list[Json] = field(default_factory=list)
    types: set[str] = field(
        default_factory=set
    )  # of what was asked for, not of what came along
    located: dict[str, Json] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    doubts: set[str] = field(default_factory=set)  # severities of OperationOutcomes
    total: float = 0  # how many there are, by the server's own count
    next: str | None = None  # where the next page is; empty if that was not said

    @property
    def whole(self) -> bool:
        """Say whether this is all that there is."""
        doubtful = bool(self.doubts - _HARMLESS)
        return self.next is None and not doubtful and self.total <= len(self.resources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The patient's resources by prefetch key, and what is not among them."""

    resources: Mapping[str, tuple[Json, ...]] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()  # absent, and not to be had
    failed: frozenset[str] = frozenset()  # the client's own query failed, or ours
    incomplete: frozenset[str] = frozenset()  # keys of which only a part came
    located: Mapping[str, Json] = field(default_factory=dict)  # by a fullUrl such as urn:uuid
    unread: tuple[str, ...] = ()  # paths: "prefetch.conditions.entry[3]"

    def unknown(self, besides: frozenset[str] = frozenset()) -> frozenset[str]:
        """Name the data that could not be had, for ``Chart.missing``.

        MedicationStatement has left US Core, so that either kind of medication record makes
        ``medications`` known.
        """
        names = self.missing | self.failed | besides
        return names | {"medications"} if names >= _MEDICATIONS else names


def own_name(name: str) -> str:
    """Name our data by its key; a key that only the client uses may be any text."""
    return name if name in _NAMED_DATA else OTHER


def gather(
    request: HookRequest, service: ServiceDefinition, source: Source | None = None
) -> Gathered:
    """Sort the prefetch of a request by state; with a source, read what is missing."""
    answers = {key: _answer(value, key) for key, value in request.prefetch.items()}
    if source is not None:
        _complete(answers, request, service, source)
        _add_medications(answers, request, source)
    return _sorted(answers, service)


def _sorted(answers: Mapping[str, _Answer], service: ServiceDefinition) -> Gathered:
    known, failed = _states(answers)
    return Gathered(
        resources={key: tuple(answer.resources) for key, answer in answers.items()},
        missing=frozenset((DATA | set(service.prefetch)) - known - failed),
        failed=frozenset(failed),
        incomplete=frozenset(key for key, answer in answers.items() if not answer.whole),
        located={
            url: found for answer in answers.values() for url, found in answer.located.items()
        },
        unread=tuple(path for answer in answers.values() for path in answer.unread),
    )


def _states(answers: Mapping[str, _Answer]) -> tuple[set[str], set[str]]:
    """Name the data that is known, and the data whose query failed."""
    known, failed = set[str](), set[str]()
    for key, answer in answers.items():
        names = _KEYS.get(key.lower()) or _data_of(answer.types)
        if answer.state is _State.KNOWN:
            known |= names
        elif answer.state is _State.FAILED:
            failed |= names or {key}
    return known, failed - known


def _complete(
    answers: dict[str, _Answer],
    request: HookRequest,
    service: ServiceDefinition,
    source: Source,
) -> None:
    """Read what is missing, and the pages that follow those which came."""
    known, failed = _states(answers)
    absent = {
        key: query
        for key, template in service.prefetch.items()
        if key not in known | failed and (query := _query(template, request))
    }
    further = {key: Query(answer.next) for key, answer in answers.items() if answer.next}
    further = dict(islice(further.items(), _MOST_CONTINUED))
    fetched = source.read(absent | further) if absent or further else {}
    for key, pages in fetched.items():
        sent = answers.get(key)
        answers[key] = _joined(sent if key in further else None, pages, key)
        if sent is not None and key in absent:
            answers[key].unread += sent.unread  # what came there was of no use


def _add_medications(answers: dict[str, _Answer], request: HookRequest, source: Source) -> None:
    """Read the medicines that nobody sent; what refers to one that is not had is incomplete."""
    wanted = not_sent(request.drafts, {key: each.resources for key, each in answers.items()})
    if not wanted:
        return
    found = source.read(queries(wanted))
    medications = answers.setdefault("medication", _Answer())
    for reference, keys in wanted.items():
        documents = found.get(reference, Pages()).documents
        name = local(reference).rpartition("/")[2]  # the id that it was asked for by
        medications.resources += [{**document, "id": name} for document in documents]
        for key in () if documents else keys & answers.keys():
            answers[key].next = ""


def _query(template: str, request: HookRequest) -> Query | None:
    """Fill a prefetch template in; None when it needs what this call does not have."""
    ids = {"patientId": request.patient_id, "encounterId": request.encounter_id or ""}
    for name, value in ids.items():
        token = f"{{{{context.{name}}}}}"
        if token in template:
            if not is_plain_id(value):
                return None
            template = template.replace(token, value)
    if "{{" in template:
        return None
    kind = "Bundle" if "?" in template else template.partition("/")[0]
    return Query(quote(template, safe="/?&=,:"), kind)


def _joined(answer: _Answer | None, pages: Pages, key: str) -> _Answer:
    """Put the pages that were read behind what there is already."""
    for page in pages.documents:
        following = _answer(page, key)
        answer = following if answer is None else _appended(answer, following)
    if answer is None:
        return _Answer(_State.FAILED)
    if pages.fault is not None:
        answer.next = ""
    if not answer.resources and not answer.whole:
        answer.state = _State.FAILED
    return answer


def _appended(answer: _Answer, following: _Answer) -> _Answer:
    answer.resources += following.resources
    answer.types |= following.types
    answer.located |= following.located
    answer.unread += following.unread
    answer.doubts |= following.doubts
    answer.total = max(answer.total, following.total)
    if following.state is _State.KNOWN:
        answer.state = _State.KNOWN
    answer.next = following.next
    return answer


def _shown(key: str) -> str:
    """Return a key for a path: one that only the client uses may be any text, of any length."""
    known = key in _NAMED_DATA or key.lower() in _KEYS
    plain = len(key) <= _LONGEST_KEY and is_plain_id(key)
    return key if known or plain else OTHER


def _data_of(types: Iterable[str]) -> set[str]:
    return {DATA_OF_TYPE[kind] for kind in types if kind in DATA_OF_TYPE}


def _answer(value: object, key: str) -> _Answer:
    """Take one prefetch value apart."""
    path = f"prefetch.{_shown(key)}"
    if isinstance(value, dict) and "resourceType" not in value:
        return _wrapped(value, path)
    if value is None:
        return _Answer()
    if isinstance(value, list):
        return _bundle({"entry": value}, path)
    if not isinstance(value, dict) or not isinstance(value["resourceType"], str):
        return _Answer(_State.USELESS, unread=[path])
    if value["resourceType"] == "Bundle":
        return _bundle(value, path + ".entry")
    if value["resourceType"] == "OperationOutcome":
        return _Answer(_State.FAILED)
    answer = _Answer()
    _add(answer, value, EMPTY)
    # A lone resource answers a read: it is not all that there is of its kind.
    answer.types &= _READ
    return answer


def _wrapped(value: Json, path: str) -> _Answer:
    """Open the wrapper of 2018, ``{"response": {"status": ...}, "resource": ...}``."""
    if "resource" not in value and "response" not in value:
        return _Answer(_State.USELESS, unread=[path])
    status = string(first_object(value.get("response")).get("status"))
    if status and not status.startswith("2"):
        return _Answer(_State.FAILED)
    inner = value.get("resource")
    if isinstance(inner, dict) and "resourceType" not in inner:
        return _Answer(_State.USELESS, unread=[path])
    return _answer(inner, path.removeprefix("prefetch."))


def _bundle(bundle: Json, path: str) -> _Answer:
    """Read the entries of a Bundle, or of a bare list of resources."""
    answer = _Answer()
    entries = bundle.get("entry")
    for index, entry in enumerate(entries if isinstance(entries, list) else objects(entries)):
        if not _read_entry(answer, entry):
            answer.unread.append(f"{path}[{index}]")
    _judge(answer, bundle)
    return answer


def _read_entry(answer: _Answer, entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    resource = entry if "resourceType" in entry else entry.get("resource")
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        return False
    if resource["resourceType"] == "OperationOutcome":
        answer.doubts.update(_severities(resource))
    elif resource["resourceType"] == "Bundle":
        return False
    else:
        _add(answer, resource, entry)
    return True


def _add(answer: _Answer, resource: Json, entry: Mapping[str, object]) -> None:
    answer.resources.append(resource)
    url = entry.get("fullUrl")
    if isinstance(url, str) and url.startswith("urn:"):
        answer.located[url] = resource
    kind = string(resource["resourceType"])
    if kind not in answer.types and first_object(entry.get("search")).get("mode") != "include":
        answer.types.add(kind)


def _severities(outcome: Json) -> Iterator[str]:
    issues = objects(outcome.get("issue"))
    return (word(issue.get("severity")) for issue in issues) if issues else iter(("error",))


def _judge(answer: _Answer, bundle: Json) -> None:
    """Say whether the entries are the whole answer, a part of it, or none.

    A server that found nothing may say so in a lone OperationOutcome: with a total of 0 and
    no error it is an empty answer.
    """
    answer.total = number(bundle.get("total")) or 0
    answer.next = next_link(bundle)
    if not answer.resources and (answer.doubts or answer.unread or not answer.whole):
        harmless = answer.doubts <= _HARMLESS | {"warning"} and not answer.unread
        empty = number(bundle.get("total")) == 0 and answer.next is None and harmless
        answer.state = _State.KNOWN if empty else _State.FAILED
