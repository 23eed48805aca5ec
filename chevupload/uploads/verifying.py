"""The kind of job that reads every stored file and compares it with its record.

A consistency check compares names and sizes, which storages list; only reading tells that a disk has changed a byte.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

from chevupload.errors import FileMissing, UnknownStorage
from chevupload.model import Upload
from chevupload.storage.pieces import measured
from chevupload.uploads.context import UploadContext

logger = logging.getLogger("chevupload")


class Verify:
    """Finds uploads with a file that is missing, has another size, or, for the original, another content."""

    name = "verify"
    range_size = 200
    step_size = 10
    parameters: frozenset[str] = frozenset()

    def __init__(self, context: UploadContext) -> None:
        """Use these parts."""
        self._catalog, self._storages = context.catalog, context.storages

    def begin(self, arguments: Mapping[str, str]) -> None:
        """See JobKind."""

    def run(self, uploads: Sequence[Upload], arguments: Mapping[str, str]) -> int:
        """See JobKind."""
        failed = 0
        for upload in uploads:
            try:
                failed += self._is_broken(upload)
            except UnknownStorage as error:
                logger.error("upload %s cannot be read: %s", upload.id, error)
                failed += 1
        return failed

    def end(self, arguments: Mapping[str, str]) -> None:
        """See JobKind."""

    def _is_broken(self, upload: Upload) -> bool:
        if not any(self._faults(upload)):
            return False
        # It may have been deleted, moved or rendered meanwhile: its record as it is now counts.
        now = self._catalog.get(upload.id)
        faults = [] if now is None else [*self._faults(now)]
        for fault in faults:
            logger.error("upload %s: %s", upload.id, fault)
        return bool(faults)

    def _faults(self, upload: Upload) -> Iterator[str]:
        storage = self._storages.of(upload)
        for path, size in upload.sizes.items():
            try:
                found, md5 = measured(storage, path)
            except FileMissing:
                yield f"{path} is missing"
                continue
            if found != size:
                yield f"{path} has {found} bytes, not {size}"
            elif path == upload.path and md5 != upload.md5:
                yield f"{path} is not what was stored"
