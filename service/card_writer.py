"""Store issued cards in the background, so that advice never waits for the database."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.util import Finalize
from typing import Protocol

from service.forks import call_after_fork
from service.store import IssuedCard, StorageUnavailable

log = logging.getLogger("back_pain_cds")

_FLUSH_SECONDS = 3.0
_LONGEST_PAUSE = 30.0
_LINGER_SECONDS = 0.1


class CardStore(Protocol):
    """Where cards go."""

    def record_cards(self, issued: Sequence[IssuedCard]) -> None:
        """Store all of them, or raise StorageUnavailable."""
        ...


class CardWriter:
    """A queue and one thread a process; while the database is away the oldest cards are lost.

    ``dropped`` counts the lost ones, ``waiting`` those that are not stored yet; ``watch`` is
    told how many wait, and how many were lost since it was last told.
    """

    def __init__(
        self,
        store: CardStore,
        watch: Callable[[int, int], None] = lambda _waiting, _dropped: None,
        *,
        capacity: int = 10_000,
        batch: int = 200,
        pause: float = 1.0,
    ) -> None:
        self._store = store
        self._watch = watch
        self._capacity = capacity
        self._batch = batch
        self._pause = pause
        self._begin()
        call_after_fork(self._begin)

    def _begin(self) -> None:
        """Start empty: after a fork, the thread and what waits belong to the parent."""
        self.dropped = self._told = 0
        self._changed = threading.Condition()
        self._queue: deque[IssuedCard] = deque()
        self._writing = 0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._at_exit: Finalize | None = None

    @property
    def waiting(self) -> int:
        """How many cards are not stored yet."""
        return len(self._queue) + self._writing

    def put(self, cards: Sequence[IssuedCard]) -> None:
        """Take cards over; neither waits nor fails. After ``stop`` they are dropped."""
        if not cards:
            return
        with self._changed:
            if self._stopping:
                self.dropped += len(cards)
                self._tell()
                return
            idle = not self._queue
            self._queue.extend(cards)
            self._drop_oldest()
            self._tell()
            self._watch_over_thread()
            if idle or self._is_due():  # woken at every call, the writer would slow them all
                self._changed.notify()

    def stop(self, timeout: float = _FLUSH_SECONDS) -> None:
        """Store what waits, for at most ``timeout`` seconds, and end the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._at_exit is not None:
            self._at_exit.cancel()
        if self._thread is not None:
            self._thread.join(timeout)

    def _watch_over_thread(self) -> None:
        """Have a thread write; call it with the lock held."""
        if self._thread is not None and self._thread.is_alive():
            return
        if self._at_exit is not None:
            self._at_exit.cancel()
        self.dropped += self._writing  # a thread that died of a fault took them along
        self._writing = 0
        self._thread = self._start()

    def _start(self) -> threading.Thread:
        # Unlike atexit, this also runs at the end of a forked worker.
        self._at_exit = Finalize(self, self.stop, exitpriority=10)
        thread = threading.Thread(target=self._run, name="card-writer", daemon=True)
        thread.start()
        return thread

    def _run(self) -> None:
        pause = self._pause
        while batch := self._next_batch():
            last_chance = self._stopping
            try:
                self._store.record_cards(batch)
            except StorageUnavailable as error:
                log.warning("cards_not_stored waiting=%d fault=%s", self.waiting, error.fault)
                self._put_back(batch)
                if last_chance:
                    self._drop_all()
                else:
                    self._rest(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                self._done()
                pause = self._pause

    def _next_batch(self) -> list[IssuedCard]:
        """Wait for cards; an empty list means that all is done and the writer stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._stopping)
            # One transaction for many calls costs hardly more than for one.
            self._changed.wait_for(self._is_due, timeout=_LINGER_SECONDS)
            batch = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
            self._writing = len(batch)
            return batch

    def _is_due(self) -> bool:
        return self._stopping or len(self._queue) >= self._batch

    def _done(self) -> None:
        with self._changed:
            self._writing = 0
            self._tell()

    def _put_back(self, batch: list[IssuedCard]) -> None:
        with self._changed:
            self._queue.extendleft(reversed(batch))
            self._writing = 0
            self._drop_oldest()
            self._tell()

    def _rest(self, pause: float) -> None:
        """Give the database time, unless the end has come."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, timeout=pause)

    def _drop_all(self) -> None:
        with self._changed:
            self.dropped += len(self._queue)
            self._queue.clear()
            self._tell()

    def _drop_oldest(self) -> None:
        while len(self._queue) > self._capacity:
            self._queue.popleft()
            self.dropped += 1

    def _tell(self) -> None:
        """Tell who watches; call it with the lock held."""
        self._watch(self.waiting, self.dropped - self._told)
        self._told = self.dropped
