"""Albums inside a transaction of the host, on each database."""

from __future__ import annotations

import io

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from chevupload import Policy, Principal
from chevupload.db import SqlCatalog
from chevupload.errors import AlbumExists, QuotaExceeded
from chevupload.testing import in_threads
from tests.support import PNG


@pytest.fixture
def stand(make, each_database):
    """Return a component on each database."""
    return make(catalog=SqlCatalog(each_database))


@pytest.fixture
def session(each_database):
    """Return a session of the host."""
    with Session(each_database.engine) as session:
        yield session


def save(stand, **parameters):
    return stand.component.uploads.save(io.BytesIO(PNG), owner="ann", **parameters)


def test_albums_are_made_and_changed_in_the_hosts_transaction(stand, session):
    """Inside, they are there at once; a refused title does not end the transaction."""
    albums = stand.component.albums
    dogs = albums.add("ann", "Dogs")
    cats = albums.add("ann", "Cats", session=session)
    with pytest.raises(AlbumExists):
        albums.add("ann", "Dogs", session=session)
    with pytest.raises(AlbumExists):
        albums.rename(cats.id, "Dogs", session=session)
    assert albums.list("ann", session=session) == [cats, dogs]
    assert (albums.get(cats.id, session=session), albums.get(cats.id)) == (cats, None)
    renamed = albums.rename(cats.id, "Kittens", session=session)
    session.commit()
    assert albums.get(cats.id) == renamed


def test_a_rollback_takes_all_of_it_back(stand, session):
    """An album that was made, and one that was deleted, with its uploads in it."""
    albums = stand.component.albums
    dogs = albums.add("ann", "Dogs")
    upload = save(stand, album_id=dogs.id)
    albums.add("ann", "Cats", session=session)
    assert albums.delete(dogs.id, session=session)
    assert not albums.delete(dogs.id, session=session)
    session.rollback()
    assert albums.list("ann") == [dogs]
    assert stand.component.uploads.get(upload.id).album_id == dogs.id


def test_a_delete_is_over_with_the_hosts_transaction(stand, session):
    """Its uploads have no album then."""
    dogs = stand.component.albums.add("ann", "Dogs")
    upload = save(stand, album_id=dogs.id)
    assert stand.component.albums.delete(dogs.id, session=session)
    session.commit()
    assert stand.component.albums.get(dogs.id) is None
    assert stand.component.uploads.get(upload.id).album_id is None


def test_a_delete_in_a_transaction_of_before_ends(stand, session, monkeypatch):
    """What another one has deleted meanwhile is gone there, too, though it may still be read."""
    monkeypatch.setattr("chevupload.uploads.albums._PAGE", 2)
    dogs = stand.component.albums.add("ann", "Dogs")
    for _ in range(4):
        save(stand, album_id=dogs.id)
    if session.get_bind().dialect.name in ("mysql", "mariadb"):
        # By default, where the host has made its engine itself.
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    session.execute(select(stand.catalog.tables.uploads)).all()
    assert stand.component.albums.delete(dogs.id)
    assert not stand.component.albums.delete(dogs.id, session=session)
    session.commit()
    assert {upload.album_id for upload in stand.component.uploads.list("ann")} == {None}


def test_an_upload_finds_an_album_of_its_transaction(stand, session):
    """Which nobody else sees yet."""
    album = stand.component.albums.add("ann", "Cats", session=session)
    upload = save(stand, album_id=album.id, session=session)
    session.commit()
    assert stand.component.uploads.get(upload.id).album_id == album.id


def test_several_delete_an_album_at_once(stand):
    """While others upload to it: one removes it, and nobody fails."""
    album = stand.component.albums.add("ann", "Cats")
    for _ in range(6):
        save(stand, album_id=album.id)
    assert sorted(in_threads(3, lambda thread: stand.component.albums.delete(album.id))) == [False, False, True]


def test_uploads_that_name_a_new_album_at_once_have_one(stand):
    """Whoever comes second finds what the first one has made, while others are refused in the middle of it."""

    def upload(thread):
        owner = Principal(user_id="ann", quota_files=0 if thread % 3 == 2 else None)
        try:
            return stand.component.uploads.save(io.BytesIO(PNG), owner=owner, album=f"New {thread % 2}")
        except QuotaExceeded:
            return None

    stand.start(policy=Policy(usage="originals"))
    for _ in range(3):
        uploads = in_threads(6, upload)
        assert [upload is None for upload in uploads] == [False, False, True] * 2
    albums = stand.component.albums.list("ann")
    assert [album.title for album in albums] == ["New 0", "New 1"]
    uploads = stand.component.uploads.list("ann")
    assert len(uploads) == 12
    assert {upload.album_id for upload in uploads} == {album.id for album in albums}


def test_a_named_album_is_of_the_hosts_transaction(stand, session):
    """With the upload that named it: both there, or neither."""
    albums = stand.component.albums
    for end in (session.rollback, session.commit):
        uploads = [save(stand, album="Cats", session=session, filename=name) for name in ("a.png", "b.png")]
        assert len({upload.album_id for upload in uploads}) == 1
        assert albums.list("ann") == []
        end()
    assert [album.id for album in albums.list("ann")] == [uploads[0].album_id]
    assert {upload.album_id for upload in stand.component.uploads.list("ann")} == {uploads[0].album_id}


def test_a_refused_upload_makes_no_album_in_the_hosts_transaction(stand, session):
    """Which goes on."""
    stand.start(policy=Policy(usage="originals", quota_files=1))
    save(stand, session=session)
    with pytest.raises(QuotaExceeded):
        save(stand, album="Cats", session=session)
    dogs = stand.component.albums.add("ann", "Dogs", session=session)
    session.commit()
    assert stand.component.albums.list("ann") == [dogs]
