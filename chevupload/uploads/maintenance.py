"""What keeps records and files agreeing: sweeps, now or regularly, and the check that proves it."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime, timedelta

from chevupload.errors import ConfigError
from chevupload.uploads.consistency import CheckReport, ConsistencyCheck, Inventories
from chevupload.uploads.context import UploadContext
from chevupload.uploads.rendering import Rendering
from chevupload.uploads.service import Uploads
from chevupload.uploads.sweep import Sweep, SweepReport

logger = logging.getLogger("chevupload")


class _Regular(threading.Thread):
    """Sweeps until it is told to end."""

    def __init__(self, sweep: Sweep, grace: timedelta, seconds: float) -> None:
        super().__init__(name="chevupload-sweep", daemon=True)
        self._ending = threading.Event()
        self._sweep, self._grace = sweep, grace
        self._seconds = seconds

    def run(self) -> None:
        while not self._ending.wait(self._seconds):
            try:
                self._sweep.run(self._grace, self._ending)
            except Exception:
                logger.exception("a sweep failed; the next one tries again")

    def end(self) -> None:
        self._ending.set()
        self.join()


class Maintenance:
    """Sweeps and checks."""

    def __init__(self, context: UploadContext, uploads: Uploads, rendering: Rendering) -> None:
        """Use these parts; what is missing is rendered again by ``rendering``."""
        self._context = context
        self._consistency = ConsistencyCheck(context, uploads, rendering)
        self._pending_grace = context.config.policy.pending_grace
        self._regular: _Regular | None = None

    def sweep(self, *, grace: timedelta | None = None) -> SweepReport:
        """Remove expired and half-deleted uploads, and unfinished ones and temporary files older than ``grace``.

        Without it, the policy's ``pending_grace`` is taken. Several sweeps at once, on any machines, share the work.

        Raises:
            BackendError: the catalog is away. One upload that cannot be removed is logged, counted and left for later.
            ConfigError: the catalog cannot be swept.
        """
        return Sweep(self._context).run(self._pending_grace if grace is None else grace, threading.Event())

    def sweep_every(self, seconds: float) -> None:
        """Sweep in a thread of its own, each time ``seconds`` have passed since the last one, until :meth:`close`.

        A thread belongs to one process: under a server that forks, call this in its workers, after the fork.

        Raises:
            ConfigError: the time is not positive, it is done already, or the catalog cannot be swept.
        """
        sweep = Sweep(self._context)
        if not seconds > 0:
            raise ConfigError("the time between two sweeps must be positive")
        if self._regular is not None:
            raise ConfigError("sweeps are regular already")
        self._regular = _Regular(sweep, self._pending_grace, min(seconds, threading.TIMEOUT_MAX))
        self._regular.start()

    @property
    def is_regular(self) -> bool:
        """Whether regular sweeps are on."""
        return self._regular is not None

    def close(self) -> None:
        """End regular sweeps; one at work ends after the uploads that it removes together. Twice is fine."""
        regular, self._regular = self._regular, None
        if regular is not None:
            regular.end()

    def check(
        self, *, repair: bool = False, grace: timedelta | None = None, inventories: Inventories | None = None
    ) -> CheckReport:
        """Look for every file of every ready upload and, where the storage can list them, for a record of every file.

        Args:
            repair: mend what is found; see :meth:`chevupload.uploads.consistency.ConsistencyCheck.repair`.
            grace: age from which a file without a record is nobody's; by default the policy's ``pending_grace``.
            inventories: path and bytes of each file, by the name of its storage, which is empty where there is one
                only; such a storage is not asked to list its files.

        Raises:
            BackendError: catalog or storage are away; or nothing at all is where it should be, and was to be mended;
                or UnknownStorage, when a record names one that is not there.
            ConfigError: the catalog cannot be checked.
        """
        oldest = datetime.now(UTC) - (self._pending_grace if grace is None else grace)
        report = self._consistency.check(oldest, inventories or {})
        return self._consistency.repair(report) if repair else report
