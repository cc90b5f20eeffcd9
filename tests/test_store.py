"""The store keeps what it was given, on SQLite and on PostgreSQL alike."""

import multiprocessing
import sqlite3
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, insert, select

from service import migrations
from service.auth import NonceStoreUnavailable
from service.engines import DatabaseUrlError, open_engine, read_url
from service.errors import operation_outcome
from service.store import (
    CardAnswer,
    Delivery,
    FeedbackItem,
    IssuedCard,
    Purged,
    StorageUnavailable,
    Store,
    patient_key,
)
from service.tables import cards, feedback, metadata, used_tokens

if TYPE_CHECKING:  # pytest loads it as a plugin, and has to be the first to do so
    from tests.postgres import Postgres

pytest_plugins = ("tests.postgres",)

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
SECRET = b"0123456789abcdef0123456789abcdef"
EVER = (NOON - timedelta(days=9999), NOON + timedelta(days=9999))

CARD = IssuedCard(
    uuid="card-1",
    rule="systemic-corticosteroid",
    outcome="axial",
    indicator="warning",
    service="back-pain-order-sign",
    hook_instance="5b1d",
    rulebook_version="9c41e7d2",
    client="ehr",
    tenant="north",
    issued_at=NOON,
    patient_key="f00d",
    suggestions=("s-1", "s-2"),
    findings=(("systemic-corticosteroid", "axial", "warning"),),
)
ITEM = FeedbackItem(card="card-1", outcome="accepted", at=NOON, suggestions=("s-1",))
DELIVERY = Delivery(
    service="back-pain-order-sign", client="ehr", tenant="north", received_at=NOON
)


OpenStore = Callable[..., Store]


@pytest.fixture
def open_store() -> Iterator[OpenStore]:
    """Open stores that are closed at the end."""
    with ExitStack() as stack:

        def open_one(url: str, now: Callable[[], datetime] = lambda: NOON) -> Store:
            store = Store(url, SECRET, now=now)
            stack.callback(store.close)
            return store

        yield open_one


@pytest.fixture
def store(database_url: str, open_store: OpenStore) -> Store:
    store = open_store(database_url)
    store.upgrade()
    return store


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(read_url(database_url), durable=True)
    yield engine
    engine.dispose()


def test_cards_come_back_as_they_were_given(store: Store, engine: Engine) -> None:
    store.record_cards([CARD])

    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(cards)).mappings()]
    assert rows == [
        {
            "client": "ehr",
            "uuid": "card-1",
            "tenant": "north",
            "service": "back-pain-order-sign",
            "hook_instance": "5b1d",
            "rulebook_version": "9c41e7d2",
            "rule": "systemic-corticosteroid",
            "outcome": "axial",
            "indicator": "warning",
            "patient_key": "f00d",
            "suggestions": ["s-1", "s-2"],
            "findings": [["systemic-corticosteroid", "axial", "warning"]],
            "issued_at": NOON,
        }
    ]


def test_a_card_answered_twice_is_one_card_and_keeps_its_first_time(store: Store) -> None:
    later = replace(CARD, issued_at=NOON + timedelta(hours=1), outcome="radicular")

    store.record_cards([CARD, CARD])
    store.record_cards([later])

    assert [(row.uuid, row.outcome, row.issued_at) for row in store.answers(*EVER)] == [
        ("card-1", "radicular", NOON)
    ]


def test_two_clients_that_choose_one_uuid_do_not_meet(store: Store) -> None:
    store.record_cards([CARD, replace(CARD, client="other", rule="bed-rest")])
    store.record_feedback([ITEM], DELIVERY)

    assert [(row.client, row.rule, row.response) for row in store.answers(*EVER)] == [
        ("ehr", "systemic-corticosteroid", "accepted"),
        ("other", "bed-rest", None),
    ]


def test_two_tenants_of_a_client_do_not_meet(store: Store) -> None:
    south = replace(CARD, tenant="south", rule="bed-rest")
    store.record_cards([CARD, south])
    store.record_cards([replace(south, outcome="again")])
    store.record_feedback([ITEM], replace(DELIVERY, tenant="south"))

    assert [(row.tenant, row.rule, row.response) for row in store.answers(*EVER)] == [
        ("north", "systemic-corticosteroid", None),
        ("south", "bed-rest", "accepted"),
    ]
    assert store.unknown_feedback(*EVER) == 0
    store.record_feedback([ITEM], replace(DELIVERY, tenant="west"))
    assert store.unknown_feedback(*EVER) == 1


def test_feedback_of_one_tenant_does_not_keep_the_card_of_another(store: Store) -> None:
    old = NOON - timedelta(days=1)
    store.record_cards([replace(CARD, issued_at=old)])
    store.record_feedback([ITEM], replace(DELIVERY, tenant="south"))

    assert store.purge(NOON).cards == 1


def test_feedback_comes_back_as_it_was_given(store: Store, engine: Engine) -> None:
    item = FeedbackItem(
        card="card-1",
        outcome="overridden",
        at=NOON + timedelta(microseconds=250_000),
        reason_system="https://example.org/reasons",
        reason_code="record-outdated",
        comment="naloxone dispensed, see letter",
    )

    store.record_feedback([item], DELIVERY)

    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(select(feedback)).mappings()]
    assert rows == [
        {
            "id": 1,
            "client": "ehr",
            "card": "card-1",
            "tenant": "north",
            "service": "back-pain-order-sign",
            "outcome": "overridden",
            "suggestions": [],
            "reason_system": "https://example.org/reasons",
            "reason_code": "record-outdated",
            "comment": "naloxone dispensed, see letter",
            "outcome_at": NOON + timedelta(microseconds=250_000),
            "received_at": NOON,
        }
    ]


def test_feedback_joins_its_card_and_repeats_are_kept(store: Store) -> None:
    store.record_cards([CARD])
    overridden = FeedbackItem(
        card="card-1", outcome="overridden", at=NOON + timedelta(minutes=1), reason_code="x"
    )

    store.record_feedback([overridden, ITEM, ITEM], DELIVERY)

    assert list(store.answers(*EVER)) == [
        CardAnswer(*_CARD_COLUMNS, "accepted", None, None),
        CardAnswer(*_CARD_COLUMNS, "accepted", None, None),
        CardAnswer(*_CARD_COLUMNS, "overridden", None, "x"),
    ]


_CARD_COLUMNS = (
    "ehr",
    "north",
    "card-1",
    "systemic-corticosteroid",
    "axial",
    "warning",
    NOON,
    [["systemic-corticosteroid", "axial", "warning"]],
)


def test_feedback_on_an_unknown_card_is_kept_and_told_apart(store: Store) -> None:
    store.record_feedback([ITEM, replace(ITEM, card="never-issued")], DELIVERY)
    assert store.unknown_feedback(*EVER) == 2

    store.record_cards([CARD])  # the background writer was a moment late

    assert store.unknown_feedback(*EVER) == 1


def test_a_period_includes_its_start_and_not_its_end(store: Store) -> None:
    store.record_cards([CARD])

    assert len(list(store.answers(NOON, NOON + timedelta(seconds=1)))) == 1
    assert list(store.answers(NOON - timedelta(seconds=1), NOON)) == []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a\0b", id="nul"),
        pytest.param("a\ud800b", id="lone-surrogate"),
        pytest.param("ab" * 50_000, id="long"),
    ],
)
def test_no_text_of_a_client_breaks_the_store(store: Store, text: str) -> None:
    store.record_cards([replace(CARD, hook_instance=text)])
    store.record_feedback([replace(ITEM, comment=text, suggestions=("\0",))], DELIVERY)

    assert len(list(store.answers(*EVER))) == 1


def test_nothing_to_store_needs_no_database(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path / 'absent'}")

    store.record_cards([])
    store.record_feedback([], DELIVERY)

    assert not (tmp_path / "absent").exists()


def test_a_batch_is_stored_whole_or_not_at_all(store: Store, engine: Engine) -> None:
    naive = replace(ITEM, at=NOON.replace(tzinfo=None))

    with pytest.raises(StorageUnavailable):
        store.record_feedback([ITEM, naive], DELIVERY)

    with engine.connect() as connection:
        assert connection.execute(select(feedback)).all() == []


def test_a_token_is_new_once(store: Store) -> None:
    until = NOON + timedelta(minutes=5)

    assert store.remember("https://ehr", "a", until)
    assert not store.remember("https://ehr", "a", until)
    assert store.remember("https://ehr", "b", until)
    assert store.remember("https://other", "a", until)
    assert store.remember("https://ehra", "", until)


def test_expired_tokens_are_forgotten(
    database_url: str, open_store: OpenStore, engine: Engine
) -> None:
    moment = NOON
    store = open_store(database_url, now=lambda: moment)
    store.upgrade()
    store.remember("https://ehr", "old", NOON + timedelta(minutes=5))
    moment = NOON + timedelta(minutes=6)

    assert store.purge(NOON) == Purged(cards=0, feedback=0, used_tokens=1)

    open_store(database_url, now=lambda: moment).remember("https://ehr", "new", moment)
    with engine.connect() as connection:
        assert len(connection.execute(select(used_tokens)).all()) == 1


def _remember_all(url: str, ready: Barrier, found: "Queue[list[bool]]") -> None:
    store = Store(url, now=lambda: NOON)
    ready.wait()
    until = NOON + timedelta(minutes=5)
    found.put([store.remember("https://ehr", str(jti), until) for jti in range(40)])


def test_of_several_processes_one_takes_a_token(store: Store, database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    ready, found = context.Barrier(3), context.Queue()
    processes = [
        context.Process(target=_remember_all, args=(database_url, ready, found))
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    answers = [found.get(timeout=60) for _ in processes]
    for process in processes:
        process.join()

    assert [sum(taken) for taken in zip(*answers, strict=True)] == [1] * 40


def test_a_purge_removes_what_is_older_and_nothing_else(store: Store) -> None:
    old, older = NOON - timedelta(days=1), NOON - timedelta(days=2)
    store.record_cards(
        [
            CARD,
            replace(CARD, uuid="old", issued_at=old),
            replace(CARD, uuid="old-answered-today", issued_at=old),
            replace(CARD, uuid="old-answered-then", issued_at=older),
        ]
    )
    store.record_feedback([replace(ITEM, card="old-answered-today")], DELIVERY)
    store.record_feedback(
        [replace(ITEM, card="old-answered-then")], replace(DELIVERY, received_at=old)
    )

    assert store.purge(NOON) == Purged(cards=2, feedback=1, used_tokens=0)

    assert [row.uuid for row in store.answers(*EVER)] == ["card-1", "old-answered-today"]


def test_purged_comments_leave_the_file(tmp_path: Path, open_store: OpenStore) -> None:
    path = tmp_path / "store.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.upgrade()
    store.record_feedback([replace(ITEM, comment="Qwertzuiop")], DELIVERY)

    other = open_store(f"sqlite:///{path}")  # as a service does that goes on
    other.check()

    store.purge(NOON + timedelta(days=1))

    kept = b"".join(part.read_bytes() for part in tmp_path.glob("store.sqlite3*"))
    assert b"Qwertzuiop" not in kept


def test_a_log_that_somebody_reads_is_left_to_the_next_purge(
    tmp_path: Path, open_store: OpenStore, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "store.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.upgrade()
    store.record_feedback([ITEM], DELIVERY)
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM feedback").fetchone()

    assert store.purge(NOON + timedelta(days=1)).feedback == 1

    reader.close()
    assert caplog.messages == ["database_log_not_emptied"]


def test_migrations_make_the_tables_that_the_store_uses(store: Store, engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, metadata) == []
    assert store.current() == store.upgrade() == migrations.head() == "0002"


def test_cards_of_the_first_revision_are_kept(
    database_url: str, open_store: OpenStore, engine: Engine
) -> None:
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).touch()
    with engine.begin() as connection:
        command.upgrade(migrations._config(connection), "0001")
    store = open_store(database_url)
    columns = [column.name for column in cards.c]
    row = dict.fromkeys(columns, "x") | {"suggestions": [], "findings": [], "issued_at": NOON}
    with engine.begin() as connection:
        connection.execute(insert(cards), row)
    store.record_feedback([replace(ITEM, card="x")], replace(DELIVERY, client="x", tenant="x"))

    store.upgrade()

    assert [(row.tenant, row.response) for row in store.answers(*EVER)] == [("x", "accepted")]
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []


def test_an_empty_database_is_not_ready(database_url: str, open_store: OpenStore) -> None:
    store = open_store(database_url)
    if database_url.startswith("sqlite"):
        Path(database_url.removeprefix("sqlite:///")).touch()

    assert store.current() is None
    with pytest.raises(StorageUnavailable):
        store.check()
    store.upgrade()
    store.check()


def _upgrade(url: str, ready: Barrier) -> None:
    store = Store(url)
    ready.wait()
    store.upgrade()


def test_workers_may_start_at_the_same_time(database_url: str, open_store: OpenStore) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(4)
    processes = [context.Process(target=_upgrade, args=(database_url, ready)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)

    assert [process.exitcode for process in processes] == [0] * 4
    open_store(database_url).check()


def test_a_database_of_a_later_version_is_left_alone(store: Store, engine: Engine) -> None:
    with engine.begin() as connection:
        _write(connection, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StorageUnavailable) as raised:
        store.upgrade()

    assert raised.value.fault == "UnknownRevision"
    store.check()


def _write(connection: Connection, statement: str) -> None:
    connection.exec_driver_sql(statement)


def _child_stores(store: Store) -> None:
    store.record_feedback([replace(ITEM, card="child")], DELIVERY)


def test_a_forked_worker_does_not_share_connections(store: Store, engine: Engine) -> None:
    store.record_feedback([replace(ITEM, card="before")], DELIVERY)
    child = multiprocessing.get_context("fork").Process(target=_child_stores, args=(store,))
    child.start()
    child.join(30)
    store.record_feedback([replace(ITEM, card="after")], DELIVERY)

    with engine.connect() as connection:
        kept = (
            connection.execute(select(feedback.c.card).order_by(feedback.c.id)).scalars().all()
        )
    assert (child.exitcode, kept) == (0, ["before", "child", "after"])


def test_the_file_is_for_its_owner_alone(tmp_path: Path, open_store: OpenStore) -> None:
    path = tmp_path / "a b?#%.sqlite3"
    open_store(f"sqlite:///{str(path).replace('%', '%25').replace('?', '%3F')}").upgrade()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


@pytest.mark.parametrize(
    ("durable", "sqlite_level", "postgresql_level"),
    [pytest.param(True, 2, "on", id="durable"), pytest.param(False, 1, "off", id="quick")],
)
def test_durable_commits_wait_for_the_disk(
    store: Store,
    database_url: str,
    durable: bool,
    sqlite_level: int,
    postgresql_level: str,
) -> None:
    engine = open_engine(read_url(database_url), durable=durable)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == sqlite_level
        else:
            level = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
            assert level == postgresql_level
    engine.dispose()


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("sqlite://", id="memory"),
        pytest.param("sqlite:///:memory:", id="memory-by-name"),
        pytest.param("mysql://root:hunter2@host/db", id="another-database"),
        pytest.param("hunter2", id="no-url"),
        pytest.param("", id="empty"),
    ],
)
def test_a_url_that_keeps_nothing_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(DatabaseUrlError) as raised:
        Store(url)

    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("sqlite://", "SQLite without a file keeps nothing"),
        ("mysql://root:hunter2@host/db", "Databases of the kind mysql are not supported."),
    ],
)
def test_a_url_is_refused_for_its_reason(url: str, told: str) -> None:
    with pytest.raises(DatabaseUrlError, match=f"^{told}"):
        Store(url)


def test_postgresql_without_its_driver_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(DatabaseUrlError, match=r"pip install 'back-pain-cds\[postgres\]'"):
        Store("postgresql://user@host/database")


Outage = tuple[Callable[[], None], Callable[[], None]]


def _away_sqlite(path: Path) -> Outage:
    files = [path.with_name(path.name + suffix) for suffix in ("", "-wal", "-shm")]
    hidden = path.parent / "moved"

    def leave() -> None:
        hidden.mkdir()
        for file in files:
            if file.exists():
                file.rename(hidden / file.name)

    def come_back() -> None:
        for file in hidden.iterdir():
            file.rename(path.parent / file.name)

    return leave, come_back


@pytest.fixture
def outage(database_url: str, request: pytest.FixtureRequest) -> Iterator[Outage]:
    """Give what takes the database away, and what brings it back."""
    if database_url.startswith("sqlite"):
        yield _away_sqlite(Path(database_url.removeprefix("sqlite:///")))
        return
    server: Postgres = request.getfixturevalue("postgres")
    yield server.stop, server.start
    if server.process is None:
        server.start()


def test_a_database_that_disappears_takes_nothing_and_recovers_without_restart(
    store: Store, outage: Outage, engine: Engine
) -> None:
    leave, come_back = outage
    store.record_feedback([replace(ITEM, card="before")], DELIVERY)

    leave()
    with pytest.raises(StorageUnavailable):
        store.record_feedback([replace(ITEM, card="during")], DELIVERY)
    with pytest.raises(NonceStoreUnavailable):
        store.remember("https://ehr", "during", NOON)
    come_back()
    store.record_feedback([replace(ITEM, card="after")], DELIVERY)

    with engine.connect() as connection:
        kept = (
            connection.execute(select(feedback.c.card).order_by(feedback.c.id)).scalars().all()
        )
    assert kept == ["before", "after"]


def test_tokens_are_asked_about_again_after_a_pause(
    database_url: str, open_store: OpenStore, outage: Outage
) -> None:
    leave, come_back = outage
    moment = NOON
    store = open_store(database_url, now=lambda: moment)
    store.upgrade()
    until = NOON + timedelta(minutes=5)

    leave()
    with pytest.raises(StorageUnavailable):
        store.remember("https://ehr", "a", until)
    come_back()
    with pytest.raises(StorageUnavailable) as raised:
        store.remember("https://ehr", "a", until)
    moment += timedelta(seconds=5)

    assert raised.value.fault == "Paused"
    assert store.remember("https://ehr", "a", until)


def test_a_database_that_is_locked_is_unavailable_and_not_waited_for_long(
    tmp_path: Path, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.engines.WAIT_SECONDS", 0.05)
    path = tmp_path / "store.sqlite3"
    store = open_store(f"sqlite:///{path}")
    store.upgrade()
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageUnavailable):
        store.record_feedback([ITEM], DELIVERY)

    holder.execute("ROLLBACK")
    holder.close()
    store.record_feedback([ITEM], DELIVERY)


def test_unavailable_is_503_with_a_time_to_try_again_and_no_data() -> None:
    error = StorageUnavailable("OperationalError")

    assert (error.status, error.fault) == (503, "OperationalError")
    assert error.headers == {"Retry-After": "5"}
    assert operation_outcome(error) == {
        "resourceType": "OperationOutcome",
        "issue": [
            {
                "severity": "error",
                "code": "transient",
                "details": {
                    "text": "The service cannot reach its database; nothing of this call was "
                    "stored."
                },
                "diagnostics": "Send it again in 5 seconds.",
            }
        ],
    }


def test_an_error_does_not_carry_the_row(store: Store) -> None:
    naive = replace(ITEM, comment="Qwertzuiop", at=NOON.replace(tzinfo=None))

    with pytest.raises(StorageUnavailable) as raised:
        store.record_feedback([naive], DELIVERY)

    assert raised.value.__cause__ is None
    assert "Qwertzuiop" not in f"{raised.value} {raised.value.__context__} {naive!r}"


def test_a_patient_is_stored_as_a_hash_that_needs_the_secret() -> None:
    key = patient_key(SECRET, "ehr", "clinic", "pt-0417")

    assert len(key) == 64
    assert key == patient_key(SECRET, "ehr", "clinic", "pt-0417")
    assert key != patient_key(SECRET + b"!", "ehr", "clinic", "pt-0417")
    assert key != patient_key(SECRET, "ehrc", "linic", "pt-0417")
    assert key != patient_key(SECRET, "ehr", "clinicp", "t-0417")
    assert key != patient_key(SECRET, "ehr", "", "pt-0417")
    assert patient_key(b"", "ehr", "clinic", "pt-0417") == ""
    assert "0417" not in key
