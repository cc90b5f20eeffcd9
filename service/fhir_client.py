"""Reads of a CDS client's FHIR server: in parallel, page by page, within one budget.

The token goes out in one header to the server that it came with, and into nothing else: no
exception that a library raised leaves this module, since those hold the request.
"""

import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, NamedTuple

import orjson
import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection
from urllib3.exceptions import ProtocolError

from service.addresses import AddressRefused, Lookup, Reach, ServerAddress, look_up
from service.fhir import objects, word
from service.fhir_connections import JudgedAdapter, this_thread, trust

MOST_PAGES = 50  # of one query
CHUNK = 1 << 16  # bytes
MEDIA_TYPES = frozenset({"application/fhir+json", "application/json", "application/json+fhir"})
HEADERS = {
    "Accept": "application/fhir+json",
    "Accept-Encoding": "gzip",
    "User-Agent": "back-pain-cds",
}

Json = dict[str, Any]

# What came of one HTTP call, or why there was none; metrics count them by these names.
Outcome = Literal[
    "ok",
    "refused",  # the address is not one that may be connected to
    "unreachable",
    "reset",
    "timeout",
    "redirect",
    "unauthorised",
    "forbidden",
    "not-found",
    "throttled",
    "client-error",
    "unavailable",
    "server-error",
    "not-json",
    "not-fhir",
    "operation-outcome",
    "truncated",
    "too-large",
    "too-many",  # resources, over all reads of a call
    "elsewhere",  # the next page is not under the base of the server
    "endless",  # pages
    "scope",  # not asked for: no scope of the token covers it
    "narrowed",  # read, but the token's scopes cover a part of it only
]

_STATUSES: Mapping[int, Outcome] = {
    HTTPStatus.UNAUTHORIZED: "unauthorised",
    HTTPStatus.FORBIDDEN: "forbidden",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.GONE: "not-found",
    HTTPStatus.TOO_MANY_REQUESTS: "throttled",
    HTTPStatus.SERVICE_UNAVAILABLE: "unavailable",
}
# Nobody has answered yet, so that another try may help; reads change nothing.
_WORTH_ANOTHER: frozenset[Outcome] = frozenset({"reset", "unavailable"})


class Query(NamedTuple):
    """What to read: a search or a read relative to the server's base, or a link it gave."""

    target: str  # "Condition?patient=1"
    kind: str = "Bundle"  # the type of resource that answers it


@dataclass(frozen=True, slots=True)
class Pages:
    """What came of a query: its pages in their order, and why they are not all."""

    documents: tuple[Json, ...] = ()
    fault: Outcome | None = None  # None: these are all
    calls: tuple[Outcome, ...] = ()  # one for each HTTP call


@dataclass(frozen=True, slots=True)
class FhirServer:
    """One server for the length of one call."""

    address: ServerAddress
    reach: Reach
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FhirLimits:
    """What the reads of one call may take together."""

    seconds: float = 2.0
    connect_seconds: float = 0.5
    octets: int = 10_000_000
    resources: int = 5_000


def next_link(bundle: Mapping[str, object]) -> str | None:
    """Return where the next page of a Bundle is: empty if it does not say, None if last."""
    for link in objects(bundle.get("link")):
        if word(link.get("relation")) == "next":
            url = link.get("url")
            return url if isinstance(url, str) else ""
    return None


class FhirClient:
    """Reads FHIR servers; threads share its connections, and calls share its threads."""

    def __init__(
        self,
        limits: FhirLimits | None = None,
        threads: int = 64,
        lookup: Lookup = look_up,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._limits = limits or FhirLimits()
        # Threads are started when they are needed: there are none to lose when a process forks.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="fhir")
        context = context or trust()
        self._adapters = {
            reach: JudgedAdapter(reach, lookup, context, threads) for reach in Reach
        }

    def allow(self, seconds: float = float("inf")) -> "Allowance":
        """Return what the reads of one call may take, from now on."""
        return Allowance(self._limits, seconds)

    def read(
        self,
        server: FhirServer,
        queries: Mapping[str, Query],
        allowance: "Allowance | None" = None,
    ) -> Mapping[str, Pages]:
        """Read everything at the same time; what is not there in time is left."""
        allowance = allowance or self.allow()
        reads = {key: _Read(server, query, allowance) for key, query in queries.items()}
        running = [(self._threads.submit(self._run, read), read) for read in reads.values()]
        wait([future for future, _ in running], timeout=max(allowance.left, 0))
        for future, read in running:
            _end(future, read)
        return {key: read.pages() for key, read in reads.items()}

    def close(self) -> None:
        """Let threads and connections go."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for adapter in self._adapters.values():
            adapter.close()

    def _run(self, read: "_Read") -> None:
        this_thread.note = read.use
        try:
            self._follow(read)
        finally:
            this_thread.note = None  # an idle thread would keep the token

    def _follow(self, read: "_Read") -> None:
        """Read a query and the pages that follow; the last thing noted is how it ended."""
        target: str | None = read.query.target
        seen: set[str] = set()
        while target is not None:
            url = read.server.address.within(target)
            if url is None:
                return read.end("elsewhere")
            if url in seen or len(seen) == MOST_PAGES:
                return read.end("endless")
            seen.add(url)
            outcome = self._fetch(read, url)
            if outcome != "ok":
                return read.end(outcome)
            target = next_link(read.documents[-1])
        return read.end(None)

    def _fetch(self, read: "_Read", url: str) -> Outcome:
        """Read one page, with a second try when nobody answered the first."""
        outcome = self._attempt(read, url)
        if outcome in _WORTH_ANOTHER and read.allowance.left > 0:
            outcome = self._attempt(read, url)
        return outcome

    def _attempt(self, read: "_Read", url: str) -> Outcome:
        outcome: Outcome
        if read.allowance.left <= 0:
            outcome = "timeout"
        else:
            try:
                outcome = self._exchange(read, url)
            except (
                requests.RequestException,
                urllib3.exceptions.HTTPError,
                OSError,
                ValueError,
            ) as error:
                outcome = _fault(error)
        if outcome != "ok" and read.allowance.left <= 0:
            outcome = "timeout"  # whatever it looks like, it comes of being abandoned
        read.calls.append(outcome)
        return outcome

    def _exchange(self, read: "_Read", url: str) -> Outcome:
        """Make one HTTP call."""
        left = read.allowance.left
        response = self._adapters[read.server.reach].send(
            _prepared(url, read.server.token),
            stream=True,
            timeout=(min(self._limits.connect_seconds, left), left),
        )
        try:
            outcome = _judged(response) or _take_body(response, read)
        except BaseException:
            response.raw.close()
            raise
        if outcome != "ok":
            response.raw.close()  # what is left of its body is not waited for
        read.leave()
        return outcome


class Allowance:
    """Time, bytes and resources that all reads of one call share."""

    def __init__(self, limits: FhirLimits, seconds: float) -> None:
        self._deadline = time.monotonic() + min(limits.seconds, seconds)
        self._octets = limits.octets
        self._resources = limits.resources
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        """Seconds."""
        return self._deadline - time.monotonic()

    def take_octets(self, number: int) -> bool:
        """Take so many, or none if there are not so many left."""
        with self._lock:
            fits = number <= self._octets
            self._octets -= number if fits else 0
            return fits

    def give_octets_back(self, number: int) -> None:
        """Take back what was taken for a body that was not kept."""
        with self._lock:
            self._octets += number

    def take_resources(self, number: int) -> bool:
        """Take so many, or none if there are not so many left."""
        with self._lock:
            fits = number <= self._resources
            self._resources -= number if fits else 0
            return fits


class _Read:
    """One query as it proceeds; its thread writes, the thread of the call looks at the end."""

    def __init__(self, server: FhirServer, query: Query, allowance: Allowance) -> None:
        self.server = server
        self.query = query
        self.allowance = allowance
        self.documents: list[Json] = []
        self.calls: list[Outcome] = []
        self.connection: HTTPConnection | None = None
        self._fault: Outcome | None = "timeout"  # until it has ended

    def use(self, connection: HTTPConnection) -> None:
        self.connection = connection

    def leave(self) -> None:
        """Forget the connection: it may serve another call by now."""
        self.connection = None

    def end(self, fault: Outcome | None) -> None:
        self._fault = fault

    def abandon(self) -> None:
        """Wake the thread that waits for the server."""
        connection = self.connection
        sock = connection.sock if connection is not None else None  # it may vanish any moment
        if sock is not None:
            with suppress(OSError):
                # Not its own method, which for TLS would change it under the other thread.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def pages(self) -> Pages:
        calls = tuple(self.calls)
        if self._fault == "timeout" and calls[-1:] != ("timeout",):
            calls += ("timeout",)
        return Pages(tuple(self.documents), self._fault, calls)


def _end(future: "Future[None]", read: _Read) -> None:
    if future.done():
        future.result()  # raises what is a fault of ours
    elif not future.cancel():
        read.abandon()


def _prepared(url: str, token: str | None) -> requests.PreparedRequest:
    """Return the request; nothing of the environment or of earlier answers goes into it.

    Put together by hand: its parts are clean already, and cleaning takes a tenth of a read.
    """
    prepared = requests.PreparedRequest()
    headers = {**HEADERS, "Authorization": f"Bearer {token}"} if token else HEADERS
    prepared.method, prepared.url = "GET", url
    prepared.headers = CaseInsensitiveDict(headers)
    return prepared


def _judged(response: requests.Response) -> Outcome | None:
    """Return what a status and a media type say, or None when the body is worth reading."""
    status = response.status_code
    if status == HTTPStatus.OK:
        media_type = response.headers.get("Content-Type", "application/fhir+json")
        known = media_type.partition(";")[0].strip().lower() in MEDIA_TYPES
        return None if known else "not-json"
    if status == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in response.headers:
        return "server-error"  # it says that it has had enough
    if outcome := _STATUSES.get(status):
        return outcome
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return "not-fhir"
    if status < HTTPStatus.BAD_REQUEST:
        return "redirect"
    return "client-error" if status < HTTPStatus.INTERNAL_SERVER_ERROR else "server-error"


def _take_body(response: requests.Response, read: _Read) -> Outcome:
    """Read the body as it comes, and keep it if it is what was asked for."""
    body = bytearray()
    while chunk := response.raw.read1(CHUNK, decode_content=True):
        if not read.allowance.take_octets(len(chunk)):
            read.allowance.give_octets_back(len(body))
            return "too-large"
        body += chunk
        if read.allowance.left <= 0:
            return "timeout"
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return "not-json"
    kind = document.get("resourceType") if isinstance(document, dict) else None
    if kind != read.query.kind:
        return "operation-outcome" if kind == "OperationOutcome" else "not-fhir"
    if not _can_be_written(document):
        return "not-fhir"
    entries = document.get("entry") if kind == "Bundle" else None
    if not read.allowance.take_resources(len(entries) if isinstance(entries, list) else 1):
        return "too-many"
    read.documents.append(document)
    return "ok"


def _can_be_written(document: Json) -> bool:
    """Say whether values of it can be looked up, for which orjson writes them.

    It stops at 254 levels; to measure them takes several times as long.
    """
    try:
        orjson.dumps(document)
    except TypeError:
        return False
    return True


def _fault(error: Exception) -> Outcome:
    """Name what a library raised."""
    match error:
        case AddressRefused():
            return "refused"
        case requests.Timeout() | urllib3.exceptions.TimeoutError() | TimeoutError():
            return "timeout"
        case requests.ConnectionError(args=(ProtocolError(), *_)):
            return "reset"
        case requests.RequestException():
            return "unreachable"
        case _:  # while the body was read
            return "truncated"
