"""What records promise that find a file again."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from chevupload.protocols import DuplicateRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import NOW, SECOND, ids, new_upload, ready


class DuplicateRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.DuplicateRecords`."""

    ability = DuplicateRecords

    def test_duplicates_are_found_by_owner_hash_and_time(self, catalog: DuplicateRecords) -> None:
        """The hash as received or as stored will do; the time is that of receipt; others' and pending do not count."""
        ready(
            catalog,
            new_upload("a", md5="1" * 32, source_md5="2" * 32, created_at=NOW - timedelta(days=900)),
            new_upload("b", owner_id=None, md5="3" * 32),
            new_upload("d", md5="5" * 32),
        )
        catalog.reserve(new_upload("c", md5="4" * 32))
        catalog.withdraw("d")
        assert catalog.has_duplicate("1" * 32, owner_id="user", since=NOW)
        assert catalog.has_duplicate("2" * 32, owner_id="user", since=NOW)
        assert catalog.has_duplicate("3" * 32, owner_id=None, since=NOW)
        assert not catalog.has_duplicate("1" * 32, owner_id="user", since=NOW + SECOND)
        assert not catalog.has_duplicate("1" * 32, owner_id="other", since=NOW)
        assert not catalog.has_duplicate("1" * 32, owner_id=None, since=NOW)
        assert not catalog.has_duplicate("4" * 32, owner_id="user", since=NOW)
        assert not catalog.has_duplicate("5" * 32, owner_id="user", since=NOW)

    def test_duplicates_are_returned(self, catalog: DuplicateRecords) -> None:
        """The owner's own, ready and not expired, the newest first; each hash by itself."""
        ready(
            catalog,
            new_upload("a1", md5="1" * 32, received_at=NOW - SECOND),
            new_upload("a2", md5="1" * 32, tags=("t",)),
            new_upload("a3", md5="2" * 32, source_md5="1" * 32),
            new_upload("a4", md5="1" * 32, expires_at=NOW),
            new_upload("a5", md5="1" * 32),
            new_upload("b1", md5="1" * 32, owner_id="other"),
            new_upload("b2", md5="1" * 32, owner_id=None),
        )
        catalog.reserve(new_upload("a6", md5="1" * 32))
        catalog.withdraw("a5")
        find = partial(catalog.duplicates, "1" * 32, now=NOW)
        assert ids(find(field="md5", owner_id="user", limit=9)) == ["a2", "a1"]
        assert find(field="md5", owner_id="user", limit=1) == [new_upload("a2", md5="1" * 32, tags=("t",))]
        assert ids(find(field="source_md5", owner_id="user", limit=9)) == ["a3"]
        assert ids(find(field="md5", owner_id="other", limit=9)) == ["b1"]
        assert ids(find(field="md5", owner_id="USER", limit=9)) == []
