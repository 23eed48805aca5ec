"""What records promise that know a request again."""

from __future__ import annotations

import pytest

from chevupload.errors import CatalogError, RequestTaken
from chevupload.protocols import IdempotentRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import HOUR, NOW, in_threads, new_upload, ready


class IdempotentRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.IdempotentRecords`."""

    ability = IdempotentRecords

    def test_a_request_makes_one_upload(self, catalog: IdempotentRecords) -> None:
        """Whoever asks once more finds the first one, on its way or there; without a digest none stands in the way."""
        first = new_upload("a1", request_digest="d" * 64, request_md5="1" * 32)
        assert catalog.requested("d" * 64) is None
        catalog.reserve(first)
        assert catalog.requested("d" * 64) == first
        with pytest.raises(RequestTaken):
            catalog.reserve(new_upload("a2", request_digest="d" * 64, tags=("t",)))
        catalog.publish("a1")
        assert catalog.requested("d" * 64) == first
        with pytest.raises(RequestTaken):
            catalog.reserve(new_upload("a2", request_digest="d" * 64))
        assert catalog.requested("e" * 64) is None
        ready(catalog, new_upload("a2", request_digest="e" * 64), new_upload("a3"), new_upload("a4"))

    def test_a_request_is_free_again_when_its_upload_is_withdrawn(self, catalog: IdempotentRecords) -> None:
        """However it went: deleted or abandoned; the next one with this digest is a new upload."""
        digests = {"deleted": "1" * 64, "abandoned": "2" * 64}
        for name, digest in digests.items():
            catalog.reserve(new_upload(name, request_digest=digest, received_at=NOW - HOUR))
        catalog.publish("deleted")
        catalog.withdraw("deleted")
        catalog.abandon("abandoned")
        for name, digest in digests.items():
            assert catalog.requested(digest) is None
            ready(catalog, new_upload(f"{name} again", request_digest=digest))

    def test_of_many_threads_one_gets_the_request(self, catalog: IdempotentRecords) -> None:
        """Of the same request at the same moment, one makes an upload."""

        def work(thread: int) -> bool:
            try:
                catalog.reserve(new_upload(f"u{thread}", request_digest="d" * 64))
            except RequestTaken:
                return False
            return True

        assert sum(in_threads(6, work)) == 1

    def test_abandon_takes_what_is_pending_and_nothing_else(self, catalog: IdempotentRecords) -> None:
        """What became ready in the meantime stays: somebody was told that it is there."""
        catalog.reserve(new_upload("a1"))
        catalog.reserve(new_upload("a2"))
        catalog.publish("a2")
        assert [catalog.abandon(upload_id) for upload_id in ("a1", "a1", "a2", "nobody")] == [True, False, False, False]
        assert catalog.get("a2") == new_upload("a2")
        with pytest.raises(CatalogError):
            catalog.publish("a1")
