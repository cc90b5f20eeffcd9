"""Counters and times for Prometheus, of all worker processes together.

Labels are ids of services, rules and hooks, names of registered clients, statuses and kinds of
data: nothing that a caller can choose, and nothing about a patient.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from service.calls import Call, missing_data, unread_types
from service.response import Answered

if TYPE_CHECKING:
    from prometheus_client import Counter

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # read by prometheus_client when it is imported
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_NONE = "none"


@contextmanager
def shared() -> Iterator[None]:
    """Let the worker processes started in this block add to the same numbers, from zero."""
    directory = tempfile.mkdtemp(prefix="back-pain-cds-metrics-")
    os.environ[_DIRECTORY] = directory
    try:
        yield
    finally:
        del os.environ[_DIRECTORY]
        shutil.rmtree(directory, ignore_errors=True)


class _Labelled:
    """A counter that looks up the numbers of its labels once: that is most of its cost."""

    def __init__(self, counter: "Counter") -> None:
        self._counter = counter
        self._children: dict[tuple[str, ...], Counter] = {}

    def add(self, *labels: str, amount: float = 1) -> None:
        child = self._children.get(labels)
        if child is None:
            child = self._children[labels] = self._counter.labels(*labels)
        child.inc(amount)


class Metrics:
    """What is counted; threads and forked processes may share it."""

    def __init__(self) -> None:
        # Imported here, because it looks at once whether it is to share its numbers.
        import prometheus_client as prometheus  # noqa: PLC0415

        def counter(name: str, told: str, *labels: str) -> _Labelled:
            name = f"back_pain_cds_{name}"
            return _Labelled(prometheus.Counter(name, told, labels, registry=self._registry))

        self._registry = prometheus.CollectorRegistry()
        self._calls = counter("calls", "Hook calls.", "service", "hook", "status")
        self._stages = prometheus.Histogram(
            "back_pain_cds_stage_seconds",
            "Time that a stage of a hook call took.",
            ("stage",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._findings = counter("findings", "Rules that fired.", "rule", "indicator")
        self._silent = counter("silent", "Rules that stayed silent.", "rule", "outcome")
        self._broken = counter("broken", "Rules that failed.", "rule")
        self._unread = counter("unread", "What could not be read.", "type")
        self._missing = counter("missing", "Data that could not be had.", "data")
        self._fhir = counter("fhir_calls", "Reads of FHIR servers.", "outcome")
        self._feedback = counter("feedback", "Feedback items.", "outcome")
        self._judged = counter(
            "judged_resources", "Resources judged as FHIR R4.", "client", "type"
        )
        self._invalid = counter(
            "invalid_resources", "Of these, resources that are not valid.", "client", "type"
        )
        self._dropped = prometheus.Counter(
            "back_pain_cds_cards_dropped",
            "Cards that were never stored.",
            registry=self._registry,
        )
        self._waiting = prometheus.Gauge(
            "back_pain_cds_cards_waiting",
            "Cards that are not stored yet.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )

    def count_call(self, call: Call, status: int) -> None:
        """Count a hook call, the time of its stages, and what was said in it."""
        self._calls.add(call.service or _NONE, call.hook or _NONE, str(status))
        for stage, seconds in call.watch.stages:
            self._stages.labels(stage).observe(seconds)
        if call.answered is not None:
            self._count_outcomes(call.answered)

    def count_fhir_call(self, outcome: str) -> None:
        """Count a read of a FHIR server, by what came of it."""
        self._fhir.add(outcome)

    def count_feedback(self, outcome: str, items: int) -> None:
        """Count feedback: accepted, overridden, refused, or not stored."""
        if items:
            self._feedback.add(outcome, amount=items)

    def count_judged(self, client: str, kind: str, valid: bool) -> None:
        """Count a resource of a client that was judged as FHIR R4, by its type."""
        self._judged.add(client, kind)
        if not valid:
            self._invalid.add(client, kind)

    def watch_cards(self, waiting: int, dropped: int) -> None:
        """Note how many cards wait to be stored, and how many were dropped just now."""
        self._waiting.set(waiting)
        if dropped:
            self._dropped.inc(dropped)

    def exposition(self) -> bytes:
        """Return the numbers of all worker processes in the text format of Prometheus."""
        from prometheus_client import (  # noqa: PLC0415 - see above
            CollectorRegistry,
            generate_latest,
        )
        from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

        if _DIRECTORY not in os.environ:
            return generate_latest(self._registry)
        directory = Path(os.environ[_DIRECTORY])
        _forget_dead_processes(directory)
        registry = CollectorRegistry()
        MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def _count_outcomes(self, answered: Answered) -> None:
        for finding in answered.evaluation.findings:
            self._findings.add(finding.rule.id, finding.indicator.value)
        for silence in answered.evaluation.silences:
            self._silent.add(silence.rule, silence.outcome)
        for broken in answered.evaluation.broken:
            self._broken.add(broken.rule)
        for kind in unread_types(answered):
            self._unread.add(kind)
        for name in missing_data(answered):
            self._missing.add(name)


def _forget_dead_processes(directory: Path) -> None:
    """Remove what processes that have ended were holding; what they counted stays."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 - see above

    for file in directory.glob("gauge_live*.db"):
        pid = int(file.stem.rpartition("_")[2])
        if not _is_alive(pid):
            mark_process_dead(pid, str(directory))  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
