"""Create the tables of cards issued, feedback received and tokens used."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables; types are spelled out, for a revision outlives ``tables.py``."""
    _create_cards()
    _create_feedback()
    op.create_table(
        "used_tokens",
        sa.Column("token", sa.Text, primary_key=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("used_tokens_until", "used_tokens", ["until"])


def downgrade() -> None:
    """Refuse: going back would drop feedback. Restore a backup instead."""
    raise NotImplementedError("migrations only go forward; restore a backup to go back")


def _create_cards() -> None:
    op.create_table(
        "cards",
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("uuid", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("hook_instance", sa.Text, nullable=False),
        sa.Column("rulebook_version", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("indicator", sa.Text, nullable=False),
        sa.Column("patient_key", sa.Text, nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("cards_issued_at", "cards", ["issued_at"])


def _create_feedback() -> None:
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "feedback",
        sa.Column("id", key, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("card", sa.Text, nullable=False),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("reason_system", sa.Text),
        sa.Column("reason_code", sa.Text),
        sa.Column("comment", sa.Text),
        sa.Column("outcome_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("feedback_client_card", "feedback", ["client", "card"])
    op.create_index("feedback_received_at", "feedback", ["received_at"])
