"""What records promise that know how much each owner keeps: it is exact, whatever happens at the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest

from chevupload.errors import NameTaken, QuotaExceeded, RequestTaken
from chevupload.model import Rendition, Upload
from chevupload.policy.quota import UNLIMITED, Quota, Usage
from chevupload.protocols import CheckableRecords, UsageRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import in_threads, new_upload


def reserve(catalog: UsageRecords, upload_id: str = "a1", quota: Quota = UNLIMITED, **fields: object) -> Upload:
    """Record an upload of a hundred bytes as pending, and return it."""
    upload = new_upload(upload_id, **{"size": 100, **fields})
    catalog.reserve(upload, counted="originals", quota=quota)
    return upload


def remove(catalog: UsageRecords, uploads: Sequence[Upload]) -> None:
    """Take uploads away, as one page."""
    for upload in uploads:
        catalog.withdraw(upload.id)
    catalog.forget(uploads, counted="originals")


def used(catalog: UsageRecords, owner_id: str | None = "user") -> tuple[int, int]:
    """Return files and bytes of an owner."""
    usage = catalog.usage(owner_id, counted="originals")
    return usage.files, usage.bytes


class UsageRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.UsageRecords`."""

    ability = UsageRecords

    def test_an_upload_counts_from_its_reservation_until_it_is_forgotten(self, catalog: UsageRecords) -> None:
        """In whatever state it is, since its files take room until they are gone."""
        assert used(catalog) == (0, 0)
        upload = reserve(catalog)
        assert used(catalog) == (1, 100)
        catalog.publish("a1")
        catalog.withdraw("a1")
        assert used(catalog) == (1, 100)
        catalog.forget([upload], counted="originals")
        assert used(catalog) == (0, 0)

    def test_more_than_the_quota_is_refused(self, catalog: UsageRecords) -> None:
        """The last file and the last byte fit, and not one more; the refusal says what is used and allowed."""
        reserve(catalog, "a1", Quota(files=2, bytes=200))
        for quota in (Quota(files=1), Quota(bytes=199), Quota(files=1, bytes=1_000), Quota(files=5, bytes=0)):
            with pytest.raises(QuotaExceeded):
                reserve(catalog, "a2", quota)
        reserve(catalog, "a2", Quota(files=2, bytes=200))
        with pytest.raises(QuotaExceeded, match=r"\b2 of 2 files and 200 of 200 bytes") as refused:
            reserve(catalog, "a3", Quota(files=2, bytes=200))
        assert (refused.value.status, refused.value.code) == (403, 403)
        assert used(catalog) == (2, 200)

    def test_nothing_is_recorded_of_what_is_refused(self, catalog: UsageRecords) -> None:
        """Its name and its request are free, and its owner keeps what was kept before."""
        for _ in range(2):
            with pytest.raises(QuotaExceeded):
                reserve(catalog, "a1", Quota(bytes=99), request_digest="d" * 64, tags=("t",))
        reserve(catalog, "a1", Quota(bytes=100), request_digest="d" * 64, tags=("t",))
        assert used(catalog) == (1, 100)

    def test_a_request_that_is_taken_is_told_before_a_quota_is(self, catalog: UsageRecords) -> None:
        """Repeated, it needs no room: it has its answer already."""
        full = Quota(files=1)
        reserve(catalog, "a1", full, request_digest="d" * 64)
        with pytest.raises(RequestTaken):
            reserve(catalog, "a2", full, request_digest="d" * 64)
        assert used(catalog) == (1, 100)

    def test_what_is_not_recorded_for_its_name_does_not_count(self, catalog: UsageRecords) -> None:
        """The next name is tried, and counts once."""
        reserve(catalog, "a1", name="name")
        with pytest.raises(NameTaken):
            reserve(catalog, "a2", name="NAME")
        assert used(catalog) == (1, 100)

    def test_each_owner_has_a_usage_and_guests_have_one(self, catalog: UsageRecords) -> None:
        """Nobody pays for others; ids differ by case."""
        for number, owner_id in enumerate(("user", "User", "other", None, None)):
            reserve(catalog, f"a{number}", owner_id=owner_id)
        assert [used(catalog, owner_id) for owner_id in ("user", "User", "other", None, "nobody")] == [
            (1, 100),
            (1, 100),
            (1, 100),
            (2, 200),
            (0, 0),
        ]
        with pytest.raises(QuotaExceeded):
            reserve(catalog, "a5", Quota(files=2), owner_id=None)
        assert next(iter(catalog.owners())) is None
        assert {None, "user", "User", "other"} <= {*catalog.owners()}

    def test_derived_files_count_where_all_do(self, catalog: UsageRecords) -> None:
        """Each file of the upload, or the original alone."""
        extras = (Rendition("w80", 80, 53, 7), Rendition("w40", 40, 27, 2))
        upload = new_upload(size=100, thumb_size=4, medium_size=2, frame_size=1, extras=extras)
        with pytest.raises(QuotaExceeded):
            catalog.reserve(upload, counted="all", quota=Quota(bytes=115))
        catalog.reserve(upload, counted="all", quota=Quota(bytes=116))
        assert catalog.usage("user", counted="all") == Usage(files=1, bytes=116)
        assert catalog.recount("user", counted="originals") == Usage(files=1, bytes=100)
        assert catalog.recount("user", counted="all") == Usage(files=1, bytes=116)
        catalog.withdraw("a1")
        catalog.forget([upload], counted="all")
        assert catalog.usage("user", counted="all") == Usage()

    def test_what_was_stored_before_counts(self, catalog: UsageRecords) -> None:
        """From the first upload, or removal, that is counted, for users and for guests."""
        for number, owner_id in enumerate(("user", "user", "other", None)):
            catalog.reserve(new_upload(f"old{number}", size=100, owner_id=owner_id))
        assert used(catalog) == (2, 200)
        with pytest.raises(QuotaExceeded):
            reserve(catalog, "a1", Quota(bytes=299))
        reserve(catalog, "a1", Quota(bytes=300))
        assert used(catalog) == (3, 300)
        remove(catalog, [new_upload("old2"), new_upload("old3"), new_upload("old0")])
        assert [used(catalog, owner_id) for owner_id in ("user", "other", None)] == [(2, 200), (0, 0), (0, 0)]

    def test_a_recount_finds_what_was_changed_without_counting(self, catalog: UsageRecords) -> None:
        """By servers of an older version, for example."""
        upload = reserve(catalog)
        catalog.reserve(new_upload("a2", size=50))
        catalog.reserve(new_upload("a3", size=7))
        catalog.withdraw("a1")
        catalog.forget([upload])
        assert catalog.recount("user", counted="originals") == Usage(files=2, bytes=57)
        assert used(catalog) == (2, 57)
        assert catalog.recount("nobody", counted="originals") == Usage()

    def test_room_is_given_back_once(self, catalog: UsageRecords) -> None:
        """And for nothing that is still there, or was never there."""
        gone, there = reserve(catalog, "gone"), reserve(catalog, "there")
        catalog.withdraw("gone")
        for uploads in ([gone, there, new_upload("nobody")], [gone], [there], []):
            catalog.forget(uploads, counted="originals")
        assert used(catalog) == (1, 100)

    def test_the_record_says_what_is_given_back(self, catalog: UsageRecords) -> None:
        """Whoever removes an upload may have an older picture of it, and of whose it is."""
        reserve(catalog, size=100)
        catalog.withdraw("a1")
        catalog.forget([new_upload(size=7, owner_id="other")], counted="originals")
        assert (used(catalog), used(catalog, "other")) == ((0, 0), (0, 0))

    def test_new_sizes_of_derived_files_count(self, catalog: UsageRecords) -> None:
        """In one step with their change."""
        if not isinstance(catalog, CheckableRecords):
            pytest.skip("these records are checked by their host")
        upload = new_upload(size=100, thumb_size=10)
        catalog.reserve(upload, counted="all")
        catalog.publish("a1")
        assert catalog.resize(new_upload(size=100, thumb_size=30), counted="all")
        assert not catalog.resize(new_upload("nobody", thumb_size=30), counted="all")
        assert catalog.usage("user", counted="all") == Usage(files=1, bytes=130)
        catalog.withdraw("a1")
        catalog.forget([upload], counted="all")
        assert catalog.usage("user", counted="all") == Usage()

    def test_what_is_not_forgotten_yet_counts(self, catalog: UsageRecords) -> None:
        """As where an upload got more renditions since somebody has read it."""
        if not isinstance(catalog, CheckableRecords):
            pytest.skip("these records are checked by their host")
        old, other = new_upload(size=100), new_upload("a2", size=50)
        for upload in (old, other):
            catalog.reserve(upload, counted="all")
            catalog.publish(upload.id)
        new = replace(old, extras=(Rendition("w800", 800, 533, 8),))
        assert catalog.resize(new, counted="all")
        catalog.withdraw("a1")
        catalog.withdraw("a2")
        catalog.forget([old, other], counted="all")
        assert catalog.usage("user", counted="all") == Usage(files=1, bytes=108)
        catalog.forget([new], counted="all")
        assert catalog.usage("user", counted="all") == Usage()

    def test_twelve_threads_store_what_fits_and_not_a_byte_more(self, catalog: UsageRecords) -> None:
        """The first upload of an owner among them, for whom nothing was counted before."""
        quota = Quota(bytes=1_500)

        def work(thread: int) -> int:
            stored = 0
            for number in range(3):
                try:
                    reserve(catalog, f"u{thread:02}-{number}", quota, size=90)
                except QuotaExceeded:
                    continue
                stored += 1
            return stored

        assert sum(in_threads(12, work)) == 16
        assert used(catalog) == (16, 16 * 90)

    def test_uploads_and_removals_at_the_same_time_are_all_counted(self, catalog: UsageRecords) -> None:
        """Of several owners in one page, in any order, beside somebody who recounts; nobody is in another's way."""
        names = ("user", "other", None)

        def work(thread: int) -> None:
            numbers = count()
            for turn in range(4):
                owners = names if turn % 2 else names[::-1]
                page = [reserve(catalog, f"u{thread}-{next(numbers)}", owner_id=owner_id) for owner_id in owners]
                if thread == 0:
                    catalog.recount(names[turn % 3], counted="originals")
                remove(catalog, page[: 2 + thread % 2])

        in_threads(5, work)
        kept = [used(catalog, owner_id) for owner_id in names]
        assert [catalog.recount(owner_id, counted="originals").files for owner_id in names] == [one[0] for one in kept]
        assert sum(files for files, _ in kept) == 4 * 3
        assert all(bytes_ == files * 100 for files, bytes_ in kept)
