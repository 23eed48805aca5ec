"""Programs list, look at, change and delete the uploads of their key's user, and nobody else's."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from chevupload.config import Policy, Routes
from chevupload.db import SqlCatalog
from chevupload.errors import ConfigError
from chevupload.model import Principal
from chevupload.testing.memory import MemoryCatalog, StaticKeys
from tests.databases import sqlite_database
from tests.media.films import film
from tests.support import ALBUMS, BASE64, PNG, PRINCIPALS, UPLOAD, assert_refusal, file
from tests.web.test_openapi import Described

UPLOADS = "/api/1/uploads"
IMGBB = "/1/image"
OWN, SECOND = ALBUMS[0].id, "second"
ROUTES = Routes(uploads="api/1/uploads", imgbb_image="1/image", account="api/1/account", tickets="api/1/tickets")
KEYS = PRINCIPALS | {
    "named-key": Principal(user_id="user", key_id="k1"),
    "list-key": Principal(user_id="user", scopes={"list"}),
    "edit-key": Principal(user_id="user", scopes={"edit"}),
    "delete-key": Principal(user_id="user", scopes={"delete"}),
    "album-key": Principal(user_id="user", album_id=OWN),
    "page-key": Principal(user_id="user", origins={"https://app.example"}),
}


@pytest.fixture
def described(make):
    """Return a component with the routes, and its own description, by which every answer is judged."""
    return Described(make(keys=StaticKeys(KEYS), routes=ROUTES))


def ask(described, path=UPLOADS, method="GET", key="user-key", **request):
    headers = ({"X-API-Key": key} if key else {}) | request.pop("headers", {})
    return described.check(described.stand.open(path, method, headers=headers, **request))


def uploaded(described, count, **fields):
    """Upload so many pictures, and return their ids, the newest first."""
    ids = []
    for _ in range(count):
        described.stand.clock.move(seconds=1)
        ids.insert(0, described.stand.upload(**fields)["id_encoded"])
    return ids


def listed(answer):
    assert answer.status_code == 200, answer.text
    return [image["id_encoded"] for image in answer.json["uploads"]]


def test_pages_follow_each_other(described):
    """The newest first, none twice and none left out, and the last page says that it is one."""
    ids = uploaded(described, 5)
    uploaded(described, 1, key="other-key")
    answer = ask(described)
    assert list(answer.json) == ["status_code", "uploads", "next", "status_txt"]
    assert (listed(answer), answer.json["next"]) == (ids, None)
    seen, query = [], {"limit": 2}
    while True:
        page = ask(described, query_string=query)
        seen += listed(page)
        if page.json["next"] is None:
            break
        query |= {"before": page.json["next"]}
    assert seen == ids
    assert listed(ask(described, query_string={"limit": 5})) == ids
    # Those of one moment, too.
    assert ask(described, query_string={"limit": 5}).json["next"] is None


def test_an_upload_is_told_as_when_it_was_stored(described):
    """The same object, member by member, and its album."""
    image = described.stand.upload(title="A cat", tags="a,b", description="D", nsfw="1", album_id=OWN)
    assert "album_id" not in image
    image["album_id"] = OWN
    assert ask(described).json["uploads"] == [image]
    assert ask(described, f"{UPLOADS}/{image['id_encoded']}").json == {
        "status_code": 200,
        "image": image,
        "status_txt": "OK",
    }


def test_a_page_goes_on_behind_an_upload_that_is_gone(described):
    """What is new meanwhile does not move it, either."""
    first, second, third = uploaded(described, 3)
    following = ask(described, query_string={"limit": 2}).json["next"]
    for one in (first, second):
        assert ask(described, f"{UPLOADS}/{one}", "DELETE").status_code == 200
    uploaded(described, 1)
    assert listed(ask(described, query_string={"before": following})) == [third]


def test_where_a_list_goes_on_is_the_users_alone(described):
    """Signed, so that nobody tries times and ids."""
    uploaded(described, 2)
    following = ask(described, query_string={"limit": 1}).json["next"]
    place = following.rpartition(".")[0]
    for key, before in (
        ("other-key", following),
        ("user-key", place),
        ("user-key", f"0{following}"),
        ("user-key", following[:-1]),
        ("user-key", "é.x"),
    ):
        assert_refusal(ask(described, key=key, query_string={"before": before}), 400, 400)
    described.stand.start(secret_keys=["a secret of before, now the oldest", *described.stand._settings["secret_keys"]])
    assert len(listed(ask(described, query_string={"before": following}))) == 1


def test_filters(described):
    """By album, by type and by a text; together, too."""
    stand = described.stand
    [film_id] = uploaded(described, 1, content=film(), filename="a.mp4")
    [own] = uploaded(described, 1, title="Grey Cat", album_id=OWN)
    [other] = uploaded(described, 1, description="no cat here")
    for query, ids in (
        ({"type": "video"}, [film_id]),
        ({"type": "image"}, [other, own]),
        ({"album_id": OWN}, [own]),
        ({"album_id": "nowhere"}, []),
        ({"q": "CAT"}, [other, own]),
        ({"q": "cat", "album_id": OWN, "type": "image"}, [own]),
        ({"q": "%"}, []),
        ({"before": "", "limit": ""}, [other, own, film_id]),
        ({"format": "json"}, [other, own, film_id]),
    ):
        assert listed(ask(described, query_string=query)) == ids, query
    assert stand.open(f"{UPLOADS}/", headers={"X-API-Key": "user-key"}).status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "two"},
        {"limit": "-1"},
        {"type": "film"},
        {"q": "x" * 101},
        {"before": "x"},
        # A filter that is not understood must not be taken for none: what is found may be deleted next.
        {"albumid": "x"},
        {"page": "2"},
        {"album_id": ""},
        {"album_id": " \t"},
        {"type": ""},
        {"q": ""},
        {"q": "\n "},
    ],
    ids=str,
)
def test_what_a_list_refuses(described, query):
    """A wrong value and an unknown name, in words."""
    answer = ask(described, query_string=query)
    assert_refusal(answer, 400, 400)
    assert {"before": "cursor"}.get(*query, *query) in answer.json["error"]["message"]


@pytest.mark.parametrize("path", [UPLOADS, IMGBB])
def test_what_is_not_ones_own_is_not_there(described, path):
    """The same bytes for another's, for a guest's, for one that is gone and for none; admins are no exception."""
    stand = described.stand
    [others], [gone] = uploaded(described, 1, key="other-key"), uploaded(described, 1)
    [guests] = uploaded(described, 1, key="guest-key")
    [expired] = uploaded(described, 1, key="other-key", expiration="PT5M")
    ask(described, f"{UPLOADS}/{gone}", "DELETE")
    stand.clock.move(hours=1)
    before = stand.left()
    methods = ("GET", "PATCH", "DELETE") if path == UPLOADS else ("GET", "DELETE")
    for method in methods:
        body = {"json": {"title": "x"}} if method == "PATCH" else {}
        answers = [
            ask(described, f"{path}/{one}", method, key, **body)
            for key in ("user-key", "admin-key", "guest-key")
            for one in (others, guests, gone, expired, "nothing")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.data for answer in answers}) == 1
    assert stand.left() == before


def test_another_ones_upload_costs_what_none_costs(make, tmp_path):
    """The same statements, so that no watch tells them apart."""
    with sqlite_database(tmp_path / "records.db") as database:
        catalog = SqlCatalog(database)
        catalog.create_tables()
        stand = make(catalog=catalog, keys=StaticKeys(KEYS), routes=ROUTES)
        others = stand.upload(key="other-key", tags="a,b")["id_encoded"]
        asked = []
        event.listen(database.engine, "before_cursor_execute", lambda *what: asked.append(what[2]))
        for method in ("GET", "PATCH", "DELETE"):
            costs = []
            for one in (others, "nothing"):
                asked.clear()
                headers = {"X-API-Key": "user-key"}
                stand.open(
                    f"{UPLOADS}/{one}", method, headers=headers, data={"title": "x"} if method == "PATCH" else {}
                )
                costs.append([*asked])
            assert costs[0] == costs[1]
            assert len(costs[0]) == 1


def test_an_own_upload_that_has_expired_says_so(described):
    """It is gone for its owner, too."""
    [one] = uploaded(described, 1, expiration="PT5M")
    described.stand.clock.move(hours=1)
    assert listed(ask(described)) == []
    for method in ("GET", "DELETE"):
        assert_refusal(ask(described, f"{UPLOADS}/{one}", method), 410, 410)


BODIES = {
    "JSON": lambda changes: {"json": changes},
    "form": lambda changes: {"data": changes},
    "multipart": lambda changes: {"data": changes, "content_type": "multipart/form-data"},
    "query": lambda changes: {"query_string": changes},
}


@pytest.mark.parametrize("body", BODIES)
def test_a_change(described, body):
    """Of every field, however it is written; what is not given stays, and an empty value clears."""
    [one] = uploaded(described, 1, title="Before", description="kept")
    path = f"{UPLOADS}/{one}"
    changes = {"title": "After é", "tags": "b,a", "album_id": OWN, "category_id": "3", "nsfw": "1", "expiration": "P1D"}
    answer = ask(described, path, "PATCH", **BODIES[body](changes))
    image = answer.json["image"]
    assert answer.status_code == 200
    told = [image[name] for name in ("title", "description", "tags_string", "category_id", "nsfw")]
    assert told == ["After é", "kept", "b, a", 3, 1]
    assert image["expiration_date_gmt"] == "2026-03-05 05:06:08"
    record = described.stand.catalog.get(one)
    assert (image["album_id"], record.album_id, record.title) == (OWN, OWN, "After é")
    assert ask(described, path).json["image"] == image
    cleared = ask(described, path, "PATCH", **BODIES[body](dict.fromkeys(changes, "")))
    image = cleared.json["image"]
    assert [image[name] for name in ("title", "tags", "category_id", "nsfw", "expiration_date_gmt")] == [
        *(None, [], None, 0, None)
    ]
    assert (image["description"], described.stand.catalog.get(one).album_id) == ("kept", None)


def test_tags_may_be_a_list_in_json(described):
    """Of a change and of an upload; an empty one clears. What is malformed and what is no value are told apart."""
    sent = {"source": BASE64, "tags": ["b", "a c"]}
    image = described.stand.open(UPLOAD, "POST", json=sent, headers={"X-API-Key": "user-key"}).json["image"]
    path = f"{UPLOADS}/{image['id_encoded']}"
    assert image["tags_string"] == "b, a c"
    for tags, kept in ((["x", " y ", ""], "x, y"), ([], "")):
        assert ask(described, path, "PATCH", json={"tags": tags}).json["image"]["tags_string"] == kept
    refused = {b'{"title":': "valid JSON", b'{"title":["x"]}': "Invalid title", b'{"tags":[1]}': "Invalid tags"}
    for body, words in refused.items():
        answer = ask(described, path, "PATCH", data=body, content_type="application/json")
        assert words in answer.json["error"]["message"]


def test_null_clears_in_json(described):
    """As an empty text does."""
    [one] = uploaded(described, 1, title="Before")
    answer = ask(described, f"{UPLOADS}/{one}", "PATCH", json={"title": None, "nsfw": True})
    assert (answer.json["image"]["title"], answer.json["image"]["nsfw"]) == (None, 1)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"json": {"name": "x"}}, 400),
        ({"json": {"title": "x", "views": 3}}, 400),
        ({"json": {"owner_id": "other"}}, 400),
        ({"json": {"category_id": 99}}, 400),
        ({"json": {"category_id": "many"}}, 400),
        ({"json": {"expiration": "soon"}}, 400),
        ({"json": {"nsfw": "perhaps"}}, 400),
        ({"json": {"tags": [1]}}, 400),
        ({"json": {"tags": ["a,b"]}}, 400),
        ({"json": {"tags": {"a": 1}}}, 400),
        ({"json": {"title": ["a"]}}, 400),
        ({"json": ["title"]}, 400),
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"json": {"album_id": ALBUMS[1].id}}, 403),
        ({"json": {"album_id": "nowhere"}}, 403),
        ({"data": {"title": "x" * 1_200_000}}, 413),
        ({"data": {f"f{number}": "x" for number in range(101)}}, 413),
        ({"data": b"title", "content_type": "text/plain"}, 415),
        ({"json": {"title": "x"}, "headers": {"Content-Encoding": "gzip"}}, 415),
    ],
)
def test_what_a_change_refuses(described, body, status):
    """And then nothing is changed."""
    [one] = uploaded(described, 1, title="Before")
    before = described.stand.left()
    answer = ask(described, f"{UPLOADS}/{one}", "PATCH", **body)
    assert_refusal(answer, status, 403 if status == 403 else 415 if status == 415 else 400)
    assert described.stand.left() == before


def test_a_text_that_comes_as_a_file_is_refused(described):
    """As curl sends -F title=@title.txt: taken for an empty text, it would clear the title."""
    [one] = uploaded(described, 1, title="Before")
    answer = ask(described, f"{UPLOADS}/{one}", "PATCH", data={"title": file(b"After"), "description": "x"})
    assert_refusal(answer, 400, 400)
    assert answer.json["error"]["message"] == "Invalid title, expected a text, not a file"
    assert described.stand.catalog.get(one).title == "Before"


def test_a_deletion(described):
    """Record and files are gone, and once more there is nothing to delete."""
    kept, gone = uploaded(described, 2)
    for path in (f"{UPLOADS}/{gone}", f"{IMGBB}/{kept}"):
        answer = ask(described, path, "DELETE")
        assert answer.json["success"] == {"message": "file deleted", "code": 200}
        assert_missing(ask(described, path, "DELETE"))
    assert described.stand.left() == {"records": [], "files": [], "spools": []}


def assert_missing(answer):
    assert (answer.status_code, answer.json["error"]["code"]) == (404, 404)


def test_the_audit_log_knows_who_did_it(described, caplog):
    """By which key, from where, and of which upload; not what was written."""
    [one] = uploaded(described, 1)
    caplog.set_level(logging.INFO, "chevupload.audit")
    address = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}
    ask(described, f"{UPLOADS}/{one}", "PATCH", "named-key", json={"title": "secret words"}, **address)
    ask(described, f"{UPLOADS}/{one}", "DELETE", "named-key", **address)
    changed, deleted = [record for record in caplog.records if record.name == "chevupload.audit"]
    assert (changed.event, deleted.event) == ("upload_changed", "upload_deleted")
    for record in (changed, deleted):
        assert (record.user_id, record.key_id, record.address) == ("user", "k1", "192.0.2.7")
        assert one in record.getMessage()
        assert "secret" not in record.getMessage()


def test_what_an_open_transaction_holds_is_refused(make, tmp_path):
    """In words, and with a time to come back; afterwards it can be changed."""
    with sqlite_database(tmp_path / "records.db") as database:
        catalog = SqlCatalog(database)
        catalog.create_tables()
        described = Described(make(catalog=catalog, keys=StaticKeys(KEYS), routes=ROUTES))
        [one] = uploaded(described, 1)
        path = f"{UPLOADS}/{one}"
        with Session(database.engine) as session:
            described.stand.component.uploads.update(one, title="By the host", session=session)
            for method, body in (("PATCH", {"json": {"title": "x"}}), ("DELETE", {})):
                answer = ask(described, path, method, **body)
                assert_refusal(answer, 409, 409)
                assert answer.headers["Retry-After"] == "10"
            session.commit()
        assert ask(described, path).json["image"]["title"] == "By the host"
        assert ask(described, path, "PATCH", json={"title": "x"}).status_code == 200


def test_a_content_type_without_a_body_deletes(described):
    """Many clients say so of every request; a body may have the key, too."""
    first, second = uploaded(described, 2)
    json_type = {"content_type": "application/json"}
    assert ask(described, f"{UPLOADS}/{first}", "DELETE", **json_type).status_code == 200
    assert ask(described, f"{UPLOADS}/{second}", "DELETE", None, data={"key": "user-key"}).status_code == 200


SCOPES = {
    "user-key": {"GET", "PATCH", "DELETE"},
    "list-key": {"GET"},
    "edit-key": {"PATCH"},
    "delete-key": {"DELETE"},
}


@pytest.mark.parametrize("key", [*SCOPES, "ticket"])
def test_a_key_does_what_it_is_for(described, key):
    """A ticket is for uploads alone, whoever has made it."""
    stand = described.stand
    if key == "ticket":
        key = ask(described, "/api/1/tickets", "POST").json["ticket"]["key"]
    may = SCOPES.get(key, set())
    [one] = uploaded(described, 1)
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {"title": "x"}} if method == "PATCH" else {}
        answer = ask(described, f"{UPLOADS}/{one}", method, key, **body)
        if method in may:
            assert answer.status_code == 200
        else:
            assert_refusal(answer, 403, 401)
    assert ask(described, key=key).status_code == (200 if "GET" in may else 403)
    assert bool(stand.stored()) == ("DELETE" not in may)


def test_a_key_that_may_not_delete_is_given_no_link_that_does(described):
    """In no answer of any route."""
    [one] = uploaded(described, 1)
    assert ask(described).json["uploads"][0]["delete_url"]
    assert ask(described, f"{IMGBB}/{one}").json["data"]["delete_url"]
    assert ask(described, key="list-key").json["uploads"][0]["delete_url"] is None
    assert ask(described, f"{UPLOADS}/{one}", key="list-key").json["image"]["delete_url"] is None
    assert ask(described, f"{IMGBB}/{one}", key="list-key").json["data"]["delete_url"] == ""
    changed = ask(described, f"{UPLOADS}/{one}", "PATCH", "edit-key", json={"title": "x"})
    assert changed.json["image"]["delete_url"] is None


def test_a_key_of_an_album_knows_nothing_else(described):
    """It lists, changes and deletes what is in there, and takes nothing out."""
    [inside], [outside] = uploaded(described, 1, album_id=OWN), uploaded(described, 1)
    assert listed(ask(described, key="album-key")) == [inside]
    assert listed(ask(described, key="album-key", query_string={"album_id": OWN})) == [inside]
    assert_refusal(ask(described, key="album-key", query_string={"album_id": SECOND}), 403, 403)
    for method in ("GET", "PATCH", "DELETE"):
        body = {"json": {"title": "x"}} if method == "PATCH" else {}
        assert_missing(ask(described, f"{UPLOADS}/{outside}", method, "album-key", **body))
    path = f"{UPLOADS}/{inside}"
    for album_id in (SECOND, "", " "):
        assert_refusal(ask(described, path, "PATCH", "album-key", json={"album_id": album_id}), 403, 403)
    for changes in ({"album_id": OWN}, {"title": "x"}):
        assert ask(described, path, "PATCH", "album-key", json=changes).status_code == 200
    assert described.stand.catalog.get(inside).album_id == OWN
    assert ask(described, path, "DELETE", "album-key").status_code == 200


def test_a_guest_has_nothing(described):
    """Though guests upload: all of them are one sender."""
    uploaded(described, 1, key="guest-key")
    assert listed(ask(described, key="guest-key")) == []


def test_keys_in_every_place(described):
    """As for uploads: a header, the query, or a form; the header wins. The key is mended first."""
    [one] = uploaded(described, 1)
    path = f"{UPLOADS}/{one}"
    assert ask(described, path, key=None, query_string={"key": "user-key"}).status_code == 200
    assert ask(described, path, "PATCH", None, data={"key": "user-key", "title": "x"}).status_code == 200
    assert ask(described, path, "PATCH", None, json={"key": "user-key", "title": "x"}).status_code == 200
    assert ask(described, path, query_string={"key": "wrong"}).status_code == 200
    for method, key, body in (
        ("GET", None, {}),
        ("GET", "wrong", {}),
        ("GET", "x" * 600, {}),
        ("GET", "wrong", {"query_string": {"key": "user-key", "limit": "x"}}),
        ("PATCH", "wrong", {"data": b"{", "content_type": "application/json"}),
        ("PATCH", None, {"data": {"key": "wrong", "views": "1"}}),
        ("PATCH", None, {"query_string": {"key": "user-key"}, "data": {"key": "wrong", "title": "x"}}),
        ("DELETE", None, {"data": {"key": "wrong"}}),
    ):
        assert_refusal(ask(described, path, method, key, **body), 401, 100)


def test_too_many_wrong_keys(make):
    """Of one address, as where it uploads."""
    stand = make(keys=StaticKeys(KEYS), routes=ROUTES, policy=Policy(wrong_keys=2))
    address = {"REMOTE_ADDR": "192.0.2.7"}
    answers = [
        stand.open(path, method, headers={"X-API-Key": "wrong"}, environ_overrides=address)
        for path, method in ((UPLOADS, "GET"), (f"{UPLOADS}/x", "PATCH"), (f"{IMGBB}/x", "DELETE"))
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert "Retry-After" in answers[-1].headers


def test_pages_of_the_keys_origins(described):
    """And of no other."""
    for origin, status in ((None, 403), ("https://other.example", 403), ("https://app.example", 200)):
        headers = {} if origin is None else {"Origin": origin}
        assert ask(described, key="page-key", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (UPLOADS, "GET, OPTIONS"),
        (f"{UPLOADS}/", "GET, OPTIONS"),
        (f"{UPLOADS}/abc", "GET, PATCH, DELETE, OPTIONS"),
        (f"{IMGBB}/abc", "GET, DELETE, OPTIONS"),
        ("/api/1/account", "GET, OPTIONS"),
    ],
)
def test_methods(described, path, methods):
    """A browser asks which of them it may send, without a key; others are refused."""
    stand = described.stand
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "DELETE"}
    preflight = described.check(stand.open(path, "OPTIONS", headers=asked))
    assert (preflight.status_code, preflight.headers["Access-Control-Allow-Methods"]) == (204, methods)
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - {*methods.split(", ")}:
        answer = stand.open(path, method, headers={"X-API-Key": "user-key"})
        assert (answer.status_code, answer.headers["Allow"]) == (405, methods)


def test_imgbb_answers_as_imgbb(described):
    """The document of its upload route, and refusals with what its clients read besides."""
    image = described.stand.send({"image": file(PNG, "cat.png")}, path="/1/upload").json
    answer = ask(described, f"{IMGBB}/{image['data']['id']}", key=None, query_string={"key": "user-key", "x": "1"})
    assert answer.json == image
    refused = ask(described, f"{IMGBB}/nothing")
    assert refused.json["error"]["context"] == "NotFound"


def test_the_account(make):
    """What the key is for, the limits of its user, and what is used of them."""
    keys = {
        "user-key": Principal(user_id="user"),
        "narrow-key": Principal(
            user_id="user",
            scopes={"list", "upload"},
            album_id=OWN,
            formats={"PNG"},
            origins={"https://app.example"},
            key_max_bytes=5_000,
            quota_files=3,
        ),
        "guest-key": Principal(),
    }
    policy = Policy(usage="originals", quota_bytes=1_000_000, formats=("PNG", "GIF"))
    described = Described(make(keys=StaticKeys(keys), routes=ROUTES, policy=policy))
    size = described.stand.upload()["size"]
    account = ask(described, "/api/1/account").json["account"]
    assert account == {
        "user_id": "user",
        "is_admin": False,
        "scopes": ["upload", "list", "edit", "delete", "ticket"],
        "album_id": None,
        "origins": None,
        "limits": {"max_bytes": 100_000_000, "max_pixels": 50_000_000, "formats": ["PNG", "GIF"]},
        "flood": None,
        "quota": {"files": None, "bytes": 1_000_000},
        "usage": {"files": 1, "bytes": size},
    }
    headers = {"Origin": "https://app.example"}
    account = ask(described, "/api/1/account/", key="narrow-key", headers=headers).json["account"]
    assert (account["scopes"], account["album_id"]) == (["upload", "list"], OWN)
    assert (account["origins"], account["quota"]["files"]) == (["https://app.example"], 3)
    assert account["limits"] == {"max_bytes": 5_000, "max_pixels": 50_000_000, "formats": ["PNG"]}
    account = ask(described, "/api/1/account", key="guest-key").json["account"]
    assert (account["user_id"], account["usage"]) == (None, None)
    ticket = ask(described, "/api/1/tickets", "POST").json["ticket"]["key"]
    assert_refusal(ask(described, "/api/1/account", key=ticket), 403, 401)


def test_the_account_tells_of_floods(make):
    """The user's own numbers, where there are some; admins have none."""
    from chevupload.policy.flood import Flood

    keys = {"a": Principal(user_id="a"), "b": Principal(user_id="b", flood=Flood(minute=1, hour=None, day=7))}
    keys["c"] = Principal(user_id="c", is_admin=True)
    described = Described(make(keys=StaticKeys(keys), routes=ROUTES, policy=Policy(flood=Flood())))
    floods = {key: ask(described, "/api/1/account", key=key).json["account"]["flood"] for key in keys}
    assert floods == {
        "a": {"minute": 50, "hour": 500, "day": 1_000, "week": 5_000, "month": 10_000},
        "b": {"minute": 1, "day": 7, "week": 5_000, "month": 10_000},
        "c": None,
    }


def test_the_routes_are_off_unless_they_are_wanted(stand):
    """Around a host, their paths are the host's."""
    for path, code in ((UPLOADS, 120), (f"{UPLOADS}/x", 120), ("/api/1/account", 120), (f"{IMGBB}/x", 404)):
        assert_refusal(stand.open(path, headers={"X-API-Key": "user-key"}), 404, code)


@pytest.mark.parametrize(("method", "records"), [("owned", "OwnedRecords"), ("change", "EditableRecords")])
def test_a_catalog_that_cannot_is_told_early(make, method, records):
    """When the site is put together, not with the first request."""
    lacking = type("Lacking", (MemoryCatalog,), {method: None})
    with pytest.raises(ConfigError, match=records):
        make(catalog=lacking(), routes=ROUTES)
