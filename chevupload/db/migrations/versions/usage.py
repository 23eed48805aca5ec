"""A table of what each owner keeps."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint

from chevupload.db.columns import short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_usage"
down_revision = "chevupload_ticket_uses"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. Its rows come with each owner's next upload, by a count of what is there."""
    if takes_over(op.get_context(), revision):
        return
    op.create_table(
        "chevupload_usage",
        Column("owner_id", short_text(64), nullable=False),
        Column("files", BigInteger(), nullable=False),
        Column("bytes", BigInteger(), nullable=False),
        PrimaryKeyConstraint("owner_id"),
    )


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("chevupload_usage")
