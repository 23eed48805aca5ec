"""No two albums of an owner have the same title, which has at most 100 characters."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, MetaData, PrimaryKeyConstraint, Table, exists, func, select, update

from chevupload.db.columns import long_text, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_album_titles"
down_revision = "chevupload_audit"
branch_labels = None
depends_on = None

_NAME = "chevupload_albums"
_ALBUMS = Table(
    _NAME,
    MetaData(),
    Column("id", short_text(64), nullable=False),
    Column("owner_id", short_text(64), nullable=False),
    Column("title", long_text(), nullable=False),
    PrimaryKeyConstraint("id"),
)
_CUT = 35
"""Characters that are left of a title which others have, before a space and the album's id, which has at most 64."""


def upgrade() -> None:
    """Cut longer titles, and add its id to each of several albums but the first."""
    if takes_over(op.get_context(), revision):
        return
    column, other = _ALBUMS.c, _ALBUMS.alias("other").c
    op.execute(update(_ALBUMS).values(title=func.substr(column.title, 1, 100)))
    op.drop_index(f"ix_{_NAME}_owner_id", _NAME)
    with op.batch_alter_table(_NAME, copy_from=_ALBUMS) as batch:
        batch.alter_column("title", type_=short_text(100), existing_type=long_text(), existing_nullable=False)
    is_double = (other.owner_id == column.owner_id) & (other.title == column.title) & (other.id < column.id)
    # MySQL and MariaDB read from a table that they change only by way of another.
    doubles = select(select(column.id).where(exists().where(is_double)).subquery())
    title = func.substr(column.title, 1, _CUT) + " " + column.id
    op.execute(update(_ALBUMS).where(column.id.in_(doubles)).values(title=title))
    op.create_index(f"ix_{_NAME}_titles", _NAME, ["owner_id", "title"], unique=True)


def downgrade() -> None:
    """Let titles be what they like again."""
    op.drop_index(f"ix_{_NAME}_titles", _NAME)
    with op.batch_alter_table(_NAME, copy_from=_ALBUMS) as batch:
        batch.alter_column("title", type_=long_text(), existing_type=short_text(100), existing_nullable=False)
    op.create_index(f"ix_{_NAME}_owner_id", _NAME, ["owner_id"])
