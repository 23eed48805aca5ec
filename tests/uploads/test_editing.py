"""What is kept with an upload is changed by the rules by which it was taken in, and by nobody where it is gone."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest

from chevupload import Limits, Policy, Principal
from chevupload.errors import ForeignAlbum, InvalidParameter, UnknownCategory
from chevupload.testing.memory import StaticKeys
from tests.support import NOW, PNG

DETAILS = {
    "title": "Title",
    "description": "Text",
    "tags": ["b", "a"],
    "album_id": "ownalbum",
    "category_id": 3,
    "nsfw": True,
    "expiration": timedelta(hours=2),
}


def save(stand, owner="user", **parameters):
    return stand.component.uploads.save(io.BytesIO(PNG), owner=owner, filename="a.png", **parameters)


def test_an_upload_is_changed_as_it_would_have_been_saved(stand):
    """By itself or by its id; every value normalised alike, and nothing else touched."""
    uploads = stand.component.uploads
    upload, like = save(stand), save(stand, **DETAILS)
    changed = uploads.update(upload, **DETAILS)
    named = {name: getattr(like, name) for name in (*DETAILS.keys() - {"expiration"}, "expires_at")}
    assert changed == replace(upload, **named)
    assert uploads.get(upload.id) == changed
    again = uploads.update(upload.id, title=" N ", tags="x,y,x", category_id="0", nsfw="no", expiration="P1D")
    assert (again.title, again.tags, again.category_id, again.nsfw) == (" N ", ("x", "y"), None, False)
    assert (again.description, again.album_id, again.expires_at) == ("Text", "ownalbum", NOW + timedelta(days=1))
    assert uploads.update(upload) == again


@pytest.mark.parametrize("nothing", [None, ""])
def test_none_and_an_empty_text_clear(stand, nothing):
    """Each by itself; the other values stay."""
    uploads = stand.component.uploads
    for name in DETAILS:
        before = save(stand, **DETAILS)
        cleared = uploads.update(before, **{name: nothing})
        kept = save(stand, **{other: DETAILS[other] for other in DETAILS if other != name})
        fields = [*(field for field in DETAILS if field not in ("expiration", "title")), "expires_at"]
        assert [getattr(cleared, field) for field in fields] == [getattr(kept, field) for field in fields]
        assert cleared.title == (None if name == "title" else "Title")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"title": 7}, InvalidParameter),
        ({"tags": [1]}, InvalidParameter),
        ({"category_id": "x"}, InvalidParameter),
        ({"nsfw": "perhaps"}, InvalidParameter),
        ({"expiration": "some day"}, InvalidParameter),
        ({"expiration": timedelta(0)}, InvalidParameter),
        ({"album_id": "foreign"}, ForeignAlbum),
        ({"album_id": "nonsense"}, ForeignAlbum),
        ({"category_id": 99}, UnknownCategory),
        ({"width": 7}, TypeError),
        ({"owner_id": "other"}, TypeError),
        ({"name": "other"}, TypeError),
    ],
)
def test_what_is_not_acceptable_changes_nothing(stand, changes, error):
    """Not even the values beside it that are."""
    upload = save(stand)
    with pytest.raises(error):
        stand.component.uploads.update(upload, **{"description": "New", **changes})
    assert stand.component.uploads.get(upload.id) == upload


def test_what_readers_do_not_see_is_not_changed(stand):
    """It was deleted, it has expired, or it never was; nothing of that is an error."""
    uploads = stand.component.uploads
    deleted, expired = save(stand), save(stand, expiration="600")
    uploads.delete(deleted)
    stand.clock.move(seconds=600)
    for gone in (deleted, deleted.id, expired, expired.id, "nonsense"):
        assert uploads.update(gone, title="T", expiration=None) is None
    assert uploads.get(expired.id) is None


def test_guests_have_neither_tags_nor_albums(stand):
    """As with their uploads."""
    upload = save(stand, owner=None)
    assert stand.component.uploads.update(upload, title="T", tags=["a"]) == replace(upload, title="T")
    with pytest.raises(ForeignAlbum):
        stand.component.uploads.update(upload, album_id="ownalbum")


def test_no_more_tags_are_kept_than_of_an_upload(make):
    """The first ones."""
    stand = make(limits=Limits(max_tags=2))
    assert stand.component.uploads.update(save(stand), tags=["c", "b", "a"]).tags == ("c", "b")


def test_times_of_the_site_and_of_the_user_hold_as_for_an_upload(make):
    """Counted from the change: a guest's is the site's, and a user's own counts where none is asked for."""
    keys = StaticKeys({"key": Principal(user_id="brief", lifetime=timedelta(days=3))})
    stand = make(keys=keys, policy=Policy(guest_lifetime=timedelta(days=7)))
    guests, brief = save(stand, owner=None), save(stand, owner="brief")
    assert (guests.expires_at, brief.expires_at) == (NOW + timedelta(days=7), NOW + timedelta(days=3))
    stand.clock.move(days=1)
    uploads = stand.component.uploads
    assert uploads.update(guests, title="T").expires_at == guests.expires_at
    for asked in (None, "P30D"):
        assert uploads.update(guests, expiration=asked).expires_at == NOW + timedelta(days=8)
    assert uploads.update(brief, expiration="P30D").expires_at == NOW + timedelta(days=31)
    assert uploads.update(brief, expiration=None).expires_at == NOW + timedelta(days=4)
    assert uploads.update(brief, expiration="1").expires_at == NOW + timedelta(days=1, minutes=5)


def test_a_list_is_chosen_from(stand):
    """By album, type and text; a page goes on behind an upload, its cursor or its id."""
    saved = []
    for title in ("Cat 1", "Dog", "Cat 2", "Cat 3"):
        saved.insert(0, save(stand, title=title, album_id="ownalbum" if "Cat" in title else None))
        stand.clock.move(seconds=1)
    uploads = stand.component.uploads
    cats = [upload for upload in saved if upload.album_id]
    assert uploads.list("user", album_id="ownalbum") == cats == uploads.list("user", q=" cat ")
    assert uploads.list("user", album_id=None, q="", type=None) == saved == uploads.list("user", type="image")
    assert uploads.list("user", type="video") == []
    for before in (cats[0], cats[0].cursor, str(cats[0].cursor), cats[0].id):
        assert uploads.list("user", before=before, album_id="ownalbum") == cats[1:]


def test_a_text_that_is_searched_for_is_as_long_as_a_title(stand):
    """And is said to be, where it is longer; white space at its ends does not count."""
    assert stand.component.uploads.list("user", q=f" {'x' * 100}\n") == []
    with pytest.raises(InvalidParameter) as told:
        stand.component.uploads.list("user", q="x" * 101)
    assert str(told.value) == "Invalid q, expected at most 100 characters"


@pytest.mark.parametrize("chosen", [{"type": "film"}, {"q": "x" * 101}, {"album_id": ""}, {"album_id": " \n"}])
def test_what_cannot_be_listed_is_refused(stand, chosen):
    """In words, for guests as well."""
    for owner in ("user", None):
        with pytest.raises(InvalidParameter, match=f"Invalid {next(iter(chosen))}"):
            stand.component.uploads.list(owner, **chosen)


def test_no_list_begins_behind_another_owners_upload(stand):
    """Its id tells nothing, not even that it is there."""
    with pytest.raises(InvalidParameter) as theirs:
        stand.component.uploads.list("user", before=save(stand, owner="other").id)
    with pytest.raises(InvalidParameter) as nobodys:
        stand.component.uploads.list("user", before="nonsense")
    assert str(theirs.value) == str(nobodys.value)
