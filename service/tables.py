"""The tables of the database: cards issued, feedback received, tokens already used."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    Dialect,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)


class PlainText(TypeDecorator[str]):
    """Text that both databases take: PostgreSQL refuses NUL, and UTF-8 lone surrogates."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, _dialect: Dialect) -> str | None:
        """Replace what cannot be stored."""
        if value is None:
            return None
        return (
            value.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
        )


class Instant(TypeDecorator[datetime]):
    """A moment in UTC; SQLite has no time zones, so none is stored there."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Turn to UTC; a moment without a zone is a programming error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value.astimezone(UTC)

    def process_result_value(
        self, value: datetime | None, _dialect: Dialect
    ) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData()

# A client chooses hookInstance, and so the uuid: the key keeps one client's cards, and one
# tenant's, from being overwritten, or answered, by another.
cards = Table(
    "cards",
    metadata,
    Column("client", PlainText, primary_key=True),
    Column("tenant", PlainText, primary_key=True),  # empty when the token named none
    Column("uuid", PlainText, primary_key=True),
    Column("service", PlainText, nullable=False),
    Column("hook_instance", PlainText, nullable=False),
    Column("rulebook_version", PlainText, nullable=False),
    Column("rule", PlainText, nullable=False),
    Column("outcome", PlainText, nullable=False),
    Column("indicator", PlainText, nullable=False),
    Column("patient_key", PlainText, nullable=False),  # keyed hash; empty without a secret
    Column("suggestions", JSON, nullable=False),  # [uuid, ...]
    Column("findings", JSON, nullable=False),  # [[rule, outcome, indicator], ...]
    Column("issued_at", Instant, nullable=False),
    Index("cards_issued_at", "issued_at"),
)

# No foreign key to cards: feedback on a card we do not know is kept, and a card may be
# written a moment after its feedback.
feedback = Table(
    "feedback",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True),
    Column("client", PlainText, nullable=False),
    Column("card", PlainText, nullable=False),
    Column("tenant", PlainText, nullable=False),
    Column("service", PlainText, nullable=False),
    Column("outcome", PlainText, nullable=False),  # accepted | overridden
    Column("suggestions", JSON, nullable=False),  # [uuid, ...]
    Column("reason_system", PlainText),
    Column("reason_code", PlainText),
    Column("comment", PlainText),  # free text: may name the patient
    Column("outcome_at", Instant, nullable=False),  # the client's clock
    Column("received_at", Instant, nullable=False),  # ours
    Index("feedback_client_tenant_card", "client", "tenant", "card"),
    Index("feedback_received_at", "received_at"),
)

used_tokens = Table(
    "used_tokens",
    metadata,
    Column("token", PlainText, primary_key=True),  # SHA-256 of issuer and jti
    Column("until", Instant, nullable=False),
    Index("used_tokens_until", "until"),
)
