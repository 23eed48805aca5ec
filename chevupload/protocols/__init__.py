"""What a host may replace, and the duties that come with it.

An implementation is any object with these methods; it is called from many threads at once and, under a forking
server, in processes forked after its construction. It raises :class:`~chevupload.errors.BackendError` subclasses when
it cannot do its work, never its library's own exceptions.
"""

from __future__ import annotations

from chevupload.protocols.accounting import AuditRecords, EventRecords, UsageRecords
from chevupload.protocols.albums import AlbumRecords, EditableAlbumRecords, OwnedAlbumRecords
from chevupload.protocols.catalog import Catalog
from chevupload.protocols.keys import KeyBackend, KeyStore, UserKeyBackend
from chevupload.protocols.media import Fetcher, Readable, Renderer, Wrapper, Writable
from chevupload.protocols.records import (
    CategoryRecords,
    DuplicateRecords,
    EditableRecords,
    IdempotentRecords,
    JoinableRecords,
    OwnedRecords,
    TicketRecords,
    UploadRecords,
    ViewedRecords,
)
from chevupload.protocols.storage import (
    AdoptingStorage,
    BulkDeletingStorage,
    ListingStorage,
    ProbedStorage,
    ReplacingStorage,
    SigningStorage,
    Storage,
)
from chevupload.protocols.upkeep import (
    CheckableRecords,
    ErasableRecords,
    JobRecords,
    MovableRecords,
    SearchableRecords,
    SweepableRecords,
)

__all__ = [
    "AdoptingStorage",
    "AlbumRecords",
    "AuditRecords",
    "BulkDeletingStorage",
    "Catalog",
    "CategoryRecords",
    "CheckableRecords",
    "DuplicateRecords",
    "EditableAlbumRecords",
    "EditableRecords",
    "ErasableRecords",
    "EventRecords",
    "Fetcher",
    "IdempotentRecords",
    "JobRecords",
    "JoinableRecords",
    "KeyBackend",
    "KeyStore",
    "ListingStorage",
    "MovableRecords",
    "OwnedAlbumRecords",
    "OwnedRecords",
    "ProbedStorage",
    "Readable",
    "Renderer",
    "ReplacingStorage",
    "SearchableRecords",
    "SigningStorage",
    "Storage",
    "SweepableRecords",
    "TicketRecords",
    "UploadRecords",
    "UsageRecords",
    "UserKeyBackend",
    "ViewedRecords",
    "Wrapper",
    "Writable",
]
