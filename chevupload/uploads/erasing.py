"""Takes everything away that an owner has: keys first, so that nothing follows, then uploads, and albums last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chevupload.audit import Actor
from chevupload.errors import ConfigError
from chevupload.model import Upload
from chevupload.protocols import AlbumRecords, KeyStore
from chevupload.uploads.context import UploadContext
from chevupload.uploads.service import Uploads


class Erase:
    """The kind of job that erases an owner."""

    name = "erase"
    range_size = step_size = 200
    parameters: frozenset[str] = frozenset()

    def __init__(self, context: UploadContext, uploads: Uploads, key_store: KeyStore | None) -> None:
        """Use these parts."""
        self._context, self._uploads, self._key_store = context, uploads, key_store

    def begin(self, arguments: Mapping[str, str]) -> None:
        """Remove the keys.

        Raises:
            ConfigError: no owner is named.
        """
        if "owner_id" not in arguments:
            raise ConfigError("a job erase needs an owner_id")
        if self._key_store is not None:
            self._key_store.forget_keys(arguments["owner_id"])

    def run(self, uploads: Sequence[Upload], arguments: Mapping[str, str]) -> int:
        """See JobKind. What cannot be removed is marked, and the sweep's."""
        self._uploads.delete_page(uploads, by=None)
        return 0

    def end(self, arguments: Mapping[str, str]) -> None:
        """Remove the albums."""
        self.finish(arguments["owner_id"], Actor(note="job"))

    def finish(self, owner_id: str, by: Actor) -> None:
        """Remove the albums."""
        if isinstance(self._context.catalog, AlbumRecords):
            self._context.catalog.forget_albums(owner_id)
        self._context.audit.record_by(by, "owner_erased", owner_id=owner_id)
