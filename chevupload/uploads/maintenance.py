"""What keeps records and files agreeing: the sweep, and the check that proves it.

A sweep may run at any time, beside running servers and other sweeps.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from chevupload.errors import BackendError, ConfigError
from chevupload.protocols import SweepableRecords
from chevupload.spool import PREFIX
from chevupload.uploads.consistency import CheckReport, ConsistencyCheck
from chevupload.uploads.context import UploadContext
from chevupload.uploads.service import Uploads

logger = logging.getLogger("chevupload")

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a sweep removed, and what it could not."""

    uploads: int
    temporary_files: int
    failed: int


class _Regular(threading.Thread):
    """Sweeps until it is told to end."""

    def __init__(self, sweep: Callable[[threading.Event], object], seconds: float) -> None:
        super().__init__(name="chevupload-sweep", daemon=True)
        self._ending = threading.Event()
        self._sweep = sweep
        self._seconds = seconds

    def run(self) -> None:
        while not self._ending.wait(self._seconds):
            try:
                self._sweep(self._ending)
            except Exception:
                logger.exception("a sweep failed; the next one tries again")

    def end(self) -> None:
        self._ending.set()
        self.join()


class Maintenance:
    """Sweeps and checks."""

    def __init__(self, context: UploadContext, uploads: Uploads) -> None:
        """Use these parts; what is missing is rendered again by ``uploads``."""
        catalog = context.catalog
        self._context, self._clock = context, context.clock
        self._records = catalog if isinstance(catalog, SweepableRecords) else None
        self._writer, self._transactions = context.writer, context.transactions
        self._consistency = ConsistencyCheck(context, uploads)
        self._pending_grace = context.config.policy.pending_grace
        self._regular: _Regular | None = None

    def sweep(self, *, grace: timedelta | None = None) -> SweepReport:
        """Remove expired and half-deleted uploads, and unfinished ones and temporary files older than ``grace``.

        Without it, the policy's ``pending_grace`` is taken. Several sweeps at once, on any machines, share the work.

        Raises:
            BackendError: the catalog is away. One upload that cannot be removed is logged, counted and left for later.
            ConfigError: the catalog cannot be swept.
        """
        return self._sweep(grace, None)

    def sweep_every(self, seconds: float) -> None:
        """Sweep in a thread of its own, each time ``seconds`` have passed since the last one, until :meth:`close`.

        A thread belongs to one process: under a server that forks, call this in its workers, after the fork.

        Raises:
            ConfigError: the time is not positive, it is done already, or the catalog cannot be swept.
        """
        self._swept()
        if not seconds > 0:
            raise ConfigError("the time between two sweeps must be positive")
        if self._regular is not None:
            raise ConfigError("sweeps are regular already")
        self._regular = _Regular(partial(self._sweep, None), min(seconds, threading.TIMEOUT_MAX))
        self._regular.start()

    @property
    def is_regular(self) -> bool:
        """Whether regular sweeps are on."""
        return self._regular is not None

    def close(self) -> None:
        """End regular sweeps; one at work ends after the upload that it is at. Without any, nothing happens."""
        regular, self._regular = self._regular, None
        if regular is not None:
            regular.end()

    def _sweep(self, grace: timedelta | None, ending: threading.Event | None) -> SweepReport:
        records = self._swept()
        now = self._clock()
        grace = self._pending_grace if grace is None else grace
        removed = failed = 0
        for expired in self._until(ending, records.expired(now)):
            self._writer.withdraw(expired)
        self._settle_transactions(grace)
        records.withdraw_stalled(now=now, pending_since=now - grace)
        for upload_id in self._until(ending, records.withdrawn_ids()):
            # One by one: of several sweeps at once each takes what no other has taken. What one of them left when it
            # died is free again after the grace.
            if records.claim(upload_id, now=self._clock(), since=now - grace):
                is_removed = self._remove(records, upload_id)
                removed, failed = removed + is_removed, failed + (not is_removed)
        return SweepReport(uploads=removed, temporary_files=self._sweep_spools(grace), failed=failed)

    def _swept(self) -> SweepableRecords:
        if self._records is None:
            raise ConfigError("this catalog cannot be swept: it has none of the methods of SweepableRecords")
        return self._records

    @staticmethod
    def _until(ending: threading.Event | None, found: Iterator[T]) -> Iterator[T]:
        """Yield what is found, until the end is near."""
        return takewhile(lambda _: ending is None or not ending.is_set(), found)

    def _remove(self, records: SweepableRecords, upload_id: str) -> bool:
        """Remove an upload that was claimed, or give it back. False when it could not be removed."""
        try:
            upload = records.withdrawn(upload_id)
            if upload is not None:
                self._writer.clear(upload)
            return True
        except BackendError:
            logger.exception("upload %s could not be swept", upload_id)
            records.unclaim(upload_id)
            return False

    def check(self, *, repair: bool = False, grace: timedelta | None = None) -> CheckReport:
        """Look for every file of every ready upload and, where the storage can list them, for a record of every file.

        Args:
            repair: mend what is found; see :meth:`chevupload.uploads.consistency.ConsistencyCheck.repair`.
            grace: age from which a file without a record is nobody's; by default the policy's ``pending_grace``.

        Raises:
            BackendError: catalog or storage are away; or nothing at all is where it should be, and was to be mended;
                or UnknownStorage, when a record names one that is not there.
            ConfigError: the catalog cannot be checked.
        """
        oldest = datetime.now(UTC) - (self._pending_grace if grace is None else grace)
        report = self._consistency.check(oldest)
        return self._consistency.repair(report) if repair else report

    def _settle_transactions(self, grace: timedelta) -> None:
        """Look what became of uploads inside transactions of the host whose process died, or lost sight of them."""
        for upload in self._transactions.older_than(time.time() - grace.total_seconds()):
            try:
                self._transactions.settle(upload)
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
        folders = {Path(self._context.spools.path), *(storage.incoming for storage in self._context.storages.adopting)}
        return (file for folder in folders for file in folder.glob(f"{PREFIX}*") if file.is_file())
