"""Tables of jobs of batch work, and of the ranges of uploads that they are divided into."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, PrimaryKeyConstraint, UniqueConstraint

from chevupload.db.columns import UtcDateTime, long_text, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_jobs"
down_revision = "chevupload_pending_uploads"
branch_labels = None
depends_on = None

_JOBS = "chevupload_jobs"
_RANGES = "chevupload_job_ranges"


def upgrade() -> None:
    """Make the tables."""
    if takes_over(op.get_context(), revision):
        return
    op.create_table(
        _JOBS,
        Column("id", short_text(32), nullable=False),
        Column("kind", short_text(64), nullable=False),
        Column("arguments", long_text(), nullable=False),
        Column("unfinished_key", short_text(64), nullable=True),
        Column("begun_at", UtcDateTime(), nullable=False),
        Column("ended_at", UtcDateTime(), nullable=True),
        Column("split_after_id", short_text(64), nullable=False),
        Column("is_split", Boolean(), nullable=False),
        Column("total", BigInteger(), nullable=False),
        Column("done", BigInteger(), nullable=False),
        Column("failed", BigInteger(), nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("unfinished_key"),
    )
    op.create_table(
        _RANGES,
        Column("job_id", short_text(32), nullable=False),
        Column("number", BigInteger(), autoincrement=False, nullable=False),
        Column("after_id", short_text(64), nullable=False),
        Column("last_id", short_text(64), nullable=False),
        Column("left", Integer(), nullable=False),
        Column("attempt", Integer(), nullable=False),
        Column("next_at", UtcDateTime(), nullable=False),
        PrimaryKeyConstraint("job_id", "number"),
    )


def downgrade() -> None:
    """Drop the tables. Jobs that were not finished are gone."""
    op.drop_table(_RANGES)
    op.drop_table(_JOBS)
