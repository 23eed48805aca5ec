"""The tables of the first release."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, PrimaryKeyConstraint, UniqueConstraint

from chevupload.db.columns import UtcDateTime, long_text, short_text
from chevupload.db.migrations import takes_over

revision = "chevupload_first_tables"
down_revision = None
branch_labels = ("chevupload",)
depends_on = None


def upgrade() -> None:
    """Make every table, unless they are there and a host's own Alembic takes them over."""
    if takes_over(op.get_context(), revision):
        return
    _make_uploads()
    op.create_table(
        "chevupload_keys",
        Column("id", short_text(16), nullable=False),
        Column("user_id", short_text(64), nullable=False),
        Column("label", long_text(), nullable=False),
        Column("style", short_text(16), nullable=False),
        Column("digest", short_text(64), nullable=False),
        Column("created_at", UtcDateTime(), nullable=False),
        Column("expires_at", UtcDateTime()),
        Column("revoked_at", UtcDateTime()),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("digest"),
    )
    op.create_index("ix_chevupload_keys_user_id", "chevupload_keys", ["user_id"])
    op.create_table(
        "chevupload_users",
        Column("id", short_text(64), nullable=False),
        Column("name", short_text(255), nullable=False),
        Column("is_admin", Boolean(), nullable=False),
        Column("disabled_at", UtcDateTime()),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("name"),
    )
    op.create_table(
        "chevupload_albums",
        Column("id", short_text(64), nullable=False),
        Column("owner_id", short_text(64), nullable=False),
        Column("title", long_text(), nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_chevupload_albums_owner_id", "chevupload_albums", ["owner_id"])
    for name in ("chevupload_categories", "chevupload_tags"):
        op.create_table(
            name,
            Column("id", Integer(), nullable=False),
            Column("name", short_text(255), nullable=False),
            PrimaryKeyConstraint("id"),
            UniqueConstraint("name"),
        )
    op.create_table(
        "chevupload_upload_tags",
        Column("upload_id", short_text(64), nullable=False),
        Column("position", Integer(), autoincrement=False, nullable=False),
        Column("tag_id", Integer(), nullable=False),
        PrimaryKeyConstraint("upload_id", "position"),
    )
    op.create_index("ix_chevupload_upload_tags_tag_id", "chevupload_upload_tags", ["tag_id"])
    op.create_table(
        "chevupload_used_names",
        Column("digest", short_text(64), nullable=False),
        Column("released_at", UtcDateTime(), nullable=False),
        PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_chevupload_used_names_released_at", "chevupload_used_names", ["released_at"])


def _make_uploads() -> None:
    op.create_table(
        "chevupload_uploads",
        Column("id", short_text(64), nullable=False),
        Column("state", short_text(16), nullable=False),
        Column("stem_key", short_text(320), nullable=False),
        Column("has_tags", Boolean(), nullable=False),
        Column("owner_id", short_text(64)),
        Column("created_at", UtcDateTime(), nullable=False),
        Column("received_at", UtcDateTime(), nullable=False),
        Column("folder", short_text(64), nullable=False),
        Column("name", short_text(255), nullable=False),
        Column("extension", short_text(16), nullable=False),
        Column("size", BigInteger(), nullable=False),
        Column("width", Integer(), nullable=False),
        Column("height", Integer(), nullable=False),
        Column("md5", short_text(32), nullable=False),
        Column("source_md5", short_text(32)),
        Column("original_filename", long_text(), nullable=False),
        Column("original_exifdata", long_text()),
        Column("title", long_text()),
        Column("description", long_text()),
        Column("nsfw", Boolean(), nullable=False),
        Column("album_id", short_text(64)),
        Column("category_id", Integer()),
        Column("storage_mode", short_text(16), nullable=False),
        Column("is_animated", Boolean(), nullable=False),
        Column("is_360", Boolean(), nullable=False),
        Column("duration", Integer(), nullable=False),
        Column("thumb_size", BigInteger(), nullable=False),
        Column("medium_size", BigInteger(), nullable=False),
        Column("frame_size", BigInteger(), nullable=False),
        Column("expires_at", UtcDateTime()),
        Column("views", BigInteger(), nullable=False),
        Column("request_digest", short_text(64)),
        Column("request_md5", short_text(32)),
        Column("claimed_at", UtcDateTime()),
        Column("storage", short_text(64), nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("stem_key"),
        UniqueConstraint("request_digest"),
    )
    for name, columns in (
        ("expires_at", ["expires_at"]),
        ("md5", ["owner_id", "md5", "received_at"]),
        ("owner", ["owner_id", "received_at"]),
        ("source_md5", ["owner_id", "source_md5", "received_at"]),
        ("sweep", ["state", "received_at"]),
    ):
        op.create_index(f"ix_chevupload_uploads_{name}", "chevupload_uploads", columns)


def downgrade() -> None:
    """Drop every table."""
    for name in ("uploads", "keys", "users", "albums", "categories", "tags", "upload_tags", "used_names"):
        op.drop_table(f"chevupload_{name}")
