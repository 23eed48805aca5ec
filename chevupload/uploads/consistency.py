"""Compares records with files, and mends what differs.

Both sides are read in pages, beside running servers: what is found is looked at once more before anything is removed.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from typing import Any, BinaryIO, Literal

from chevupload.errors import BackendError, ConfigError, FileMissing, Refusal, StorageError
from chevupload.formats import MIME_TYPES
from chevupload.model import MediaFile, Principal, Upload
from chevupload.protocols import AdoptingStorage, CheckableRecords, ListingStorage, Storage
from chevupload.uploads.context import UploadContext
from chevupload.uploads.parameters import Parameters
from chevupload.uploads.persist import save_file
from chevupload.uploads.record import Source
from chevupload.uploads.service import Uploads

logger = logging.getLogger("chevupload")

_PAGE_SIZE = 200
_READ_BYTES = 262_144
_NAME = r"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]*?)(?:\.(?:th|md|fr))?"
_PATH = re.compile(rf"(?:(?P<folder>\d{{4}}/\d{{2}}/\d{{2}})/)?{_NAME}\.(?:{'|'.join(MIME_TYPES)})\Z")
_STEM = re.compile(r"(?:\.(?:th|md|fr))?\.[a-z0-9]+\Z")
_TOO_MANY = 10
"""From so many on, everything missing means that the wrong place was looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check looked at, what it found, and what a repair did about it.

    Attributes:
        uploads: how many there are.
        missing: ``(upload id, storage path)`` of files that are not there, or not of their size.
        strays: paths as ours are that no record of any storage knows, older than the grace; with the storage's name and
            a colon before them, where it has one.
        foreign: how many other files there are, which are nobody's business here.
        misplaced: names of the storages with ten or more uploads and strays, and not one original: either the storage
            or the records are another site's, and a repair mends nothing.
        withdrawn: ids of uploads that were taken away because their original is missing.
        rendered: ids of uploads whose derived pictures were made anew.
        removed: paths of strays that were removed.
    """

    uploads: int
    missing: tuple[tuple[str, str], ...]
    strays: tuple[str, ...] = ()
    foreign: int = 0
    misplaced: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()
    rendered: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def left(self) -> int:
        """How many of the files found are still missing, or still too many."""
        mended = {*self.withdrawn, *self.rendered}
        return sum(upload_id not in mended for upload_id, _ in self.missing) + len(self.strays) - len(self.removed)


class ConsistencyCheck:
    """Looks, and mends."""

    def __init__(self, context: UploadContext, uploads: Uploads) -> None:
        """Use these parts."""
        self._uploads, self._renderer = uploads, context.renderer
        self._checkable = context.catalog if isinstance(context.catalog, CheckableRecords) else None
        self._storages = context.storages
        self._dated = context.config.policy.storage_mode == "datefolder"
        """Every file of ours is in a folder of its date."""

    @property
    def _records(self) -> CheckableRecords:
        if self._checkable is None:
            raise ConfigError("this catalog cannot be checked: it has none of the methods of CheckableRecords")
        return self._checkable

    def check(self, oldest: datetime) -> CheckReport:
        """Look for every file of every ready upload and, where the storage can list them, for a record of every file.

        A file changed after ``oldest`` may be one whose record cannot be seen yet.

        Raises:
            BackendError: catalog or storage are away.
        """
        missing: list[tuple[str, str]] = []
        uploads: Counter[str] = Counter()
        originals: Counter[str] = Counter()
        for upload in self._records.uploads():
            uploads[upload.storage] += 1
            absent = [path for path in upload.sizes if not self._is_whole(upload, path)]
            originals[upload.storage] += upload.path not in absent
            # It may have been deleted since its page was read.
            if absent and self._records.get(upload.id) is not None:
                missing.extend((upload.id, path) for path in absent)
        strays, foreign = self._unknown_files(oldest)
        found = uploads + Counter(path.rpartition(":")[0] for path in strays)
        return CheckReport(
            uploads=uploads.total(),
            missing=tuple(missing),
            strays=tuple(strays),
            foreign=foreign,
            misplaced=tuple(name for name in found if found[name] >= _TOO_MANY and not originals[name]),
        )

    def repair(self, report: CheckReport) -> CheckReport:
        """Mend what ``report`` has found, each as far as it is still so, and return what was done.

        An upload without its original is withdrawn, as if it was deleted. One whose original has another size is left,
        because it may be the only copy. Derived pictures are rendered anew. A file that no record
        knows is removed. What cannot be mended is logged, and left.

        Raises:
            StorageError: nothing at all is where it should be, in one of the storages: records and files are not of one
                site.
        """
        if report.misplaced:
            raise StorageError(
                f"not one upload has its file in storage {', '.join(map(repr, report.misplaced))}: "
                "these records and these files are not of one site"
            )
        done: dict[str | None, list[str]] = {"withdrawn": [], "rendered": [], None: []}
        for upload_id, pairs in groupby(report.missing, itemgetter(0)):
            done[self._mend(upload_id, [path for _, path in pairs])].append(upload_id)
        removed = tuple(path for path in report.strays if self._remove(path))
        return replace(report, withdrawn=tuple(done["withdrawn"]), rendered=tuple(done["rendered"]), removed=removed)

    def _mend(self, upload_id: str, paths: Collection[str]) -> Literal["withdrawn", "rendered"] | None:
        """Mend one upload, and say how; None is not at all."""
        try:
            upload = self._records.get(upload_id)
            size = None if upload is None else self._size(upload, upload.path)
            if upload is None or size is None:
                if upload is not None and self._uploads.delete(upload):
                    logger.warning("upload %s was withdrawn: its original is missing", upload_id)
                return "withdrawn"
            if size != upload.size:
                logger.warning("upload %s is left as it is: its original has another size", upload_id)
                return None
            if not all(self._is_whole(upload, path) for path in paths):
                self._render_again(upload)
            return "rendered"
        except (BackendError, Refusal):
            logger.exception("upload %s could not be mended", upload_id)
            return None

    def _render_again(self, upload: Upload) -> None:
        """Render the derived pictures of an upload from its original, in place of those there are.

        Raises:
            Refusal: the original would not be accepted now.
            BackendError: a part is away; asking again goes on where it ended.
        """
        storage = self._storages.of(upload)
        with self._uploads.spool(upload.size) as spool:
            with storage.open(upload.path) as file:
                while data := _read(file, upload.path):
                    spool.write(data)
            job = self._uploads.job(Source(spool, None), Parameters(), Principal())
            with self._renderer.process(job) as media:
                self._replace_derived(
                    upload, storage, {"thumb": media.thumb, "medium": media.medium, "frame": media.frame}
                )

    def _replace_derived(self, upload: Upload, storage: Storage, files: Mapping[str, MediaFile | None]) -> None:
        """Put ``files`` in place of the derived ones there are.

        Only files that were there before are written: a deletion at this moment knows the paths that the upload had.
        """
        made = {name: file for name, file in files.items() if file and getattr(upload, f"{name}_size")}
        sizes: dict[str, Any] = {f"{name}_size": made[name].size if name in made else 0 for name in files}
        again = replace(upload, **sizes)
        for name, file in made.items():
            path = str(getattr(again, f"{name}_path"))
            storage.delete(path)
            if isinstance(storage, AdoptingStorage):
                storage.adopt(path, file.path)
            else:
                save_file(storage, again, path, file)
        # Deleted meanwhile, it may have left these behind already.
        kept = again.paths if self._records.resize(again) else ()
        for path in {*upload.paths, *again.paths} - {*kept}:
            storage.delete(path)

    def _remove(self, path: str) -> bool:
        try:
            name, _, place = path.rpartition(":")
            if place in set(self._unrecorded([place])):
                self._storages.by_name[name].delete(place)
                logger.warning("a file that no record knows was removed: %s", path)
            return True
        except BackendError:
            logger.exception("a file that no record knows could not be removed: %s", path)
            return False

    def _is_whole(self, upload: Upload, path: str) -> bool:
        return self._size(upload, path) == upload.sizes.get(path)

    def _size(self, upload: Upload, path: str) -> int | None:
        """Return how many bytes are at ``path``; None where there is no file."""
        try:
            with self._storages.of(upload).open(path) as file:
                return file.seek(0, 2)
        except FileMissing:
            return None

    def _unknown_files(self, oldest: datetime) -> tuple[list[str], int]:
        """Find the files that look like ours and have no record, and count those of others."""
        strays: list[str] = []
        foreign = 0
        for name, storage in self._storages.by_name.items():
            if not isinstance(storage, ListingStorage):
                continue
            for page in _pages(storage.files()):
                ours = [path for path in page if self._is_ours(path)]
                foreign += len(page) - len(ours)
                found = [path for path in self._unrecorded(ours) if self._is_old(storage, path, oldest)]
                strays.extend(f"{name}:{path}" if name else path for path in found)
        return strays, foreign

    def _is_ours(self, path: str) -> bool:
        """Whether a file is where we would put it, and named as we would name it."""
        found = _PATH.match(path)
        return found is not None and (found["folder"] is not None or not self._dated)

    def _unrecorded(self, paths: Collection[str]) -> Iterator[str]:
        """Yield those of the paths that no record knows in any storage: two names may stand for one place."""
        holders = self._records.holders({_STEM.sub("", path) for path in paths})
        known = {path for upload in holders for path in upload.paths}
        return (path for path in paths if path not in known)

    def _is_old(self, storage: ListingStorage, path: str, oldest: datetime) -> bool:
        try:
            return storage.modified(path) <= oldest
        except FileMissing:
            # Its upload was deleted since it was listed.
            return False


def _read(file: BinaryIO, path: str) -> bytes:
    """Read a piece of a stored file, whose library has errors of its own."""
    try:
        return file.read(_READ_BYTES)
    except Exception as error:
        raise StorageError(f"cannot read {path}") from error


def _pages(paths: Iterable[str]) -> Iterator[list[str]]:
    left = iter(paths)
    while page := list(islice(left, _PAGE_SIZE)):
        yield page
