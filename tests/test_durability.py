"""Feedback that was acknowledged survives ``kill -9``: of the worker, and of the database."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from service.engines import open_engine, read_url
from service.store import Delivery, FeedbackItem, Store
from service.tables import feedback

if TYPE_CHECKING:  # pytest loads it as a plugin, and has to be the first to do so
    from tests.postgres import Postgres

pytest_plugins = ("tests.postgres",)

ROOT = Path(__file__).parent.parent
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
DELIVERY = Delivery(service="s", client="ehr", tenant="", received_at=NOON)

# A worker that stores two items at a time and says so only then, until it is killed.
WORKER = """
import itertools, sys
from tests.test_durability import DELIVERY, item
from service.store import Store

store = Store(sys.argv[1])
for number in itertools.count():
    names = [f"{sys.argv[2]}-{number}-{half}" for half in "ab"]
    store.record_feedback([item(name) for name in names], DELIVERY)
    print(*names, flush=True)
"""


def item(name: str) -> FeedbackItem:
    return FeedbackItem(card=name, outcome="overridden", at=NOON, comment="x" * 500)


def start_worker(url: str, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-c", WORKER, url, name],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def acknowledged_until_killed(worker: subprocess.Popen[str], acknowledgements: int) -> set[str]:
    assert worker.stdout is not None
    heard = [worker.stdout.readline() for _ in range(acknowledgements)]
    worker.kill()
    heard += worker.stdout.readlines()
    worker.stdout.close()
    assert worker.wait() == -signal.SIGKILL
    return {name for line in heard if line.endswith("\n") for name in line.split()}


def stored(url: str) -> set[str]:
    engine = open_engine(read_url(url), durable=True)
    with engine.connect() as connection:
        names = connection.execute(select(feedback.c.card)).scalars().all()
    engine.dispose()
    assert len(names) == len(set(names))
    return set(names)


def half_written(names: set[str]) -> set[str]:
    batches = {name[:-2] for name in names}
    return {batch for batch in batches if not {f"{batch}-a", f"{batch}-b"} <= names}


def test_acknowledged_feedback_survives_a_killed_worker(database_url: str) -> None:
    store = Store(database_url)
    store.upgrade()
    store.close()
    workers = [start_worker(database_url, name) for name in ("first", "second")]

    acknowledged = set[str]().union(
        *(acknowledged_until_killed(worker, 40) for worker in workers)
    )

    names = stored(database_url)
    assert len(acknowledged) >= 160
    assert acknowledged - names == set()
    assert half_written(names) == set()


def test_a_worker_killed_in_its_transaction_does_not_block_the_next(database_url: str) -> None:
    store = Store(database_url)
    store.upgrade()
    for attempt in range(3):
        acknowledged_until_killed(start_worker(database_url, f"run-{attempt}"), 5)
        store.record_feedback(
            [item(f"after-{attempt}-a"), item(f"after-{attempt}-b")], DELIVERY
        )
    store.close()

    assert half_written(stored(database_url)) == set()


def test_acknowledged_feedback_survives_a_crash_of_postgresql(postgres: "Postgres") -> None:
    url = postgres.new_database()
    store = Store(url)
    store.upgrade()
    worker = start_worker(url, "only")
    assert worker.stdout is not None
    heard = [worker.stdout.readline() for _ in range(40)]

    postgres.stop(signal.SIGQUIT)
    heard += worker.stdout.readlines()  # the worker ends with the database
    worker.stdout.close()
    assert worker.wait() == 1
    postgres.start()

    acknowledged = {name for line in heard for name in line.split()}
    names = stored(url)
    assert acknowledged - names == set()
    assert half_written(names) == set()
    store.record_feedback([item("after-0-a")], DELIVERY)
    assert store.unknown_feedback(NOON, NOON + timedelta(days=1)) == len(names) + 1
    store.close()
