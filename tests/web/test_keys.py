"""A key in header, query or body says whose upload it is; without a good one nothing is stored."""

from __future__ import annotations

import pytest

from chevupload.config import Limits, Policy
from chevupload.model import Principal
from tests.support import BASE64, UPLOAD, Trickle, assert_refusal, file


@pytest.mark.parametrize("where", ["header", "query", "body"])
def test_key_in_header_query_or_body(stand, where):
    """Each place will do, alone."""
    data = {"source": file()}
    if where == "header":
        answer = stand.send(data)
    elif where == "query":
        answer = stand.send(data, key=None, path=f"{UPLOAD}?key=user-key")
    else:
        answer = stand.send({**data, "key": "user-key"}, key=None)
    assert answer.status_code == 200
    assert stand.catalog.get(answer.json["image"]["id_encoded"]).owner_id == "user"


def test_the_header_key_wins(stand, refusing):
    """A good header beats a bad parameter, and the other way round."""
    assert stand.send({"source": file(), "key": "wrong"}).status_code == 200
    answer = refusing().send({"source": file(), "key": "user-key"}, key="wrong")
    assert_refusal(answer, 401, 100, "Invalid API key.")


def test_an_empty_header_counts_as_absent(stand):
    """The parameter is asked then."""
    assert stand.send({"source": file(), "key": "user-key"}, key=" ").status_code == 200


def test_the_body_key_wins_over_the_query_key(stand):
    """A body value wins over a query value, for keys too."""
    answer = stand.send({"source": file(), "key": "other-key"}, key=None, path=f"{UPLOAD}?key=user-key")
    assert stand.catalog.get(answer.json["image"]["id_encoded"]).owner_id == "other"


def test_guest_uploads_have_no_owner(stand):
    """Neither owner nor tags."""
    image = stand.upload(key="guest-key", tags="a,b")
    assert (stand.catalog.get(image["id_encoded"]).owner_id, image["tags"]) == (None, [])


def test_a_function_is_a_key_backend(make):
    """A host answers whose key it is with one function of key and environ."""
    seen = []

    def whose(key, environ):
        seen.append((key, environ["REQUEST_METHOD"]))
        return Principal(user_id="u") if key == "k" else None

    assert make(keys=whose).send({"source": file()}, key="k").status_code == 200
    assert seen == [("k", "POST")]


@pytest.mark.parametrize("key", ["wrong", "x" * 513, "user-key2", "\ud800".encode("utf-8", "replace").decode()])
def test_unknown_keys(refusing, key):
    """Unknown is unknown, however long."""
    stand = refusing()
    assert_refusal(stand.send({"source": file()}, key=key), 401, 100, "Invalid API key.")
    assert_refusal(stand.send({"source": file(), "key": key}, key=None), 401, 100, "Invalid API key.")


@pytest.mark.parametrize("data", [{"source": BASE64}, {}, {"source": "***"}, {"key": "", "source": BASE64}])
def test_no_key(refusing, data):
    """The missing key is named first, whatever else is wrong."""
    assert_refusal(refusing().send(data, key=None), 401, 100, "No key provided")


def test_guests_may_be_switched_off(refusing):
    """A known key that may not upload is 403."""
    stand = refusing(policy=Policy(guests=False))
    assert_refusal(stand.send({"source": file()}, key="guest-key"), 403, 401, "Request denied")


@pytest.mark.parametrize(
    ("key", "album"), [("user-key", "foreign"), ("user-key", "none"), ("guest-key", "ownalbum"), ("guest-key", "x")]
)
def test_foreign_albums(refusing, key, album):
    """Somebody else's album, an unknown one, and any album of a guest read the same."""
    answer = refusing().send({"source": file(), "album_id": album}, key=key)
    assert_refusal(answer, 403, 403, "Album not found among the key's own albums")


def test_a_refused_key_is_answered_without_reading_a_long_body(refusing):
    """A short body is skimmed for ``format``; a long one is not read at all."""
    stand = refusing(limits=Limits(refusal_scan_bytes=1_000))
    body = Trickle(b"x" * 3_000_000)
    answer = stand.send(
        None, key="wrong", stream=body, content_type="multipart/form-data; boundary=x", length=3_000_000
    )
    assert_refusal(answer, 401, 100)
    assert body.read_bytes == 0
    answer = stand.send(None, key="wrong", method="GET")
    assert_refusal(answer, 401, 100)
