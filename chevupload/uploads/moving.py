"""The kind of job that moves uploads from one storage to another."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from chevupload.errors import ConfigError, FileMissing, NotMovable, UnknownStorage
from chevupload.model import Upload
from chevupload.uploads.context import UploadContext
from chevupload.uploads.moves import Moves

logger = logging.getLogger("chevupload")


class MoveUploads:
    """Moves uploads that are in the storage ``source`` to ``target``; see :meth:`Moves.check` for ``change_urls``."""

    name = "move"
    range_size = 200
    step_size = 10
    parameters = frozenset({"source", "target", "change_urls"})

    def __init__(self, context: UploadContext) -> None:
        """Use these parts."""
        self._moves = Moves(context)

    def begin(self, arguments: Mapping[str, str]) -> None:
        """See JobKind."""
        if missing := {"source", "target"} - arguments.keys():
            raise ConfigError(f"a job move needs {' and '.join(sorted(missing))}")
        self._moves.check(arguments["source"], arguments["target"], change_urls="change_urls" in arguments)

    def run(self, uploads: Sequence[Upload], arguments: Mapping[str, str]) -> int:
        """See JobKind."""
        failed = 0
        for upload in uploads:
            if upload.storage != arguments["source"]:
                continue
            try:
                self._moves.move(upload, arguments["target"], change_urls="change_urls" in arguments)
            except (NotMovable, FileMissing, UnknownStorage) as error:
                logger.error("upload %s stays in storage %r: %s", upload.id, upload.storage, error)
                failed += 1
        return failed

    def end(self, arguments: Mapping[str, str]) -> None:
        """Leave the former files to the sweep."""
