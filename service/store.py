"""Keep cards issued, feedback received and tokens used, in SQLite or PostgreSQL."""

import hashlib
import hmac
import itertools
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from alembic.util import CommandError
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import SQLAlchemyError

from service import migrations
from service.auth import NonceStoreUnavailable
from service.engines import empty_log, open_engine, read_url
from service.errors import Issue, ServiceError
from service.forks import call_after_fork
from service.tables import cards, feedback, used_tokens

log = logging.getLogger("back_pain_cds")

_MIGRATION_LOCK = 0x6270_6364  # any number that nobody else on this database uses
_ROWS_A_STEP = 5_000
_TOKENS_BETWEEN_CLEANINGS = 500
_TOKENS_PAUSE = timedelta(seconds=5)
_CARD_KEY = ("client", "tenant", "uuid")
_ANSWERED = and_(
    feedback.c.client == cards.c.client,
    feedback.c.tenant == cards.c.tenant,
    feedback.c.card == cards.c.uuid,
)
_REWRITTEN = [
    column.name for column in cards.c if not column.primary_key and column.name != "issued_at"
]


class StorageUnavailable(ServiceError, NonceStoreUnavailable):
    """The database did not take or give the data; nothing was half-written."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "transient"
    headers: Mapping[str, str] = MappingProxyType({"Retry-After": "5"})  # seconds

    def __init__(self, fault: str) -> None:
        super().__init__(
            Issue(
                "The service cannot reach its database; nothing of this call was stored.",
                remedy="Send it again in 5 seconds.",
            )
        )
        self.fault = fault  # the type of the cause, for the log: its message quotes data


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCard:
    """A card as it was answered; of the patient only a keyed hash."""

    uuid: str
    rule: str
    outcome: str
    indicator: str
    service: str
    hook_instance: str
    rulebook_version: str
    client: str
    tenant: str
    issued_at: datetime
    patient_key: str = ""
    suggestions: tuple[str, ...] = ()
    findings: tuple[tuple[str, str, str], ...] = ()  # (rule, outcome, indicator)


Response = Literal["accepted", "overridden"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackItem:
    """What a clinician did with one card; everything in it is the client's word."""

    card: str
    outcome: Response
    at: datetime
    suggestions: tuple[str, ...] = ()
    reason_system: str | None = None
    reason_code: str | None = None
    comment: str | None = field(default=None, repr=False)  # may name the patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How feedback came in: for which service, from whom, when."""

    service: str
    client: str
    tenant: str
    received_at: datetime


class CardAnswer(NamedTuple):
    """A card and one feedback about it; ``response`` is None when there was none."""

    client: str
    tenant: str
    uuid: str
    rule: str
    outcome: str
    indicator: str
    issued_at: datetime
    findings: list[list[str]]
    response: str | None
    reason_system: str | None
    reason_code: str | None


@dataclass(frozen=True, slots=True)
class Purged:
    """How many rows a purge removed."""

    cards: int
    feedback: int
    used_tokens: int


def patient_key(secret: bytes, client: str, tenant: str, patient_id: str) -> str:
    """Return the HMAC-SHA256 of a patient of a client's tenant; empty without a secret.

    A hash without a secret could be undone by trying every number.
    """
    if not secret:
        return ""
    message = f"{len(client)}:{client}{len(tenant)}:{tenant}{patient_id}"
    return hmac.new(secret, message.encode(errors="replace"), hashlib.sha256).hexdigest()


class Store:
    """The database; every method is one transaction, and safe in threads and after a fork."""

    def __init__(
        self,
        url: str,
        secret: bytes = b"",
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = read_url(url)
        self._secret = secret
        self._now = now
        self._durable = open_engine(self._url, durable=True)
        self._quick = open_engine(self._url, durable=False)
        self._tokens_seen = itertools.count()
        self._tokens_from = datetime.min.replace(tzinfo=UTC)
        call_after_fork(self._forget_connections)

    def patient_key(self, client: str, tenant: str, patient_id: str) -> str:
        """Return the keyed hash under which a patient's cards are stored."""
        return patient_key(self._secret, client, tenant, patient_id)

    def upgrade(self) -> str:
        """Create or migrate the tables, one process at a time; return the revision."""
        self._create_file()
        try:
            with _transaction(self._durable) as connection:
                _without_time_limit(connection)
                if connection.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
                migrations.upgrade(connection)
        except CommandError:
            raise StorageUnavailable("UnknownRevision") from None
        return migrations.head()

    def current(self) -> str | None:
        """Return the revision of the tables; None before the first ``upgrade``."""
        with self._reading() as connection:
            return migrations.current(connection)

    def check(self) -> None:
        """Raise StorageUnavailable unless every table can be read."""
        with self._reading() as connection:
            for table in (cards, feedback, used_tokens):
                connection.execute(select(1).select_from(table).limit(1))

    def record_cards(self, issued: Sequence[IssuedCard]) -> None:
        """Store cards; one that was issued before keeps its first time."""
        if not issued:
            return
        # In one order everywhere: two workers that store the same cards cannot deadlock.
        rows = sorted(map(_card_row, issued), key=itemgetter(*_CARD_KEY))
        with _transaction(self._quick) as connection:
            statement = _dialect_insert(connection, cards)
            news = {name: statement.excluded[name] for name in _REWRITTEN}
            connection.execute(
                statement.on_conflict_do_update(index_elements=_CARD_KEY, set_=news),
                rows,
            )

    def record_feedback(self, items: Sequence[FeedbackItem], delivery: Delivery) -> None:
        """Store all items, or none; they are on disk when this returns.

        Repeats are kept, and so is feedback on cards that were never recorded.
        """
        if not items:
            return
        with _transaction(self._durable) as connection:
            connection.execute(
                insert(feedback), [_feedback_row(item, delivery) for item in items]
            )

    def remember(self, issuer: str, jti: str, until: datetime) -> bool:
        """Take a token's id into use; False when any process did so before.

        While the database is away it is asked only now and then: advice waits for this.
        """
        now = self._now()
        if now < self._tokens_from:
            raise StorageUnavailable("Paused")
        digest = hashlib.sha256(f"{len(issuer)}:{issuer}{jti}".encode(errors="replace"))
        try:
            return self._take(digest.hexdigest(), until, now)
        except StorageUnavailable:
            self._tokens_from = now + _TOKENS_PAUSE
            raise

    def answers(self, since: datetime, until: datetime) -> Iterator[CardAnswer]:
        """Yield cards issued in [since, until), a row a feedback; a card's last word last."""
        query = (
            select(
                *(cards.c[name] for name in _CARD_KEY),
                cards.c.rule,
                cards.c.outcome,
                cards.c.indicator,
                cards.c.issued_at,
                cards.c.findings,
                feedback.c.outcome,
                feedback.c.reason_system,
                feedback.c.reason_code,
            )
            .select_from(cards.outerjoin(feedback, _ANSWERED))
            .where(cards.c.issued_at >= since, cards.c.issued_at < until)
            .order_by(
                *(cards.c[name] for name in _CARD_KEY), feedback.c.outcome_at, feedback.c.id
            )
        )
        with self._reading() as connection:
            for row in connection.execution_options(yield_per=1_000).execute(query):
                yield CardAnswer._make(row)

    def unknown_feedback(self, since: datetime, until: datetime) -> int:
        """Count the feedback received in [since, until) on cards that are not recorded."""
        query = (
            select(func.count())
            .select_from(feedback)
            .where(
                feedback.c.received_at >= since,
                feedback.c.received_at < until,
                ~exists().where(_ANSWERED),
            )
        )
        with self._reading() as connection:
            return connection.execute(query).scalar_one()

    def purge(self, older_than: datetime) -> Purged:
        """Remove what is older; a card stays as long as feedback on it does."""
        answered = exists().where(_ANSWERED)
        purged = Purged(
            feedback=self._delete(feedback, feedback.c.received_at < older_than),
            cards=self._delete(cards, and_(cards.c.issued_at < older_than, ~answered)),
            used_tokens=self._delete(used_tokens, used_tokens.c.until < self._now()),
        )
        self._empty_log()
        return purged

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._durable.dispose()
        self._quick.dispose()

    def _take(self, token: str, until: datetime, now: datetime) -> bool:
        with _transaction(self._quick) as connection:
            if next(self._tokens_seen) % _TOKENS_BETWEEN_CLEANINGS == 0:
                connection.execute(delete(used_tokens).where(used_tokens.c.until < now))
            taken = connection.execute(
                _dialect_insert(connection, used_tokens)
                .values(token=token, until=until)
                .on_conflict_do_nothing(index_elements=["token"])
                .returning(used_tokens.c.token)
            )
            return taken.first() is not None

    def _delete(self, table: Table, old: ColumnElement[bool]) -> int:
        """Delete step by step, so that feedback never waits long for its turn."""
        key = tuple_(*table.primary_key)
        doomed = select(*table.primary_key).where(old).limit(_ROWS_A_STEP)
        total = 0
        while True:
            with _transaction(self._durable) as connection:
                removed = connection.execute(delete(table).where(key.in_(doomed))).rowcount
            total += removed
            if removed < _ROWS_A_STEP:
                return total

    def _empty_log(self) -> None:
        """Take purged comments out of SQLite's write-ahead log too."""
        if self._url.get_backend_name() != "sqlite":
            return
        try:
            emptied = empty_log(self._durable)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise StorageUnavailable(type(error).__name__) from None
        if not emptied:  # somebody reads or writes without pause; the next purge does it
            log.warning("database_log_not_emptied")

    def _create_file(self) -> None:
        if self._url.get_backend_name() != "sqlite":
            return
        try:  # for its owner alone: comments may name patients
            Path(self._url.database or "").touch(mode=0o600)
        except OSError as error:
            raise StorageUnavailable(type(error).__name__) from None

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        reader = self._quick.execution_options(sqlite_begin="DEFERRED")
        with _transaction(reader) as connection:
            _without_time_limit(connection)
            yield connection

    def _forget_connections(self) -> None:
        """Leave the connections of the parent process to it."""
        self._durable.dispose(close=False)
        self._quick.dispose(close=False)


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        # Not chained: what a driver says may quote the row.
        raise StorageUnavailable(type(error).__name__) from None


def _without_time_limit(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))


def _dialect_insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def _card_row(card: IssuedCard) -> dict[str, Any]:
    return {column.name: getattr(card, column.name) for column in cards.c}


def _feedback_row(item: FeedbackItem, delivery: Delivery) -> dict[str, object]:
    return {
        "client": delivery.client,
        "tenant": delivery.tenant,
        "service": delivery.service,
        "received_at": delivery.received_at,
        "card": item.card,
        "outcome": item.outcome,
        "suggestions": item.suggestions,
        "reason_system": item.reason_system,
        "reason_code": item.reason_code,
        "comment": item.comment,
        "outcome_at": item.at,
    }
