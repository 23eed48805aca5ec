"""Records of uploads in a database.

Statements of an upload are built once, and compiled once by SQLAlchemy's cache. A transaction's first statement is a
change, never a read, so that SQLite takes the write lock before anything can go stale.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Row,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError

from chevupload.clock import Clock, utc_now
from chevupload.db.columns import Unindexed, Unlocked
from chevupload.db.database import Database, Transactions
from chevupload.db.host_session import HostSession, Joined
from chevupload.db.tables import Tables
from chevupload.db.tags import TagRows
from chevupload.errors import CatalogError, NameTaken, RequestTaken
from chevupload.model import Album, Cursor, Upload
from chevupload.protocols import Catalog

PAGE_SIZE = 200
"""How many records an iteration reads at a time."""

_NAMES_KEPT = timedelta(days=366)
"""As long as a cache may keep a file under its name."""

_DELETING = {"state": "deleting", "request_digest": None}
"""What is gone for readers stands in nobody's way who asks for it once more."""

_DERIVED_SIZES = ("thumb_size", "medium_size", "frame_size")
_FIELDS = tuple(field.name for field in fields(Upload) if field.name != "tags")


class SqlCatalog:
    """The catalog on the tables of uploads, tags, albums and categories.

    Attributes:
        database: where they are.
        tables: which they are.
    """

    def __init__(self, database: Database, *, tables: Tables | None = None, clock: Clock = utc_now) -> None:
        """Keep records in ``database``."""
        self.database = database
        # Inside a host's session, its transactions stand here.
        self._database: Transactions = database
        self._clock = clock
        self.tables = found = Tables.default() if tables is None else tables
        self._tags = TagRows(database, found)
        self._uploads = uploads = found.uploads
        self._albums, self._categories = found.albums, found.categories
        column, id_ = uploads.c, uploads.c.id == bindparam("upload_id")
        self._insert = insert(uploads)
        self._select: Any = select(*(column[name] for name in _FIELDS), column.has_tags)
        self._get = self._select.where(id_, column.state == "ready")
        self._withdrawn = self._select.where(id_, column.state == "deleting")
        self._find = self._select.where(column.stem_key == bindparam("stem_key"), column.state == "ready")
        is_live = column.state.in_(["pending", "ready"])
        self._requested = self._select.where(column.request_digest == bindparam("request_digest"), is_live)
        self._holders: Any = self._select.where(column.stem_key.in_(bindparam("stem_keys", expanding=True)))
        resized: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _DERIVED_SIZES}
        self._resize = update(uploads).where(id_, column.state == "ready").values(resized)
        # The one change that may be part of a host's transaction, which takes as long as the host likes.
        self._publish = update(uploads).where(id_, Unlocked(column.state) == "pending").values(state="ready")
        self._withdraw = update(uploads).where(id_, is_live).values(_DELETING)
        self._abandon = update(uploads).where(id_, column.state == "pending").values(_DELETING)
        used = found.used_names
        self._is_used = select(true()).where(used.c.digest == bindparam("digest"))
        self._release = insert(used)
        self._forget = delete(uploads).where(id_, column.state == "deleting")
        is_deleting, moment = column.state == "deleting", column.claimed_at.type
        is_free = or_(column.claimed_at.is_(None), column.claimed_at <= bindparam("since", type_=moment))
        claimed_at = bindparam("now", type_=moment)
        self._claim = update(uploads).where(id_, is_deleting, is_free).values(claimed_at=claimed_at)
        self._unclaim = update(uploads).where(id_, is_deleting).values(claimed_at=None)
        self._stalled = (
            select(column.id)
            .where(column.state == "pending", column.received_at <= bindparam("since", type_=column.received_at.type))
            .order_by(column.id)
            .limit(PAGE_SIZE)
        )
        self._overdue = (
            select(used.c.digest)
            .where(used.c.released_at < bindparam("since", type_=used.c.released_at.type))
            .order_by(Unindexed(used.c.digest))
            .limit(PAGE_SIZE)
        )
        self._free_name = delete(used).where(used.c.digest == bindparam("found"))
        self._count_view = update(uploads).where(id_, column.state == "ready").values(views=column.views + 1)
        self._duplicate = self._look_for_duplicate(column.owner_id == bindparam("owner_id"))
        self._guest_duplicate = self._look_for_duplicate(column.owner_id.is_(None))

    def create_tables(self) -> None:
        """Make the tables that are missing.

        Raises:
            CatalogError: they cannot be made.
        """
        self.database.create_tables(self.tables)

    def reserve(self, upload: Upload) -> None:
        """Record ``upload`` as pending, before any of its files is written.

        Raises:
            NameTaken: its id, or its stem in any mix of upper and lower case, belongs to another upload, or to one that
                was forgotten within the last year.
            RequestTaken: its ``request_digest`` belongs to another upload that is pending or ready.
        """
        row = {name: getattr(upload, name) for name in _FIELDS}
        row |= {"state": "pending", "stem_key": upload.stem.lower(), "has_tags": bool(upload.tags)}
        tag_ids = self._tags.ids(upload.tags) if upload.tags else ()
        try:
            with self._database.begin() as connection:
                connection.execute(self._insert, row)
                if connection.execute(self._is_used, {"digest": _digest(upload.stem)}).first() is not None:
                    raise NameTaken("name was taken")
                if tag_ids:
                    self._tags.attach(connection, upload.id, tag_ids)
        except IntegrityError as error:
            if upload.request_digest is not None and self.requested(upload.request_digest) is not None:
                raise RequestTaken("an upload of this request is there") from error
            if self._is_taken(upload):
                raise NameTaken("id or name taken") from error
            # A foreign key of the host's own tables, for example.
            raise CatalogError("the record cannot be stored") from error

    def publish(self, upload_id: str) -> None:
        """Make a pending upload ready.

        Raises:
            CatalogError: it is not pending any more; a sweep took it for abandoned.
        """
        with self._database.begin() as connection:
            if connection.execute(self._publish, {"upload_id": upload_id}).rowcount != 1:
                raise CatalogError("the upload is not pending any more")

    def get(self, upload_id: str) -> Upload | None:
        """Return a ready upload, expired or not."""
        return self._one(self._get, {"upload_id": upload_id})

    def find(self, stem: str) -> Upload | None:
        """Return the ready upload, expired or not, with this stem."""
        upload = self._one(self._find, {"stem_key": stem.lower()})
        return upload if upload is not None and upload.stem == stem else None

    def holders(self, stems: Collection[str]) -> list[Upload]:
        """Return the uploads, in whatever state, that hold one of these stems, in any mix of upper and lower case."""
        with self._database.connect() as connection:
            wanted = {"stem_keys": sorted({stem.lower() for stem in stems})}
            return self._with_tags(connection, connection.execute(self._holders, wanted).all())

    def resize(self, upload: Upload) -> bool:
        """Record the sizes of the derived files of a ready upload. False when there is none."""
        sizes = {f"new_{name}": getattr(upload, name) for name in _DERIVED_SIZES}
        with self._database.begin() as connection:
            return connection.execute(self._resize, {"upload_id": upload.id, **sizes}).rowcount == 1

    def requested(self, request_digest: str) -> Upload | None:
        """Return the pending or ready upload, expired or not, with this ``request_digest``."""
        return self._one(self._requested, {"request_digest": request_digest})

    def count_view(self, upload_id: str) -> None:
        """Add one to a ready upload's views."""
        with self._database.begin() as connection:
            connection.execute(self._count_view, {"upload_id": upload_id})

    def withdraw(self, upload_id: str) -> bool:
        """Mark a pending or ready upload as deleting. False when there is none."""
        with self._database.begin() as connection:
            return connection.execute(self._withdraw, {"upload_id": upload_id}).rowcount == 1

    def abandon(self, upload_id: str) -> bool:
        """Mark a pending upload as deleting. False when there is none."""
        with self._database.begin() as connection:
            return connection.execute(self._abandon, {"upload_id": upload_id}).rowcount == 1

    def forget(self, upload_id: str) -> None:
        """Remove the record of an upload in state deleting; its stem stays taken for a year. An absent one is fine."""
        upload = self.withdrawn(upload_id)
        if upload is None:
            return
        with self._database.begin() as connection:
            if connection.execute(self._forget, {"upload_id": upload_id}).rowcount == 1:
                self._tags.detach(connection, upload_id)
                connection.execute(self._release, {"digest": _digest(upload.stem), "released_at": self._clock()})

    def withdraw_stalled(self, *, now: datetime, pending_since: datetime) -> None:
        """Mark as deleting what is pending since ``pending_since`` or longer; give names free whose year is over."""
        for page in self._found(self._stalled, pending_since):
            self._change_each(self._abandon, "upload_id", page)
        for page in self._found(self._overdue, now - _NAMES_KEPT):
            self._change_each(self._free_name, "found", page)

    def _found(self, query: Executable, since: datetime) -> Iterator[Sequence[str]]:
        """Yield what ``query`` finds, a page at a time; it finds no more what was changed meanwhile."""
        while True:
            with self._database.connect() as connection:
                page = connection.execute(query, {"since": since}).scalars().all()
            if page:
                yield page
            if len(page) < PAGE_SIZE:
                return

    def _change_each(self, change: Executable, name: str, page: Sequence[str]) -> None:
        """Change a page in one short transaction, row by row and in order: several at once wait and never deadlock."""
        with self._database.begin() as connection:
            connection.execute(change, [{name: value} for value in page])

    def expired(self, now: datetime) -> Iterator[Upload]:
        """Yield every ready upload that is expired, without holding a transaction open in between."""
        column = self._uploads.c
        return self._pages(and_(Unindexed(column.state) == "ready", column.expires_at <= now), Unindexed(column.id))

    def withdrawn_ids(self) -> Iterator[str]:
        """Yield the id of every upload in state deleting, without holding a transaction open in between."""
        column = self._uploads.c
        query = select(column.id).where(column.state == "deleting").order_by(column.id).limit(PAGE_SIZE)
        last: str | None = None
        while True:
            with self._database.connect() as connection:
                page = connection.scalars(query if last is None else query.where(column.id > last)).all()
            if not page:
                return
            last = page[-1]
            yield from page

    def claim(self, upload_id: str, *, now: datetime, since: datetime) -> bool:
        """Mark an upload in state deleting as the caller's to remove, unless another claimed it after ``since``."""
        with self._database.begin() as connection:
            found = connection.execute(self._claim, {"upload_id": upload_id, "now": now, "since": since})
            return found.rowcount == 1

    def unclaim(self, upload_id: str) -> None:
        """Give back an upload that could not be removed."""
        with self._database.begin() as connection:
            connection.execute(self._unclaim, {"upload_id": upload_id})

    def withdrawn(self, upload_id: str) -> Upload | None:
        """Return an upload in state deleting."""
        return self._one(self._withdrawn, {"upload_id": upload_id})

    def uploads(self) -> Iterator[Upload]:
        """Yield every ready upload, without holding a transaction open in between."""
        return self._pages(self._uploads.c.state == "ready", self._uploads.c.id)

    def owned(self, owner_id: str, *, now: datetime, limit: int, before: Cursor | None = None) -> list[Upload]:
        """Return up to ``limit`` ready uploads of an owner that are not expired, the newest first."""
        column = self._uploads.c
        is_alive = or_(column.expires_at.is_(None), column.expires_at > now)
        query = self._select.where(column.owner_id == owner_id, Unindexed(column.state) == "ready", is_alive)
        if before is not None:
            # The first of the two is where an index begins to read; it cannot begin at either side of the second.
            is_earlier = column.received_at < before.received_at
            query = query.where(column.received_at <= before.received_at, or_(is_earlier, column.id < before.id))
        query = query.order_by(column.received_at.desc(), column.id.desc()).limit(limit)
        with self._database.connect() as connection:
            return self._with_tags(connection, connection.execute(query).all())

    def joined(self, session: Any, when_over: Callable[[], None]) -> Catalog:
        """Return a catalog that publishes inside the transaction of ``session``, an SQLAlchemy session of the host.

        The session's database is this catalog's. A name is reserved outside of the transaction, so that the record
        outlives a crash; only SQLite, which lets one transaction write at a time, has everything inside of it.
        """
        assert isinstance(self._database, Database), "joined already"
        host = HostSession(session, self._uploads, self._database)
        host.when_over(when_over)
        inside = copy.copy(self)
        inside._database = host
        inside._tags = self._tags.in_database(host)
        return inside if host.writes_alone else Joined(outside=self, inside=inside, host=host)

    def has_duplicate(self, md5: str, *, owner_id: str | None, since: datetime) -> bool:
        """Whether ``owner_id`` has a ready upload since then whose ``md5`` or ``source_md5`` is this."""
        query = self._guest_duplicate if owner_id is None else self._duplicate
        with self._database.connect() as connection:
            return bool(connection.scalar(query, {"md5": md5, "owner_id": owner_id, "since": since}))

    def album(self, album_id: str) -> Album | None:
        """Return an album."""
        column = self._albums.c
        query = select(column.id, column.owner_id, column.title).where(column.id == album_id)
        with self._database.connect() as connection:
            row = connection.execute(query).first()
        return None if row is None else Album(*row)

    def forget_albums(self, owner_id: str) -> None:
        """Remove every album of an owner."""
        with self._database.begin() as connection:
            connection.execute(delete(self._albums).where(self._albums.c.owner_id == owner_id))

    def has_category(self, category_id: int) -> bool:
        """Whether there is such a category."""
        query = select(true()).where(self._categories.c.id == category_id)
        with self._database.connect() as connection:
            return connection.execute(query).first() is not None

    def _look_for_duplicate(self, is_owners: ColumnElement[bool]) -> Executable:
        """Ask for each of the two hashes by itself: each has an index that ends at the time, and no other is read."""
        column = self._uploads.c
        since = bindparam("since", type_=column.received_at.type)
        is_recent = and_(is_owners, Unindexed(column.received_at) >= since, Unindexed(column.state) == "ready")
        hashes = (column.md5, column.source_md5)
        return select(or_(*(exists().where(is_recent, one == bindparam("md5", type_=one.type)) for one in hashes)))

    def _is_taken(self, upload: Upload) -> bool:
        column = self._uploads.c
        holds = select(true()).where(or_(column.id == upload.id, column.stem_key == upload.stem.lower()))
        with self._database.connect() as connection:
            if connection.execute(holds).first() is not None:
                return True
            return connection.execute(self._is_used, {"digest": _digest(upload.stem)}).first() is not None

    def _one(self, query: Executable, parameters: dict[str, str]) -> Upload | None:
        with self._database.connect() as connection:
            row = connection.execute(query, parameters).first()
            return None if row is None else self._with_tags(connection, [row])[0]

    def _pages(self, condition: ColumnElement[bool], id_: ColumnElement[str]) -> Iterator[Upload]:
        """Yield uploads in the order of their ids, a page for each transaction."""
        query = self._select.where(condition).order_by(id_).limit(PAGE_SIZE)
        rows: Sequence[Row[Any]] = ()
        while not rows or len(rows) == PAGE_SIZE:
            page = query.where(id_ > rows[-1].id) if rows else query
            with self._database.connect() as connection:
                rows = connection.execute(page).all()
                uploads = self._with_tags(connection, rows)
            yield from uploads
            if not rows:
                return

    def _with_tags(self, connection: Connection, rows: Sequence[Row[Any]]) -> list[Upload]:
        tags = self._tags.of(connection, [row.id for row in rows if row.has_tags])
        return [_upload(row, tags.get(row.id, ())) for row in rows]


def _digest(stem: str) -> str:
    return hashlib.sha256(stem.lower().encode()).hexdigest()


def _upload(row: Row[Any], tags: tuple[str, ...]) -> Upload:
    return Upload(**dict(zip(_FIELDS, row, strict=False)), tags=tags)
