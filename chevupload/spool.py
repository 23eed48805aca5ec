"""A bounded temporary file that counts and hashes what is written to it.

Everything that a client sends is written to such a file first. So memory does not depend on its size, and a media
worker can open it by its path.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import Self

from chevupload.errors import Busy, StorageError, TooLarge

PREFIX = "chevupload-spool-"
"""Every temporary file's name starts so, for the sweep to tell them from others in a shared folder."""


class Budget:
    """Bytes that several spools may hold together. Safe to share between threads."""

    def __init__(self, max_bytes: int, *, part_of: Budget | None = None) -> None:
        """Allow ``max_bytes``, which count as bytes of ``part_of``, too."""
        self._max_bytes = self._left = max_bytes
        self._part_of = part_of
        self._lock = threading.Lock()

    @property
    def taken(self) -> int:
        """Bytes that are held now."""
        return self._max_bytes - self._left

    def take(self, count: int) -> None:
        """Take so many bytes.

        Raises:
            Busy: there are not so many left; none was taken.
        """
        if self._part_of is not None:
            self._part_of.take(count)
        with self._lock:
            if count <= self._left:
                self._left -= count
                return
        if self._part_of is not None:
            self._part_of.give(count)
        raise Busy("temporary files hold as much as they may")

    def give(self, count: int) -> None:
        """Give bytes back."""
        with self._lock:
            self._left += count
        if self._part_of is not None:
            self._part_of.give(count)


class SpoolFolder:
    """Where the spools of one process are, and how much they hold at most.

    Attributes:
        path: the folder.
        for_all: of all spools.
        for_unknown: of those whose sender is not known yet, half of the former: who has a key is not kept out by them.
    """

    def __init__(self, path: str, max_bytes: int) -> None:
        """Use the folder at ``path``, for ``max_bytes`` bytes at a time."""
        self.path = path
        self.for_all = Budget(max_bytes)
        self.for_unknown = Budget(max_bytes // 2, part_of=self.for_all)

    def open(self, max_bytes: int) -> Spool:
        """Return a new spool in it, whose sender is known."""
        return Spool(self.path, max_bytes, budget=self.for_all)


class Spool:
    """A temporary file, removed on close unless somebody adopted it.

    Attributes:
        path: where it is.
        size: bytes written so far.
    """

    def __init__(self, folder: str, max_bytes: int, *, budget: Budget | None = None) -> None:
        """Create it in ``folder``, to hold ``max_bytes`` bytes at most, which it takes from ``budget``.

        Raises:
            StorageError: the folder cannot be written to.
        """
        self._max_bytes = max_bytes
        self._budget = budget
        self._taken = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        try:
            descriptor, self.path = tempfile.mkstemp(prefix=PREFIX, dir=folder)
        except OSError as error:
            raise StorageError("no temporary file can be made") from error
        self._file = os.fdopen(descriptor, "w+b", buffering=0)
        self.size = 0

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        """Close and remove it."""
        self.close()

    @property
    def md5(self) -> str:
        """Hash of what was written, in lower-case hexadecimal digits."""
        return self._md5.hexdigest()

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """Append ``data``.

        Raises:
            TooLarge: the spool would hold more than its limit.
            Busy: it would hold more than is left of its budget.
            StorageError: the disk is full, or gone.
        """
        self.size += len(data)
        if self.size > self._max_bytes:
            raise TooLarge(f"File too big - max {format_bytes(self._max_bytes)}")
        if self._budget is not None:
            self._budget.take(len(data))
            self._taken += len(data)
        self._md5.update(data)
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            raise StorageError("a temporary file cannot be written") from error
        return len(data)

    def finish(self) -> None:
        """Take the end of a field, as a sink does: nothing is left to write."""

    def close(self) -> None:
        """Close and remove it; closing twice is fine, and so is a file that was adopted."""
        if self._budget is not None:
            # First of all: what cannot be removed below is the sweep's, and must not lessen the budget for ever.
            self._budget.give(self._taken)
            self._taken = 0
        self._file.close()
        with contextlib.suppress(FileNotFoundError):
            Path(self.path).unlink()


def is_disk_full(error: BaseException) -> bool:
    """Whether ``error`` says that a disk, or somebody's share of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def format_bytes(size: int) -> str:
    """Spell ``size`` in decimal units with at most one decimal: ``999 B``, ``53.2 KB``, ``3 MB``.

    Source: Chevereto V4, field ``size_formatted``: halves round up, and 999,950 is ``1000 KB``.
    """
    if size < 1000:
        return f"{size} B"
    power = min(4, (len(str(size)) - 1) // 3)
    unit = ("KB", "MB", "GB", "TB")[power - 1]
    tenths = (size * 20 // 1000**power + 1) // 2
    whole, tenth = divmod(tenths, 10)
    return f"{whole}.{tenth} {unit}" if tenth else f"{whole} {unit}"
