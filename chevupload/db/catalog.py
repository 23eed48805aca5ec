"""The whole catalog in a database: records, lists, the sweep, requests, albums and categories."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    Select,
    Update,
    and_,
    bindparam,
    case,
    delete,
    exists,
    not_,
    or_,
    select,
    text,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError

from chevupload.audit import AuditEntry
from chevupload.clock import Clock, utc_now
from chevupload.db.columns import UNFINISHED, VIDEOS, Unindexed, Unlocked, follows
from chevupload.db.connect import lock_sqlite
from chevupload.db.database import Database
from chevupload.db.host_session import HostSession, JoinedRecords
from chevupload.db.moves import MoveRows
from chevupload.db.records import DELETING, SqlRecords, Statements, first_upload
from chevupload.db.search import SearchQueries
from chevupload.db.tables import Tables
from chevupload.db.upserts import insert_or_add
from chevupload.db.usage import Uncounted
from chevupload.model import Cursor, Upload, UploadType
from chevupload.policy.quota import Counted, Usage
from chevupload.protocols import UploadRecords
from chevupload.records.event import Event, new_event
from chevupload.records.job import Job, JobRange
from chevupload.records.move import Move
from chevupload.records.selection import EVERYTHING, Selection, Statistics

PAGE_SIZE = 200
"""How many records an iteration reads at a time."""

_NAMES_KEPT = timedelta(days=366)
"""As long as a cache may keep a file under its name."""

_USES_KEPT = timedelta(hours=1)
"""For how long the use of a ticket is kept whose time is over: longer than clocks of several machines differ."""

_AUDIT_FIELDS = tuple(field.name for field in fields(AuditEntry))
_DERIVED = ("thumb_size", "medium_size", "frame_size", "extras")


class SqlCatalog(SqlRecords):
    """The catalog on the tables of uploads, tags, albums and categories.

    Attributes:
        database: where they are.
        tables: which they are.
    """

    def __init__(self, database: Database, *, tables: Tables | None = None, clock: Clock = utc_now) -> None:
        """Keep records in ``database``."""
        self.database = database
        self.tables = found = Tables.default() if tables is None else tables
        statements = Statements(found, database.engine.dialect)
        super().__init__(database, statements, clock)
        self._uploads = uploads = found.uploads
        self._categories = found.categories
        column, id_, used = uploads.c, statements.is_it, found.used_names
        self._holders: Any = statements.select.where(column.stem_key.in_(bindparam("stem_keys", expanding=True)))
        resized: dict[str, Any] = {name: bindparam(f"new_{name}") for name in (*_DERIVED, "extras_size")}
        is_there = column.storage == bindparam("same_storage")
        self._resize = update(uploads).where(id_, statements.is_ready, is_there).values(resized)
        pending = found.pending.c
        self._stalled = (
            select(pending.upload_id)
            .where(pending.received_at <= bindparam("since", type_=pending.received_at.type))
            .limit(PAGE_SIZE)
        )
        self._overdue = (
            select(used.c.digest)
            .where(used.c.released_at < bindparam("since", type_=used.c.released_at.type))
            .order_by(Unindexed(used.c.digest))
            .limit(PAGE_SIZE)
        )
        self._free_name = delete(used).where(used.c.digest == bindparam("found"))
        uses = found.ticket_uses
        self._ended_uses = (
            select(uses.c.digest)
            .where(uses.c.expires_at <= bindparam("since", type_=uses.c.expires_at.type))
            .order_by(Unindexed(uses.c.digest))
            .limit(PAGE_SIZE)
        )
        self._are_ready = select(column.id).where(
            column.id.in_(bindparam("upload_ids", expanding=True)), statements.is_ready
        )
        self._moves = MoveRows(found, statements)
        self._search = SearchQueries(found, statements)
        audit = found.audit
        self._old_audit = (
            select(audit.c.number)
            .where(audit.c.at < bindparam("since", type_=audit.c.at.type))
            .order_by(audit.c.at)
            .limit(PAGE_SIZE)
        )
        self._forget_audit = delete(audit).where(audit.c.number == bindparam("found"))
        self._audit_page = (
            select(audit.c.number, *(audit.c[name] for name in _AUDIT_FIELDS))
            .where(audit.c.number > bindparam("after"))
            .order_by(audit.c.number)
            .limit(PAGE_SIZE)
        )
        views = found.views
        self._add_views = insert_or_add(views, views.c.upload_id, [views.c.count], database.engine.dialect)
        self._duplicate = self._look_for_duplicate(column.owner_id == bindparam("owner_id"))
        self._guest_duplicate = self._look_for_duplicate(column.owner_id.is_(None))

    def create_tables(self) -> None:
        """Make the tables that are missing.

        Raises:
            CatalogError: they cannot be made.
        """
        self.database.create_tables(self.tables)

    def withdraw(self, upload_id: str, *, event: Event | None = None) -> bool:
        """See EventRecords. It returns when a replica does not show the upload any more, or after two seconds."""
        is_withdrawn = super().withdraw(upload_id, event=event)
        if is_withdrawn:
            self.database.wait_for_reader(self._statements.get, {"upload_id": upload_id})
        return is_withdrawn

    def holders(self, stems: Collection[str]) -> list[Upload]:
        """See CheckableRecords."""
        with self._database.connect() as connection:
            wanted = {"stem_keys": sorted({stem.lower() for stem in stems})}
            return self._with_tags(connection, connection.execute(self._holders, wanted).all())

    def resize(self, upload: Upload, *, counted: Counted | None = None, changed_at: datetime | None = None) -> bool:
        """See CheckableRecords."""
        try:
            return self._resized(upload, counted, changed_at)
        except Uncounted as missing:
            self._count(missing, counted)
            return self._resized(upload, counted, changed_at)

    def _resized(self, upload: Upload, counted: Counted | None, changed_at: datetime | None) -> bool:
        usage = self._statements.usage
        with self._database.begin() as connection:
            if counted != "all":
                return self._write_sizes(connection, upload, changed_at)
            usage.hold(connection, [upload.owner_id])
            before = usage.come_to(connection, [upload.id], "ready", counted)
            is_resized = self._write_sizes(connection, upload, changed_at)
            after = usage.come_to(connection, [upload.id], "ready", counted)
            usage.give_back(connection, {owner_id: used - after[owner_id] for owner_id, used in before.items()})
            return is_resized

    def _write_sizes(self, connection: Connection, upload: Upload, changed_at: datetime | None) -> bool:
        before = None if changed_at is None else self._held(connection, upload.id, changed_at)
        values = {f"new_{name}": getattr(upload, name) for name in (*_DERIVED, "extras_size")}
        values |= {"upload_id": upload.id, "same_storage": upload.storage}
        is_resized = connection.execute(self._resize, values).rowcount == 1
        if is_resized and before is not None and changed_at is not None:
            # As the record is now, whose title, for example, somebody may have changed since it was read.
            derived: dict[str, Any] = {name: getattr(upload, name) for name in _DERIVED}
            self._add_change(connection, before, replace(before, **derived), changed_at)
        return is_resized

    def usage(self, owner_id: str | None, *, counted: Counted) -> Usage:
        """See UsageRecords."""
        with self._database.connect() as connection:
            used = self._statements.usage.read(connection, owner_id)
            return self._statements.usage.count(connection, owner_id, counted) if used is None else used

    def owners(self) -> Iterator[str | None]:
        """See UsageRecords."""
        yield None
        known = self._statements.usage
        yield from self._values(self.tables.usage.c.owner_id)
        for owner_id in self._values(self._uploads.c.owner_id):
            with self._database.connect() as connection:
                is_known = known.read(connection, owner_id) is not None
            if not is_known:
                yield owner_id

    def uploads(self) -> Iterator[Upload]:
        """See CheckableRecords."""
        return self._pages(self._statements.is_ready, self._uploads.c.id)

    def abandon(self, upload_id: str) -> bool:
        """See IdempotentRecords."""
        ask, named = self._statements, {"upload_id": upload_id}
        # Whether it is published or abandoned: who removes this row decides.
        with self._database.begin() as connection:
            if connection.execute(ask.settle, named).rowcount == 0:
                return False
            connection.execute(ask.free_abandoned, named)
            return connection.execute(ask.withdraw, named).rowcount == 1

    def add_views(self, counts: Mapping[str, int]) -> None:
        """See ViewedRecords."""
        # In order, so that several processes that add views of the same uploads wait for each other.
        ordered = iter(sorted(counts))
        while page := list(islice(ordered, PAGE_SIZE)):
            with self._database.connect() as connection:
                ready = {*connection.scalars(self._are_ready, {"upload_ids": page})}
            if rows := [{"upload_id": id_, "count": counts[id_]} for id_ in page if id_ in ready]:
                with self._database.begin() as connection:
                    connection.execute(self._add_views, rows)

    def withdraw_stalled(self, *, now: datetime, pending_since: datetime) -> None:
        """See SweepableRecords."""
        page: Sequence[str] = ()
        while not page or len(page) == PAGE_SIZE:
            with self._database.connect() as connection:
                page = connection.scalars(self._stalled, {"since": pending_since}).all()
            if not page:
                break
            for upload_id in page:
                self.abandon(upload_id)
        self._change_found(self._overdue, now - _NAMES_KEPT, self._free_name, "found")
        self._change_found(self._ended_uses, now - _USES_KEPT, self._statements.free, "use")

    def withdraw_expired(
        self, *, now: datetime, limit: int, after: Upload | None = None, events: bool = False
    ) -> list[Upload]:
        """See SweepableRecords."""
        column = self._uploads.c
        expired = self._statements.select.where(self._statements.is_ready, column.expires_at <= now)
        page = _page(expired, (column.expires_at, column.id), limit, after)
        with self._database.begin() as connection:
            uploads = self._change_page(connection, page, DELETING)
            if events and uploads:
                self._statements.events.add(connection, [new_event("expired", upload, now) for upload in uploads])
            return uploads

    def claim(self, *, now: datetime, since: datetime, limit: int, after: Upload | None = None) -> list[Upload]:
        """See SweepableRecords."""
        column = self._uploads.c
        is_free = or_(column.claimed_at.is_(None), column.claimed_at <= since)
        deleting = self._statements.select.where(text(UNFINISHED), column.state == "deleting", is_free)
        page = _page(deleting, (column.received_at, column.id), limit, after)
        with self._database.begin() as connection:
            return self._change_page(connection, page, {"claimed_at": now})

    def unclaim(self, uploads: Sequence[Upload]) -> None:
        """See SweepableRecords."""
        is_deleting = Unlocked(self._uploads.c.state) == "deleting"
        with self._database.change() as connection:
            connection.execute(self._update(uploads).where(is_deleting).values(claimed_at=None))

    def claim_events(self, *, now: datetime, until: datetime, limit: int) -> list[Event]:
        """See EventRecords."""
        with self._database.begin() as connection:
            return self._statements.events.claim(connection, now=now, until=until, limit=limit)

    def settle_events(self, *, told: Collection[Event], later: Collection[Event]) -> None:
        """See EventRecords."""
        with self._database.begin() as connection:
            self._statements.events.settle(connection, told, later)

    def end_handler(self, name: str) -> None:
        """See EventRecords."""
        with self._database.change() as connection:
            connection.execute(self._statements.events.end, {"name": name})

    def resume_handler(self, name: str) -> bool:
        """See EventRecords."""
        with self._database.change() as connection:
            return bool(connection.execute(self._statements.events.resume, {"handler": name}).rowcount)

    def ended_handlers(self) -> set[str]:
        """See EventRecords."""
        with self._database.connect() as connection:
            return {*connection.scalars(self._statements.events.ended)}

    def oldest_event(self) -> datetime | None:
        """See EventRecords."""
        with self._database.connect() as connection:
            found: datetime | None = connection.scalar(self._statements.events.oldest)
        return found

    def add_job(self, job: Job) -> Job:
        """See JobRecords."""
        rows = self._statements.jobs
        while True:
            with contextlib.suppress(IntegrityError), self._database.begin() as connection:
                rows.add(connection, job)
                return job
            with self._database.connect() as connection:
                if (same := rows.same(connection, job)) is not None:
                    return same

    def job(self, job_id: str) -> Job | None:
        """See JobRecords."""
        with self._database.connect() as connection:
            return self._statements.jobs.get(connection, job_id)

    def unfinished_jobs(self) -> list[Job]:
        """See JobRecords."""
        with self._database.connect() as connection:
            return self._statements.jobs.unfinished(connection)

    def split_job(self, job: Job, *, size: int, limit: int) -> bool:
        """See JobRecords."""
        with self._database.begin() as connection:
            return self._statements.jobs.split(connection, job, size=size, limit=limit)

    def claim_range(self, job_id: str, *, now: datetime, until: datetime) -> JobRange | None:
        """See JobRecords."""
        with self._database.begin() as connection:
            return self._statements.jobs.claim(connection, job_id, now=now, until=until)

    def claimed_until(self, job_id: str) -> datetime | None:
        """See JobRecords."""
        with self._database.connect() as connection:
            return self._statements.jobs.claimed_until(connection, job_id)

    def range_uploads(self, job: Job, held: JobRange, *, limit: int) -> list[Upload]:
        """See JobRecords."""
        query = self._statements.jobs.uploads_of(self._statements.select, job, held, limit)
        with self._database.connect() as connection:
            return self._with_tags(connection, connection.execute(query).all())

    def advance_range(self, held: JobRange, new: JobRange | None, *, done: int = 0, failed: int = 0) -> bool:
        """See JobRecords."""
        with self._database.begin() as connection:
            return self._statements.jobs.advance(connection, held, new, done=done, failed=failed)

    def end_job(self, job_id: str, now: datetime) -> bool:
        """See JobRecords."""
        with self._database.begin() as connection:
            return self._statements.jobs.end(connection, job_id, now)

    def begin_move(self, move: Move) -> bool:
        """See MovableRecords."""
        try:
            with self._database.begin() as connection:
                self._moves.begin(connection, move)
        except IntegrityError:
            return False
        return True

    def switch_storage(self, upload: Upload, target: str, *, now: datetime) -> bool:
        """See MovableRecords."""
        with self._database.begin() as connection:
            return self._moves.switch(connection, upload, target, now)

    def moves(self, upload_ids: Collection[str]) -> list[Move]:
        """See MovableRecords."""
        with self._database.connect() as connection:
            return self._moves.of(connection, upload_ids)

    def claim_moves(self, *, now: datetime, before: datetime, limit: int) -> list[Move]:
        """See MovableRecords."""
        with self._database.begin() as connection:
            return self._moves.claim(connection, now=now, before=before, limit=limit)

    def end_moves(self, moves: Collection[Move]) -> None:
        """See MovableRecords."""
        with self._database.begin() as connection:
            self._moves.end(connection, [move.upload_id for move in moves])

    def owned(
        self,
        owner_id: str,
        *,
        now: datetime,
        limit: int,
        before: Cursor | None = None,
        album_id: str | None = None,
        type: UploadType | None = None,
        query: str | None = None,
    ) -> list[Upload]:
        """See OwnedRecords."""
        column, ask = self._uploads.c, self._statements
        page = ask.select.where(ask.is_ready, ask.is_alive)
        is_owners: ColumnElement[bool] = column.owner_id == owner_id
        is_of_type: Any = true() if type is None else text(VIDEOS if type == "video" else f"NOT {VIDEOS}")
        if album_id is not None:
            # The others are written so that no other index is looked at: the owner may have a million uploads, and the
            # album ten old ones. By "<>" PostgreSQL expects that nearly all fit, and reads the album's in its order.
            fits = case((and_(is_owners, is_of_type), 1), else_=0) != 0
            page = page.where(column.album_id == album_id, fits)
        elif type == "video" and self.database.engine.dialect.name == "sqlite":
            # By "IS" the owner's index, which has no guests, cannot be read, and of two that can SQLite takes any.
            page = page.where(column.owner_id.is_not_distinct_from(owner_id), is_of_type)
        else:
            page = page.where(is_owners, is_of_type)
        if query is not None:
            texts = (column.title, column.description, column.name, column.original_filename)
            page = page.where(or_(*(one.icontains(query, autoescape=True) for one in texts)))
        if before is not None:
            # An index begins to read at the first of the two. The second is written so that PostgreSQL expects that
            # nearly all rows fit, since hardly any has that very time, and does not sort what is left of a list.
            is_same_or_later = and_(column.received_at == before.received_at, column.id >= before.id)
            page = page.where(column.received_at <= before.received_at, not_(is_same_or_later))
        page = page.order_by(column.received_at.desc(), column.id.desc()).limit(limit)
        with self._database.connect() as connection:
            return self._with_tags(connection, connection.execute(page, {"now": now}).all())

    def has_duplicate(self, md5: str, *, owner_id: str | None, since: datetime) -> bool:
        """See DuplicateRecords."""
        query = self._guest_duplicate if owner_id is None else self._duplicate
        with self._database.connect() as connection:
            return bool(connection.scalar(query, {"md5": md5, "owner_id": owner_id, "since": since}))

    def duplicates(
        self, md5: str, *, field: Literal["md5", "source_md5"], owner_id: str, now: datetime, limit: int
    ) -> list[Upload]:
        """See DuplicateRecords."""
        column, ask = self._uploads.c, self._statements
        query = ask.select.where(column.owner_id == owner_id, column[field] == md5, ask.is_ready, ask.is_alive)
        query = query.order_by(Unindexed(column.received_at).desc(), column.id.desc()).limit(limit)
        with self._database.connect() as connection:
            return self._with_tags(connection, connection.execute(query, {"now": now}).all())

    def has_category(self, category_id: int) -> bool:
        """See CategoryRecords."""
        query = select(true()).where(self._categories.c.id == category_id)
        with self._database.connect() as connection:
            return connection.execute(query).first() is not None

    def joined(self, session: Any, when_over: Callable[[], None] | None = None) -> UploadRecords:
        """Return records that are published inside the transaction of ``session``, an SQLAlchemy session of the host.

        The session's database is this catalog's. A name is reserved outside of the transaction, so that the record
        outlives a crash; only SQLite, which lets one transaction write at a time, has everything inside of it.
        """
        host = HostSession(session, self._uploads, self.database)
        if when_over is not None:
            host.when_over(when_over)
        if host.writes_alone:
            return SqlRecords(host, self._statements, self._clock)
        return JoinedRecords(self.database, self._statements, self._clock, host)

    def _values(self, column: ColumnElement[Any]) -> Iterator[str]:
        """Yield the different values of a column, but for NULL and the empty text, each by a look into its index."""
        query, condition = select(column).order_by(column).limit(1), column.is_not(None)
        while True:
            with self._database.connect() as connection:
                value = connection.scalar(query.where(condition))
            if value is None:
                return
            if value:
                yield value
            condition = column > value

    def forget_audit(self, *, before: datetime) -> None:
        """See AuditRecords."""
        self._change_found(self._old_audit, before, self._forget_audit, "found")

    def audit_of(self, user_id: str) -> Iterator[AuditEntry]:
        """See AuditRecords. The table has no index of users, so it is read as a whole, in pages."""
        page: Sequence[Any] = ()
        while not page or len(page) == PAGE_SIZE:
            with self._database.connect() as connection:
                page = connection.execute(self._audit_page, {"after": page[-1].number if page else 0}).all()
            for _, *values in page:
                entry = AuditEntry(**dict(zip(_AUDIT_FIELDS, values, strict=True)))
                if entry.user_id == user_id:
                    yield entry
            if not page:
                return

    def search(self, selection: Selection = EVERYTHING) -> Iterator[Upload]:
        """See SearchableRecords."""
        for condition in self._windows(selection):
            yield from self._pages(condition, *self._search.order(selection))

    def count(self, selection: Selection) -> Usage:
        """See SearchableRecords."""
        total = Usage()
        for condition in self._windows(selection):
            with self._database.connect() as connection:
                total += _usage(connection.execute(self._search.totals.where(condition)).one())
        return total

    def _windows(self, selection: Selection) -> Iterator[ColumnElement[bool]]:
        """Yield what is true of the uploads of a selection, one window after the other; an owner's are one window."""
        condition = self._search.condition(selection)
        if selection.owner_id is not None:
            yield condition
            return
        after: str | None = ""
        while after is not None:
            with self._database.connect() as connection:
                last = connection.scalar(self._search.window_end, {"after": after})
            yield and_(self._search.in_window(after, last), condition)
            after = last

    def statistics(self, *, owners: int) -> Statistics:
        """See SearchableRecords. Each of two statements reads the whole table."""
        with self._database.connect() as connection:
            formats = connection.execute(self._search.by_extension).all()
            by_owner = connection.execute(self._search.by_owner, {"owners": owners}).all() if owners else ()
        return Statistics(
            by_extension={row.extension: _usage(row) for row in formats},
            by_owner=[(row.owner_id, _usage(row)) for row in by_owner],
        )

    def remaining(self, owner_id: str, *, limit: int) -> list[Upload]:
        """See ErasableRecords."""
        query = self._statements.select.where(self._uploads.c.owner_id == owner_id).limit(limit)
        with self._database.connect() as connection:
            return self._with_tags(connection, connection.execute(query).all())

    def forget_owner(self, owner_id: str) -> None:
        """See ErasableRecords."""
        with self._database.change() as connection:
            self._statements.usage.forget(connection, owner_id)

    def _read(self, query: Executable, parameters: dict[str, str]) -> Upload | None:
        return first_upload(self.database.rows(query, parameters))

    def _change_found(self, query: Executable, since: datetime, change: Executable, name: str) -> None:
        """Change what ``query`` finds, which then finds it no more: a page in each short transaction.

        It goes row by row and in order, so that several at once wait for each other and never deadlock.
        """
        page: Sequence[Any] = ()
        while not page or len(page) == PAGE_SIZE:
            with self._database.connect() as connection:
                page = connection.execute(query, {"since": since}).scalars().all()
            if not page:
                return
            with self._database.begin() as connection:
                connection.execute(change, [{name: value} for value in page])

    def _look_for_duplicate(self, is_owners: ColumnElement[bool]) -> Executable:
        """Ask for each of the two hashes by itself: each has an index that ends at the time, and no other is read."""
        column = self._uploads.c
        since = bindparam("since", type_=column.received_at.type)
        is_recent = and_(is_owners, Unindexed(column.received_at) >= since, self._statements.is_ready)
        hashes = (column.md5, column.source_md5)
        return select(or_(*(exists().where(is_recent, one == bindparam("md5", type_=one.type)) for one in hashes)))

    def _change_page(self, connection: Connection, page: Select[Any], values: Mapping[str, Any]) -> list[Upload]:
        """Change the rows that a query finds, which then finds them no more, and return them.

        Of several at once each gets other rows: it skips those that another one has found and not yet changed, or on
        SQLite waits for the other one to end.
        """
        lock_sqlite(connection)
        rows = connection.execute(page.with_for_update(skip_locked=True)).all()
        if rows:
            connection.execute(self._update(rows).values(values))
        return self._with_tags(connection, rows)

    def _update(self, rows: Sequence[Any]) -> Update:
        """Return a change of the rows of uploads with the ids of ``rows``."""
        return update(self._uploads).where(self._uploads.c.id.in_([row.id for row in rows]))

    def _pages(self, condition: ColumnElement[bool], *order: ColumnElement[Any]) -> Iterator[Upload]:
        """Yield uploads in the order of these columns, a page for each transaction."""
        query = self._statements.select.where(condition)
        page: Sequence[Upload] = ()
        while not page or len(page) == PAGE_SIZE:
            with self._database.connect() as connection:
                rows = connection.execute(_page(query, order, PAGE_SIZE, page[-1] if page else None)).all()
                page = self._with_tags(connection, rows)
            yield from page
            if not page:
                return


def _page(query: Select[Any], order: Sequence[ColumnElement[Any]], limit: int, after: Upload | None) -> Select[Any]:
    """Return the query of a page in the order of these columns, which an index has: the first, or that after a row."""
    page = query.order_by(*order).limit(limit)
    return page if after is None else page.where(follows(order, after))


def _usage(row: Any) -> Usage:
    # The sum of whole numbers is a Decimal in some databases.
    return Usage(files=row.files, bytes=int(row.bytes))
