"""A table of uploads whose files may be in two storages."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Boolean, Column, PrimaryKeyConstraint

from chevupload.db.columns import UtcDateTime, long_text, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_moves"
down_revision = "chevupload_jobs"
branch_labels = None
depends_on = None

_TABLE = "chevupload_moves"


def upgrade() -> None:
    """Make the table."""
    if takes_over(op.get_context(), revision):
        return
    op.create_table(
        _TABLE,
        Column("upload_id", short_text(64), nullable=False),
        Column("paths", long_text(), nullable=False),
        Column("source", short_text(64), nullable=False),
        Column("target", short_text(64), nullable=False),
        Column("at", UtcDateTime(), nullable=False),
        Column("is_ending", Boolean(), nullable=False),
        PrimaryKeyConstraint("upload_id"),
    )


def downgrade() -> None:
    """Drop the table. Sweep first, long enough after the last move: what it names is left otherwise."""
    op.drop_table(_TABLE)
