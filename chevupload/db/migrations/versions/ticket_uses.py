"""A table of the uses of tickets."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, PrimaryKeyConstraint

from chevupload.db.columns import UtcDateTime, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_ticket_uses"
down_revision = "chevupload_key_restrictions"
branch_labels = None
depends_on = None

_TABLE = "chevupload_ticket_uses"


def upgrade() -> None:
    """Make the table."""
    if takes_over(op.get_context(), revision):
        return
    op.create_table(
        _TABLE,
        Column("digest", short_text(64), nullable=False),
        Column("md5", short_text(32), nullable=False),
        Column("expires_at", UtcDateTime(), nullable=False),
        PrimaryKeyConstraint("digest"),
    )
    op.create_index(f"ix_{_TABLE}_expires_at", _TABLE, ["expires_at"])


def downgrade() -> None:
    """Drop the table. The version before takes no tickets."""
    op.drop_table(_TABLE)
