"""A host's own code makes albums, lists, renames and deletes them."""

from __future__ import annotations

import io

import pytest

from chevupload import Limits, Principal
from chevupload.errors import AlbumExists, ConfigError, ForeignAlbum, InvalidParameter, QuotaExceeded, RequestDenied
from chevupload.model import Album
from chevupload.uploads import albums as albums_module
from tests.support import ALBUMS, PNG, assert_refusal, file


@pytest.fixture
def albums(stand):
    """Return the albums of a site."""
    return stand.component.albums


def titles(albums, owner="user", **page):
    return [album.title for album in albums.list(owner, **page)]


def save(stand, album_id=None, owner="user"):
    return stand.component.uploads.save(io.BytesIO(PNG), owner=owner, album_id=album_id)


def test_albums_are_made_listed_and_renamed(albums):
    """By title, page after page; nobody else's are among them."""
    dogs, cats = albums.add(7, "Dogs"), albums.add(Principal(user_id="7"), "Cats")
    assert (cats.owner_id, cats.title, albums.get(cats.id)) == ("7", "Cats", cats)
    assert albums.list(7) == [cats, dogs]
    assert [albums.list("7", limit=1, after=after) for after in (None, cats, "Cats", dogs)] == [
        [cats],
        [dogs],
        [dogs],
        [],
    ]
    assert albums.rename(cats.id, "Mice") == Album(cats.id, "7", "Mice") == albums.get(cats.id)
    assert albums.rename("nobody", "Mice") is albums.get("nobody") is None
    assert titles(albums, 7) == ["Dogs", "Mice"]
    assert titles(albums, None) == []


def test_a_title_is_one_line_in_one_spelling(albums):
    """As other texts are: so that two who mean the same album say the same."""
    assert albums.add("user", " Cafe\u0301s \n\t  and \x00bars ").title == "Cafés and \ufffdbars"
    assert albums.add("user", "x" * 100).title == "x" * 100
    assert albums.rename(albums.add("user", "Old").id, " New  one").title == "New one"


@pytest.mark.parametrize("title", ["", " \n", "x" * 101, None, 7])
def test_a_title_has_1_to_100_characters(albums, title):
    """What is refused makes and changes nothing."""
    before = albums.list("user")
    with pytest.raises(InvalidParameter, match="1 to 100 characters"):
        albums.add("user", title)
    with pytest.raises(InvalidParameter, match="1 to 100 characters"):
        albums.rename(ALBUMS[0].id, title)
    assert albums.list("user") == before


def test_an_owners_titles_differ(albums):
    """An album may be given the title that it has."""
    cats, dogs = albums.add("user", "Cats"), albums.add("user", "Dogs")
    assert albums.add("other", "Cats").title == "Cats"
    with pytest.raises(AlbumExists):
        albums.add("user", "Cats ")
    with pytest.raises(AlbumExists):
        albums.rename(dogs.id, "Cats")
    assert albums.rename(cats.id, "Cats") == cats


def test_an_owner_has_so_many_albums(make):
    """Each owner by itself; a guest has none."""
    albums = make(limits=Limits(max_albums=2)).component.albums
    albums.add("user", "Second")
    with pytest.raises(QuotaExceeded, match="2 albums"):
        albums.add("user", "Third")
    albums.add("ann", "First")
    for guest in (None, Principal()):
        with pytest.raises(RequestDenied):
            albums.add(guest, "Any")


def test_a_deleted_albums_uploads_stay(stand, albums, monkeypatch):
    """However many pages of them there are, without an album."""
    monkeypatch.setattr(albums_module, "_PAGE", 2)
    inside = [save(stand, "ownalbum").id for _ in range(5)]
    other = save(stand, "foreign", owner="other")
    assert albums.delete("ownalbum")
    assert {stand.component.uploads.get(upload_id).album_id for upload_id in inside} == {None}
    assert stand.component.uploads.get(other.id) == other
    assert titles(albums) == []
    assert not albums.delete("ownalbum")


def test_an_interrupted_delete_leaves_an_album(stand, albums, monkeypatch):
    """With the rest of its uploads, and is finished by another one."""
    monkeypatch.setattr(albums_module, "_PAGE", 2)
    inside = [save(stand, "ownalbum").id for _ in range(5)]
    clear, calls = stand.catalog.clear_album, []

    def dies(album, *, limit):
        calls.append(album)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return clear(album, limit=limit)

    monkeypatch.setattr(stand.catalog, "clear_album", dies)
    with pytest.raises(KeyboardInterrupt):
        albums.delete("ownalbum")
    left = [stand.component.uploads.get(upload_id).album_id for upload_id in inside]
    assert sorted(left, key=str) == [None, None, "ownalbum", "ownalbum", "ownalbum"]
    assert titles(albums) == ["Own"]
    monkeypatch.undo()
    assert albums.delete("ownalbum")
    assert {stand.component.uploads.get(upload_id).album_id for upload_id in inside} == {None}


def test_a_key_for_a_deleted_album_uploads_nothing(make):
    """It does not turn into a key for everything."""
    narrow = Principal(user_id="user", album_id="ownalbum")
    stand = make(keys=lambda key, environ: narrow)
    assert stand.upload()["title"] == "photo"
    assert stand.component.albums.delete("ownalbum")
    for fields in ({}, {"album_id": "ownalbum"}, {"album_id": "foreign"}):
        assert_refusal(stand.send({"source": file(), **fields}), 403, 403)
    with pytest.raises(ForeignAlbum):
        save(stand, owner=narrow)


def test_a_catalog_without_sessions_refuses_one(albums):
    """Rather than doing it outside."""
    with pytest.raises(ConfigError, match="cannot join a session"):
        albums.add("user", "Cats", session=object())
