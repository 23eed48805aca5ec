"""Indexes of the uploads in an album and of an owner's videos, and what an event says of the upload before a change."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column

from chevupload.db.columns import VIDEOS, long_text, only_where
from chevupload.db.migrations import takes_over

revision = "chevupload_lists_and_changes"
down_revision = "chevupload_extra_renditions"
branch_labels = None
depends_on = None

_TABLE = "chevupload_uploads"
_PARTIAL = ("postgresql", "sqlite")
"""Databases whose indexes can be of some rows."""


def upgrade() -> None:
    """Add the column, and make the indexes."""
    if takes_over(op.get_context(), revision):
        return
    op.add_column("chevupload_events", Column("before", long_text(), nullable=True))
    # On PostgreSQL somebody may have made them before, beside running servers.
    dialect = op.get_context().dialect.name
    more = {"if_not_exists": True} if dialect == "postgresql" else {}
    album = only_where("album_id IS NOT NULL") | more
    op.create_index(f"ix_{_TABLE}_album", _TABLE, ["album_id", "received_at"], **album)
    if dialect in _PARTIAL:
        videos = only_where(VIDEOS) | more
        op.create_index(f"ix_{_TABLE}_videos", _TABLE, ["owner_id", "received_at"], **videos)


def downgrade() -> None:
    """Drop what was added. An older version tells events of changes as events of a kind that it does not know."""
    if op.get_context().dialect.name in _PARTIAL:
        op.drop_index(f"ix_{_TABLE}_videos", _TABLE)
    op.drop_index(f"ix_{_TABLE}_album", _TABLE)
    op.drop_column("chevupload_events", "before")
