"""Tables of events that were not told yet, and of handlers that want no more."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint

from chevupload.db.columns import UtcDateTime, long_text, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_events"
down_revision = "chevupload_views_and_indexes"
branch_labels = None
depends_on = None

_TABLE = "chevupload_events"
_ENDED = "chevupload_ended_handlers"


def upgrade() -> None:
    """Make the tables."""
    if takes_over(op.get_context(), revision):
        return
    op.create_table(
        _TABLE,
        Column("number", BigInteger().with_variant(Integer(), "sqlite"), nullable=False),
        Column("id", short_text(32), nullable=False),
        Column("at", UtcDateTime(), nullable=False),
        Column("kind", short_text(16), nullable=False),
        Column("upload_id", short_text(64), nullable=False),
        Column("owner_id", short_text(64), nullable=True),
        Column("facts", long_text(), nullable=False),
        Column("attempt", Integer(), nullable=False),
        Column("handled", long_text(), nullable=False),
        Column("next_at", UtcDateTime(), nullable=False),
        PrimaryKeyConstraint("number"),
    )
    op.create_table(_ENDED, Column("name", short_text(64), nullable=False), PrimaryKeyConstraint("name"))
    op.create_index(f"ix_{_TABLE}_due", _TABLE, ["next_at"])
    op.create_index(f"ix_{_TABLE}_upload", _TABLE, ["upload_id", "number"])


def downgrade() -> None:
    """Drop the tables. Events that were not told are gone."""
    op.drop_table(_ENDED)
    op.drop_table(_TABLE)
