"""What records promise of albums and of categories."""

from __future__ import annotations

import pytest

from chevupload.errors import AlbumTaken, NameTaken
from chevupload.model import Album
from chevupload.protocols import AlbumRecords, CategoryRecords, EditableAlbumRecords, OwnedAlbumRecords
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import in_threads, new_upload, ready


class AlbumRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.AlbumRecords`. The fixture has the album ``album`` of ``user``."""

    ability = AlbumRecords

    def test_albums_are_looked_up(self, catalog: AlbumRecords) -> None:
        """An album tells whose it is, which decides who may upload into it; ids are exact."""
        album = catalog.album("album")
        assert album is not None
        assert (album.id, album.owner_id) == ("album", "user")
        assert catalog.album("ALBUM") is None
        assert catalog.album("nobody") is None

    def test_albums_end_with_their_owner(self, catalog: AlbumRecords) -> None:
        """Whoever gets the same id later has none of them; those of others stay."""
        catalog.forget_albums("other")
        catalog.forget_albums("USER")
        assert catalog.album("album") is not None
        catalog.forget_albums("user")
        assert catalog.album("album") is None
        catalog.forget_albums("user")


class OwnedAlbumRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.OwnedAlbumRecords`, on top of those of albums."""

    ability = OwnedAlbumRecords

    def test_albums_are_listed_by_their_owner(self, catalog: OwnedAlbumRecords) -> None:
        """Those of others are not among them, and there are no more than were asked for."""
        albums = catalog.owned_albums("user", limit=100)
        assert "album" in [album.id for album in albums]
        assert {album.owner_id for album in albums} == {"user"}
        assert len(catalog.owned_albums("user", limit=1)) == 1
        assert list(catalog.owned_albums("USER", limit=100)) == []
        assert list(catalog.owned_albums("other", limit=100)) == []

    def test_albums_are_listed_in_pages(self, catalog: OwnedAlbumRecords) -> None:
        """Each follows a title, which no album need have any more."""
        albums = list(catalog.owned_albums("user", limit=100))
        found = [
            album
            for after in (None, *(album.title for album in albums))
            for album in catalog.owned_albums("user", limit=1, after=after)
        ]
        assert found == albums


class EditableAlbumRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.EditableAlbumRecords`, on top of those of lists."""

    ability = EditableAlbumRecords

    def test_albums_are_added_and_listed_by_title(self, catalog: EditableAlbumRecords) -> None:
        """Each by its owner, id and title; any characters come back as they are."""
        added = [Album(f"new{place}", "other", title) for place, title in enumerate(("Ä " + "𝄞" * 98, "B", "a", "b"))]
        for album in added:
            catalog.add_album(album)
        assert sorted(catalog.owned_albums("other", limit=9), key=lambda album: album.id) == added
        assert catalog.count_albums("other") == 4
        assert catalog.album("new0") == added[0]
        pages: list[Album] = []
        while page := catalog.owned_albums("other", limit=3, after=pages[-1].title if pages else None):
            pages += page
        assert pages == list(catalog.owned_albums("other", limit=9))

    def test_an_owners_titles_differ(self, catalog: EditableAlbumRecords) -> None:
        """Titles are exact, and those of others are no matter."""
        catalog.add_album(Album("new", "other", "Cats"))
        for title in ("cats", "Cäts", "Cats "):
            catalog.add_album(Album(f"of {title}", "other", title))
        with pytest.raises(AlbumTaken):
            catalog.add_album(Album("again", "other", "Cats"))
        with pytest.raises(AlbumTaken):
            catalog.rename_album(Album("of cats", "other", "Cats"))
        assert catalog.find_album("other", "Cats") == Album("new", "other", "Cats")
        assert catalog.find_album("other", "CATS") is None
        assert catalog.find_album("nobody", "Cats") is None
        assert catalog.album("again") is None

    def test_of_several_that_add_one_title_one_does(self, catalog: EditableAlbumRecords) -> None:
        """At the same time, too: the others are told, and find it."""

        def add(thread: int) -> bool:
            try:
                catalog.add_album(Album(f"by{thread}", "other", "Same"))
            except AlbumTaken:
                assert catalog.find_album("other", "Same") is not None
                return False
            return True

        assert sorted(in_threads(4, add)) == [False, False, False, True]
        assert catalog.count_albums("other") == 1

    def test_an_upload_brings_its_album(self, catalog: EditableAlbumRecords) -> None:
        """Both are there, or neither is."""
        catalog.reserve(new_upload("a1", owner_id="other", album_id="new"), album=Album("new", "other", "Cats"))
        assert catalog.album("new") == Album("new", "other", "Cats")
        with pytest.raises(AlbumTaken):
            catalog.reserve(new_upload("a2", album_id="b"), album=Album("b", "other", "Cats"))
        with pytest.raises(NameTaken):
            catalog.reserve(new_upload("a1", album_id="c"), album=Album("c", "other", "Dogs"))
        assert [catalog.album(album_id) for album_id in "bc"] == [None, None]
        assert not catalog.withdraw("a2")
        catalog.publish("a1")
        found = catalog.get("a1")
        assert found is not None
        assert found.album_id == "new"

    def test_albums_are_renamed_and_removed(self, catalog: EditableAlbumRecords) -> None:
        """One that is gone says so."""
        catalog.add_album(Album("new", "other", "Cats"))
        assert catalog.rename_album(Album("new", "other", "Dogs"))
        assert catalog.rename_album(Album("new", "other", "Dogs"))
        assert catalog.album("new") == Album("new", "other", "Dogs")
        assert [catalog.remove_album("new"), catalog.remove_album("new")] == [True, False]
        assert not catalog.rename_album(Album("new", "other", "Mice"))
        assert catalog.owned_albums("other", limit=9) == []

    def test_uploads_leave_an_album_in_pages(self, catalog: EditableAlbumRecords) -> None:
        """Those that are on their way, too; another owner's stay, and nothing else of them changes."""
        album = Album("album", "user", "Cats")
        ready(catalog, *(new_upload(f"a{number}", album_id="album", tags=("t",)) for number in range(3)))
        catalog.reserve(new_upload("pending", album_id="album"))
        others = (new_upload("b1", album_id="another"), new_upload("b2", album_id="album", owner_id="other"))
        ready(catalog, *others)
        assert [catalog.clear_album(album, limit=3) for _ in range(3)] == [3, 1, 0]
        catalog.publish("pending")
        assert [catalog.get(f"a{number}") for number in range(3)] == [
            new_upload(f"a{number}", tags=("t",)) for number in range(3)
        ]
        assert catalog.get("pending") == new_upload("pending")
        assert [catalog.get(upload.id) for upload in others] == [*others]
        assert catalog.album("album") is not None


class CategoryRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.CategoryRecords`. The fixture has the category 1."""

    ability = CategoryRecords

    def test_categories_are_looked_up(self, catalog: CategoryRecords) -> None:
        """By their exact numbers."""
        assert catalog.has_category(1)
        assert not catalog.has_category(2)
