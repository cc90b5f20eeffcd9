"""What clients send, judged as FHIR R4 for a sample of calls, behind their answers."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing.util import Finalize
from queue import Full, Queue
from typing import Any

from service.calls import Call
from service.conformance import Fault, faults, is_resource_type
from service.forks import call_after_fork
from service.gather import DATA_OF_TYPE, OTHER
from service.response import Answered

Json = Mapping[str, Any]

MOST_OTHERS = 50  # resources of a call that are neither a draft nor cited
MOST_TOLD = 10  # faults of a call
MOST_VALUES = 2_000  # of a resource, some 30 ms; a usual one has fewer than 100
MOST_WAITING = 4  # calls; each keeps what it brought in memory

_STOP_SECONDS = 1.0
_REST_SECONDS = 0.001  # after each resource, so that calls have the processor

log = logging.getLogger("back_pain_cds")


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client sent with one call: only the data, not its permission to read more."""

    client: str
    service: str
    hook: str
    drafts: tuple[Json, ...] = field(repr=False)
    prefetched: tuple[tuple[Json, ...], ...] = field(repr=False)
    cited: frozenset[str] = field(repr=False)  # "Condition/7"

    def resources(self) -> Iterator[Json]:
        """Yield what is to be judged: the drafts, what findings rest on, some of the rest."""
        prefetched = [resource for group in self.prefetched for resource in group]
        cited = [resource for resource in prefetched if _reference(resource) in self.cited]
        others = (each for each in prefetched if _reference(each) not in self.cited)
        yield from self.drafts
        yield from cited
        yield from islice(others, MOST_OTHERS)


@dataclass(slots=True)
class Judgement:
    """What came of one call; types, elements and kinds of fault, never an id or a value."""

    judged: int = 0
    invalid: int = 0
    unjudged: int = 0  # too large, or more than the models could take
    faults: dict[str, None] = field(default_factory=dict)  # in their order, each once

    def add(self, kind: str, found: tuple[Fault, ...]) -> None:
        """Add a resource that was judged."""
        self.judged += 1
        self.invalid += bool(found)
        for fault in found:
            if len(self.faults) < MOST_TOLD:
                place = f"{kind}.{fault.element}" if fault.element else kind
                self.faults[f"{place}: {fault.text}"] = None


class ConformanceSampler:
    """Takes the first calls of each client and then one in ``every``; 0 takes none.

    One thread a process judges them. A call that finds too many waiting is passed over, and
    the next one of this client is taken in its place. ``count`` is told of every resource
    that was judged: client, type, and whether it is valid.
    """

    def __init__(self, first: int, every: int, count: Callable[[str, str, bool], None]) -> None:
        self._first = first
        self._every = every
        self._count = count
        # The models are built when they are first asked for. Here it is done once for all
        # workers, and before garbage collection is told to leave alone what is loaded.
        for kind in DATA_OF_TYPE:
            faults({"resourceType": kind})
        self._begin()
        call_after_fork(self._begin)

    def _begin(self) -> None:
        """Start empty: after a fork, the thread and what waits belong to the parent."""
        self._lock = threading.Lock()
        self._calls = Counter[str]()  # by client
        self._waiting: Queue[Sent | None] = Queue(MOST_WAITING)
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._at_exit: Finalize | None = None

    def offer(self, call: Call, answered: Answered) -> None:
        """Have a call judged if it is one of the sample; neither waits nor fails."""
        with self._lock:
            number = self._calls[call.client] + 1
            due = not self._stopping and self._is_due(number)
            if due and not self._take(_sent(call, answered)):
                return
            self._calls[call.client] = number

    def stop(self, timeout: float = _STOP_SECONDS) -> None:
        """Judge what waits, for at most about ``timeout`` seconds, and end the thread."""
        with self._lock:
            self._stopping = True
        if self._thread is None or self._at_exit is None:
            return
        self._at_exit.cancel()
        try:
            self._waiting.put(None, timeout=timeout)
        except Full:
            return
        self._thread.join(timeout)

    def _is_due(self, number: int) -> bool:
        further = number - self._first
        return further <= 0 or (self._every > 0 and further % self._every == 0)

    def _take(self, sent: Sent) -> bool:
        try:
            self._waiting.put_nowait(sent)
        except Full:
            return False
        if self._thread is None:
            # Unlike atexit, this also runs at the end of a forked worker.
            self._at_exit = Finalize(self, self.stop, exitpriority=10)
            self._thread = threading.Thread(
                target=self._run, name="conformance-sampler", daemon=True
            )
            self._thread.start()
        return True

    def _run(self) -> None:
        while (sent := self._waiting.get()) is not None:
            told = self._judge(sent)
            fields = {
                "client": sent.client,
                "service": sent.service,
                "hook": sent.hook,
                "judged": told.judged,
                "invalid": told.invalid,
                "unjudged": told.unjudged,
                "faults": list(told.faults),
            }
            log.info("conformance_judged", extra={"fields": fields})

    def _judge(self, sent: Sent) -> Judgement:
        told = Judgement()
        for resource in sent.resources():
            found = _faults(resource)
            if found is None:
                told.unjudged += 1
            else:
                kind = _type(resource)
                told.add(kind, found)
                self._count(sent.client, kind, not found)
            time.sleep(_REST_SECONDS)
        return told


def _sent(call: Call, answered: Answered) -> Sent:
    return Sent(
        client=call.client,
        service=call.service,
        hook=call.hook,
        drafts=answered.request.drafts,
        prefetched=tuple(answered.gathered.resources.values()),
        cited=frozenset(
            fact.resource for finding in answered.evaluation.findings for fact in finding.facts
        ),
    )


def _faults(resource: Json) -> tuple[Fault, ...] | None:
    """Return the faults of a resource; None when it could not be judged."""
    if _is_large(resource):
        return None
    try:
        return faults(resource)
    except Exception:  # noqa: BLE001 - models of others, on data of others
        return None


def _is_large(resource: Json) -> bool:
    """Say whether a resource holds so many values that to judge it would be felt."""
    level: list[object] = [resource]
    seen = 0
    while level and seen <= MOST_VALUES:
        seen += len(level)
        level = [inner for outer in level for inner in _inside(outer)]
    return seen > MOST_VALUES


def _inside(value: object) -> Iterator[object]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _reference(resource: Json) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}"


def _type(resource: Json) -> str:
    """Return the type if FHIR has it, or had it: other words are the sender's own."""
    kind = resource.get("resourceType")
    known = isinstance(kind, str) and (kind in DATA_OF_TYPE or is_resource_type(kind))
    return str(kind) if known else OTHER
