"""Faults of disks and file systems, told as our own errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from chevupload.errors import ChevuploadError, StorageError


@contextlib.contextmanager
def translated(action: str, path: str) -> Iterator[None]:
    """Turn every error of a file system inside into :class:`~chevupload.errors.StorageError`, keeping its cause."""
    try:
        yield
    except ChevuploadError:
        raise
    except Exception as error:
        raise StorageError(f"cannot {action} {path}") from error
