"""Views are counted in memory, and written together every few seconds.

A popular picture is one row, which only one transaction at a time can change: one statement for each view would let its
viewers wait for each other.
"""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable

from chevupload.errors import BackendError
from chevupload.protocols import UploadRecords, ViewedRecords

logger = logging.getLogger("chevupload")

SECONDS = 4.0
"""How long views stay in memory. Of a process that is killed, so many are lost; one that ends writes them."""
_CLOSE_SECONDS = 10.0
"""How long the end of a process waits for a catalog: a pooler whose database is away may take minutes."""
_MOST_UPLOADS = 100_000
"""Of how many uploads views are kept at most, while they cannot be written."""


class _Writer(threading.Thread):
    """Writes once: after a while, or when ``now`` is set."""

    def __init__(self, write: Callable[[], None]) -> None:
        super().__init__(name="chevupload-views", daemon=True)
        self.now = threading.Event()
        self._write = write

    def run(self) -> None:
        self.now.wait(SECONDS)
        self._write()


class ViewCounter:
    """Counts the views of uploads in one process; a fork begins with none."""

    def __init__(self, records: UploadRecords) -> None:
        """Write views to ``records``, if they keep any."""
        self._records = records if isinstance(records, ViewedRecords) else None
        self._begin()
        if hasattr(os, "register_at_fork"):
            # What the parent has counted is the parent's to write, and its threads are not in the child.
            begin = weakref.WeakMethod(self._begin)
            os.register_at_fork(after_in_child=lambda: (method := begin()) and method())

    def _begin(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._writer: _Writer | None = None
        atexit.unregister(self.close)

    def add(self, upload_id: str) -> None:
        """Count a view."""
        if self._records is None:
            return
        with self._lock:
            self._be_written()
            self._counts[upload_id] += 1

    def flush(self) -> None:
        """Write what was counted so far. While the catalog is away, it is kept, and written later."""
        # One at a time: whoever ends the process waits for what is being written.
        with self._writing:
            with self._lock:
                counts, self._counts = self._counts, Counter()
            if counts and self._records is not None:
                try:
                    self._records.add_views(counts)
                except BackendError:
                    logger.warning("views could not be counted; they will be written later", exc_info=True)
                    self._keep(counts)
            with self._lock:
                if not self._counts:
                    atexit.unregister(self.close)

    def close(self) -> None:
        """Do the same now, in some seconds at most: a catalog that does not answer in time loses the views."""
        with self._lock:
            writer = self._writer
        if writer is not None:
            writer.now.set()
            writer.join(_CLOSE_SECONDS)
            if writer.is_alive():
                logger.error("views are not written: the catalog has not answered for %g seconds", _CLOSE_SECONDS)

    def _keep(self, counts: Counter[str]) -> None:
        with self._lock:
            if len(self._counts) + len(counts) > _MOST_UPLOADS:
                logger.error("%d views are lost: there are too many, and they cannot be written", counts.total())
                return
            self._be_written()
            self._counts.update(counts)

    def _be_written(self) -> None:
        """Have the counts that are about to come written after a while, and at the end of the process."""
        if not self._counts:
            self._writer = _Writer(self.flush)
            self._writer.start()
            atexit.register(self.close)
