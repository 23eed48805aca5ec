"""How an upload is kept: reserve, put, publish, and the undo of each.

The order of writes is the promise: a record names every file before the file is written and is ready only after the
last one, so a crash at any point leaves either a whole upload or a pending record from which the sweep removes
everything. Between the two, the files of one upload are written at the same time where each may take a while.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from contextvars import copy_context
from dataclasses import replace
from typing import Any, BinaryIO

from chevupload.errors import BackendError, CatalogError, ConfigError, FileExists, NameTaken, StorageError
from chevupload.model import MediaFile, Upload
from chevupload.protocols import AdoptingStorage, Catalog, JoiningCatalog, Sink, Storage
from chevupload.storage.headers import stored_headers
from chevupload.storage.registry import Storages
from chevupload.uploads.intent_log import Notes
from chevupload.uploads.upload_log import Journal

logger = logging.getLogger("chevupload")

_READ_BYTES = 262_144


class Keeping:
    """Keeps uploads in a catalog and its storages."""

    def __init__(self, *, catalog: Catalog, storages: Storages, notes: Notes) -> None:
        """Use these parts."""
        self._catalog = catalog
        self._storages = storages
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
        with self._storages.of(upload).open(upload.path) as file:
            while data := _read(file, upload.path):
                into.write(data)

    def replace_derived(self, upload: Upload, files: Mapping[str, MediaFile]) -> Upload:
        """Put ``files``, by the names ``thumb``, ``medium`` and ``frame``, in place of the derived ones there are.

        What there is none of stays away: whoever deletes the upload at this moment knows the paths that it had.

        Raises:
            BackendError: a part is away; asking again goes on where it ended.
        """
        files = {name: file for name, file in files.items() if getattr(upload, f"{name}_size")}
        thumb, medium, frame = (files[name].size if name in files else 0 for name in ("thumb", "medium", "frame"))
        again = replace(upload, thumb_size=thumb, medium_size=medium, frame_size=frame)
        storage = self._storages.of(upload)
        for name, file in files.items():
            path = str(getattr(again, f"{name}_path"))
            storage.delete(path)
            if isinstance(storage, AdoptingStorage):
                storage.adopt(path, file.path)
            else:
                _save_one(storage, again, path, file)
        # Deleted meanwhile, it may have left these behind already.
        kept = again.paths if self._catalog.resize(again) else ()
        for path in {*upload.paths, *again.paths} - {*kept}:
            storage.delete(path)
        return again

    def clear(self, upload: Upload) -> None:
        """Remove the files, then the record, of an upload that is marked as deleting."""
        storage = self._storages.of(upload)
        for path in upload.paths:
            storage.delete(path)
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
        storage = self._storages.of(upload)
        catalog.reserve(upload)
        journal.done("reserve")
        # Filled before a file is there: whatever interrupts the writing, nothing is forgotten.
        written: list[str] = []
        try:
            if isinstance(storage, AdoptingStorage):
                _adopt(storage, upload, files, written)
            else:
                _save(storage, upload, files, written)
            journal.done("put")
            catalog.publish(upload.id)
            journal.done("publish")
        except BaseException:
            self._undo(upload, written, storage, catalog)
            raise

    def _undo(self, upload: Upload, written: Iterable[str], storage: Storage, catalog: Catalog) -> None:
        """Remove what an interrupted upload left; what cannot be removed now, the sweep removes later."""
        try:
            catalog.withdraw(upload.id)
            # Also when a sweep, or a repeated request, took it for abandoned and removed what was there by then.
            for path in written:
                storage.delete(path)
            catalog.forget(upload.id)
            self._notes.remove(upload)
        except BackendError:
            logger.exception("upload %s could not be undone; the sweep will remove it", upload.id)


def _read(file: BinaryIO, path: str) -> bytes:
    """Read a piece of a stored file, whose library has errors of its own."""
    try:
        return file.read(_READ_BYTES)
    except Exception as error:
        raise StorageError(f"cannot read {path}") from error


def _adopt(storage: AdoptingStorage, upload: Upload, files: tuple[MediaFile, ...], written: list[str]) -> None:
    """Move the files of an upload into the storage.

    Raises:
        FileExists: there is a stranger's file in the way, which is not among ``written``.
    """
    # Before the first one is adopted, which could not be adopted again under the next name.
    if any(storage.exists(path) for path in upload.paths):
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
    # Threads of this upload alone: there are at most four, a fork leaves none behind, and the end of the block waits
    # for every one of them, so that nothing is written any more when what was written is removed.
    with ThreadPoolExecutor(len(files), "chevupload-save") as threads:
        saves = {
            path: threads.submit(copy_context().run, _save_one, storage, upload, path, file)
            for path, file in zip(upload.paths, files, strict=True)
        }
    errors = {path: error for path, saved in saves.items() if (error := saved.exception()) is not None}
    strangers = [path for path, error in errors.items() if isinstance(error, FileExists)]
    for path in strangers:
        written.remove(path)
    # A stranger's file is overcome by the next name, which other errors would only repeat.
    for error in sorted(errors.values(), key=lambda error: isinstance(error, FileExists)):
        raise error


def _save_one(storage: Storage, upload: Upload, path: str, file: MediaFile) -> None:
    """Copy one file of an upload into the storage."""
    with open(file.path, "rb") as content:
        storage.save(path, content, headers=stored_headers(upload, path))
