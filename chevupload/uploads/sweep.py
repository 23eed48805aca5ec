"""The sweep: uploads that expired, were abandoned or are half deleted go, and so do old temporary files and copies.

It may run at any time, beside running servers and other sweeps: each page of uploads is one sweep's. Files go before
their records, so that a sweep that is killed at any moment leaves nothing that the next one cannot find.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

from chevupload.errors import BackendError, ConfigError
from chevupload.model import Upload
from chevupload.protocols import AuditRecords, SweepableRecords
from chevupload.spool import PREFIX
from chevupload.uploads.context import UploadContext
from chevupload.uploads.moves import Moves

logger = logging.getLogger("chevupload")

PAGE_SIZE = 200
"""How many uploads are removed together. With four files each, they are one request to S3, which takes up to 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """What a sweep removed, and what it could not."""

    uploads: int
    temporary_files: int
    failed: int


class Sweep:
    """Sweeps once for each call of :meth:`run`."""

    def __init__(self, context: UploadContext) -> None:
        """Use these parts.

        Raises:
            ConfigError: the catalog cannot be swept.
        """
        if not isinstance(context.catalog, SweepableRecords):
            raise ConfigError("this catalog cannot be swept: it has none of the methods of SweepableRecords")
        self._records, self._context, self._clock = context.catalog, context, context.clock
        self._writer, self._transactions = context.writer, context.transactions
        self._moves = Moves(context)

    def run(self, grace: timedelta, ending: Event) -> SweepReport:
        """Sweep until nothing is left, or until the page at which ``ending`` is set.

        Raises:
            BackendError: the catalog is away.
        """
        now = self._clock()
        self._withdraw_expired(now, ending)
        self._settle_transactions(grace)
        self._records.withdraw_stalled(now=now, pending_since=now - grace)
        lifetime = self._context.config.policy.audit_lifetime
        if lifetime is not None and isinstance(self._records, AuditRecords):
            self._records.forget_audit(before=now - lifetime)
        removed, failed = self._remove_withdrawn(grace, ending)
        failed += self._moves.end(grace)
        return SweepReport(uploads=removed, temporary_files=self._remove_spools(grace), failed=failed)

    def _withdraw_expired(self, now: datetime, ending: Event) -> None:
        hooks = self._context.hooks
        last: Upload | None = None
        while not ending.is_set():
            page = self._records.withdraw_expired(now=now, limit=PAGE_SIZE, after=last, events=bool(hooks.on_event))
            if not page:
                return
            for upload in page:
                hooks.deleted(upload)
            last = page[-1]

    def _remove_withdrawn(self, grace: timedelta, ending: Event) -> tuple[int, int]:
        """Remove what is marked as deleting, and return how many uploads were removed, and how many could not be."""
        removed = failed = 0
        last: Upload | None = None
        while not ending.is_set():
            now = self._clock()
            # What a sweep had claimed when it died is free again after the grace.
            page = self._records.claim(now=now, since=now - grace, limit=PAGE_SIZE, after=last)
            if not page:
                break
            left = self._remove(page)
            removed, failed, last = removed + len(page) - left, failed + left, page[-1]
        return removed, failed

    def _remove(self, page: Sequence[Upload]) -> int:
        """Remove uploads that were claimed, give back those that cannot be removed, and return their number."""
        try:
            failed = self._writer.clear_all(page)
        except BackendError as error:
            failed = dict.fromkeys((upload.id for upload in page), error)
        for upload_id, cause in failed.items():
            logger.error("upload %s could not be swept", upload_id, exc_info=cause)
        if failed:
            self._records.unclaim([upload for upload in page if upload.id in failed])
        return len(failed)

    def _settle_transactions(self, grace: timedelta) -> None:
        """Look what became of uploads inside transactions of the host whose process died, or lost sight of them."""
        for upload in self._transactions.older_than(time.time() - grace.total_seconds()):
            try:
                self._transactions.settle(upload)
            except BackendError:
                logger.exception("upload %s could not be settled", upload.id)

    def _remove_spools(self, grace: timedelta) -> int:
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
