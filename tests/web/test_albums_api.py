"""Programs list, make, rename and delete the albums of their key's user, and nobody else's."""

from __future__ import annotations

import pytest

from chevupload.config import Limits, Routes
from chevupload.errors import ConfigError
from chevupload.model import Album, Principal
from chevupload.testing.memory import MemoryCatalog, StaticKeys
from tests.support import ALBUMS, PRINCIPALS, assert_refusal
from tests.web.test_openapi import Described

PATH = "/api/1/albums"
OWN = ALBUMS[0]
OTHERS = ALBUMS[1].id
KEYS = PRINCIPALS | {
    "list-key": Principal(user_id="user", scopes={"list"}),
    "edit-key": Principal(user_id="user", scopes={"edit"}),
    "delete-key": Principal(user_id="user", scopes={"delete"}),
    "upload-key": Principal(user_id="user", scopes={"upload"}),
    "album-key": Principal(user_id="user", album_id=OWN.id),
    "lost-key": Principal(user_id="user", album_id=OTHERS),
}


@pytest.fixture
def described(make):
    """Return a component with the route, and its own description, by which every answer is judged."""
    routes = Routes(albums="api/1/albums", uploads="api/1/uploads")
    return Described(make(keys=StaticKeys(KEYS), routes=routes, limits=Limits(max_albums=6)))


def ask(described, path=PATH, method="GET", key="user-key", **request):
    headers = ({"X-API-Key": key} if key else {}) | request.pop("headers", {})
    return described.check(described.stand.open(path, method, headers=headers, **request))


def titles(answer):
    assert answer.status_code == 200, answer.text
    return [album["title"] for album in answer.json["albums"]]


def made(described, title, **request):
    return ask(described, PATH, "POST", **{"json": {"title": title}} | request).json["album"]


def test_albums_are_made_renamed_and_deleted(described):
    """An upload of the album stays, in none."""
    album = made(described, "  Holi\tdays ")
    assert album["title"] == "Holi days"
    path = f"{PATH}/{album['id']}"
    upload_id = described.stand.upload(album_id=album["id"])["id_encoded"]
    assert ask(described, path).json == {"status_code": 200, "album": album, "status_txt": "OK"}
    assert titles(ask(described)) == ["Holi days", "Own"]
    renamed = ask(described, path, "PATCH", data={"title": "É 2026"})
    assert renamed.json["album"] == {"id": album["id"], "title": "É 2026"}
    deleted = ask(described, f"{path}/", "DELETE")
    assert deleted.json["success"] == {"message": "album deleted", "code": 200}
    assert described.stand.catalog.get(upload_id).album_id is None
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {"title": "x"}} if method == "PATCH" else {}
        assert_refusal(ask(described, path, method, **body), 404, 404)


def test_pages_follow_each_other(described):
    """By their titles, and behind one that is gone."""
    albums = [made(described, title) for title in ("a", "b.c", "d é")]
    first = ask(described, query_string={"limit": 3})
    assert ask(described, f"{PATH}/{OWN.id}", "DELETE").status_code == 200
    assert ask(described, f"{PATH}/{albums[1]['id']}", "DELETE").status_code == 200
    seen = titles(first)
    rest = ask(described, query_string={"after": first.json["next"], "limit": 3})
    assert [*seen, *titles(rest)] == sorted(["Own", "a", "b.c", "d é"])
    assert rest.json["next"] is None
    for key, after in (("other-key", first.json["next"]), ("user-key", "x"), ("user-key", first.json["next"][:-1])):
        assert_refusal(ask(described, key=key, query_string={"after": after}), 400, 400)
    # The place in a list of uploads is none of albums.
    for number in range(2):
        described.stand.clock.move(seconds=number)
        described.stand.upload()
    place = ask(described, "/api/1/uploads", query_string={"limit": 1}).json["next"]
    assert_refusal(ask(described, query_string={"after": place}), 400, 400)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"json": {}}, 400),
        ({"json": {"title": " "}}, 400),
        ({"json": {"title": "x" * 101}}, 400),
        ({"json": {"title": "x", "id": "y"}}, 400),
        ({"json": {"title": "Own"}}, 409),
        ({"data": b"title", "content_type": "text/plain"}, 415),
    ],
)
def test_what_is_refused(described, body, status):
    """Of new albums and of new titles alike."""
    other = made(described, "Another")
    assert ask(described, PATH, "POST", **body).status_code == status
    assert ask(described, f"{PATH}/{other['id']}", "PATCH", **body).status_code == status
    assert titles(ask(described)) == ["Another", "Own"]


def test_no_more_than_the_site_allows(described):
    """Which is bounded, as everything is."""
    for number in range(5):
        made(described, f"album {number}")
    assert_refusal(ask(described, PATH, "POST", json={"title": "one more"}), 403, 403)


def test_a_request_that_is_repeated_makes_one(described):
    """Its answer may have been lost. Without the header, the second one is told that there is one."""
    header = {"Idempotency-Key": "one"}
    first = made(described, "Holidays", headers=header)
    assert made(described, "Holidays ", headers=header) == first
    assert_refusal(ask(described, PATH, "POST", json={"title": "Holidays"}), 409, 409)
    assert_refusal(ask(described, PATH, "POST", json={"title": "x"}, headers={"Idempotency-Key": "é"}), 400, 400)


def test_what_is_not_ones_own_is_not_there(described):
    """The same bytes for another's and for none; admins are no exception, and guests have none."""
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {"title": "x"}} if method == "PATCH" else {}
        answers = [
            ask(described, f"{PATH}/{album_id}", method, key, **body)
            for key in ("user-key", "admin-key", "guest-key", "lost-key")
            for album_id in (OTHERS, "nothing")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.data for answer in answers}) == 1
    assert described.stand.catalog.album(OTHERS) == ALBUMS[1]
    assert titles(ask(described, key="guest-key")) == []
    assert_refusal(ask(described, PATH, "POST", "guest-key", json={"title": "x"}), 403, 401)


def test_a_key_of_an_album_knows_that_one(described):
    """And makes no other, nor empties its own by deleting it: it takes no upload out of that."""
    album = made(described, "Another")
    assert titles(ask(described, key="album-key")) == ["Own"]
    assert titles(ask(described, key="lost-key")) == []
    assert ask(described, f"{PATH}/{album['id']}", key="album-key").status_code == 404
    assert_refusal(ask(described, PATH, "POST", "album-key", json={"title": "x"}), 403, 401)
    assert ask(described, f"{PATH}/{OWN.id}", "PATCH", "album-key", json={"title": "x"}).json["album"]["title"] == "x"
    assert_refusal(ask(described, f"{PATH}/{OWN.id}", "DELETE", "album-key"), 403, 401)
    assert described.stand.catalog.album(OWN.id) is not None


@pytest.mark.parametrize(
    ("key", "may"),
    [("list-key", {"GET"}), ("edit-key", {"PATCH", "POST"}), ("delete-key", {"DELETE"}), ("upload-key", set())],
)
def test_a_key_does_what_it_is_for(described, key, may):
    """By its scopes."""
    for path, method in (
        (PATH, "GET"),
        (PATH, "POST"),
        *((f"{PATH}/{OWN.id}", one) for one in ("GET", "PATCH", "DELETE")),
    ):
        body = {"json": {"title": f"{method}"}} if method in ("POST", "PATCH") else {}
        answer = ask(described, path, method, key, **body)
        if method in may:
            assert answer.status_code == 200
        else:
            assert_refusal(answer, 403, 401)


@pytest.mark.parametrize(
    ("path", "methods"), [(PATH, "GET, POST, OPTIONS"), (f"{PATH}/x", "GET, PATCH, DELETE, OPTIONS")]
)
def test_methods(described, path, methods):
    """A browser asks which of them it may send; others are refused."""
    preflight = described.check(described.stand.open(path, "OPTIONS", headers={"Origin": "https://app.example"}))
    assert preflight.headers["Access-Control-Allow-Methods"] == methods
    assert described.stand.open(path, "PUT").headers["Allow"] == methods


def test_the_route_is_off_unless_it_is_wanted(make):
    """And a catalog that cannot change albums is told when the site is put together."""
    assert_refusal(make().open(PATH, headers={"X-API-Key": "user-key"}), 404, 120)

    class Fixed(MemoryCatalog):
        add_album = None

    with pytest.raises(ConfigError, match="EditableAlbumRecords"):
        make(catalog=Fixed(albums=[Album("a", "b", "c")]), routes=Routes(albums="api/1/albums"))
