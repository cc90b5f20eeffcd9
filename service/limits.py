"""How much one call may bring, and how often a client may call."""

import math
import threading
import time
from collections.abc import Callable, Iterable
from http import HTTPStatus

from service.envelope import HookRequest
from service.errors import Issue, PayloadTooLarge, ServiceError, UnprocessableRequest
from service.settings import Settings


class TooManyCalls(ServiceError):
    """The client calls more often than it may."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "throttled"

    def __init__(self, seconds: int) -> None:
        super().__init__(
            Issue(
                "This client calls more often than this service allows, so that these orders "
                "were not checked.",
                remedy=f"Send it again in {seconds} seconds.",
            )
        )
        self.headers = {"Retry-After": str(seconds)}


class RateLimit:
    """A bucket of calls for each client, filled again evenly; each worker has its own."""

    def __init__(
        self, calls_per_minute: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = calls_per_minute
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # calls left, and when

    def take(self, client: str) -> None:
        """Take a call of this client; raise :class:`TooManyCalls` when none is left."""
        if not self._most:
            return
        now = self._clock()
        with self._lock:
            left, then = self._buckets.get(client, (float(self._most), now))
            left = min(self._most, left + (now - then) * self._most / 60)
            if left >= 1:
                self._buckets[client] = left - 1, now
                return
            self._buckets[client] = left, now
        raise TooManyCalls(math.ceil((1 - left) * 60 / self._most))


def check_size(request: HookRequest, settings: Settings) -> None:
    """Raise when a call brings more, or more deeply nested, than this service reads."""
    if len(request.drafts) > settings.most_drafts:
        raise _too_many("drafts", "context.draftOrders", settings.most_drafts)
    if sum(map(_entries, request.prefetch.values())) > settings.most_resources:
        raise _too_many("resources", "prefetch", settings.most_resources)
    check_depth(request.drafts, "context.draftOrders", settings.most_depth)


def check_depth(values: Iterable[object], path: str, most: int) -> None:
    """Raise when a value is nested too deeply to be written again, as a suggestion does."""
    if _is_deeper(values, most):
        raise UnprocessableRequest(
            Issue(f"{path} is nested more than {most} levels deep.", path, "", "too-costly")
        )


def _too_many(things: str, path: str, most: int) -> PayloadTooLarge:
    return PayloadTooLarge(
        Issue(
            f"The call brings more than {most} {things}.",
            path,
            f"Send fewer, or have BACK_PAIN_CDS_MOST_{things.upper()} raised.",
        )
    )


def _entries(value: object) -> int:
    """Count the resources of one prefetch value, in any of its shapes."""
    if isinstance(value, dict):
        resource = value.get("resource", value)  # the wrapper of 2018
        value = resource.get("entry", [resource]) if isinstance(resource, dict) else resource
    return len(value) if isinstance(value, list) else 1


def _is_deeper(values: Iterable[object], most: int) -> bool:
    """Say whether lists and objects are nested more deeply; level by level, not recursively."""
    level = list(values)
    for _ in range(most + 1):
        level = [inner for outer in level for inner in _contained(outer)]
        if not level:
            return False
    return True


def _contained(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
