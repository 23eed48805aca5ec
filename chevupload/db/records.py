"""Records of uploads in a database: the least that a site needs, in transactions of its own or of the host.

A transaction's first statement is a change, never a read, so that SQLite takes the write lock before anything can go
stale.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, cast

from sqlalchemy import Connection, Executable, Row, update
from sqlalchemy.exc import IntegrityError

from chevupload.audit import AuditEntry
from chevupload.clock import Clock
from chevupload.db.albums import SqlAlbums
from chevupload.db.connect import lock_sqlite
from chevupload.db.database import Transactions, error_code, is_duplicate
from chevupload.db.event_rows import event_row
from chevupload.db.statements import FIELDS, Statements
from chevupload.db.usage_rows import COUNTING_ATTEMPTS, Uncounted
from chevupload.errors import AlbumTaken, CatalogError, NameTaken, QuotaExceeded, RequestTaken
from chevupload.model import Album, Upload
from chevupload.policy.quota import UNLIMITED, Counted, Quota, Usage
from chevupload.records.event import Event, new_event

_DEADLOCK = 1213
"""MySQL or MariaDB has ended a transaction in favor of another, and undone it. Source: their lists of errors."""
_VALUES = attrgetter(*FIELDS)


class SqlRecords(SqlAlbums):
    """Reserves, publishes and removes records, and keeps albums; see :class:`~chevupload.protocols.UploadRecords`."""

    def __init__(self, database: Transactions, statements: Statements, clock: Clock) -> None:
        """Keep records in ``database``, which may be a transaction of the host."""
        super().__init__(database, statements.tables)
        self._database = database
        self._statements = statements
        self._clock = clock

    def reserve(
        self,
        upload: Upload,
        *,
        taken_until: datetime | None = None,
        counted: Counted | None = None,
        quota: Quota = UNLIMITED,
        album: Album | None = None,
    ) -> None:
        """See TicketRecords, UsageRecords and EditableAlbumRecords."""
        ask = self._statements
        row = dict(zip(FIELDS, _VALUES(upload), strict=True))
        # With a row of those that are pending, which publishing removes: until then it is not ready.
        row |= {"state": "ready", "stem_key": upload.stem.lower(), "has_tags": bool(upload.tags)}
        if upload.extras:
            row["extras_size"] = upload.extras_size
        names = {"upload_id": upload.id, "digest": _digest(upload.stem)}
        for _ in range(COUNTING_ATTEMPTS):
            try:
                with self._database.begin() as connection:
                    # First, so that of several at once the others wait here, and hold nothing that the first one needs.
                    if taken_until is not None:
                        use = {"digest": upload.request_digest, "md5": upload.request_md5, "expires_at": taken_until}
                        if connection.execute(ask.use, use).rowcount != 1:
                            raise RequestTaken("a use of a ticket is taken")
                    if album is not None:
                        self.insert_album(connection, album)
                    if counted is not None:
                        ask.usage.add(connection, upload.owner_id, Usage.of(upload, counted), quota)
                    connection.execute(ask.insert, row)
                    if connection.execute(ask.pend, names).rowcount == 0:
                        raise NameTaken("name was taken")
                    if upload.tags:
                        ask.tags.attach(connection, upload.id, ask.tags.ids(connection, upload.tags))
                return
            except Uncounted as missing:
                self._count(missing, counted)
            except QuotaExceeded:
                # What was stored for the same request needs no room any more.
                if self._is_requested(upload):
                    raise RequestTaken("an upload of this request is there") from None
                raise
            except IntegrityError as error:
                if not is_duplicate(error):
                    # A foreign key of the host's own tables, for example.
                    raise CatalogError("the record cannot be stored") from error
                if self._is_requested(upload):
                    raise RequestTaken("an upload of this request is there") from error
                if album is not None and self.has_title(album):
                    raise AlbumTaken("the owner has an album with this title") from error
                raise NameTaken("id or name taken") from error
            except CatalogError as error:
                if error_code(error.__cause__) == _DEADLOCK:
                    # MySQL ends some of those who wait for a use or an album, when the first of them takes it back.
                    if taken_until is not None:
                        raise RequestTaken("others ask for this use") from error
                    if album is not None:
                        raise AlbumTaken("others make this album") from error
                raise
        raise CatalogError("the owner cannot be counted")

    def publish(self, upload_id: str, *, event: Event | None = None) -> None:
        """See EventRecords."""
        if not self._change(self._statements.publish, upload_id, event):
            raise CatalogError("the upload is not pending any more")

    def get(self, upload_id: str) -> Upload | None:
        """See UploadRecords."""
        return self._read(self._statements.get, {"upload_id": upload_id})

    def find(self, stem: str) -> Upload | None:
        """See UploadRecords."""
        upload = self._read(self._statements.find, {"stem_key": stem.lower()})
        return upload if upload is not None and upload.stem == stem else None

    def change(
        self, upload_id: str, values: Mapping[str, Any], *, now: datetime, events: bool = False
    ) -> tuple[Upload, Upload] | None:
        """See EditableRecords."""
        try:
            with self._database.begin() as connection:
                before = self._held(connection, upload_id, now)
                if before is None:
                    return None
                upload = replace(before, **values)
                if upload != before:
                    self._write_change(connection, before, upload, values)
                    if events:
                        self._add_change(connection, before, upload, now)
                return before, upload
        except IntegrityError as error:
            # A foreign key of the host's own tables, for example.
            raise CatalogError("the record cannot be changed") from error

    def _held(self, connection: Connection, upload_id: str, now: datetime) -> Upload | None:
        """Return a ready upload that is not expired, and keep everybody else from changing it until the end."""
        lock_sqlite(connection)
        rows = connection.execute(self._statements.hold, {"upload_id": upload_id, "now": now}).all()
        return next(iter(self._with_tags(connection, rows, is_newest=True)), None)

    def _write_change(self, connection: Connection, before: Upload, upload: Upload, values: Mapping[str, Any]) -> None:
        ask = self._statements
        columns = {name: value for name, value in values.items() if name != "tags"} | {"has_tags": bool(upload.tags)}
        connection.execute(update(self._uploads).where(ask.is_it).values(columns), {"upload_id": upload.id})
        if upload.tags != before.tags:
            if before.tags:
                ask.tags.detach(connection, [upload.id])
            if upload.tags:
                ask.tags.attach(connection, upload.id, ask.tags.ids(connection, upload.tags))

    def _add_change(self, connection: Connection, before: Upload, upload: Upload, now: datetime) -> None:
        self._add_events(connection, [new_event("changed", upload, now, before=before)])

    def _add_events(self, connection: Connection, events: Iterable[Event]) -> None:
        connection.execute(self._statements.add_events, [event_row(event) for event in events])

    def add_audit(self, entry: AuditEntry) -> None:
        """See AuditRecords."""
        with self._database.change() as connection:
            connection.execute(self._statements.add_audit, asdict(entry))

    def withdraw(self, upload_id: str, *, event: Event | None = None) -> bool:
        """See EventRecords."""
        if event is not None and self._change(self._statements.withdraw_ready, upload_id, event):
            return True
        return self._change(self._statements.withdraw, upload_id)

    def forget(self, uploads: Sequence[Upload], *, counted: Counted | None = None) -> None:
        """See UsageRecords."""
        if not uploads:
            return
        for _ in range(COUNTING_ATTEMPTS):
            try:
                with self._database.begin() as connection:
                    return self._forget(connection, uploads, counted)
            except Uncounted as missing:
                self._count(missing, counted)
        raise CatalogError("the owners cannot be counted")

    def _forget(self, connection: Connection, uploads: Sequence[Upload], counted: Counted | None) -> None:
        ask, wanted = self._statements, dict[str, Any](upload_ids=[upload.id for upload in uploads])
        removed: Mapping[str | None, Usage] = {}
        if counted is not None:
            ask.usage.hold(connection, owners := {upload.owner_id for upload in uploads})
            removed = ask.usage.come_to(connection, wanted["upload_ids"], "deleting", counted)
            if others := removed.keys() - owners:
                # The host has given them to somebody else since.
                ask.usage.hold(connection, others)
        wanted["known_files"] = [(upload.id, upload.extras_size or 0, upload.storage) for upload in uploads]
        tagged = [upload.id for upload in uploads if upload.tags]
        # No id is empty: of no ids at all, SQLAlchemy makes a query that SQLite scans.
        if connection.execute(ask.forget, wanted | {"tagged": tagged or [""]}).rowcount < len(uploads):
            # Somebody has given them tags since they were read; or more files, or another storage, and the
            # sweep has to remove those; or they are not in that state, or another process was faster, which is
            # fine.
            connection.execute(ask.forget, wanted | {"tagged": wanted["upload_ids"]})
            left = {*connection.scalars(ask.are_there, wanted)}
            if counted is not None and left:
                staying = ask.usage.come_to(connection, sorted(left), "deleting", counted)
                removed = {owner: used - staying.get(owner, Usage()) for owner, used in removed.items()}
            uploads = [upload for upload in uploads if upload.id not in left]
            if not uploads:
                return
            tagged = [upload.id for upload in uploads]
        if tagged:
            ask.tags.detach(connection, tagged)
        connection.execute(ask.forget_views, {"upload_ids": [upload.id for upload in uploads]})
        # One statement with a row for each, because not every driver sends several at once.
        now = self._clock()
        connection.execute(
            ask.block_name.values([{"digest": _digest(upload.stem), "released_at": now} for upload in uploads])
        )
        ask.usage.give_back(connection, removed)

    def _count(self, missing: Uncounted, counted: Counted | None) -> None:
        for owner_id in missing.owners:
            self.recount(owner_id, counted=cast(Counted, counted))

    def recount(self, owner_id: str | None, *, counted: Counted) -> Usage:
        """See UsageRecords."""
        with self._database.begin() as connection:
            return self._statements.usage.recount(connection, owner_id, counted)

    def requested(self, request_digest: str) -> Upload | None:
        """See IdempotentRecords."""
        return self._one(self._statements.requested, {"request_digest": request_digest})

    def uses(self, digests: Collection[str]) -> dict[str, str]:
        """See TicketRecords."""
        with self._database.connect() as connection:
            return {row.digest: row.md5 for row in connection.execute(self._statements.uses, {"digests": [*digests]})}

    def free(self, digest: str) -> None:
        """See TicketRecords."""
        with self._database.change() as connection:
            connection.execute(self._statements.free, {"use": digest})

    def _is_requested(self, upload: Upload) -> bool:
        return upload.request_digest is not None and self.requested(upload.request_digest) is not None

    def _change(self, change: Executable, upload_id: str, event: Event | None = None) -> bool:
        """Change one record, and keep an event of that. False when there is none that fits."""
        with self._database.change() if event is None else self._database.begin() as connection:
            is_changed = connection.execute(change, {"upload_id": upload_id}).rowcount == 1
            if event is not None and is_changed:
                self._add_events(connection, [event])
            return is_changed

    def _one(self, query: Executable, parameters: dict[str, str]) -> Upload | None:
        with self._database.connect() as connection:
            return first_upload(connection.execute(query, parameters).all())

    def _read(self, query: Executable, parameters: dict[str, str]) -> Upload | None:
        """Return what a reader finds of an upload, which may lag where there is a replica."""
        return self._one(query, parameters)

    def _with_tags(self, connection: Connection, rows: Sequence[Row[Any]], *, is_newest: bool = False) -> list[Upload]:
        tagged = [row.id for row in rows if row.has_tags]
        tags = self._statements.tags.of(connection, tagged, is_newest=is_newest)
        return [_upload(row, tags.get(row.id, ())) for row in rows]


def first_upload(rows: Sequence[Row[Any]]) -> Upload | None:
    """Return the upload of which these rows are, one for each of its tags."""
    return _upload(rows[0], tuple(row[-1] for row in rows if row.has_tags)) if rows else None


def _upload(row: Row[Any], tags: tuple[str, ...]) -> Upload:
    return Upload(**dict(zip(FIELDS, row, strict=False)), tags=tags)


def _digest(stem: str) -> str:
    return hashlib.sha256(stem.lower().encode()).hexdigest()
