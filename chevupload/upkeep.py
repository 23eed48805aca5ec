"""What keeps records and files agreeing: the sweep, and the check that proves it.

May know: the way of an upload and the interfaces. A sweep may run at any time, beside running servers and other sweeps.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from chevupload.clock import Clock
from chevupload.errors import BackendError
from chevupload.interfaces import AdoptingStorage, Catalog, Storage
from chevupload.keeping import Keeping
from chevupload.notes import Notes
from chevupload.spool import PREFIX
from chevupload.uploads import Uploads

logger = logging.getLogger("chevupload")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a sweep removed, and what it could not."""

    uploads: int
    temporary_files: int
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReport:
    """What a check looked at, and the ``(upload id, storage path)`` pairs it missed."""

    uploads: int
    missing: tuple[tuple[str, str], ...]


class Upkeep:
    """Sweeps and checks."""

    def __init__(
        self,
        *,
        uploads: Uploads,
        keeping: Keeping,
        catalog: Catalog,
        storage: Storage,
        notes: Notes,
        spool_folder: str,
        pending_grace: timedelta,
        clock: Clock,
    ) -> None:
        """Use these parts; ``pending_grace`` is how old an unfinished upload gets before it is swept."""
        self._pending_grace = pending_grace
        self._uploads = uploads
        self._keeping = keeping
        self._catalog = catalog
        self._storage = storage
        self._notes = notes
        self._spool_folder = spool_folder
        self._clock = clock

    def sweep(self, *, grace: timedelta | None = None) -> SweepReport:
        """Remove expired and half-deleted uploads, and unfinished ones and temporary files older than ``grace``.

        Without it, the policy's ``pending_grace`` is taken.

        Raises:
            BackendError: the catalog is away. One upload that cannot be removed is logged, counted and left for later.
        """
        now = self._clock()
        grace = self._pending_grace if grace is None else grace
        removed = failed = 0
        for expired in self._catalog.expired(now):
            self._uploads.withdraw(expired)
        self._settle_notes(grace)
        self._catalog.withdraw_stalled(now=now, pending_since=now - grace)
        for upload_id in self._catalog.withdrawn_ids():
            # Asked for one by one: another sweep may have finished it, and its name may be another upload's by now.
            upload = self._catalog.withdrawn(upload_id)
            if upload is None:
                continue
            try:
                self._keeping.clear(upload)
                removed += 1
            except BackendError:
                logger.exception("upload %s could not be swept", upload_id)
                failed += 1
        return SweepReport(uploads=removed, temporary_files=self._sweep_spools(grace), failed=failed)

    def check(self) -> CheckReport:
        """Look for every file of every ready upload.

        Raises:
            BackendError: catalog or storage are away.
        """
        missing: list[tuple[str, str]] = []
        count = 0
        for upload in self._catalog.uploads():
            count += 1
            missing.extend((upload.id, path) for path in upload.paths if not self._storage.exists(path))
        return CheckReport(uploads=count, missing=tuple(missing))

    def _settle_notes(self, grace: timedelta) -> None:
        """Look what became of uploads inside transactions of the host whose process died, or lost sight of them."""
        for upload in self._notes.older_than(time.time() - grace.total_seconds()):
            try:
                self._keeping.settle(upload)
            except BackendError:
                logger.exception("upload %s could not be settled", upload.id)

    def _sweep_spools(self, grace: timedelta) -> int:
        oldest = time.time() - grace.total_seconds()
        removed = 0
        for file in self._temporary_files():
            try:
                if file.stat().st_mtime <= oldest:
                    file.unlink()
                    removed += 1
            except FileNotFoundError:
                continue
            except OSError:
                # In the system's folder, somebody else's.
                logger.warning("a temporary file could not be removed", exc_info=True)
        return removed

    def _temporary_files(self) -> Iterator[Path]:
        folders = {Path(self._spool_folder)}
        if isinstance(self._storage, AdoptingStorage):
            folders.add(self._storage.incoming)
        return (file for folder in folders for file in folder.glob(f"{PREFIX}*") if file.is_file())
