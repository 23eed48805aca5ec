"""Takes everything away that an owner has. Keys are revoked first, so that nothing follows; uploads go, then the rest.

What stays is the audit log, whose entries end by themselves, the names of files as digests, and the job's own record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chevupload.audit import Actor
from chevupload.errors import CatalogError, ConfigError
from chevupload.model import Upload
from chevupload.protocols import (
    AlbumRecords,
    ErasableRecords,
    IdempotentRecords,
    KeyStore,
    MovableRecords,
    TicketRecords,
)
from chevupload.uploads.context import UploadContext
from chevupload.uploads.service import Uploads


def revoke_keys(key_store: KeyStore, owner_id: str) -> int:
    """Revoke the keys of an owner and return how many there are: as many until :meth:`Erase.finish` removes them.

    Raises:
        BackendError: the keys are away.
    """
    keys = key_store.keys_of(owner_id)
    for key in keys:
        if key.revoked_at is None:
            key_store.revoke_key(key.id, user_id=owner_id)
    return len(keys)


class Erase:
    """The kind of job that erases an owner."""

    name = "erase"
    range_size = step_size = 200
    parameters: frozenset[str] = frozenset()

    def __init__(self, context: UploadContext, uploads: Uploads, key_store: KeyStore | None) -> None:
        """Use these parts."""
        self._context, self._uploads, self._key_store = context, uploads, key_store

    def begin(self, arguments: Mapping[str, str]) -> None:
        """Revoke the keys.

        Raises:
            ConfigError: no owner is named.
        """
        if "owner_id" not in arguments:
            raise ConfigError("a job erase needs an owner_id")
        if self._key_store is not None:
            revoke_keys(self._key_store, arguments["owner_id"])

    def run(self, uploads: Sequence[Upload], arguments: Mapping[str, str]) -> int:
        """See JobKind. What cannot be removed is marked, and the sweep's."""
        self._uploads.delete_page(uploads, by=None)
        self._forget_traces(uploads)
        return 0

    def end(self, arguments: Mapping[str, str]) -> None:
        """Remove the rest; see :meth:`finish`."""
        self.finish(arguments["owner_id"], Actor(note="job"))

    def finish(self, owner_id: str, by: Actor) -> None:
        """Remove the uploads that were on their way in or half deleted, the albums, the keys, and what else is kept.

        Raises:
            BackendError: a part is away, or the record of an upload does not go.
        """
        catalog = self._context.catalog
        if isinstance(catalog, ErasableRecords):
            tried = set[str]()
            while page := catalog.remaining(owner_id, limit=self.step_size):
                if tried >= (ids := {upload.id for upload in page}):
                    raise CatalogError(f"cannot remove the records of uploads such as {min(ids)}")
                tried = ids
                for upload in page:
                    # It was on its way in, or half deleted.
                    if self._abandon(upload) or not self._uploads.delete(upload, by=None):
                        self._context.writer.clear(upload)
                self._forget_traces(page)
            catalog.forget_owner(owner_id)
        if isinstance(catalog, AlbumRecords):
            catalog.forget_albums(owner_id)
        if self._key_store is not None:
            self._key_store.forget_keys(owner_id)
        self._context.audit.record_by(by, "owner_erased", owner_id=owner_id)

    def _abandon(self, upload: Upload) -> bool:
        """Mark an upload as deleting if it is pending, unless a transaction of this process' host holds it."""
        catalog = self._context.catalog
        is_held = self._context.transactions.holds(upload)
        return isinstance(catalog, IdempotentRecords) and not is_held and catalog.abandon(upload.id)

    def _forget_traces(self, uploads: Sequence[Upload]) -> None:
        """Forget the moves of uploads that are gone, and which use of a ticket each has taken."""
        catalog = self._context.catalog
        if isinstance(catalog, MovableRecords):
            catalog.end_moves(catalog.moves([upload.id for upload in uploads]))
        if isinstance(catalog, TicketRecords):
            for upload in uploads:
                if upload.request_digest is not None:
                    catalog.free(upload.request_digest)
