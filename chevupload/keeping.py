"""How an upload is kept: reserve, put, publish, and the undo of each.

May know: catalog, storage and notes, by their interfaces. The order of writes is the promise: a record names every file
before the file is written and is ready only after the last one, so a crash at any point leaves either a whole upload or
a pending record from which the sweep removes everything.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from chevupload.errors import BackendError, CatalogError, ConfigError, FileExists, NameTaken, StorageError
from chevupload.interfaces import AdoptingStorage, Catalog, JoiningCatalog, Sink, Storage
from chevupload.journal import Journal
from chevupload.model import MIME_TYPES, MediaFile, Upload
from chevupload.notes import Notes

logger = logging.getLogger("chevupload")

_READ_BYTES = 262_144


class Keeping:
    """Keeps uploads in a catalog and a storage."""

    def __init__(self, *, catalog: Catalog, storage: Storage, notes: Notes) -> None:
        """Use these parts."""
        self._catalog = catalog
        self._storage = storage
        self._adopting = storage if isinstance(storage, AdoptingStorage) else None
        self._notes = notes
        self._open: set[str] = set()
        """Ids of uploads in transactions of this process' host that are not over yet."""

    def keep(self, named: Iterable[Upload], files: tuple[MediaFile, ...], journal: Journal) -> Upload:
        """Store ``files`` under the first of the names that is free, and return that upload.

        Raises:
            BackendError: a part is away; nothing was stored, or the sweep will remove it.
        """
        return self._keep(named, files, self._catalog, journal)

    def keep_joined(
        self,
        named: Iterable[Upload],
        files: tuple[MediaFile, ...],
        journal: Journal,
        *,
        session: Any,
        when_there: Callable[[Upload], None],
    ) -> Upload:
        """Store inside the host's transaction: noted on disk, until it is known how that ended.

        ``when_there`` is called when it has committed.

        Raises:
            BackendError: a part is away; nothing was stored, or the sweep will remove it.
            ConfigError: a session that the catalog cannot join.
        """
        if not isinstance(self._catalog, JoiningCatalog):
            raise ConfigError("this catalog cannot join a session")
        kept: list[Upload] = []

        def when_over() -> None:
            for upload in kept:
                self._open.discard(upload.id)
                if self.settle(upload):
                    when_there(upload)

        catalog = self._catalog.joined(session, when_over)
        upload = self._keep(named, files, catalog, journal, note=self._notes.noted)
        self._open.add(upload.id)
        kept.append(upload)
        return upload

    def is_open(self, upload: Upload) -> bool:
        """Whether a transaction of this process' host holds the upload, and is not over."""
        return upload.id in self._open

    def settle(self, upload: Upload) -> bool:
        """Look how the host's transaction ended that was to publish ``upload``; take away what it did not.

        Returns whether the upload is there.

        Raises:
            BackendError: a part is away; the next sweep looks again.
        """
        if self._catalog.get(upload.id) is None:
            # Its reservation may have gone with the transaction: taken again, nobody else can meet its files. If the
            # transaction is still open, the database has us wait for its end, which may be that the upload is ready.
            # Its request may have been repeated since, and is not needed for what is only going to be removed.
            with contextlib.suppress(NameTaken):
                self._catalog.reserve(replace(upload, request_digest=None))
            if self._catalog.abandon(upload.id):
                self.clear(upload)
        is_ready = self._catalog.get(upload.id) is not None
        self._notes.remove(upload)
        return is_ready

    def read(self, upload: Upload, into: Sink) -> None:
        """Copy the original of an upload.

        Raises:
            StorageError: it cannot be read.
        """
        with self._storage.open(upload.path) as file:
            try:
                while data := file.read(_READ_BYTES):
                    into.write(data)
            except OSError as error:
                raise StorageError(f"cannot read {upload.path}") from error

    def replace_derived(self, upload: Upload, files: Mapping[str, MediaFile]) -> Upload:
        """Put ``files``, by the names ``thumb``, ``medium`` and ``frame``, in place of the derived ones there are.

        What there is none of stays away: whoever deletes the upload at this moment knows the paths that it had.

        Raises:
            BackendError: a part is away; asking again goes on where it ended.
        """
        files = {name: file for name, file in files.items() if getattr(upload, f"{name}_size")}
        thumb, medium, frame = (files[name].size if name in files else 0 for name in ("thumb", "medium", "frame"))
        again = replace(upload, thumb_size=thumb, medium_size=medium, frame_size=frame)
        for name, file in files.items():
            path = str(getattr(again, f"{name}_path"))
            self._storage.delete(path)
            self._put(path, file, content_type=MIME_TYPES[path.rpartition(".")[2]])
        # Deleted meanwhile, it may have left these behind already.
        kept = again.paths if self._catalog.resize(again) else ()
        for path in {*upload.paths, *again.paths} - {*kept}:
            self._storage.delete(path)
        return again

    def clear(self, upload: Upload) -> None:
        """Remove the files, then the record, of an upload that is marked as deleting."""
        for path in upload.paths:
            self._storage.delete(path)
        self._catalog.forget(upload.id)

    def _keep(
        self,
        named: Iterable[Upload],
        files: tuple[MediaFile, ...],
        catalog: Catalog,
        journal: Journal,
        note: Callable[[Upload], AbstractContextManager[object]] = contextlib.nullcontext,
    ) -> Upload:
        """Write an upload under the first free name, inside of ``note``."""
        for upload in named:
            with contextlib.suppress(NameTaken, FileExists), note(upload):
                self._write(upload, files, catalog, journal)
                return upload
        raise CatalogError("no free name")

    def _write(self, upload: Upload, files: tuple[MediaFile, ...], catalog: Catalog, journal: Journal) -> None:
        """Reserve, put and publish; on any error undo what was done."""
        catalog.reserve(upload)
        journal.done("reserve")
        written: list[str] = []
        try:
            self._look(upload)
            for path, file in zip(upload.paths, files, strict=True):
                # Noted before it is there: whatever interrupts the writing, nothing is forgotten.
                written.append(path)
                self._put(path, file, content_type=MIME_TYPES[path.rpartition(".")[2]])
            journal.done("put")
            catalog.publish(upload.id)
            journal.done("publish")
        except FileExists:
            # The last of them is a stranger's.
            self._undo(upload, written[:-1], catalog)
            raise
        except BaseException:
            self._undo(upload, written, catalog)
            raise

    def _look(self, upload: Upload) -> None:
        """Find a stranger's file in the way before the first file is adopted, which could not be adopted again."""
        if self._adopting is not None and any(self._adopting.exists(path) for path in upload.paths):
            raise FileExists("a file with this name exists")

    def _put(self, path: str, file: MediaFile, *, content_type: str) -> None:
        if self._adopting is not None:
            self._adopting.adopt(path, file.path)
            return
        with open(file.path, "rb") as content:
            self._storage.save(path, content, content_type=content_type)

    def _undo(self, upload: Upload, written: Iterable[str], catalog: Catalog) -> None:
        """Remove what an interrupted upload left; what cannot be removed now, the sweep removes later."""
        try:
            catalog.withdraw(upload.id)
            # Also when a sweep, or a repeated request, took it for abandoned and removed what was there by then.
            for path in written:
                self._storage.delete(path)
            catalog.forget(upload.id)
            self._notes.remove(upload)
        except BackendError:
            logger.exception("upload %s could not be undone; the sweep will remove it", upload.id)
