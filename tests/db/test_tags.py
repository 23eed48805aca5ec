"""Tags are shared, keep their order, and two makers of one tag end up with the same."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import insert

from chevupload.db import SqlCatalog, Tables
from chevupload.db.tags import TagRows
from chevupload.errors import CatalogError
from chevupload.testing.records import in_threads, new_upload


def made(database, names, kind=TagRows):
    """Return the ids of tags, made in one transaction if they are missing."""
    tags = kind(Tables.default(), database.engine.dialect)
    with database.begin() as connection:
        return tags.ids(connection, names)


def test_tags_are_made_once_and_found_again(database):
    """Uploads share the rows of equal tags, names in another case apart, and get ids in the order of their names."""
    first = made(database, ("b", "a"))
    assert made(database, ("a", "c", "b", "a"))[::2] == [first[1], first[0]]
    assert len(set(made(database, ("a", "b", "c", "A")))) == 4


def test_tags_are_told_apart_by_every_byte(each_database):
    """Case, accents, spaces and characters of four bytes count, on a database too that by itself overlooks them."""
    names = ("cat", "Cat", "cát", "cat ", " cat", "straße", "strasse", "🐈", "🐕", "ﬁ", "fi", "i", "ı", "İ")
    found = made(each_database, names)
    assert len(set(found)) == len(names)
    assert made(each_database, names) == found


def test_a_tag_that_somebody_else_makes_meanwhile_is_taken(database):
    """Two uploads that bring the same new tag at one moment both succeed, with one and the same tag."""

    class Outrun(TagRows):
        def _known(self, connection, query, names):
            known = super()._known(connection, query, names)
            if not known:
                connection.execute(insert(Tables.default().tags), {"name": "a"})
            return known

    assert made(database, ("a",), Outrun) == made(database, ("a",))


def test_uploads_with_the_same_new_tags_wait_for_each_other(each_database):
    """In whatever order each has them, none is turned away."""
    catalog = SqlCatalog(each_database)
    together = threading.Barrier(4, timeout=300)

    def work(thread):
        for number in range(8):
            tags = [f"{number}-{letter}" for letter in "abcdefgh"]
            together.wait()
            upload = new_upload(f"u{thread}-{number}", tags=tuple(reversed(tags) if thread % 2 else tags))
            catalog.reserve(upload)
            catalog.publish(upload.id)
            assert catalog.get(upload.id) == upload

    in_threads(4, work)


def test_a_tag_that_comes_back_under_another_name_is_an_error(database):
    """A database that folds names into others causes an error, not an upload with a wrong tag."""

    class Folding(TagRows):
        def _known(self, connection, query, names):
            return {name.strip(): number for name, number in super()._known(connection, query, names).items()}

    with pytest.raises(CatalogError):
        made(database, ("a ",), Folding)
