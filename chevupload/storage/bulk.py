"""Many files removed at once: in as few requests as a storage needs, and one by one where it has no way of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chevupload.errors import StorageError
from chevupload.protocols import BulkDeletingStorage, Storage


def delete_files(storage: Storage, paths: Sequence[str]) -> Mapping[str, StorageError]:
    """Remove files, and return by their paths why some are still there.

    Raises:
        StorageError: of none of them is known whether it is still there.
    """
    return storage.delete_many(paths) if isinstance(storage, BulkDeletingStorage) else delete_each(storage, paths)


def delete_each(storage: Storage, paths: Sequence[str]) -> Mapping[str, StorageError]:
    """Remove files one by one, and return by their paths why some are still there."""
    failed: dict[str, StorageError] = {}
    for path in paths:
        try:
            storage.delete(path)
        except StorageError as error:
            failed[path] = error
    return failed
