"""What a whole catalog promises, which has the abilities of all of its records."""

from __future__ import annotations

from chevupload.protocols import Catalog
from chevupload.testing.albums import (
    AlbumRecordsContract,
    CategoryRecordsContract,
    EditableAlbumRecordsContract,
    OwnedAlbumRecordsContract,
)
from chevupload.testing.consistency import CheckableRecordsContract
from chevupload.testing.duplicates import DuplicateRecordsContract
from chevupload.testing.editing import EditableRecordsContract
from chevupload.testing.idempotency import IdempotentRecordsContract
from chevupload.testing.owned import OwnedRecordsContract
from chevupload.testing.records import HOUR, NOW, SECOND, ids, new_upload, ready
from chevupload.testing.sweep import SweepableRecordsContract, deleting
from chevupload.testing.uploads import UploadRecordsContract
from chevupload.testing.views import ViewedRecordsContract


class CatalogContract(
    UploadRecordsContract,
    OwnedRecordsContract,
    EditableRecordsContract,
    IdempotentRecordsContract,
    DuplicateRecordsContract,
    AlbumRecordsContract,
    OwnedAlbumRecordsContract,
    EditableAlbumRecordsContract,
    CategoryRecordsContract,
    ViewedRecordsContract,
    SweepableRecordsContract,
    CheckableRecordsContract,
):
    """The promises of a :class:`~chevupload.protocols.Catalog`, which has all of these abilities.

    The fixture ``catalog`` gives a new one without uploads, with the album ``album`` of the owner ``user``, and
    with the category 1.
    """

    ability = Catalog

    def test_a_request_is_free_again_when_its_upload_is_swept(self, catalog: Catalog) -> None:
        """Its client asks once more, and gets a new upload: stalled at first, and expired later."""
        catalog.reserve(new_upload("a1", request_digest="3" * 64, received_at=NOW - HOUR))
        catalog.withdraw_stalled(now=NOW, pending_since=NOW - HOUR)
        assert catalog.requested("3" * 64) is None
        ready(catalog, new_upload("a2", request_digest="3" * 64, expires_at=NOW))
        catalog.withdraw_expired(now=NOW, limit=10)
        assert catalog.requested("3" * 64) is None
        ready(catalog, new_upload("a3", request_digest="3" * 64))

    def test_what_is_abandoned_is_swept(self, catalog: Catalog) -> None:
        """Its files are removed like those of any other."""
        catalog.reserve(new_upload("a1"))
        catalog.abandon("a1")
        assert ids(deleting(catalog)) == ["a1"]

    def test_a_view_moves_nothing_in_a_list(self, catalog: Catalog) -> None:
        """The next page follows the one before, whatever was looked at meanwhile."""
        ready(catalog, *(new_upload(f"u{age}", received_at=NOW - age * SECOND) for age in range(4)))
        first = catalog.owned("user", now=NOW, limit=2)
        catalog.add_views({"u2": 1})
        assert ids(catalog.owned("user", now=NOW, limit=2, before=first[-1].cursor)) == ["u2", "u3"]
