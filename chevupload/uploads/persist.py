"""How an upload is stored: reserve, put, publish, and the undo of each.

The order of writes is the promise: a record names every file before the file is written and is ready only after the
last one, so a crash at any point leaves either a whole upload or a pending record from which the sweep removes
everything. Between the two, the files of one upload are written at the same time where each may take a while.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from chevupload.clock import Clock
from chevupload.errors import BackendError, FileExists
from chevupload.model import Album, MediaFile, Upload
from chevupload.policy.quota import UNLIMITED, Counted, Quota
from chevupload.protocols import (
    AdoptingStorage,
    EventRecords,
    MovableRecords,
    Storage,
    TicketRecords,
    UploadRecords,
    UsageRecords,
)
from chevupload.records.event import new_event
from chevupload.storage.headers import stored_headers
from chevupload.storage.registry import Storages
from chevupload.uploads.hooks import Hooks
from chevupload.uploads.upload_log import UploadLog

logger = logging.getLogger("chevupload")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What is recorded, or held, together with an upload before its files are written.

    Attributes:
        counted: whose bytes count, where usage is kept; None keeps none.
        quota: how much its owner may keep.
        taken_until: until when the use of a ticket is taken; see :class:`~chevupload.protocols.TicketRecords`.
        album: a new one that it is in; see :class:`~chevupload.protocols.EditableAlbumRecords`.
    """

    counted: Counted | None = None
    quota: Quota = UNLIMITED
    taken_until: datetime | None = None
    album: Album | None = None

    def arguments(self) -> dict[str, Any]:
        """Return what ``reserve`` of the records is called with: records without an ability do not know its words."""
        known: dict[str, Any] = {}
        if self.counted is not None:
            known |= {"counted": self.counted, "quota": self.quota}
        if self.taken_until is not None:
            known["taken_until"] = self.taken_until
        if self.album is not None:
            known["album"] = self.album
        return known


class Writer:
    """Writes uploads into records and storages, and removes them again."""

    def __init__(
        self, records: UploadRecords, storages: Storages, hooks: Hooks, clock: Clock, counted: Counted | None
    ) -> None:
        """Use these parts.

        With handlers of events, ``records`` have to be EventRecords; with ``counted``, UsageRecords.
        """
        self._records = records
        self._counted = counted
        self._event_records = cast(EventRecords, records) if hooks.on_event else None
        is_movable = len(storages.by_name) > 1 and isinstance(records, MovableRecords)
        self._movable = cast(MovableRecords, records) if is_movable else None
        self._clock = clock
        self._storages = storages
        self._hooks = hooks

    def store(
        self,
        upload: Upload,
        storage: Storage,
        files: tuple[MediaFile, ...],
        log: UploadLog,
        reservation: Reservation,
    ) -> None:
        """Reserve, put and publish; on any error undo what was done.

        Raises:
            QuotaExceeded: its owner would keep more than the quota of ``reservation``; nothing was stored.
            NameTaken, FileExists: another upload has its name, or a stranger's file; nothing was stored.
            RequestTaken, AlbumTaken: another upload of the same request, or with the same new album, was faster;
                nothing was stored.
            BackendError: a part is away; nothing was stored, or the sweep will remove it.
        """
        records: Any = self._records
        records.reserve(upload, **reservation.arguments())
        log.done("reserve")
        # Filled before a file is there, so that an interruption at any moment leaves no unknown file.
        written: list[str] = []
        try:
            if isinstance(storage, AdoptingStorage):
                _adopt(storage, upload, files, written)
            else:
                _save(storage, upload, files, written)
            log.done("put")
            if self._event_records is None:
                self._records.publish(upload.id)
            else:
                self._event_records.publish(upload.id, event=new_event("stored", upload, self._clock()))
            log.done("publish")
        except BaseException:
            self._undo(upload, storage, written, frees_use=reservation.taken_until is not None)
            raise

    def withdraw(self, upload: Upload) -> bool:
        """Take an upload away from its readers, and leave its files to :meth:`clear`. False when it was gone.

        Raises:
            BackendError: the catalog is away.
        """
        if not self._withdraw(upload):
            return False
        self._hooks.deleted(upload)
        return True

    def clear(self, upload: Upload) -> None:
        """Remove the files, then the record, of an upload that is marked as deleting.

        Raises:
            BackendError: a part is away; the sweep finishes the rest.
        """
        for error in self.clear_all([upload]).values():
            raise error

    def clear_all(self, uploads: Sequence[Upload]) -> Mapping[str, BackendError]:
        """Do the same for several uploads, and return by their ids why some of them are still marked.

        Raises:
            BackendError: the catalog is away.
        """
        failed = self._storages.delete([*uploads, *self._copies(uploads)])
        self._forget([upload for upload in uploads if upload.id not in failed])
        return failed

    def _forget(self, uploads: Sequence[Upload]) -> None:
        if self._counted is None:
            self._records.forget(uploads)
        else:
            cast(UsageRecords, self._records).forget(uploads, counted=self._counted)

    def _copies(self, uploads: Sequence[Upload]) -> list[Upload]:
        """Return those uploads whose files may be in a second storage, as if they were in that."""
        if self._movable is None or not uploads:
            return []
        by_id = {upload.id: upload for upload in uploads}
        places = ((by_id[move.upload_id], name) for move in self._movable.moves(by_id) for name in move.left_in)
        return [replace(upload, storage=name) for upload, name in places if name != upload.storage]

    def _withdraw(self, upload: Upload) -> bool:
        """Mark an upload as deleting, and keep the event where events are told. False when it was gone."""
        if self._event_records is None:
            return self._records.withdraw(upload.id)
        now = self._clock()
        event = new_event("expired" if upload.is_expired(now) else "deleted", upload, now)
        return self._event_records.withdraw(upload.id, event=event)

    def _undo(self, upload: Upload, storage: Storage, written: Iterable[str], *, frees_use: bool) -> bool:
        """Remove what an interrupted upload left; False leaves it to the sweep, since a part is away."""
        try:
            self._withdraw(upload)
            if frees_use:
                cast(TicketRecords, self._records).free(upload.request_digest or "")
            # Also when a sweep, or a repeated request, took it for abandoned and removed what was there by then.
            for path in written:
                storage.delete(path)
            self._forget([upload])
        except BackendError:
            logger.exception("upload %s could not be undone; the sweep will remove it", upload.id)
            return False
        return True


def _adopt(storage: AdoptingStorage, upload: Upload, files: tuple[MediaFile, ...], written: list[str]) -> None:
    """Move the files of an upload into the storage.

    Raises:
        FileExists: there is a stranger's file in the way, which is not among ``written``.
    """
    # Before the first one is adopted, which could not be adopted again under the next name.
    for path in upload.paths:
        if storage.exists(path):
            raise FileExists("a file with this name exists")
    for path, file in zip(upload.paths, files, strict=True):
        written.append(path)
        try:
            storage.adopt(path, file.path)
        except FileExists:
            written.remove(path)
            raise


def _save(storage: Storage, upload: Upload, files: tuple[MediaFile, ...], written: list[str]) -> None:
    """Copy the files of an upload into the storage at the same time, and return when all of that is over.

    Raises:
        FileExists: there are strangers' files in the way, which are not among ``written``, and nothing else went wrong.
    """
    written.extend(upload.paths)
    # Threads of this upload alone: there are at most twelve, a fork leaves none behind, and the end of the block waits
    # for every one of them, so that nothing is written any more when what was written is removed.
    with ThreadPoolExecutor(len(files), "chevupload-save") as threads:
        saves = {
            path: threads.submit(copy_context().run, save_file, storage, upload, path, file)
            for path, file in zip(upload.paths, files, strict=True)
        }
    errors = {path: error for path, saved in saves.items() if (error := saved.exception()) is not None}
    strangers = [path for path, error in errors.items() if isinstance(error, FileExists)]
    for path in strangers:
        written.remove(path)
    # A stranger's file is overcome by the next name, which other errors would only repeat.
    for error in sorted(errors.values(), key=lambda error: isinstance(error, FileExists)):
        raise error


def save_file(storage: Storage, upload: Upload, path: str, file: MediaFile) -> None:
    """Copy one file of an upload into the storage."""
    with open(file.path, "rb") as content:
        storage.save(path, content, headers=stored_headers(upload, path))
