"""A log on disk of uploads whose record waits for a transaction of the host.

Where the record itself is part of that transaction, a process that dies in it leaves files and no record; its entry
says which. Entries are signed: the folder may be shared with others, and a sweep must not remove what a stranger wrote.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from itsdangerous import BadSignature, Signer

from chevupload.errors import StorageError
from chevupload.model import Upload

logger = logging.getLogger("chevupload")

PREFIX = "chevupload-intent-"


class IntentLog:
    """One file for each upload, in one folder."""

    def __init__(self, folder: str, secret_keys: Sequence[str]) -> None:
        """Keep entries in ``folder``, signed with the last of ``secret_keys``."""
        self._folder = Path(folder)
        self._signer = Signer(list(secret_keys), salt="chevupload.intent", digest_method=hashlib.sha256)

    def add(self, upload: Upload) -> None:
        """Write an entry.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            with open(self._path(upload), "xb", opener=_private) as file:
                file.write(self._signer.sign(upload.to_json()))
        except OSError as error:
            with contextlib.suppress(OSError):
                self.remove(upload)
            raise StorageError("an entry of the intent log cannot be written") from error

    def remove(self, upload: Upload) -> None:
        """Remove the entry of an upload; an absent one is fine."""
        self._path(upload).unlink(missing_ok=True)

    def older_than(self, moment: float) -> Iterator[Upload]:
        """Yield the uploads whose entries were written before ``moment``, a time of the file system in seconds."""
        for path in self._folder.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError, BadSignature):
                if path.stat().st_mtime > moment:
                    continue
                text = self._signer.unsign(path.read_bytes())
                try:
                    yield Upload.from_json(text)
                except (KeyError, TypeError, ValueError):
                    logger.exception("an intent of another version is left alone: %s", path.name)

    def _path(self, upload: Upload) -> Path:
        return self._folder / f"{PREFIX}{upload.id}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
