"""What a host may replace, and the duties that come with it.

An implementation is any object with these methods; it is called from many threads at once and, under a forking
server, in processes forked after its construction. It raises :class:`~chevupload.errors.BackendError` subclasses when
it cannot do its work, never its library's own exceptions.
"""

from __future__ import annotations

from chevupload.protocols.accounting import AuditRecords as AuditRecords
from chevupload.protocols.accounting import EventRecords as EventRecords
from chevupload.protocols.accounting import UsageRecords as UsageRecords
from chevupload.protocols.albums import AlbumRecords as AlbumRecords
from chevupload.protocols.albums import EditableAlbumRecords as EditableAlbumRecords
from chevupload.protocols.albums import OwnedAlbumRecords as OwnedAlbumRecords
from chevupload.protocols.catalog import Catalog as Catalog
from chevupload.protocols.keys import KeyBackend as KeyBackend
from chevupload.protocols.keys import KeyStore as KeyStore
from chevupload.protocols.keys import UserKeyBackend as UserKeyBackend
from chevupload.protocols.media import Fetcher as Fetcher
from chevupload.protocols.media import Readable as Readable
from chevupload.protocols.media import Renderer as Renderer
from chevupload.protocols.media import Wrapper as Wrapper
from chevupload.protocols.media import Writable as Writable
from chevupload.protocols.records import CategoryRecords as CategoryRecords
from chevupload.protocols.records import DuplicateRecords as DuplicateRecords
from chevupload.protocols.records import EditableRecords as EditableRecords
from chevupload.protocols.records import IdempotentRecords as IdempotentRecords
from chevupload.protocols.records import JoinableRecords as JoinableRecords
from chevupload.protocols.records import OwnedRecords as OwnedRecords
from chevupload.protocols.records import TicketRecords as TicketRecords
from chevupload.protocols.records import UploadRecords as UploadRecords
from chevupload.protocols.records import ViewedRecords as ViewedRecords
from chevupload.protocols.storage import AdoptingStorage as AdoptingStorage
from chevupload.protocols.storage import BulkDeletingStorage as BulkDeletingStorage
from chevupload.protocols.storage import ListingStorage as ListingStorage
from chevupload.protocols.storage import ProbedStorage as ProbedStorage
from chevupload.protocols.storage import ReplacingStorage as ReplacingStorage
from chevupload.protocols.storage import SigningStorage as SigningStorage
from chevupload.protocols.storage import Storage as Storage
from chevupload.protocols.upkeep import CheckableRecords as CheckableRecords
from chevupload.protocols.upkeep import ErasableRecords as ErasableRecords
from chevupload.protocols.upkeep import JobRecords as JobRecords
from chevupload.protocols.upkeep import MovableRecords as MovableRecords
from chevupload.protocols.upkeep import SearchableRecords as SearchableRecords
from chevupload.protocols.upkeep import SweepableRecords as SweepableRecords
