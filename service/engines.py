"""Connections to SQLite or PostgreSQL: how durable, how patient."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

WAIT_SECONDS = 2  # for a connection, a lock, a statement to start
STATEMENT_SECONDS = 5
_FORMS = "sqlite:///path/to/file or postgresql://user:password@host/database"


class DatabaseUrlError(ValueError):
    """The database URL names something this service cannot store in."""


def read_url(text: str) -> URL:
    """Return the URL of a SQLite file or a PostgreSQL database; never quote it: passwords."""
    try:
        url = make_url(text)
    except ArgumentError:
        raise DatabaseUrlError(f"The database URL cannot be read. Write {_FORMS}.") from None
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    if url.get_backend_name() in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    raise DatabaseUrlError(f"{_unfit(url)} Write {_FORMS}.")


def _unfit(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return "SQLite without a file keeps nothing after the end of the program."
    return f"Databases of the kind {url.get_backend_name()} are not supported."


def open_engine(url: URL, *, durable: bool) -> Engine:
    """Return a lazy pool of connections; ``durable`` commits survive a power cut.

    Both kinds survive the end of this process, however it comes.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite(Path(url.database or ""), durable=durable)
    try:
        return _postgresql(url, durable=durable)
    except ImportError:  # the driver is an extra, and without it SQLAlchemy makes no engine
        raise DatabaseUrlError(
            "PostgreSQL needs the package: pip install 'back-pain-cds[postgres]'"
        ) from None


def _postgresql(url: URL, *, durable: bool) -> Engine:
    options = (
        f"-c synchronous_commit={'on' if durable else 'off'}"
        f" -c statement_timeout={STATEMENT_SECONDS}s"
        f" -c lock_timeout={WAIT_SECONDS}s"
        f" -c idle_in_transaction_session_timeout={STATEMENT_SECONDS}s"
    )
    return create_engine(
        url,
        connect_args={
            "connect_timeout": WAIT_SECONDS,
            "tcp_user_timeout": STATEMENT_SECONDS * 1000,
            "options": options,
            "application_name": "back-pain-cds",
        },
        pool_pre_ping=True,
        pool_timeout=WAIT_SECONDS,
        hide_parameters=True,  # they hold comments about patients
    )


def _sqlite(path: Path, *, durable: bool) -> Engine:
    engine = create_engine(
        "sqlite://",
        creator=_opener(path, "FULL" if durable else "NORMAL"),
        poolclass=QueuePool,
        # One writes at a time anyhow; waiting in this queue is fair, SQLite's own sleeps.
        pool_size=1,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
        hide_parameters=True,
    )
    event.listen(engine, "begin", _begin)

    @event.listens_for(engine, "connect")
    def note_file(_: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info["file"] = _identity(path)

    @event.listens_for(engine, "checkout")
    def same_file(_: DBAPIConnection, record: ConnectionPoolEntry, __: object) -> None:
        # A connection goes on writing to a file that was moved away: lost feedback.
        if record.info["file"] != _identity(path):
            raise DisconnectionError

    return engine


def _opener(path: Path, synchronous: str) -> Callable[[], sqlite3.Connection]:
    # rw and not rwc: a database that disappeared is an error, not a new empty one.
    address = f"file:{quote(str(path))}?mode=rw"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            address,
            uri=True,
            timeout=WAIT_SECONDS,
            isolation_level=None,  # BEGIN is ours
            check_same_thread=False,  # the pool lends a connection to one thread at a time
        )
        with suppress(sqlite3.OperationalError):  # another process is doing just that
            connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(f"PRAGMA synchronous={synchronous}")
        connection.execute("PRAGMA secure_delete=ON")  # purged comments leave the file
        return connection

    return connect


def _begin(connection: Connection) -> None:
    # IMMEDIATE waits for its turn; a read that turns into a write would fail at once.
    mode = connection.get_execution_options().get("sqlite_begin", "IMMEDIATE")
    connection.exec_driver_sql(f"BEGIN {mode}")


def empty_log(engine: Engine) -> bool:
    """Move SQLite's write-ahead log into the file, and empty it; say whether that was done."""
    connection = engine.raw_connection()  # outside of any transaction
    try:
        busy, *_ = connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.close()
    return not busy


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
