"""Compares records with files, and mends what differs.

Both are read once, in pages, and compared on disk. That takes its time, beside running servers: what differs is looked
at once more before it is told.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from operator import attrgetter, itemgetter
from typing import Literal, TypeAlias, TypeVar

from chevupload.audit import Actor
from chevupload.config import Policy
from chevupload.errors import BackendError, ConfigError, FileMissing, Refusal, StorageError
from chevupload.formats import MIME_TYPES
from chevupload.model import Upload
from chevupload.naming import DERIVED_SUFFIX
from chevupload.protocols import CheckableRecords, ListingStorage, Storage
from chevupload.uploads.comparison import Comparison, Difference
from chevupload.uploads.context import UploadContext
from chevupload.uploads.rendering import DERIVED, Rendering
from chevupload.uploads.service import Uploads

logger = logging.getLogger("chevupload")

_PAGE_SIZE = 200
_CHECK = Actor(note="check")
_NAME = rf"[A-Za-z0-9_-](?:[A-Za-z0-9_.-]*?)(?:{DERIVED_SUFFIX})?"
_FILE = rf"{_NAME}\.(?:{'|'.join(MIME_TYPES)})\Z"
_DATE = r"\d{4}/\d{2}/\d{2}/"
_DIGITS = r"[0-9a-f]{2}/"
_STEM = re.compile(rf"(?:{DERIVED_SUFFIX})?\.[a-z0-9]+\Z")
_TOO_MANY = 10
"""From so many on, everything missing means that the wrong place was looked at."""


T = TypeVar("T")

Inventories: TypeAlias = Mapping[str, Iterable[tuple[str, int]]]
"""Paths and bytes of files, by the name of their storage."""


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

    def __init__(self, context: UploadContext, uploads: Uploads, rendering: Rendering) -> None:
        """Use these parts."""
        self._uploads, self._rendering = uploads, rendering
        self._checkable = context.catalog if isinstance(context.catalog, CheckableRecords) else None
        self._storages = context.storages
        self._path = _path_of_ours(context.config.policy)

    @property
    def _records(self) -> CheckableRecords:
        if self._checkable is None:
            raise ConfigError("this catalog cannot be checked: it has none of the methods of CheckableRecords")
        return self._checkable

    def check(self, oldest: datetime, inventories: Inventories) -> CheckReport:
        """Look for every file of every ready upload and, where the storage can list them, for a record of every file.

        A file changed after ``oldest`` may be one whose record cannot be seen yet. What is in ``inventories`` is taken
        for the list of that storage's files.

        Raises:
            BackendError: catalog or storage are away, or the disk has no room for the comparison.
            ConfigError: an inventory is of no storage that can list its files.
        """
        missing: list[tuple[str, str]] = []
        strays: list[str] = []
        lost: Counter[str] = Counter()
        with contextlib.closing(Comparison()) as comparison:
            foreign = self._find(comparison, inventories)
            uploads = self._want(comparison)
            for page in _pages(comparison.differences()):
                for upload_id, found in groupby(page, attrgetter("upload_id")):
                    if upload_id is None:
                        strays += self._strays(list(found), oldest)
                        continue
                    absent = {one.path for one in found if self._size(one.storage, one.path) != one.size}
                    # It may have been deleted meanwhile.
                    if absent and (upload := self._records.get(upload_id)) is not None:
                        missing += ((upload_id, path) for path in absent)
                        lost[upload.storage] += upload.path in absent
        found_in = uploads + Counter(path.rpartition(":")[0] for path in strays)
        return CheckReport(
            uploads=uploads.total(),
            missing=tuple(sorted(missing)),
            strays=tuple(strays),
            foreign=foreign,
            misplaced=tuple(
                name for name, count in found_in.items() if count >= _TOO_MANY and uploads[name] == lost[name]
            ),
        )

    def _find(self, comparison: Comparison, inventories: Inventories) -> int:
        """Note the files of ours that there are, where storages can list them, and return how many others there are."""
        foreign = 0
        listing = dict(self._listing())
        if unknown := inventories.keys() - listing:
            raise ConfigError(
                f"an inventory of {', '.join(map(repr, sorted(unknown)))}, which is no storage with a list of its files"
            )
        for name, storage in listing.items():
            for page in _pages(inventories[name] if name in inventories else storage.files()):
                ours = [(name, path, size) for path, size in page if self._is_ours(path)]
                comparison.find(ours)
                foreign += len(page) - len(ours)
        return foreign

    def _want(self, comparison: Comparison) -> Counter[str]:
        """Note the files of every ready upload, and return how many uploads each storage has.

        Where a storage cannot list its files, each is looked for; what is whole there is not noted.
        """
        uploads: Counter[str] = Counter()
        listing = dict(self._listing())
        for page in _pages(self._records.uploads()):
            for upload in page:
                self._storages.of(upload)
            uploads.update(upload.storage for upload in page)
            comparison.want(
                (upload.storage, path, upload.id, size)
                for upload in page
                for path, size in upload.sizes.items()
                if upload.storage in listing or not self._is_whole(upload, path)
            )
        return uploads

    def _listing(self) -> Iterator[tuple[str, ListingStorage]]:
        by_name = self._storages.by_name.items()
        return ((name, storage) for name, storage in by_name if isinstance(storage, ListingStorage))

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
            size = None if upload is None else self._size(upload.storage, upload.path)
            if upload is None or size is None:
                if upload is not None and self._uploads.delete(upload, by=_CHECK):
                    logger.warning("upload %s was withdrawn: its original is missing", upload_id)
                return "withdrawn"
            if size != upload.size:
                logger.warning("upload %s is left as it is: its original has another size", upload_id)
                return None
            if not all(self._is_whole(upload, path) for path in paths):
                # Only those that were there: a deletion at this moment knows the paths that the upload had.
                known = [name for name in DERIVED if getattr(upload, f"{name}_size")]
                self._rendering.render(upload, [*known, *upload.extra_paths])
            return "rendered"
        except (BackendError, Refusal):
            logger.exception("upload %s could not be mended", upload_id)
            return None

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
        return self._size(upload.storage, path) == upload.sizes.get(path)

    def _size(self, storage: str, path: str) -> int | None:
        """Return how many bytes are at ``path``; None where there is no file."""
        try:
            with self._storages.by_name[storage].open(path) as file:
                return file.seek(0, 2)
        except FileMissing:
            return None

    def _strays(self, found: Collection[Difference], oldest: datetime) -> Iterator[str]:
        """Yield those of the files that no record knows, and that are old enough to be nobody's."""
        unrecorded = set(self._unrecorded([one.path for one in found]))
        for one in found:
            if one.path in unrecorded and self._is_old(self._storages.by_name[one.storage], one.path, oldest):
                yield f"{one.storage}:{one.path}" if one.storage else one.path

    def _is_ours(self, path: str) -> bool:
        """Whether a file is where we would put it, and named as we would name it."""
        return self._path.match(path) is not None

    def _unrecorded(self, paths: Collection[str]) -> Iterator[str]:
        """Yield those of the paths that no record knows in any storage: two names may stand for one place."""
        holders = self._records.holders({_STEM.sub("", path) for path in paths})
        known = {path for upload in holders for path in upload.paths}
        return (path for path in paths if path not in known)

    def _is_old(self, storage: Storage, path: str, oldest: datetime) -> bool:
        try:
            return isinstance(storage, ListingStorage) and storage.modified(path) <= oldest
        except FileMissing:
            # Its upload was deleted since it was listed.
            return False


def _path_of_ours(policy: Policy) -> re.Pattern[str]:
    """Return what matches where we put files now, and where we did before the folders of digits were switched on."""
    dated = _DATE if policy.storage_mode == "datefolder" else f"(?:{_DATE})?"
    digits = f"(?:{_DIGITS})?" if policy.hash_folders else ""
    return re.compile(digits + dated + _FILE)


def _pages(found: Iterable[T]) -> Iterator[list[T]]:
    left = iter(found)
    while page := list(islice(left, _PAGE_SIZE)):
        yield page
