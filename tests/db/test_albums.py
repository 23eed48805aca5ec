"""Albums inside a transaction of the host, on each database."""

from __future__ import annotations

import io

import pytest
from sqlalchemy.orm import Session

from chevupload.db import SqlCatalog
from chevupload.errors import AlbumExists
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
