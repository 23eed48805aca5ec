"""A narrow table of the uploads that are not published yet."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, PrimaryKeyConstraint

from chevupload.db.columns import UtcDateTime, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_pending_uploads"
down_revision = "chevupload_events"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. What servers of the version before are storing now is left to them."""
    if takes_over(op.get_context(), revision):
        return
    op.create_table(
        "chevupload_pending",
        Column("upload_id", short_text(64), nullable=False),
        Column("received_at", UtcDateTime(), nullable=False),
        PrimaryKeyConstraint("upload_id"),
    )


def downgrade() -> None:
    """Say of each upload that is not published that it is pending, and drop the table."""
    op.execute(
        "UPDATE chevupload_uploads SET state = 'pending' WHERE state = 'ready'"
        " AND id IN (SELECT upload_id FROM chevupload_pending)"
    )
    op.drop_table("chevupload_pending")
