"""How long each stage of a call took, and whether there is time for the next one."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Literal

from service.errors import Issue, ServiceError

Stage = Literal["authenticate", "read", "gather", "evaluate", "answer"]


class OutOfTime(ServiceError):
    """The call took longer than it may; nobody is waiting for its answer any more."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "timeout"
    headers: Mapping[str, str] = MappingProxyType({"Retry-After": "5"})  # seconds

    def __init__(self) -> None:
        super().__init__(
            Issue(
                "The call took longer than this service allows, so that these orders were "
                "not checked.",
                remedy="Send it again in 5 seconds, with less data if it was much.",
            )
        )


class Stopwatch:
    """Times one call; ``lap`` ends a stage, and raises OutOfTime when the call is late."""

    __slots__ = ("_clock", "_last", "limit", "stages", "started")

    def __init__(
        self, limit: float = float("inf"), clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.limit = limit  # seconds for the call as a whole
        self.stages: list[tuple[Stage, float]] = []  # in seconds
        self._clock = clock
        self.started = self._last = clock()

    def lap(self, stage: Stage) -> None:
        """End a stage."""
        now = self._clock()
        self.stages.append((stage, now - self._last))
        self._last = now
        if now - self.started > self.limit:
            raise OutOfTime

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self.started

    @property
    def left(self) -> float:
        """Seconds until the call is late."""
        return self.limit - self.elapsed
