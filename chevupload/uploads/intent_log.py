"""Notes on disk of uploads whose record waits for a transaction of the host.

Where the record itself is part of that transaction, a process that dies in it leaves files and no record; its note
says which. Notes are signed: the folder may be shared with others, and a sweep must not remove what a stranger wrote
down.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from itsdangerous import BadSignature, Signer

from chevupload.errors import StorageError, Taken
from chevupload.model import Upload

logger = logging.getLogger("chevupload")

PREFIX = "chevupload-note-"


class Notes:
    """The notes in one folder."""

    def __init__(self, folder: str, secret_keys: Sequence[str]) -> None:
        """Keep notes in ``folder``, signed with the last of ``secret_keys``."""
        self._folder = Path(folder)
        self._signer = Signer(list(secret_keys), salt="chevupload.note", digest_method=hashlib.sha256)

    @contextlib.contextmanager
    def noted(self, upload: Upload) -> Iterator[None]:
        """Write a note, which stays but for a name or request that was taken: then nothing of the upload was written.

        Raises:
            StorageError: it cannot be written.
        """
        text = json.dumps(asdict(upload), default=datetime.isoformat).encode()
        try:
            with open(self._path(upload), "xb", opener=_private) as file:
                file.write(self._signer.sign(text))
        except OSError as error:
            with contextlib.suppress(OSError):
                self.remove(upload)
            raise StorageError("a note cannot be written") from error
        try:
            yield
        except Taken:
            self.remove(upload)
            raise

    def remove(self, upload: Upload) -> None:
        """Remove the note of an upload; an absent one is fine."""
        self._path(upload).unlink(missing_ok=True)

    def older_than(self, moment: float) -> Iterator[Upload]:
        """Yield the uploads whose notes were written before ``moment``, a time of the file system in seconds."""
        for path in self._folder.glob(f"{PREFIX}*"):
            with contextlib.suppress(OSError, BadSignature):
                if path.stat().st_mtime > moment:
                    continue
                text = self._signer.unsign(path.read_bytes())
                try:
                    yield _upload(text)
                except (KeyError, TypeError, ValueError):
                    logger.exception("a note of another version is left alone: %s", path.name)

    def _path(self, upload: Upload) -> Path:
        return self._folder / f"{PREFIX}{upload.id}"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _upload(text: bytes) -> Upload:
    values = json.loads(text)
    for name in ("created_at", "received_at", "expires_at"):
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name])
    return Upload(**values | {"tags": tuple(values["tags"])})
