"""A table of the audit log."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint

from chevupload.db.columns import UtcDateTime, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_audit"
down_revision = "chevupload_usage"
branch_labels = None
depends_on = None

_TABLE = "chevupload_audit"


def upgrade() -> None:
    """Make the table."""
    if takes_over(op.get_context(), revision):
        return
    op.create_table(
        _TABLE,
        Column("number", BigInteger().with_variant(Integer(), "sqlite"), nullable=False),
        Column("at", UtcDateTime(), nullable=False),
        Column("event", short_text(16), nullable=False),
        Column("user_id", short_text(64), nullable=True),
        Column("key_id", short_text(64), nullable=True),
        Column("address", short_text(64), nullable=False),
        Column("detail", short_text(255), nullable=False),
        PrimaryKeyConstraint("number"),
    )
    op.create_index(f"ix_{_TABLE}_at", _TABLE, ["at"])


def downgrade() -> None:
    """Drop the table, with all that it holds."""
    op.drop_table(_TABLE)
