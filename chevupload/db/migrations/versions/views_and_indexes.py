"""A narrow table of views, and indexes that have no more rows than are looked for."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint

from chevupload.db.columns import UNFINISHED, only_where, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_views_and_indexes"
down_revision = "chevupload_first_tables"
branch_labels = None
depends_on = None

_TABLE = "chevupload_uploads"
_OLD = {
    "expires_at": ["expires_at"],
    "owner": ["owner_id", "received_at"],
    "source_md5": ["owner_id", "source_md5", "received_at"],
    "sweep": ["state", "received_at"],
}
_NEW = {
    "expiring": (["expires_at", "id"], "expires_at IS NOT NULL"),
    "owned": (["owner_id", "received_at"], "owner_id IS NOT NULL"),
    "source": (["owner_id", "source_md5", "received_at"], "source_md5 IS NOT NULL"),
    "unfinished": (["state", "received_at"], UNFINISHED),
}


def upgrade() -> None:
    """Make the table and the indexes, and drop those that these replace."""
    if takes_over(op.get_context(), revision):
        return
    op.create_table(
        "chevupload_views",
        Column("upload_id", short_text(64), nullable=False),
        Column("count", BigInteger(), nullable=False),
        PrimaryKeyConstraint("upload_id"),
    )
    # On PostgreSQL somebody may have made them before, beside running servers.
    is_postgres = op.get_context().dialect.name == "postgresql"
    for name, (columns, condition) in _NEW.items():
        options = only_where(condition) | ({"if_not_exists": True} if is_postgres else {})
        op.create_index(f"ix_{_TABLE}_{name}", _TABLE, columns, **options)
    for name in _OLD:
        op.drop_index(f"ix_{_TABLE}_{name}", _TABLE)


def downgrade() -> None:
    """Go back to one index for all rows of each kind. Views that were counted since the upgrade are gone."""
    for name, columns in _OLD.items():
        op.create_index(f"ix_{_TABLE}_{name}", _TABLE, columns)
    for name in _NEW:
        op.drop_index(f"ix_{_TABLE}_{name}", _TABLE)
    op.drop_table("chevupload_views")
