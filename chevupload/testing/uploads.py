"""What every catalog promises: one name for one upload, states in their order, and nothing lost on the way."""

from __future__ import annotations

from datetime import timedelta, timezone
from itertools import chain

import pytest

from chevupload.errors import CatalogError, NameTaken
from chevupload.model import Rendition
from chevupload.protocols import UploadRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import NOW, in_threads, new_upload, ready


class UploadRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.UploadRecords`."""

    ability = UploadRecords

    def test_a_record_comes_back_as_it_went_in(self, catalog: UploadRecords) -> None:
        """Every field survives, long texts whole and tags in their order, an owner's as a guest's."""
        upload = new_upload(
            source_md5="1" * 32,
            original_exifdata='{"Model":"€"}',
            title="T",
            description="D" * 70_000,
            tags=("b", "a", "B", "a b"),
            nsfw=True,
            album_id="album",
            category_id=1,
            is_animated=True,
            is_360=True,
            duration=3,
            thumb_size=4,
            medium_size=5,
            frame_size=6,
            expires_at=NOW + timedelta(days=1),
            views=7,
            request_digest="d" * 64,
            request_md5="2" * 32,
            extras=(Rendition("w800", 800, 533, 8), Rendition("s40", 40, 40, 9)),
        )
        guests = new_upload("a2", owner_id=None)
        ready(catalog, upload, guests)
        assert catalog.get("a1") == upload
        assert catalog.find(upload.stem) == upload
        assert catalog.get("a2") == guests

    def test_times_of_any_zone_are_kept(self, catalog: UploadRecords) -> None:
        """A time of any zone comes back as the same moment, and aware."""
        local = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
        ready(catalog, new_upload(created_at=local))
        found = catalog.get("a1")
        assert found is not None
        assert found.created_at == NOW
        assert found.created_at.utcoffset() is not None

    def test_pending_is_invisible(self, catalog: UploadRecords) -> None:
        """Nobody is shown an upload before all of its files are there."""
        upload = new_upload()
        catalog.reserve(upload)
        assert catalog.get("a1") is None
        assert catalog.find(upload.stem) is None

    def test_find_is_exact(self, catalog: UploadRecords) -> None:
        """A link in another case finds nothing, though it cannot be taken either: a file has one address."""
        ready(catalog, new_upload(name="Name"))
        assert catalog.find("2026/03/04/Name") is not None
        assert catalog.find("2026/03/04/name") is None
        assert catalog.find("2026/03/04/other") is None

    def test_ids_differ_by_case_and_names_do_not(self, catalog: UploadRecords) -> None:
        """Ids are exact. Names are not: some disks take ``ONE`` and ``one`` in a folder for the same file."""
        catalog.reserve(new_upload("ab", name="one"))
        catalog.reserve(new_upload("AB", name="two"))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("cd", name="ONE"))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("ab", name="three", tags=("t",)))
        catalog.reserve(new_upload("cd", name="ONE", folder=""))

    def test_one_name_serves_one_upload_whatever_its_extension(self, catalog: UploadRecords) -> None:
        """A stem belongs to one upload alone, so that the derived files of two can never meet."""
        catalog.reserve(new_upload("a", name="n", extension="png"))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("b", name="n", extension="gif"))

    def test_a_taken_name_changes_nothing(self, catalog: UploadRecords) -> None:
        """Whoever comes second leaves the first one's record as it is, and can come again under another name."""
        first = new_upload("a", name="n", title="first", tags=("one",))
        ready(catalog, first)
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("a", name="m", title="second", tags=("two",)))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("b", name="n", title="second", tags=("two",)))
        assert catalog.get("a") == first
        second = new_upload("b", name="m", title="second", tags=("two",))
        ready(catalog, second)
        assert catalog.get("b") == second

    def test_of_many_threads_one_gets_the_name(self, catalog: UploadRecords) -> None:
        """Uploads of one moment never share a name, and each name is given to one of them."""

        def work(thread: int) -> list[int]:
            wins = []
            for number in range(10):
                upload = new_upload(f"{thread}-{number}", name=f"n{number}", tags=(f"t{number}", "all"))
                try:
                    catalog.reserve(upload)
                except NameTaken:
                    continue
                wins.append(number)
            return wins

        wins = in_threads(6, work)
        assert sorted(chain(*wins)) == list(range(10))

    def test_publish_needs_a_pending_upload(self, catalog: UploadRecords) -> None:
        """What a sweep or an owner has withdrawn never comes back to life: its files may be gone already."""
        with pytest.raises(CatalogError):
            catalog.publish("nobody")
        ready(catalog, new_upload())
        with pytest.raises(CatalogError):
            catalog.publish("a1")
        catalog.withdraw("a1")
        with pytest.raises(CatalogError):
            catalog.publish("a1")
        assert catalog.get("a1") is None

    def test_withdrawn_is_gone_and_its_name_is_not_used_again(self, catalog: UploadRecords) -> None:
        """Readers lose a deleted upload at once; its name stays taken while caches may hold it; its id does not."""
        ready(catalog, new_upload(tags=("x",)))
        assert catalog.withdraw("a1") is True
        assert catalog.withdraw("a1") is False
        assert catalog.get("a1") is None
        assert catalog.find(new_upload().stem) is None
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload())
        catalog.forget([new_upload(tags=("x",))])
        catalog.forget([new_upload(tags=("x",))])
        for name in ("name-a1", "NAME-A1"):
            with pytest.raises(NameTaken):
                catalog.reserve(new_upload("a2", name=name))
        ready(catalog, new_upload(name="other", tags=("y",)))
        assert catalog.get("a1") == new_upload(name="other", tags=("y",))

    def test_withdraw_takes_pending_ones_and_tells_of_unknown_ones(self, catalog: UploadRecords) -> None:
        """An upload that failed can be withdrawn before it was ready, and the caller learns whether there was one."""
        catalog.reserve(new_upload())
        assert catalog.withdraw("a1") is True
        assert catalog.withdraw("nobody") is False

    def test_forget_leaves_what_was_not_withdrawn(self, catalog: UploadRecords) -> None:
        """No record of an upload with files is lost by forgetting it in the wrong state."""
        uploads = [new_upload(upload_id, tags=("t", upload_id)) for upload_id in ("a1", "a2", "a3", "a4")]
        ready(catalog, uploads[0], uploads[2])
        catalog.reserve(uploads[1])
        catalog.withdraw("a3")
        catalog.forget(uploads)
        catalog.forget([])
        catalog.publish("a2")
        assert [catalog.get(upload.id) for upload in uploads] == [uploads[0], uploads[1], None, None]
        ready(catalog, new_upload("a3", name="other"))
