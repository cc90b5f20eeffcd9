"""Keep the cards of a client's tenants apart: the tenant becomes a part of their key."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_KEY = ["client", "tenant", "uuid"]


def upgrade() -> None:
    """Change the key; what is stored already has its tenant, and stays."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("cards_pkey", "cards")
        op.create_primary_key("cards_pkey", "cards", _KEY)
    else:
        _copy_cards()
    op.drop_index("feedback_client_card", "feedback")
    op.create_index("feedback_client_tenant_card", "feedback", ["client", "tenant", "card"])


def downgrade() -> None:
    """Refuse, as every revision does."""
    raise NotImplementedError("migrations only go forward; restore a backup to go back")


def _copy_cards() -> None:
    """Write the table anew: SQLite cannot change a key."""
    op.rename_table("cards", "cards_0001")
    op.drop_index("cards_issued_at", "cards_0001")
    texts = ["service", "hook_instance", "rulebook_version", "rule", "outcome", "indicator"]
    op.create_table(
        "cards",
        *(sa.Column(name, sa.Text, primary_key=True) for name in _KEY),
        *(sa.Column(name, sa.Text, nullable=False) for name in [*texts, "patient_key"]),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("findings", sa.JSON, nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
    )
    names = ", ".join([*_KEY, *texts, "patient_key", "suggestions", "findings", "issued_at"])
    op.execute(f"INSERT INTO cards ({names}) SELECT {names} FROM cards_0001")  # noqa: S608 - ours
    op.drop_table("cards_0001")
    op.create_index("cards_issued_at", "cards", ["issued_at"])
