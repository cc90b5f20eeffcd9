"""Every token once: in this process, and through the shared store in all of them."""

import heapq
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime

from service.auth import NonceStore, NonceStoreUnavailable

log = logging.getLogger("back_pain_cds")


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryNonces:
    """A NonceStore for one process; what has expired is forgotten."""

    def __init__(self, now: Callable[[], datetime] = _now) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._known: set[tuple[str, str]] = set()
        self._by_expiry: list[tuple[datetime, tuple[str, str]]] = []

    def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """Return True when this pair is new."""
        used = (issuer, jti)
        with self._lock:
            self._forget_expired()
            if used in self._known:
                return False
            self._known.add(used)
            heapq.heappush(self._by_expiry, (until, used))
            return True

    def _forget_expired(self) -> None:
        now = self._now()
        while self._by_expiry and self._by_expiry[0][0] < now:
            self._known.discard(heapq.heappop(self._by_expiry)[1])


class ReplayGuard:
    """A NonceStore over the shared one that outlives its failures.

    While the store is away this process still knows the tokens that it has seen itself. To
    refuse all advice would harm more than the small chance that someone who got hold of a
    token, which lives for minutes, uses it once more in another process.
    """

    def __init__(self, shared: NonceStore, own: NonceStore | None = None) -> None:
        self._shared = shared
        self._own = MemoryNonces() if own is None else own

    def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """Return True when this pair is new, as far as can be told now."""
        if not self._own.remember(issuer, jti, until):
            return False
        try:
            return self._shared.remember(issuer, jti, until)
        except NonceStoreUnavailable:
            log.warning("nonce_store_unavailable issuer=%s", issuer)
            return True
