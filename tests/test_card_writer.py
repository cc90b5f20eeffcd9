"""Cards are stored in the background; advice never waits, and what is lost is counted."""

import multiprocessing
import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from service.card_writer import CardWriter
from service.store import IssuedCard, StorageUnavailable
from tests.live import until

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
PATIENCE = 20.0  # seconds; reached only by a test that fails


def card(name: str) -> IssuedCard:
    return IssuedCard(
        uuid=name,
        rule="bed-rest",
        outcome="advised",
        indicator="warning",
        service="back-pain-order-sign",
        hook_instance="5b1d",
        rulebook_version="9c41e7d2",
        client="ehr",
        tenant="",
        issued_at=NOON,
    )


class Shelf:
    """A store in memory that can be away, or slow."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.asked = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self.away = False
        self.fault: Exception | None = None

    def record_cards(self, issued: Sequence[IssuedCard]) -> None:
        """Keep the uuids, unless told otherwise."""
        self.asked.set()
        assert self.open.wait(PATIENCE)
        if self.fault:
            raise self.fault
        if self.away:
            raise StorageUnavailable("OperationalError")
        self.batches.append([card.uuid for card in issued])


def test_what_waits_is_stored_before_the_end() -> None:
    shelf = Shelf()
    writer = CardWriter(shelf)

    writer.put([card("a"), card("b")])
    writer.put([])
    writer.put([card("c")])
    writer.stop(PATIENCE)

    assert [name for batch in shelf.batches for name in batch] == ["a", "b", "c"]
    assert (writer.waiting, writer.dropped) == (0, 0)


def test_a_slow_store_gets_batches_and_nobody_waits_for_it() -> None:
    shelf = Shelf()
    shelf.open.clear()
    writer = CardWriter(shelf, batch=2)
    writer.put([card("a")])
    assert shelf.asked.wait(PATIENCE)

    writer.put([card("b"), card("c"), card("d")])  # returns though the store does not
    assert writer.waiting == 4
    shelf.open.set()
    writer.stop(PATIENCE)

    assert shelf.batches == [["a"], ["b", "c"], ["d"]]


def test_the_oldest_are_dropped_and_counted_when_there_is_no_more_room() -> None:
    shelf = Shelf()
    shelf.open.clear()
    writer = CardWriter(shelf, capacity=2)
    writer.put([card("a")])
    assert shelf.asked.wait(PATIENCE)

    writer.put([card("b"), card("c"), card("d")])
    shelf.open.set()
    writer.stop(PATIENCE)

    assert (shelf.batches, writer.dropped) == ([["a"], ["c", "d"]], 1)


def test_a_store_that_comes_back_gets_what_waited() -> None:
    shelf = Shelf()
    shelf.away = True
    writer = CardWriter(shelf, pause=0.01)
    writer.put([card("a")])
    assert shelf.asked.wait(PATIENCE)
    writer.put([card("b")])

    shelf.away = False
    writer.stop(PATIENCE)

    assert [name for batch in shelf.batches for name in batch] == ["a", "b"]
    assert writer.dropped == 0


def test_a_store_that_stays_away_does_not_hold_up_the_end() -> None:
    shelf = Shelf()
    shelf.away = True
    writer = CardWriter(shelf, pause=PATIENCE)
    writer.put([card("a"), card("b")])

    writer.stop(PATIENCE)
    writer.put([card("late")])

    assert (shelf.batches, writer.waiting, writer.dropped) == ([], 0, 3)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_whose_thread_died_goes_on_with_the_next_cards() -> None:
    shelf = Shelf()
    shelf.fault = ValueError("a fault of ours")
    writer = CardWriter(shelf)
    writer.put([card("a")])
    assert until(PATIENCE, lambda: not is_alive(writer))

    shelf.fault = None
    writer.put([card("b")])
    writer.stop(PATIENCE)

    assert shelf.batches == [["b"]]
    assert (writer.waiting, writer.dropped) == (0, 1)


def is_alive(writer: CardWriter) -> bool:
    return writer._thread is not None and writer._thread.is_alive()


def test_a_writer_without_cards_starts_no_thread() -> None:
    before = threading.active_count()
    writer = CardWriter(Shelf())

    writer.put([])
    writer.stop()

    assert threading.active_count() == before


class Pipe:
    """A store that tells the parent process."""

    def __init__(self, names: "multiprocessing.Queue[str]") -> None:
        self.names = names

    def record_cards(self, issued: Sequence[IssuedCard]) -> None:
        """Send the uuids."""
        for one in issued:
            self.names.put(one.uuid)


def test_a_forked_worker_stores_its_own_cards_at_its_end() -> None:
    context = multiprocessing.get_context("fork")
    names: multiprocessing.Queue[str] = context.Queue()
    writer = CardWriter(Pipe(names))
    writer.put([card("parent")])
    assert names.get(timeout=PATIENCE) == "parent"

    # The child neither stops the writer nor waits: the end of the process does.
    child = context.Process(target=writer.put, args=([card("child")],))
    child.start()
    child.join(PATIENCE)

    assert (child.exitcode, names.get(timeout=PATIENCE)) == (0, "child")
    writer.stop(PATIENCE)
