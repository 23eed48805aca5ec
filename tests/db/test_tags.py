"""Tags are shared, keep their order, and two makers of one tag end up with the same."""

from __future__ import annotations

import pytest
from sqlalchemy import insert

from chevupload.db import Tables
from chevupload.db.tags import TagRows
from chevupload.errors import CatalogError


def test_tags_are_made_once_and_found_again(database):
    """Uploads share the rows of equal tags, names in another case apart, and get ids in the order of their names."""
    tags = TagRows(Tables.default())
    first = tags.ids(database, ("b", "a"))
    assert tags.ids(database, ("a", "c", "b", "a"))[::2] == [first[1], first[0]]
    assert len(set(tags.ids(database, ("a", "b", "c", "A")))) == 4


def test_tags_are_told_apart_by_every_byte(each_database):
    """Case, accents, spaces and characters of four bytes count, on a database too that by itself overlooks them."""
    names = ("cat", "Cat", "cát", "cat ", " cat", "straße", "strasse", "🐈", "🐕", "ﬁ", "fi", "i", "ı", "İ")
    tags = TagRows(Tables.default())
    found = tags.ids(each_database, names)
    assert len(set(found)) == len(names)
    assert tags.ids(each_database, names) == found


def test_a_tag_that_somebody_else_makes_meanwhile_is_taken(database):
    """Two uploads that bring the same new tag at one moment both succeed, with one and the same tag."""

    class Outrun(TagRows):
        def _known(self, database, names):
            known = super()._known(database, names)
            if not known:
                with database.begin() as connection:
                    connection.execute(insert(Tables.default().tags), {"name": "a"})
            return known

    assert Outrun(Tables.default()).ids(database, ("a",)) == TagRows(Tables.default()).ids(database, ("a",))


def test_a_tag_that_comes_back_under_another_name_is_an_error(database):
    """A database that folds names into others causes an error, not an upload with a wrong tag."""

    class Folding(TagRows):
        def _known(self, database, names):
            return {name.strip(): number for name, number in super()._known(database, names).items()}

    with pytest.raises(CatalogError):
        Folding(Tables.default()).ids(database, ("a ",))
