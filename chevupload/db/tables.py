"""The tables: as mixins for a host's own declarative base, and as a ready set on ours.

The mixins declare no foreign keys, because subclasses name the tables, and users may be in a table of the host. A
subclass may add its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, Self, cast

from sqlalchemy import BigInteger, Date, Index, Integer, MetaData, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from chevupload.db.columns import (
    UNFINISHED,
    VIDEOS,
    RenditionsText,
    UtcDateTime,
    is_made,
    long_text,
    only_where,
    short_text,
    tell_alembic,
)
from chevupload.errors import ConfigError

REVISION = "chevupload_lists_and_changes"
"""The newest migration, which makes tables as they are here; a new database is noted as having it."""


class UploadMixin:
    """One upload: every field of :class:`chevupload.model.Upload`, and what the catalog needs besides.

    ``state`` is ready or deleting; an upload with a row of :class:`PendingMixin` is not ready yet. ``stem_key`` is the
    stem in lower case; its uniqueness is the reservation of a name. ``request_digest`` is that of a request which may
    be repeated, until the upload is withdrawn. ``claimed_at`` is when a sweep took it on itself to remove it.
    ``views`` are those before it was recorded here; the others are in a table of their own, see :class:`ViewMixin`.
    ``extras`` is NULL where there are no additional renditions, and so is ``extras_size``, their bytes.
    """

    id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    state: Mapped[str] = mapped_column(short_text(16))
    stem_key: Mapped[str] = mapped_column(short_text(320), unique=True)
    has_tags: Mapped[bool] = mapped_column()
    owner_id: Mapped[str | None] = mapped_column(short_text(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
    received_at: Mapped[datetime] = mapped_column(UtcDateTime())
    folder: Mapped[str] = mapped_column(short_text(64))
    name: Mapped[str] = mapped_column(short_text(255))
    extension: Mapped[str] = mapped_column(short_text(16))
    size: Mapped[int] = mapped_column(BigInteger)
    width: Mapped[int] = mapped_column()
    height: Mapped[int] = mapped_column()
    md5: Mapped[str] = mapped_column(short_text(32))
    source_md5: Mapped[str | None] = mapped_column(short_text(32))
    original_filename: Mapped[str] = mapped_column(long_text())
    original_exifdata: Mapped[str | None] = mapped_column(long_text())
    title: Mapped[str | None] = mapped_column(long_text())
    description: Mapped[str | None] = mapped_column(long_text())
    nsfw: Mapped[bool] = mapped_column()
    album_id: Mapped[str | None] = mapped_column(short_text(64))
    category_id: Mapped[int | None] = mapped_column()
    storage_mode: Mapped[str] = mapped_column(short_text(16))
    is_animated: Mapped[bool] = mapped_column()
    is_360: Mapped[bool] = mapped_column()
    duration: Mapped[int] = mapped_column()
    thumb_size: Mapped[int] = mapped_column(BigInteger)
    medium_size: Mapped[int] = mapped_column(BigInteger)
    frame_size: Mapped[int] = mapped_column(BigInteger)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    views: Mapped[int] = mapped_column(BigInteger)
    request_digest: Mapped[str | None] = mapped_column(short_text(64), unique=True)
    request_md5: Mapped[str | None] = mapped_column(short_text(32))
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    storage: Mapped[str] = mapped_column(short_text(64))
    extras: Mapped[Any] = mapped_column(RenditionsText(), nullable=True)
    extras_size: Mapped[int | None] = mapped_column(BigInteger)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        """Index what the sweep, an owner's list and the look for duplicates ask for."""
        table = cls.__tablename__  # type: ignore[attr-defined]
        return (
            Index(f"ix_{table}_unfinished", "state", "received_at", **only_where(UNFINISHED)),
            Index(f"ix_{table}_owned", "owner_id", "received_at", **only_where("owner_id IS NOT NULL")),
            Index(f"ix_{table}_album", "album_id", "received_at", **only_where("album_id IS NOT NULL")),
            Index(
                f"ix_{table}_videos",
                "owner_id",
                "received_at",
                **only_where(VIDEOS),
            ).ddl_if(callable_=lambda ddl, *others, dialect, **more: is_made(ddl.element, dialect.name)),
            Index(f"ix_{table}_md5", "owner_id", "md5", "received_at"),
            Index(
                f"ix_{table}_source", "owner_id", "source_md5", "received_at", **only_where("source_md5 IS NOT NULL")
            ),
            Index(f"ix_{table}_expiring", "expires_at", "id", **only_where("expires_at IS NOT NULL")),
        )


class KeyMixin:
    """One API key, by its digest. A subclass may give ``user_id`` the type of the host's own ids.

    ``scopes``, ``formats`` and ``origins`` are words with a space between two, and NULL where the key is for all.
    ``last_used_on`` is the day in UTC.
    """

    id: Mapped[str] = mapped_column(short_text(16), primary_key=True)
    user_id: Mapped[Any] = mapped_column(short_text(64), index=True)
    label: Mapped[str] = mapped_column(long_text())
    style: Mapped[str] = mapped_column(short_text(16))
    digest: Mapped[str] = mapped_column(short_text(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime())
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    scopes: Mapped[str | None] = mapped_column(short_text(64))
    album_id: Mapped[str | None] = mapped_column(short_text(64))
    max_bytes: Mapped[int | None] = mapped_column(BigInteger)
    formats: Mapped[str | None] = mapped_column(short_text(255))
    origins: Mapped[str | None] = mapped_column(long_text())
    last_used_on: Mapped[date | None] = mapped_column(Date)


class UserMixin:
    """One user."""

    id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    name: Mapped[str] = mapped_column(short_text(255), unique=True)
    is_admin: Mapped[bool] = mapped_column()
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime())


class AlbumMixin:
    """One album. No two of an owner have the same title, so that uploads which name one by it find that one."""

    id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    owner_id: Mapped[str] = mapped_column(short_text(64))
    title: Mapped[str] = mapped_column(short_text(100))

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        """Index an owner's albums by their titles."""
        table = cls.__tablename__  # type: ignore[attr-defined]
        return (Index(f"ix_{table}_titles", "owner_id", "title", unique=True),)


class CategoryMixin:
    """One category."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(short_text(255), unique=True)


class TagMixin:
    """One tag, shared by all uploads that carry it; never removed, so that its id can be relied on."""

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(short_text(255), unique=True)


class UploadTagMixin:
    """A tag on an upload, at its place among them."""

    upload_id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tag_id: Mapped[int] = mapped_column(index=True)


class PendingMixin:
    """An upload that is reserved and not published yet: to publish it, its row here is removed.

    So the wide row of an upload is written once, and no index of it a second time.
    """

    upload_id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    received_at: Mapped[datetime] = mapped_column(UtcDateTime())


class ViewMixin:
    """How often an upload was viewed, beside its row: a narrow row is cheap to write again and again."""

    upload_id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)


class UsedNameMixin:
    """The name of an upload that is gone, as a digest: nobody shall read what was deleted."""

    digest: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    released_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)


class TicketUseMixin:
    """One use of a ticket, which an upload has taken; it stays when the upload is gone, until the ticket expires.

    ``digest`` is the upload's ``request_digest``: of the ticket and the number of the use. ``md5`` is its
    ``request_md5``.
    """

    digest: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    md5: Mapped[str] = mapped_column(short_text(32))
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)


class EventMixin:
    """One event that was not told to every handler yet; see :class:`chevupload.records.event.Event`.

    ``facts`` is the upload as JSON, ``before`` the same before a change. ``handled`` names handlers, with a space
    between two. ``number`` keeps the order of an upload's events, which clocks of several machines could not.
    """

    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    id: Mapped[str] = mapped_column(short_text(32))
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    kind: Mapped[str] = mapped_column(short_text(16))
    upload_id: Mapped[str] = mapped_column(short_text(64))
    owner_id: Mapped[str | None] = mapped_column(short_text(64))
    facts: Mapped[str] = mapped_column(long_text())
    before: Mapped[str | None] = mapped_column(long_text())
    attempt: Mapped[int] = mapped_column()
    handled: Mapped[str] = mapped_column(long_text())
    next_at: Mapped[datetime] = mapped_column(UtcDateTime())

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        """Index what is due, and the events of an upload."""
        table = cls.__tablename__  # type: ignore[attr-defined]
        return (
            Index(f"ix_{table}_due", "next_at"),
            Index(f"ix_{table}_upload", "upload_id", "number"),
        )


class UsageMixin:
    """How many uploads an owner keeps, and their bytes; ``owner_id`` of all guests together is the empty text."""

    owner_id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    files: Mapped[int] = mapped_column(BigInteger)
    bytes: Mapped[int] = mapped_column(BigInteger)


class EndedHandlerMixin:
    """The name of a handler that wants no more events."""

    name: Mapped[str] = mapped_column(short_text(64), primary_key=True)


class JobMixin:
    """One job of batch work; see :class:`chevupload.records.job.Job`.

    ``unfinished_key`` is a digest of kind and arguments until the job has ended, so that it is started once.
    ``split_after_id`` is the last upload that is in one of its ranges.
    """

    id: Mapped[str] = mapped_column(short_text(32), primary_key=True)
    kind: Mapped[str] = mapped_column(short_text(64))
    arguments: Mapped[str] = mapped_column(long_text())
    unfinished_key: Mapped[str | None] = mapped_column(short_text(64), unique=True)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime())
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime())
    split_after_id: Mapped[str] = mapped_column(short_text(64))
    is_split: Mapped[bool] = mapped_column()
    total: Mapped[int] = mapped_column(BigInteger)
    done: Mapped[int] = mapped_column(BigInteger)
    failed: Mapped[int] = mapped_column(BigInteger)


class JobRangeMixin:
    """What is left of a range of a job's uploads; see :class:`chevupload.records.job.JobRange`.

    A range that is done is gone. ``next_at`` is until when somebody has claimed it.
    """

    job_id: Mapped[str] = mapped_column(short_text(32), primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    after_id: Mapped[str] = mapped_column(short_text(64))
    last_id: Mapped[str] = mapped_column(short_text(64))
    left: Mapped[int] = mapped_column()
    attempt: Mapped[int] = mapped_column()
    next_at: Mapped[datetime] = mapped_column(UtcDateTime())


class MoveMixin:
    """Files of an upload that may be in two storages; see :class:`chevupload.records.move.Move`.

    ``paths`` has a line for each. ``is_ending`` says that a sweep removes them from one of the two.
    """

    upload_id: Mapped[str] = mapped_column(short_text(64), primary_key=True)
    paths: Mapped[str] = mapped_column(long_text())
    source: Mapped[str] = mapped_column(short_text(64))
    target: Mapped[str] = mapped_column(short_text(64))
    at: Mapped[datetime] = mapped_column(UtcDateTime())
    is_ending: Mapped[bool] = mapped_column()


class AuditMixin:
    """One event of the audit log; see :class:`chevupload.audit.AuditEntry`. ``number`` keeps their order."""

    number: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime(), index=True)
    event: Mapped[str] = mapped_column(short_text(16))
    user_id: Mapped[str | None] = mapped_column(short_text(64))
    key_id: Mapped[str | None] = mapped_column(short_text(64))
    address: Mapped[str] = mapped_column(short_text(64))
    detail: Mapped[str] = mapped_column(short_text(255))


class Base(DeclarativeBase):
    """The declarative base of the ready set; its metadata is what migrations compare with."""


_MIXINS: dict[str, type[Any]] = {
    "uploads": UploadMixin,
    "pending": PendingMixin,
    "keys": KeyMixin,
    "users": UserMixin,
    "albums": AlbumMixin,
    "categories": CategoryMixin,
    "tags": TagMixin,
    "upload_tags": UploadTagMixin,
    "views": ViewMixin,
    "used_names": UsedNameMixin,
    "ticket_uses": TicketUseMixin,
    "events": EventMixin,
    "ended_handlers": EndedHandlerMixin,
    "jobs": JobMixin,
    "job_ranges": JobRangeMixin,
    "moves": MoveMixin,
    "usage": UsageMixin,
    "audit": AuditMixin,
}

READY_MODELS: dict[str, type[Any]] = {
    table: type(mixin.__name__.replace("Mixin", "Row"), (mixin, Base), {"__tablename__": f"chevupload_{table}"})
    for table, mixin in _MIXINS.items()
}
"""A mapped class for each of the ready tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The tables that catalog, keys and accounts work on."""

    uploads: Table
    pending: Table
    keys: Table
    users: Table
    albums: Table
    categories: Table
    tags: Table
    upload_tags: Table
    views: Table
    used_names: Table
    ticket_uses: Table
    events: Table
    ended_handlers: Table
    jobs: Table
    job_ranges: Table
    moves: Table
    usage: Table
    audit: Table

    @classmethod
    def default(cls) -> Self:
        """Return the ready set."""
        return cls.of()

    @classmethod
    def of(cls, *models: type[Any]) -> Self:
        """Return the tables of mapped classes that use the mixins; those not given are the ready ones.

        Raises:
            ConfigError: a class uses none of the mixins.
        """
        found: dict[str, Table] = {}
        for model in (*READY_MODELS.values(), *models):
            names = [table for table, mixin in _MIXINS.items() if issubclass(model, mixin)]
            if not names:
                raise ConfigError(f"{model.__name__} uses none of the table mixins")
            found[names[0]] = cast(Table, model.__table__)
        return cls(**found)

    def in_metadata(self, metadata: MetaData) -> Self:
        """Return the same tables as part of ``metadata``, with which a host makes and migrates its own."""
        tell_alembic()
        for table in self:
            if table.name not in metadata.tables:
                table.to_metadata(metadata)
        return type(self)(**{field.name: metadata.tables[getattr(self, field.name).name] for field in fields(self)})

    def __iter__(self) -> Iterator[Table]:
        """Yield the tables."""
        return (getattr(self, field.name) for field in fields(self))
