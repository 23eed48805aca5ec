"""Columns of keys: what a key is for, and when it was used last. Keys that are there may do what they could before."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Column, Date, column, or_, table, update
from sqlalchemy.types import TypeEngine

from chevupload.db.columns import long_text, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_key_restrictions"
down_revision = "chevupload_moves"
branch_labels = None
depends_on = None

_TABLE = "chevupload_keys"
_RESTRICTIONS: dict[str, TypeEngine[Any]] = {
    "scopes": short_text(64),
    "album_id": short_text(64),
    "max_bytes": BigInteger(),
    "formats": short_text(255),
    "origins": long_text(),
}


def upgrade() -> None:
    """Add the columns."""
    if takes_over(op.get_context(), revision):
        return
    for name, type_ in (*_RESTRICTIONS.items(), ("last_used_on", Date())):
        op.add_column(_TABLE, Column(name, type_, nullable=True))


def downgrade() -> None:
    """Revoke the keys that are for less than everything, which they would be for afterwards, and drop the columns."""
    keys = table(_TABLE, column("created_at"), column("revoked_at"), *map(column, _RESTRICTIONS))
    is_restricted = or_(*(keys.c[name].is_not(None) for name in _RESTRICTIONS))
    op.execute(update(keys).where(keys.c.revoked_at.is_(None), is_restricted).values(revoked_at=keys.c.created_at))
    for name in (*_RESTRICTIONS, "last_used_on"):
        op.drop_column(_TABLE, name)
