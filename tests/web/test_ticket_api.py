"""A key with the scope makes tickets over the API, and everything that is refused is told as for an upload."""

from __future__ import annotations

import logging

import pytest

from chevupload.config import Policy, Routes
from chevupload.errors import ConfigError
from chevupload.keys import GuestKey
from chevupload.model import Principal
from chevupload.testing.memory import StaticKeys
from tests.support import ALBUMS, UPLOAD, assert_refusal, file, picture
from tests.web.test_openapi import Described

TICKETS = "/api/1/tickets"
KEYS = {
    # The first one says what the user may do.
    "user-key": Principal(user_id="user"),
    "mint-key": Principal(user_id="user", scopes={"ticket"}, album_id=ALBUMS[0].id, key_id="k1"),
    "upload-key": Principal(user_id="user", scopes={"upload"}),
    "guest-key": Principal(),
}


@pytest.fixture
def described(make):
    """Return a component with the route, and its own description, by which every answer is judged."""
    routes = Routes(tickets="api/1/tickets", upload_page="upload")
    return Described(make(keys=StaticKeys(KEYS), routes=routes))


def ask(described, key="user-key", method="POST", **request):
    headers = {"X-API-Key": key} if key else {}
    return described.check(
        described.stand.open(TICKETS, method, headers=headers | request.pop("headers", {}), **request)
    )


def test_a_ticket_that_is_made_uploads(described):
    """And nothing else than what it says."""
    stand = described.stand
    said = {"seconds": 60, "uses": 2, "formats": "png, jpeg", "max_bytes": "1000", "title": "Theirs", "nsfw": True}
    made = ask(described, json=said).json["ticket"]
    assert made["page_url"] == f"{stand.base}/upload#ticket={made['key']}"
    assert made["expires_at"] == "2026-03-04T05:07:07Z"
    answer = stand.send({"source": file()}, key=made["key"])
    assert (answer.json["image"]["title"], answer.json["image"]["nsfw"]) == ("Theirs", 1)
    assert_refusal(stand.send({"source": file(picture(format="GIF"))}, key=made["key"]), 415, 614)
    claims = stand.component.tickets.principal(made["key"]).ticket
    assert (claims.uses, claims.restrictions.max_bytes) == (2, 1_000)


def test_any_body_and_none(described):
    """As for uploads: forms and JSON; without any it is the usual ticket."""
    for body in ({"data": {"uses": "3"}}, {"json": {"uses": 3}}, {"query_string": "uses=3"}):
        key = ask(described, **body).json["ticket"]["key"]
        assert described.stand.component.tickets.principal(key).ticket.uses == 3
    assert ask(described).json["ticket"]["expires_at"] == "2026-03-04T05:16:07Z"


def test_a_key_for_tickets_alone_gives_its_restrictions_on(described):
    """It does not upload itself, and its tickets go to its album."""
    key = ask(described, "mint-key").json["ticket"]["key"]
    assert_refusal(described.stand.send({"source": file()}, key="mint-key"), 403, 401)
    assert described.stand.send({"source": file()}, key=key).status_code == 200
    assert next(described.stand.catalog.uploads()).album_id == ALBUMS[0].id
    assert_refusal(ask(described, "mint-key", json={"album_id": "other"}), 403, 403)


@pytest.mark.parametrize(
    ("key", "body", "status", "code"),
    [
        (None, {}, 401, 100),
        ("wrong", {}, 401, 100),
        ("chvt_wrong", {}, 401, 100),
        ("upload-key", {}, 403, 401),
        ("guest-key", {}, 403, 401),
        ("user-key", {"seconds": "soon"}, 400, 400),
        ("user-key", {"max_bytes": 0}, 400, 400),
        ("user-key", {"uses": 101}, 400, 400),
        ("user-key", {"uses": 1.5}, 400, 400),
        ("user-key", {"formats": "EXE"}, 400, 400),
        ("user-key", {"width": "wide"}, 400, 400),
        ("user-key", {"origin": "nowhere"}, 400, 400),
    ],
)
def test_refusals(described, key, body, status, code):
    """In JSON, with Chevereto's codes, and readable for pages."""
    assert_refusal(ask(described, key, json=body), status, code)


def test_a_ticket_makes_no_ticket(described):
    """Neither does one that is used for the route, nor its form."""
    key = ask(described).json["ticket"]["key"]
    assert_refusal(ask(described, key), 403, 401)


def test_other_methods_and_other_origins(described):
    """As for uploads."""
    answer = described.stand.open(TICKETS, "GET")
    assert_refusal(answer, 405, 405)
    assert answer.headers["Allow"] == "POST, OPTIONS"
    preflight = ask(described, method="OPTIONS", headers={"Origin": "https://app.example"})
    assert preflight.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"


def test_a_request_that_is_repeated_makes_no_more_uses(described):
    """Both tickets of one Idempotency-Key count together; another key's do not."""
    header = {"Idempotency-Key": "one"}
    first, again, other = (
        ask(described, headers=headers).json["ticket"]["key"] for headers in (header, header, {"Idempotency-Key": "2"})
    )
    assert described.stand.send({"source": file()}, key=first).status_code == 200
    refused = described.stand.send({"source": file(picture(color=(1, 2, 3)))}, key=again)
    assert_refusal(refused, 401, 100, "This ticket is used up")
    assert described.stand.send({"source": file()}, key=other).status_code == 200


def test_the_audit_log_knows_who_made_it(described, caplog):
    """And nothing of what opens anything."""
    caplog.set_level(logging.INFO, "chevupload.audit")
    address = {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}}
    keys = [ask(described, "mint-key", json={"uses": uses}, **address).json["ticket"]["key"] for uses in (1, 3)]
    found = [record for record in caplog.records if record.name == "chevupload.audit"]
    assert [record.detail for record in found] == [
        "1 use until 2026-03-04T05:16:07Z",
        "3 uses until 2026-03-04T05:16:07Z",
    ]
    for record, key in zip(found, keys, strict=True):
        told = (record.event, record.user_id, record.key_id, record.address)
        assert told == ("ticket_minted", "user", "k1", "192.0.2.7")
        assert key not in record.getMessage()


def test_the_route_is_off_unless_it_is_wanted(make):
    """And a site that cannot have tickets of users is told when it is put together."""
    assert_refusal(make().open(TICKETS, "POST", headers={"X-API-Key": "user-key"}), 404, 120)
    with pytest.raises(ConfigError, match="UserKeyBackend"):
        make(keys=GuestKey("guest-key"), routes=Routes(tickets="api/1/tickets"))


def test_a_restricted_site_shares_it_with_its_origins(make):
    """Nobody else may read a ticket that a page has asked for."""
    policy = Policy(cors_origins=("https://app.example",))
    stand = make(policy=policy, routes=Routes(tickets="api/1/tickets"))
    for origin, allowed in (("https://app.example", "https://app.example"), ("https://other.example", None)):
        answer = stand.open(TICKETS, "POST", headers={"X-API-Key": "user-key", "Origin": origin})
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    assert stand.open(UPLOAD, "OPTIONS", headers={"Origin": "https://app.example"}).status_code == 204
