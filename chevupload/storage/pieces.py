"""Stored files as they are read by ourselves, not by a client: in pieces, and with our own errors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from chevupload.errors import StorageError
from chevupload.protocols import Storage

_PIECE_BYTES = 1_048_576
"""Read at a time, and one request where the storage is an object store."""


def pieces(storage: Storage, path: str) -> Iterator[bytes]:
    """Yield the bytes of a stored file.

    Raises:
        FileMissing: there is none.
        StorageError: it cannot be read.
    """
    with storage.open(path) as file:
        while True:
            try:
                piece = file.read(_PIECE_BYTES)
            except Exception as error:
                # Its library has errors of its own.
                raise StorageError(f"cannot read {path}") from error
            if not piece:
                return
            yield piece


def measured(storage: Storage, path: str) -> tuple[int, str]:
    """Return the bytes of a stored file, and the MD5 digest of its content. Raises as :func:`pieces`."""
    size, digest = 0, hashlib.md5(usedforsecurity=False)
    for piece in pieces(storage, path):
        size += len(piece)
        digest.update(piece)
    return size, digest.hexdigest()
