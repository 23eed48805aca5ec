"""What records promise to a sweep: nothing is told or removed twice, and nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import pytest

from chevupload.errors import CatalogError
from chevupload.model import Upload
from chevupload.protocols import SweepableRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import HOUR, NOW, SECOND, ids, in_threads, new_upload, ready


def deleting(catalog: SweepableRecords) -> Sequence[Upload]:
    """Return what is in state deleting, by claims that are over at once."""
    return catalog.claim(now=NOW - 10_000 * HOUR, since=NOW + 10_000 * HOUR, limit=1_000)


class SweepableRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.SweepableRecords`."""

    ability = SweepableRecords

    def test_pending_and_ready_ones_are_not_claimed(self, catalog: SweepableRecords) -> None:
        """Nothing is removed of what is still on its way, or there."""
        pending = new_upload("pending")
        catalog.reserve(pending)
        ready(catalog, new_upload("ready"))
        assert list(deleting(catalog)) == []
        catalog.withdraw("pending")
        assert list(deleting(catalog)) == [pending]

    def test_expired_ones_are_withdrawn(self, catalog: SweepableRecords) -> None:
        """Ready ones whose time has come, and they alone, once."""
        for upload_id, expires_at in (("now", NOW), ("later", NOW + HOUR), ("never", None), ("pending", NOW)):
            catalog.reserve(new_upload(upload_id, expires_at=expires_at, tags=("t",)))
            if upload_id != "pending":
                catalog.publish(upload_id)
        expired = new_upload("now", expires_at=NOW, tags=("t",))
        assert list(catalog.withdraw_expired(now=NOW, limit=10)) == [expired]
        assert list(catalog.withdraw_expired(now=NOW, limit=10)) == []
        assert [catalog.get(upload_id) is not None for upload_id in ("now", "later", "never")] == [False, True, True]
        assert list(deleting(catalog)) == [expired]
        catalog.publish("pending")

    def test_expired_ones_come_in_pages(self, catalog: SweepableRecords) -> None:
        """Each once, however many expire at one moment."""
        uploads = [new_upload(f"u{number}", expires_at=NOW - number // 4 * SECOND) for number in range(10)]
        ready(catalog, *uploads)
        found: list[Upload] = []
        last = None
        while page := catalog.withdraw_expired(now=NOW, limit=3, after=last):
            assert len(page) <= 3
            found += page
            last = page[-1]
        assert sorted(ids(found)) == ids(uploads)

    def test_stalled_is_what_is_pending_for_too_long(self, catalog: SweepableRecords) -> None:
        """It is withdrawn beside what was being deleted, and nothing else is: what expired has an owner to be told."""
        ready(
            catalog,
            new_upload("live"),
            new_upload("later", expires_at=NOW + HOUR),
            new_upload("expired", expires_at=NOW),
            new_upload("deleting", tags=("t",)),
        )
        catalog.reserve(new_upload("fresh", created_at=NOW - 1000 * HOUR))
        catalog.reserve(new_upload("fresh-expired", expires_at=NOW))
        catalog.reserve(new_upload("stalled", received_at=NOW - HOUR))
        catalog.withdraw("deleting")
        catalog.withdraw_stalled(now=NOW, pending_since=NOW - HOUR)
        stalled, withdrawn = deleting(catalog)
        assert (stalled.id, withdrawn) == ("stalled", new_upload("deleting", tags=("t",)))
        catalog.forget([withdrawn])
        assert ids(deleting(catalog)) == ["stalled"]
        with pytest.raises(CatalogError):
            catalog.publish("stalled")
        catalog.publish("fresh")

    def test_what_is_to_be_removed_is_claimed_by_one(self, catalog: SweepableRecords) -> None:
        """Until it is given back, or its claim is older than the next one allows; what readers see, nobody claims."""
        gone = new_upload("gone", tags=("t",))
        ready(catalog, new_upload("live"), gone)
        catalog.withdraw("gone")
        before = NOW - HOUR
        assert list(catalog.claim(now=NOW, since=before, limit=10)) == [gone]
        assert list(catalog.claim(now=NOW + SECOND, since=NOW - SECOND, limit=10)) == []
        assert list(catalog.claim(now=NOW + SECOND, since=NOW, limit=10)) == [gone]
        assert list(catalog.claim(now=NOW + 2 * SECOND, since=NOW, limit=10)) == []
        catalog.unclaim([gone, new_upload("live"), new_upload("nobody")])
        assert list(catalog.claim(now=NOW, since=before, limit=10)) == [gone]
        catalog.forget([gone])
        assert list(catalog.claim(now=NOW + HOUR, since=NOW, limit=10)) == []

    def test_claims_come_in_pages(self, catalog: SweepableRecords) -> None:
        """Each upload once, and what was given back on the way only to the next sweep."""
        uploads = [new_upload(f"u{number}", received_at=NOW - number // 4 * SECOND) for number in range(10)]
        ready(catalog, *uploads)
        for upload in uploads:
            catalog.withdraw(upload.id)
        found: list[Upload] = []
        last = None
        while page := catalog.claim(now=NOW, since=NOW - HOUR, limit=3, after=last):
            assert len(page) <= 3
            found += page
            last = page[-1]
            catalog.unclaim(page[:1])
            catalog.forget(page[1:])
        assert sorted(ids(found)) == ids(uploads)
        assert len(catalog.claim(now=NOW, since=NOW - HOUR, limit=10)) == 4

    def test_of_many_sweeps_each_takes_what_no_other_has(self, catalog: SweepableRecords) -> None:
        """Nothing is told or removed twice, and nothing is left."""
        names = [f"u{number:02}" for number in range(40)]
        ready(catalog, *(new_upload(name, expires_at=NOW, tags=("t",)) for name in names))

        def withdraw(thread: int) -> list[Upload]:
            found: list[Upload] = []
            while page := catalog.withdraw_expired(now=NOW, limit=3):
                found += page
            return found

        def remove(thread: int) -> list[Upload]:
            found: list[Upload] = []
            while page := catalog.claim(now=NOW, since=NOW - HOUR, limit=3):
                catalog.forget(page)
                found += page
            return found

        # One that finds others at work may end before them; what it leaves is theirs.
        assert sorted(ids(list(chain(*in_threads(4, withdraw))))) == names
        assert sorted(ids(list(chain(*in_threads(4, remove))))) == names
        assert list(deleting(catalog)) == []

    def test_however_many_are_stalled_all_are_withdrawn(self, catalog: SweepableRecords) -> None:
        """By several sweeps at once, too."""
        for number in range(self.many):
            catalog.reserve(new_upload(f"u{number:03}"))
        in_threads(3, lambda thread: catalog.withdraw_stalled(now=NOW, pending_since=NOW))
        assert len(deleting(catalog)) == self.many

    def test_an_upload_is_published_or_swept_never_both(self, catalog: SweepableRecords) -> None:
        """A sweep that comes while uploads are published takes each of them before, or leaves it alone."""
        names = [f"u{number:02}" for number in range(40)]
        for name in names:
            catalog.reserve(new_upload(name))
        published = []

        def work(thread: int) -> None:
            for name in names:
                if thread:
                    catalog.withdraw_stalled(now=NOW, pending_since=NOW)
                    continue
                try:
                    catalog.publish(name)
                except CatalogError:
                    continue
                published.append(name)

        in_threads(2, work)
        assert [name for name in names if catalog.get(name) is not None] == sorted(published)
        assert sorted(ids(deleting(catalog))) == sorted(set(names) - set(published))
