"""Storage, catalog and keys in a process' own memory: the interfaces in their shortest form.

For tests and trials: nothing survives the process, and processes of one server share nothing.
"""

from __future__ import annotations

import itertools
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypeAlias

from chevupload.clock import utc_now
from chevupload.errors import (
    AlbumTaken,
    CatalogError,
    ChevuploadError,
    FileMissing,
    NameTaken,
    RequestTaken,
    StorageError,
)
from chevupload.keys import digest
from chevupload.model import Album, Category, Cursor, FileHeaders, Principal, Upload, UploadType
from chevupload.naming import checked_path, joined_url
from chevupload.policy.quota import UNLIMITED, Counted, Quota, Usage
from chevupload.records.event import Event, new_event
from chevupload.records.move import Move
from chevupload.records.selection import EVERYTHING, Selection, Statistics
from chevupload.validation import BASE_URL, optional

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class MemoryStorage:
    """A storage in a dict."""

    def __init__(self, *, public_url: str | None = None) -> None:
        """Start empty."""
        self._files: dict[str, bytes] = {}
        self._modified: dict[str, datetime] = {}
        self._public_url = optional(BASE_URL).checked("public_url", public_url)

    def save(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """See Storage."""
        checked_path(path)
        try:
            content = file.read()
        except ChevuploadError:
            raise
        except Exception as error:
            raise StorageError(f"cannot save {path}") from error
        self._files[path], self._modified[path] = content, utc_now()

    replace = save
    """See ReplacingStorage."""

    def open(self, path: str, part: range | None = None) -> BinaryIO:
        """See Storage."""
        try:
            return BytesIO(self._files[checked_path(path)])
        except KeyError:
            raise FileMissing(f"no file at {path}") from None

    def delete(self, path: str) -> None:
        """See Storage."""
        self._files.pop(checked_path(path), None)
        self._modified.pop(path, None)

    def exists(self, path: str) -> bool:
        """See Storage."""
        return checked_path(path) in self._files

    def url(self, path: str) -> str | None:
        """See Storage."""
        return None if self._public_url is None else joined_url(self._public_url, path)

    def files(self) -> Iterator[tuple[str, int]]:
        """See ListingStorage."""
        yield from [(path, len(content)) for path, content in self._files.items()]

    def modified(self, path: str) -> datetime:
        """See ListingStorage."""
        try:
            return self._modified[checked_path(path)]
        except KeyError:
            raise FileMissing(f"no file at {path}") from None


_USES_KEPT = timedelta(hours=1)
_State: TypeAlias = Literal["pending", "ready", "deleting"]


@dataclass(slots=True)
class _Record:
    upload: Upload
    state: _State
    claimed_at: datetime | None = None


class MemoryCatalog:
    """A catalog in a dict behind one lock."""

    def __init__(self, *, albums: Iterable[Album] = (), categories: Iterable[Category] = ()) -> None:
        """Start with these albums and categories, and no upload."""
        self._lock = threading.Lock()
        self._forgotten: set[str] = set()
        self._records: dict[str, _Record] = {}
        self._events: dict[int, Event] = {}
        self._numbers = itertools.count(1)
        self._ended: set[str] = set()
        self._moves: dict[str, Move] = {}
        self._claimed_moves: set[str] = set()
        self._uses: dict[str, tuple[str, datetime]] = {}
        self._albums = {album.id: album for album in albums}
        self._categories = {category.id for category in categories}

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
        stem = upload.stem.lower()
        with self._lock:
            if upload.request_digest is not None and self._of_request(upload.request_digest) is not None:
                raise RequestTaken("request taken")
            if taken_until is not None and upload.request_digest in self._uses:
                raise RequestTaken("use taken")
            taken = {record.upload.stem.lower() for record in self._records.values()} | self._forgotten
            if upload.id in self._records or stem in taken:
                raise NameTaken("id or name taken")
            if counted is not None:
                quota.check(self._used(upload.owner_id, counted), Usage.of(upload, counted))
            if album is not None:
                self._keep_album(album)
            self._records[upload.id] = _Record(upload, "pending")
            if taken_until is not None and upload.request_digest and upload.request_md5:
                self._uses[upload.request_digest] = upload.request_md5, taken_until

    def change(
        self, upload_id: str, values: Mapping[str, Any], *, now: datetime, events: bool = False
    ) -> tuple[Upload, Upload] | None:
        """See EditableRecords."""
        with self._lock:
            record = self._record(upload_id, "ready")
            if record is None or record.upload.is_expired(now):
                return None
            before = record.upload
            return before, self._replace(record, now if events else None, **values)

    def publish(self, upload_id: str, *, event: Event | None = None) -> None:
        """See EventRecords."""
        if not self._change(upload_id, "pending", to="ready", event=event):
            raise CatalogError("the upload is not pending any more")

    def get(self, upload_id: str) -> Upload | None:
        """See UploadRecords."""
        with self._lock:
            record = self._record(upload_id, "ready")
            return None if record is None else record.upload

    def find(self, stem: str) -> Upload | None:
        """See UploadRecords."""
        return next((upload for upload in self.uploads() if upload.stem == stem), None)

    def holders(self, stems: Collection[str]) -> list[Upload]:
        """See CheckableRecords."""
        wanted = {stem.lower() for stem in stems}
        with self._lock:
            return [record.upload for record in self._records.values() if record.upload.stem.lower() in wanted]

    def resize(self, upload: Upload, *, counted: Counted | None = None, changed_at: datetime | None = None) -> bool:
        """See CheckableRecords."""
        with self._lock:
            record = self._record(upload.id, "ready")
            if record is None or record.upload.storage != upload.storage:
                return False
            derived = {name: getattr(upload, name) for name in ("thumb_size", "medium_size", "frame_size", "extras")}
            self._replace(record, changed_at, **derived)
            return True

    def requested(self, request_digest: str) -> Upload | None:
        """See IdempotentRecords."""
        with self._lock:
            return self._of_request(request_digest)

    def add_views(self, counts: Mapping[str, int]) -> None:
        """See ViewedRecords."""
        with self._lock:
            for upload_id, count in counts.items():
                if (record := self._record(upload_id, "ready")) is not None:
                    record.upload = replace(record.upload, views=record.upload.views + count)

    def withdraw(self, upload_id: str, *, event: Event | None = None) -> bool:
        """See EventRecords."""
        is_withdrawn = self._change(upload_id, "ready", to="deleting", event=event)
        return is_withdrawn or self._change(upload_id, "pending", to="deleting")

    def abandon(self, upload_id: str) -> bool:
        """See IdempotentRecords."""
        with self._lock:
            record = self._record(upload_id, "pending")
            if record is None:
                return False
            self._abandon(record)
            return True

    def uses(self, digests: Collection[str]) -> dict[str, str]:
        """See TicketRecords."""
        with self._lock:
            return {digest: self._uses[digest][0] for digest in digests if digest in self._uses}

    def free(self, digest: str) -> None:
        """See TicketRecords."""
        with self._lock:
            self._uses.pop(digest, None)

    def forget(self, uploads: Sequence[Upload], *, counted: Counted | None = None) -> None:
        """See UsageRecords."""
        with self._lock:
            for upload in uploads:
                record = self._record(upload.id, "deleting")
                if record is not None and _known_files(record.upload) == _known_files(upload):
                    self._forgotten.add(upload.stem.lower())
                    del self._records[upload.id]

    def withdraw_stalled(self, *, now: datetime, pending_since: datetime) -> None:
        """See SweepableRecords."""
        with self._lock:
            for record in self._records.values():
                if record.state == "pending" and record.upload.received_at <= pending_since:
                    self._abandon(record)
            self._uses = {digest: use for digest, use in self._uses.items() if use[1] > now - _USES_KEPT}

    def withdraw_expired(
        self, *, now: datetime, limit: int, after: Upload | None = None, events: bool = False
    ) -> list[Upload]:
        """See SweepableRecords."""
        found = [upload for upload in self.uploads() if upload.is_expired(now)]
        expired = [(upload, new_event("expired", upload, now) if events else None) for upload in found[:limit]]
        return [upload for upload, event in expired if self._change(upload.id, "ready", to="deleting", event=event)]

    def claim(self, *, now: datetime, since: datetime, limit: int, after: Upload | None = None) -> list[Upload]:
        """See SweepableRecords."""
        with self._lock:
            deleting = [record for record in self._records.values() if record.state == "deleting"]
            free = [record for record in deleting if record.claimed_at is None or record.claimed_at <= since]
            later = [record for record in free if after is None or _age(record.upload) > _age(after)]
            page = sorted(later, key=lambda record: _age(record.upload))[:limit]
            for record in page:
                record.claimed_at = now
            return [record.upload for record in page]

    def unclaim(self, uploads: Sequence[Upload]) -> None:
        """See SweepableRecords."""
        with self._lock:
            for upload in uploads:
                if (record := self._records.get(upload.id)) is not None:
                    record.claimed_at = None

    def uploads(self) -> Iterator[Upload]:
        """See CheckableRecords."""
        with self._lock:
            ready = [record.upload for record in self._records.values() if record.state == "ready"]
        yield from ready

    def claim_events(self, *, now: datetime, until: datetime, limit: int) -> list[Event]:
        """See EventRecords."""
        with self._lock:
            first: dict[str, Event] = {}
            for event in self._events.values():
                first.setdefault(event.upload.id, event)
            due = [event for event in first.values() if event.next_at <= now]
            ordered = sorted(due, key=lambda event: (event.next_at, event.number))
            claimed = [replace(event, attempt=event.attempt + 1, next_at=until) for event in ordered[:limit]]
            self._events |= {event.number: event for event in claimed}
            return claimed

    def settle_events(self, *, told: Collection[Event], later: Collection[Event]) -> None:
        """See EventRecords."""
        with self._lock:
            for event in told:
                self._events.pop(event.number, None)
            self._events |= {event.number: event for event in later if event.number in self._events}

    def end_handler(self, name: str) -> None:
        """See EventRecords."""
        self._ended.add(name)

    def resume_handler(self, name: str) -> bool:
        """See EventRecords."""
        is_ended = name in self._ended
        self._ended.discard(name)
        return is_ended

    def ended_handlers(self) -> set[str]:
        """See EventRecords."""
        return {*self._ended}

    def oldest_event(self) -> datetime | None:
        """See EventRecords."""
        with self._lock:
            return next((event.at for event in self._events.values()), None)

    def begin_move(self, move: Move) -> bool:
        """See MovableRecords."""
        with self._lock:
            known = self._moves.get(move.upload_id)
            if known is not None and (not self._is_open(move) or known.paths != move.paths):
                return False
            self._moves[move.upload_id] = move
            return True

    def switch_storage(self, upload: Upload, target: str, *, now: datetime) -> bool:
        """See MovableRecords."""
        with self._lock:
            record, move = self._record(upload.id, "ready"), self._moves.get(upload.id)
            if record is None or move is None or not self._is_open(replace(move, source=upload.storage, target=target)):
                return False
            if (record.upload.storage, record.upload.sizes) != (upload.storage, upload.sizes):
                return False
            record.upload = replace(record.upload, storage=target)
            self._moves[upload.id] = replace(move, at=now)
            return True

    def moves(self, upload_ids: Collection[str]) -> list[Move]:
        """See MovableRecords."""
        return [move for upload_id in upload_ids if (move := self._moves.get(upload_id)) is not None]

    def claim_moves(self, *, now: datetime, before: datetime, limit: int) -> list[Move]:
        """See MovableRecords."""
        with self._lock:
            going = {id_ for id_ in self._moves if self._record(id_, "deleting") is not None}
            due = [id_ for id_, move in sorted(self._moves.items()) if move.at < before and id_ not in going][:limit]
            self._claimed_moves.update(due)
            self._moves |= {id_: replace(self._moves[id_], at=now) for id_ in due}
            kept = {id_: self._records[id_].upload.storage if id_ in self._records else None for id_ in due}
            return [replace(self._moves[id_], kept_in=kept[id_]) for id_ in due]

    def end_moves(self, moves: Collection[Move]) -> None:
        """See MovableRecords."""
        with self._lock:
            for move in moves:
                self._moves.pop(move.upload_id, None)
                self._claimed_moves.discard(move.upload_id)

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
        found = (upload for upload in self.uploads() if upload.owner_id == owner_id and not upload.is_expired(now))
        wanted = (
            upload
            for upload in found
            if album_id in (None, upload.album_id)
            and type in (None, upload.type)
            and (query is None or query.lower() in _text(upload))
            and (before is None or _age(upload) < _age(before))
        )
        return sorted(wanted, key=_age, reverse=True)[:limit]

    def has_duplicate(self, md5: str, *, owner_id: str | None, since: datetime) -> bool:
        """See DuplicateRecords."""
        return any(
            upload.owner_id == owner_id and upload.received_at >= since and md5 in (upload.md5, upload.source_md5)
            for upload in self.uploads()
        )

    def duplicates(
        self, md5: str, *, field: Literal["md5", "source_md5"], owner_id: str, now: datetime, limit: int
    ) -> list[Upload]:
        """See DuplicateRecords."""
        owned = (upload for upload in self.uploads() if upload.owner_id == owner_id and not upload.is_expired(now))
        return sorted((one for one in owned if getattr(one, field) == md5), key=_age, reverse=True)[:limit]

    def album(self, album_id: str) -> Album | None:
        """See AlbumRecords."""
        return self._albums.get(album_id)

    def owned_albums(self, owner_id: str, *, limit: int, after: str | None = None) -> list[Album]:
        """See OwnedAlbumRecords."""
        owned = [album for album in [*self._albums.values()] if album.owner_id == owner_id]
        later = [album for album in owned if after is None or album.title > after]
        return sorted(later, key=lambda album: album.title)[:limit]

    def find_album(self, owner_id: str, title: str) -> Album | None:
        """See EditableAlbumRecords."""
        albums = [*self._albums.values()]
        return next((album for album in albums if (album.owner_id, album.title) == (owner_id, title)), None)

    def count_albums(self, owner_id: str) -> int:
        """See EditableAlbumRecords."""
        return sum(album.owner_id == owner_id for album in [*self._albums.values()])

    def add_album(self, album: Album) -> None:
        """See EditableAlbumRecords."""
        with self._lock:
            self._keep_album(album)

    def rename_album(self, album: Album) -> bool:
        """See EditableAlbumRecords."""
        with self._lock:
            if (known := self._albums.get(album.id)) is None:
                return False
            self._keep_album(replace(known, title=album.title))
            return True

    def clear_album(self, album: Album, *, limit: int) -> int:
        """See EditableAlbumRecords."""
        wanted = (album.owner_id, album.id)
        with self._lock:
            found = [one for one in self._records.values() if (one.upload.owner_id, one.upload.album_id) == wanted]
            for record in found[:limit]:
                record.upload = replace(record.upload, album_id=None)
            return len(found[:limit])

    def remove_album(self, album_id: str) -> bool:
        """See EditableAlbumRecords."""
        with self._lock:
            return self._albums.pop(album_id, None) is not None

    def forget_albums(self, owner_id: str) -> None:
        """See AlbumRecords."""
        with self._lock:
            self._albums = {album.id: album for album in self._albums.values() if album.owner_id != owner_id}

    def usage(self, owner_id: str | None, *, counted: Counted) -> Usage:
        """See UsageRecords."""
        with self._lock:
            return self._used(owner_id, counted)

    recount = usage

    def owners(self) -> Iterator[str | None]:
        """See UsageRecords."""
        yield from dict.fromkeys([None, *(record.upload.owner_id for record in [*self._records.values()])])

    def search(self, selection: Selection = EVERYTHING) -> Iterator[Upload]:
        """See SearchableRecords."""
        return (upload for upload in sorted(self.uploads(), key=_age) if selection.has(upload))

    def count(self, selection: Selection) -> Usage:
        """See SearchableRecords."""
        return sum((Usage.of(upload, "all") for upload in self.search(selection)), Usage())

    def statistics(self, *, owners: int) -> Statistics:
        """See SearchableRecords."""
        by_extension, by_owner = defaultdict[str, Usage](Usage), defaultdict[str | None, Usage](Usage)
        for upload in self.uploads():
            by_extension[upload.extension] += Usage.of(upload, "all")
            by_owner[upload.owner_id] += Usage.of(upload, "all")
        most = sorted(by_owner.items(), key=lambda item: item[1].bytes, reverse=True)
        return Statistics(by_extension=by_extension, by_owner=most[:owners])

    def remaining(self, owner_id: str, *, limit: int) -> list[Upload]:
        """See ErasableRecords."""
        with self._lock:
            return [one.upload for one in self._records.values() if one.upload.owner_id == owner_id][:limit]

    def forget_owner(self, owner_id: str) -> None:
        """See ErasableRecords. Usage is counted anew each time."""

    def has_category(self, category_id: int) -> bool:
        """See CategoryRecords."""
        return category_id in self._categories

    def _keep_album(self, album: Album) -> None:
        same = self.find_album(album.owner_id, album.title)
        if same is not None and same.id != album.id:
            raise AlbumTaken("the owner has an album with this title")
        self._albums[album.id] = album

    def _is_open(self, move: Move) -> bool:
        """Whether a move between the same two storages is kept, and was not claimed."""
        known = self._moves[move.upload_id]
        return move.upload_id not in self._claimed_moves and {*known.left_in} == {*move.left_in}

    def _used(self, owner_id: str | None, counted: Counted) -> Usage:
        uploads = (record.upload for record in self._records.values())
        return sum((Usage.of(one, counted) for one in uploads if one.owner_id == owner_id), Usage())

    def _record(self, upload_id: str, *states: _State) -> _Record | None:
        """Return a record that is in one of these states."""
        record = self._records.get(upload_id)
        return record if record is not None and record.state in states else None

    def _change(self, upload_id: str, *states: _State, to: _State, event: Event | None = None) -> bool:
        """Change the state of a record that is in one of these, and keep the event. False when there is none."""
        with self._lock:
            record = self._record(upload_id, *states)
            if record is None:
                return False
            record.state = to
            if event is not None:
                self._add_event(event)
            return True

    def _replace(self, record: _Record, changed_at: datetime | None, **values: Any) -> Upload:
        """Give the record of an upload these values, and keep an event of that with ``changed_at``, if any is new."""
        before, record.upload = record.upload, replace(record.upload, **values)
        if changed_at is not None and record.upload != before:
            self._add_event(new_event("changed", record.upload, changed_at, before=before))
        return record.upload

    def _add_event(self, event: Event) -> None:
        number = next(self._numbers)
        self._events[number] = replace(event, number=number)

    def _abandon(self, record: _Record) -> None:
        record.state = "deleting"
        self._uses.pop(record.upload.request_digest or "", None)

    def _of_request(self, digest: str) -> Upload | None:
        found = (record.upload for record in self._records.values() if record.state != "deleting")
        return next((upload for upload in found if upload.request_digest == digest), None)


def _known_files(upload: Upload) -> tuple[int | None, str]:
    return upload.extras_size, upload.storage


def _age(upload: Upload | Cursor) -> tuple[datetime, str]:
    return upload.received_at, upload.id


def _text(upload: Upload) -> str:
    """Return what is searched of an upload, with a line for each text."""
    texts = (upload.title, upload.description, upload.name, upload.original_filename)
    return "\n".join(filter(None, texts)).lower()


class StaticKeys:
    """Keys and whom they stand for, given once."""

    def __init__(self, principals: Mapping[str, Principal]) -> None:
        """Keep digests of the keys of ``principals``."""
        self._principals = {digest(key): principal for key, principal in principals.items()}

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Return whom ``key`` stands for. Looking up a digest tells nothing about the key by its timing."""
        return self._principals.get(digest(key))

    def principal(self, user_id: str) -> Principal | None:
        """Return whom the first key of this user stands for."""
        return next((known for known in self._principals.values() if known.user_id == user_id), None)
