"""A key that is for one thing does nothing else, by whatever way it is sent."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from chevupload.errors import ForeignAlbum, RequestDenied
from chevupload.testing.memory import StaticKeys
from tests.support import EMPTY, PNG, PRINCIPALS, UPLOAD, assert_refusal, file, noise, picture

USER = PRINCIPALS["user-key"]
PAGE = "https://forum.example"


@pytest.fixture
def sender(make):
    """Return what makes a component whose only key is that of a user with these restrictions."""

    def build(**restrictions):
        return make(keys=StaticKeys({"user-key": replace(USER, **restrictions)}))

    return build


@pytest.mark.parametrize("scopes", [{"list", "edit", "delete", "ticket"}, set()], ids=["others", "none"])
def test_a_key_without_the_scope_uploads_nothing(sender, scopes):
    """It is known, and told so, before its body is looked at; a host's own code is refused alike."""
    stand = sender(scopes=scopes)
    for request in (stand.send({"source": file()}), stand.send({"source": file(), "key": "user-key"}, key=None)):
        assert_refusal(request, 403, 401, "Request denied: this key is not for upload")
    with pytest.raises(RequestDenied):
        stand.component.uploads.save(io.BytesIO(PNG), owner=replace(USER, scopes=scopes))
    assert stand.left() == EMPTY


def test_a_key_with_the_scope_uploads(sender):
    """And another scope's key is told that an action is unknown before it is told that it is not for it."""
    assert sender(scopes={"upload"}).upload()["filename"] == "photo.png"
    assert_refusal(sender(scopes={"list"}).open("/api/1/other", headers={"X-API-Key": "user-key"}), 404, 120)


def test_a_format_that_the_key_is_not_for_is_refused(sender):
    """By the content, as one that the site has switched off."""
    stand = sender(formats={"JPEG", "GIF"})
    assert_refusal(stand.send({"source": file(PNG, "photo.jpg")}), 415, 614, "Disabled image format (png)")
    assert stand.left() == EMPTY
    assert stand.upload(picture(format="JPEG"), "photo.png")["extension"] == "jpeg"


def test_a_key_opens_no_format_that_the_site_has_switched_off(make):
    """It only ever takes away."""
    keys = StaticKeys({"user-key": replace(USER, formats={"PNG", "JPEG"})})
    stand = make(keys=keys, policy=replace(make().component.config.policy, formats=("JPEG",)))
    assert_refusal(stand.send({"source": file()}), 415, 614)


def test_uploads_of_an_albums_key_are_in_the_album(sender):
    """Whether it is asked for or not; another one is refused, of the same user too."""
    stand = sender(album_id="ownalbum")
    stand.upload()
    stand.upload(album_id="ownalbum")
    assert {upload.album_id for upload in stand.catalog.uploads()} == {"ownalbum"}
    assert_refusal(stand.send({"source": file(), "album_id": "another"}), 403, 403)
    with pytest.raises(ForeignAlbum):
        stand.component.uploads.save(io.BytesIO(PNG), owner=replace(USER, album_id="ownalbum"), album_id="another")
    assert len(stand.left()["records"]) == 2
    assert_refusal(sender(album_id="foreign").send({"source": file()}), 403, 403)


@pytest.mark.parametrize("origin", [None, "https://other.example", "null", f"{PAGE}:8080", PAGE.upper(), f"{PAGE}, x"])
def test_a_key_of_a_page_is_refused_from_elsewhere(sender, origin):
    """Also without an origin: an image element of another page sends none. Pages may read the refusal."""
    stand = sender(origins={PAGE})
    headers = {} if origin is None else {"Origin": origin}
    answer = stand.send({"source": file()}, headers=headers)
    assert_refusal(answer, 403, 401, "Request denied: this key is not for pages of this origin")
    query = {"key": "user-key", "source": "https://picture.example/a.png"}
    assert_refusal(stand.open(UPLOAD, query_string=query, headers=headers), 403, 401)
    assert stand.left() == EMPTY


def test_a_key_of_a_page_works_there(sender):
    """And a key that is not bound to pages works everywhere, as before."""
    headers = {"Origin": PAGE}
    assert sender(origins={PAGE, "null"}).send({"source": file()}, headers=headers).status_code == 200
    assert sender().send({"source": file()}, headers=headers).status_code == 200


class _Unread(io.RawIOBase):
    def readable(self):
        return True

    def readinto(self, buffer):
        raise AssertionError("the body was read")


def test_what_is_too_large_for_the_key_is_refused_unread(sender):
    """By the length that is declared, where the key comes before the body; by what is read, otherwise."""
    stand = sender(key_max_bytes=20_000)
    request = {"content_type": "multipart/form-data; boundary=x", "headers": {"X-API-Key": "user-key"}}
    answer = stand.open(UPLOAD, "POST", stream=io.BufferedReader(_Unread()), length=50_000_000, **request)
    assert_refusal(answer, 413, 400, "File too big - max 20 KB")
    large = noise()
    assert len(large) > 20_000
    assert_refusal(stand.send({"source": file(large)}), 413, 400, "File too big - max 20 KB")
    assert_refusal(stand.send({"source": file(large), "key": "user-key"}, key=None), 413, 400)
    assert stand.left() == EMPTY
    stand.upload()


def test_a_key_never_raises_a_limit(make):
    """Neither that of its user nor that of the site."""
    small = replace(PRINCIPALS["small-key"], key_max_bytes=10**9)
    guest = replace(PRINCIPALS["guest-key"], key_max_bytes=10**9)
    stand = make(keys=StaticKeys({"small-key": small, "guest-key": guest}))
    assert small.largest_file(stand.component.config.limits) == 1_000
    assert guest.largest_file(stand.component.config.limits) == stand.component.config.limits.max_guest_bytes
    assert_refusal(stand.send({"source": file(noise())}, key="small-key"), 413, 400)
