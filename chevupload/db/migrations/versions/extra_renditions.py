"""Columns of additional renditions: NULL for every upload that has none, so for all that are there."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Text

from chevupload.db.migrations import takes_over

revision = "chevupload_extra_renditions"
down_revision = "chevupload_album_titles"
branch_labels = None
depends_on = None

_TABLE = "chevupload_uploads"


def upgrade() -> None:
    """Add the columns."""
    if takes_over(op.get_context(), revision):
        return
    op.add_column(_TABLE, Column("extras", Text(), nullable=True))
    op.add_column(_TABLE, Column("extras_size", BigInteger(), nullable=True))


def downgrade() -> None:
    """Drop the columns. The files stay, and an older version's check finds that no record knows them."""
    for name in ("extras", "extras_size"):
        op.drop_column(_TABLE, name)
