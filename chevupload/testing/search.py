"""What records promise that an operator searches and erases."""

from __future__ import annotations

from dataclasses import replace

from chevupload.model import Upload
from chevupload.policy.quota import Usage
from chevupload.protocols import ErasableRecords, SearchableRecords
from chevupload.records.selection import Selection
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import HOUR, NOW, ids, new_upload, ready


class SearchableRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.SearchableRecords`."""

    ability = SearchableRecords

    def test_each_condition_selects(self, catalog: SearchableRecords) -> None:
        """Also several together; limits of sizes and the first moment are inside, the last moment is not."""
        uploads = [
            new_upload("a1", size=10, tags=("cat", "dog")),
            new_upload("a2", size=20, received_at=NOW + HOUR, extension="mp4", frame_size=1),
            new_upload("a3", size=30, received_at=NOW + 2 * HOUR, md5="1" * 32, album_id="album"),
            new_upload("b1", size=40, owner_id="other", source_md5="1" * 32, expires_at=NOW - HOUR),
            new_upload("c1", size=50, owner_id=None, received_at=NOW + HOUR),
        ]
        ready(catalog, *uploads)
        catalog.reserve(new_upload("d1"))
        wanted = {
            Selection(): ["a1", "a2", "a3", "b1", "c1"],
            Selection(owner_id="user"): ["a1", "a2", "a3"],
            Selection(of_guests=True): ["c1"],
            Selection(received_from=NOW + HOUR): ["a2", "a3", "c1"],
            Selection(received_before=NOW + HOUR): ["a1", "b1"],
            Selection(min_bytes=20, max_bytes=40): ["a2", "a3", "b1"],
            Selection(md5="1" * 32): ["a3", "b1"],
            Selection(album_id="album"): ["a3"],
            Selection(type="video"): ["a2"],
            Selection(owner_id="user", received_from=NOW + HOUR, max_bytes=20, type="video"): ["a2"],
            Selection(owner_id="nobody"): [],
        }
        found = {selection: [*catalog.search(selection)] for selection in wanted}
        assert {selection: sorted(ids(some)) for selection, some in found.items()} == wanted
        for selection, some in found.items():
            assert catalog.count(selection) == sum((Usage.of(upload, "all") for upload in some), Usage())
        assert sorted(found[Selection()], key=lambda upload: upload.id) == uploads

    def test_an_owners_come_in_their_order(self, catalog: SearchableRecords) -> None:
        """The oldest first, those of one moment by their ids; more of them than a page has."""
        uploads = [new_upload(f"u{number:04}", received_at=NOW + number // 3 * HOUR) for number in range(self.many)]
        ready(catalog, *reversed(uploads))
        assert [*catalog.search(Selection(owner_id="user"))] == uploads

    def test_what_is_deleted_meanwhile_stops_nothing(self, catalog: SearchableRecords) -> None:
        """Whoever deletes what is found goes on behind it, whatever the selection."""
        names = [f"u{number:04}" for number in range(self.many)]
        ready(catalog, *map(new_upload, names))
        for selection in (Selection(owner_id="other"), Selection(owner_id="user", min_bytes=1), Selection()):
            for number, upload in enumerate(catalog.search(selection)):
                assert catalog.withdraw(upload.id)
                if number == self.many // 2:
                    break
        assert [*catalog.search()] == []

    def test_everything_is_counted(self, catalog: SearchableRecords) -> None:
        """With derived files; what is pending is not there yet."""
        ready(
            catalog,
            new_upload("a1", size=10, thumb_size=1),
            new_upload("a2", size=20, extension="gif"),
            new_upload("b1", size=100, owner_id="other"),
            new_upload("c1", size=50, owner_id=None),
        )
        catalog.reserve(new_upload("d1", owner_id="new"))
        found = catalog.statistics(owners=2)
        assert found.by_extension == {"png": Usage(files=3, bytes=161), "gif": Usage(files=1, bytes=20)}
        assert [*found.by_owner] == [("other", Usage(files=1, bytes=100)), (None, Usage(files=1, bytes=50))]
        assert [*catalog.statistics(owners=0).by_owner] == []


class ErasableRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.ErasableRecords`."""

    ability = ErasableRecords

    def test_uploads_of_every_state_remain(self, catalog: ErasableRecords) -> None:
        """Until they are forgotten, and those of others are none of them."""
        gone = new_upload("a3", tags=("cat",))
        ready(catalog, new_upload("a1", expires_at=NOW - HOUR), gone, new_upload("b1", owner_id="other"))
        pending: Upload = replace(new_upload("a2"), tags=("dog",))
        catalog.reserve(pending)
        catalog.withdraw("a3")
        found = sorted(catalog.remaining("user", limit=10), key=lambda upload: upload.id)
        assert (ids(found), found[1]) == (["a1", "a2", "a3"], pending)
        assert len(catalog.remaining("user", limit=2)) == 2
        catalog.forget([gone])
        assert sorted(ids(catalog.remaining("user", limit=10))) == ["a1", "a2"]
        assert catalog.remaining("nobody", limit=10) == []
