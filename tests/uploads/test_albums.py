"""A host's own code makes albums, lists, renames and deletes them."""

from __future__ import annotations

import io

import pytest

from chevupload import Flood, Limits, Policy, Principal
from chevupload.errors import (
    AlbumExists,
    ConfigError,
    ForeignAlbum,
    InvalidParameter,
    RequestDenied,
    TooManyAlbums,
)
from chevupload.model import Album
from chevupload.testing.memory import MemoryCatalog
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
    with pytest.raises(TooManyAlbums, match="max 2"):
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


@pytest.fixture
def named(make):
    """Return a site whose uploads may name their albums."""
    return make(policy=Policy(album_names=True, flood=Flood(minute=3), usage="all", quota_files=3))


def albums_of(stand, owner="user"):
    return {album.title: album.id for album in stand.component.albums.list(owner)}


def test_an_upload_names_its_album(named):
    """The one with this title, or a new one; each owner has their own."""
    for key, title in (("user-key", " Cats "), ("user-key", "Cats"), ("other-key", "Cats"), ("user-key", "Own")):
        assert named.send({"source": file(), "album": title}, key=key).status_code == 200
    mine, others = albums_of(named), albums_of(named, "other")
    assert (sorted(mine), sorted(others)) == (["Cats", "Own"], ["Cats", "Foreign"])
    expected = [mine["Cats"], mine["Cats"], others["Cats"], "ownalbum"]
    assert sorted(upload.album_id for upload in named.catalog.uploads()) == sorted(expected)


def test_nothing_is_named_where_it_is_off(stand):
    """What Chevereto's clients send by that name is nothing, as ever; the host's own code may name albums."""
    stand.upload(album="x" * 200)
    assert titles(stand.component.albums) == ["Own"]
    upload = stand.component.uploads.save(io.BytesIO(PNG), owner="user", album="Cats")
    assert albums_of(stand)["Cats"] == upload.album_id


@pytest.mark.parametrize(
    ("key", "fields", "status"),
    [
        ("user-key", {"album_id": "ownalbum"}, 400),
        ("user-key", {"album": "x" * 101}, 400),
        ("guest-key", {}, 403),
        ("user-key", {"source": file(b"no picture")}, 400),
        ("user-key", {"source": (io.BytesIO(), "empty.png")}, 400),
        ("user-key", {"category_id": "9"}, 400),
    ],
)
def test_what_is_refused_makes_no_album(named, key, fields, status):
    """Whatever is wrong with it."""
    answer = named.send({"source": file(), "album": "Cats", **fields}, key=key)
    assert answer.status_code == status
    assert titles(named.component.albums) == ["Own"]
    assert named.component.albums.get("ownalbum") is not None


def test_floods_quotas_hooks_and_limits_make_no_album(make):
    """Each is found at another moment, the quota with the record."""

    def before_store(upload, principal, file):
        if upload.title == "refused":
            assert upload.album_id not in (None, "ownalbum")
            raise RequestDenied

    policy = Policy(album_names=True, flood=Flood(minute=3), usage="all", quota_files=2)
    stand = make(policy=policy, before_store=before_store, limits=Limits(max_albums=2))
    assert_refusal(stand.send({"source": file(), "title": "refused", "album": "Cats"}), 403, 401)
    stand.upload()
    stand.upload()
    assert_refusal(stand.send({"source": file(), "album": "Cats"}), 403, 403)
    small = Principal(user_id="user", quota_files=9)
    stand.component.albums.add("user", "Dogs")
    with pytest.raises(TooManyAlbums, match="max 2"):
        stand.component.uploads.save(io.BytesIO(PNG), owner=small, album="Cats")
    stand.component.uploads.save(io.BytesIO(PNG), owner=small, album="Dogs")
    assert titles(stand.component.albums) == ["Dogs", "Own"]


def test_a_repeated_request_makes_no_second_album(named):
    """Nor one that came to be renamed meanwhile."""
    first, again = (
        named.send({"source": file(), "album": "Cats"}, headers={"Idempotency-Key": "one"}).json["image"]["id_encoded"]
        for _ in range(2)
    )
    assert first == again
    named.component.albums.rename(albums_of(named)["Cats"], "Kittens")
    named.send({"source": file(), "album": "Cats"}, headers={"Idempotency-Key": "one"})
    assert titles(named.component.albums) == ["Kittens", "Own"]


def test_a_key_for_an_album_names_no_other(make):
    """Its own by the title that it has."""
    narrow = Principal(user_id="user", album_id="ownalbum")
    stand = make(keys=lambda key, environ: narrow, policy=Policy(album_names=True))
    stand.upload(album="Own")
    assert_refusal(stand.send({"source": file(), "album": "Cats"}), 403, 403)
    stand.component.albums.add("user", "Cats")
    assert_refusal(stand.send({"source": file(), "album": "Cats"}), 403, 403)
    assert [upload.album_id for upload in stand.catalog.uploads()] == ["ownalbum"]


def test_a_taken_name_makes_no_second_album(named):
    """Of the file, which the storage finds only when the album is there."""
    folder = named.images / "2026" / "03" / "04"
    folder.mkdir(parents=True)
    (folder / "photo.png").write_bytes(b"a stranger's")
    image = named.upload(album="Cats")
    assert image["filename"] != "photo.png"
    assert albums_of(named)["Cats"] == named.catalog.get(image["id_encoded"]).album_id


def test_the_policy_needs_a_catalog_for_it(make):
    """Or it says so when it is put together."""

    class Plain(MemoryCatalog):
        find_album = None

    with pytest.raises(ConfigError) as told:
        make(catalog=Plain(), policy=Policy(album_names=True))
    needed = "a catalog with the methods of EditableAlbumRecords"
    assert str(told.value) == f"Policy(album_names=True) needs {needed}"


def test_a_catalog_without_sessions_refuses_one(albums):
    """Rather than doing it outside."""
    with pytest.raises(ConfigError, match="cannot join a session"):
        albums.add("user", "Cats", session=object())
