"""Moves uploads from one storage to another, with no moment at which a reader finds no file.

The files are copied and compared, then the record names the other storage, then nobody reads the former ones any more
and a sweep removes them. A row is kept from before the first copy until that: it says where files may be that no record
names, whenever a process dies, and whether or not the upload is deleted meanwhile.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from datetime import timedelta

from chevupload.config import Delivery
from chevupload.errors import BackendError, ConfigError, FileExists, FileMissing, NotMovable, UnknownStorage
from chevupload.model import Upload
from chevupload.protocols import MovableRecords, Storage
from chevupload.records.move import Move
from chevupload.storage.bulk import delete_files
from chevupload.storage.headers import stored_headers
from chevupload.storage.pieces import measured
from chevupload.uploads.context import UploadContext

logger = logging.getLogger("chevupload")

_PAGE_SIZE = 200


class Moves:
    """Moves uploads, and ends moves."""

    def __init__(self, context: UploadContext) -> None:
        """Use these parts."""
        catalog = context.catalog
        self._records = catalog if isinstance(catalog, MovableRecords) else None
        self._storages = context.storages
        self._clock = context.clock
        self._readable = _longest(context.config.delivery)

    def check(self, source: str, target: str, *, change_urls: bool) -> MovableRecords:
        """Return the records, where uploads can be moved between these two storages.

        Raises:
            ConfigError: the catalog knows no moves, there is no such storage, or readers know files by an address of
                the former storage's own, which is to change only if ``change_urls``.
        """
        if self._records is None:
            raise ConfigError("uploads of this catalog cannot be moved: it has none of the methods of MovableRecords")
        if source == target:
            raise ConfigError(f"a move from a storage to itself: {source!r}")
        urls = []
        for name in (source, target):
            if name not in self._storages.by_name:
                raise ConfigError(f"no storage {name!r}; there are {', '.join(map(repr, self._storages.by_name))}")
            urls.append(self._storages.by_name[name].url("0.png"))
        if urls[0] not in (None, urls[1]) and not change_urls:
            raise ConfigError(f"readers know files of storage {source!r} by its own address, which ends with a move")
        return self._records

    def move(self, upload: Upload, target: str, *, change_urls: bool = False) -> bool:
        """Move the files of a ready upload to the storage ``target``. Once more goes on where it ended.

        The former files stay for a while, for readers who are at them or have a signed URL; a sweep removes them.
        False when the upload was deleted or moved by another meanwhile; a sweep removes what was copied in vain.

        Raises:
            NotMovable: a file is not as it was recorded, there is another in its place, or an earlier move is not over.
            FileMissing: there is a record and no file.
            BackendError: a part is away.
            ConfigError: see :meth:`check`.
        """
        records = self.check(upload.storage, target, change_urls=change_urls)
        storage = self._storages.by_name[target]
        move = Move(upload_id=upload.id, paths=upload.paths, source=upload.storage, target=target, at=self._clock())
        is_begun = bool(records.moves([upload.id]))
        if not is_begun and any(map(storage.exists, upload.paths)):
            # Another process may have begun, or done all of it, since this one looked.
            is_begun = bool(records.moves([upload.id]))
            if not is_begun:
                if _is_there(records, upload):
                    # Also where two names stand for one place.
                    raise NotMovable(f"storage {target!r} has files at the place of those of upload {upload.id}")
                return False
        if not records.begin_move(move):
            raise NotMovable(f"an earlier move of upload {upload.id} is not over; the next sweep ends it")
        try:
            for path in upload.paths:
                _copy(upload, path, self._storages.of(upload), storage, is_new=not is_begun)
            if records.switch_storage(upload, target, now=self._clock()):
                return True
        except FileMissing:
            # Who deletes it removes the copies, too.
            if _is_there(records, upload):
                raise
        # It took so long, perhaps, that a sweep has ended the move, and does not know what was written since.
        records.begin_move(move)
        if _is_there(records, upload):
            raise NotMovable(f"upload {upload.id} was changed while it was copied, or that took too long")
        return False

    def end(self, grace: timedelta) -> int:
        """Remove the files that no record names of moves older than ``grace``, and return how many moves stay.

        Where readers have signed URLs, their longest life is added to it.
        """
        failed = 0
        before = self._clock() - grace - self._readable
        while self._records and (page := self._records.claim_moves(now=self._clock(), before=before, limit=_PAGE_SIZE)):
            left = {move.upload_id for move in page if not self._clear(move)}
            self._records.end_moves([move for move in page if move.upload_id not in left])
            failed += len(left)
        return failed

    def _clear(self, move: Move) -> bool:
        """Remove the files of a move from where no record names them. False when they may still be there."""
        try:
            for name in move.left_in:
                if name not in self._storages.by_name:
                    raise UnknownStorage(f"files of upload {move.upload_id} are left in {name!r}, which is not there")
                for error in delete_files(self._storages.by_name[name], move.paths).values():
                    raise error
        except BackendError:
            logger.exception("former files of upload %s could not be removed", move.upload_id)
            return False
        return True


def _is_there(records: MovableRecords, upload: Upload) -> bool:
    """Whether the files of an upload are still where its record has said."""
    now = records.get(upload.id)
    return now is not None and now.storage == upload.storage


def _copy(upload: Upload, path: str, source: Storage, target: Storage, *, is_new: bool) -> None:
    """Copy one file of an upload; unless the move ``is_new``, there may be a copy of it, which is whole or goes.

    Raises:
        NotMovable: the file is not as it was recorded, or the copy is not as the file is.
        FileMissing: there is none.
    """
    found = measured(source, path)
    digest = upload.md5 if path == upload.path else found[1]
    if found != (upload.sizes[path], digest):
        raise NotMovable(f"{path} is not as it was stored")
    if not is_new and target.exists(path):
        if measured(target, path) == found:
            return
        target.delete(path)
    # Another process may be at the same upload, if this one is late.
    with contextlib.suppress(FileExists), source.open(path, range(found[0])) as file:
        target.save(path, file, headers=stored_headers(upload, path))
    if measured(target, path) != found:
        raise NotMovable(f"the copy of {path} is not as the file is")


def _longest(delivery: Delivery | Mapping[str, Delivery]) -> timedelta:
    """Return for how long a URL may be read that was signed just now."""
    several = delivery.values() if isinstance(delivery, Mapping) else (delivery,)
    return timedelta(seconds=max((one.signed_seconds for one in several if one.by == "signed_url"), default=0))
