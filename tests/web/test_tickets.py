"""A ticket is accepted wherever a key is, for as many uploads as it says, and narrows what its owner may do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from chevupload import Flood, Limits, Policy
from chevupload.errors import StorageError
from chevupload.model import Principal
from chevupload.testing.memory import StaticKeys
from tests.support import (
    BASE64,
    NOW,
    PNG,
    UPLOAD,
    Failing,
    Trickle,
    assert_refusal,
    exif_jpeg,
    file,
    noise,
    picture,
    records,
)

USED_UP = "This ticket is used up"


def mint(stand, owner="user", **values):
    return stand.component.tickets.mint(owner, **values).key


def send(stand, key, content=PNG, **fields):
    return stand.send({"source": file(content), **fields}, key=key)


def pictures(count):
    return [picture(color=(number, 7, 9)) for number in range(count)]


def test_it_is_a_key_in_every_place_and_dialect(stand):
    """So that every client has it where it has its key."""
    ticket = mint(stand, uses=8)
    one, two, three, four, five = pictures(5)
    answers = [
        stand.send({"source": file(one)}, key=ticket),
        stand.send({"source": file(two), "key": ticket}, key=None),
        stand.send({"source": file(three)}, key=None, path=f"{UPLOAD}?key={ticket}"),
        stand.send({"image": file(four)}, key=None, path=f"/1/upload?key={ticket}"),
        stand.open(UPLOAD, "POST", json={"source": BASE64, "key": ticket}),
        stand.send({"source": file(five)}, key=ticket, path=f"{UPLOAD}?format=txt"),
    ]
    assert [answer.status_code for answer in answers] == [200] * 6
    assert {record.owner_id for record in records(stand.catalog)} == {"user"}


def test_the_same_file_gets_the_first_answer(stand):
    """Byte for byte, also when the ticket is used up: whoever lost the answer asks once more."""
    ticket = mint(stand)
    first = send(stand, ticket, title="First")
    stand.clock.move(seconds=300)
    again = send(stand, ticket, title="Another")
    assert (again.status_code, again.data) == (200, first.data)
    assert_refusal(send(stand, ticket, picture(color=(1, 2, 3))), 401, 100, USED_UP)
    assert len(records(stand.catalog)) == 1


def test_what_is_deleted_or_expired_stays_used(stand):
    """Until the ticket is over, and the answer of what is gone does not come again."""
    deleted, expired = mint(stand), mint(stand, expiration="300", seconds=900)
    image = send(stand, deleted).json["image"]
    assert stand.component.uploads.delete(image["id_encoded"])
    assert send(stand, expired).status_code == 200
    stand.clock.move(seconds=301)
    for ticket in (deleted, expired):
        assert_refusal(send(stand, ticket), 401, 100, USED_UP)
        assert_refusal(send(stand, ticket, picture(color=(1, 2, 3))), 401, 100, USED_UP)
    stand.clock.move(seconds=400)
    assert_refusal(send(stand, deleted), 401, 100, "Invalid API key.")


def test_the_first_answer_comes_again_where_there_are_no_more_places(make):
    """A repeat takes no place of the flood limit, also when none is left; a new file is refused for that."""
    stand = make(policy=Policy(flood=Flood(minute=1)))
    ticket, unused = mint(stand, uses=2), mint(stand)
    first = send(stand, ticket)
    again = send(stand, ticket)
    assert (again.status_code, again.data) == (200, first.data)
    for key in (ticket, unused):
        assert_refusal(send(stand, key, picture(color=(1, 2, 3))), 429, 130)


def test_a_refused_picture_takes_no_use(stand):
    """Nor does one that the storage did not keep."""
    ticket = mint(stand)
    assert_refusal(send(stand, ticket, b"no picture"), 400, 610)
    assert_refusal(send(stand, ticket, width="9999"), 400, 610)
    failing = Failing(stand.storage, "adopt", StorageError("away"), forever=False)
    stand.component.context.storages.by_name[""], kept = failing, stand.component.context.storages.by_name[""]
    assert_refusal(send(stand, ticket), 503, 503)
    stand.component.context.storages.by_name[""] = kept
    assert send(stand, ticket).status_code == 200


def test_one_on_its_way_is_told_of(stand):
    """The same file waits for its first request; a minute later its server is taken for dead, and the use is free."""
    ticket = mint(stand)
    send(stand, ticket)
    [record] = stand.catalog._records.values()
    record.state = "pending"
    answer = send(stand, ticket)
    assert_refusal(answer, 409, 409)
    assert answer.headers["Retry-After"] == "5"
    stand.clock.move(seconds=61)
    assert send(stand, ticket).status_code == 200


def test_of_many_pictures_at_once_as_many_are_stored_as_it_says(make):
    """Of 64 different ones exactly five, and the others are told."""
    stand = make(limits=Limits(waiting_uploads=16))
    ticket = mint(stand, uses=5)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda content: send(stand, ticket, content), pictures(64)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [401] * 59
    assert len(records(stand.catalog)) == 5


def test_of_one_picture_at_once_one_is_stored(make):
    """Whatever the ticket allows: the others get its answer, or are told that it is on its way."""
    stand = make(limits=Limits(waiting_uploads=16))
    ticket = mint(stand, uses=5)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda number: send(stand, ticket), range(32)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.data for answer in answers if answer.status_code == 200}) == 1
    assert len(records(stand.catalog)) == 1


@pytest.mark.parametrize(
    ("said", "sent", "kept"),
    [
        ({"parameters": {"title": "Theirs"}}, {}, {"title": "Theirs"}),
        ({"parameters": {"title": "Theirs"}}, {"title": "Theirs"}, {"title": "Theirs"}),
        ({"parameters": {"title": "Theirs"}}, {"title": "Mine"}, None),
        ({"parameters": {"title": "Theirs"}}, {"name": "Mine"}, None),
        ({"parameters": {"tags": "b,a"}}, {"description": "D"}, {"tags": ("b", "a"), "description": "D"}),
        ({"parameters": {"tags": ["b", "a"]}}, {"tags": "a"}, None),
        ({"parameters": {"nsfw": False}}, {"nsfw": "1"}, None),
        ({"parameters": {"nsfw": True}}, {"nsfw": "yes"}, {"nsfw": True}),
        ({"album_id": "ownalbum"}, {}, {"album_id": "ownalbum"}),
        ({"album_id": "ownalbum"}, {"album_id": "foreign"}, None),
        ({"album_id": "foreign"}, {}, None),
        ({"expiration": "PT1H"}, {}, {"expires_at": NOW + timedelta(hours=1)}),
        ({"expiration": "PT1H"}, {"expiration": "600"}, {"expires_at": NOW + timedelta(minutes=10)}),
        ({"expiration": timedelta(hours=1)}, {"expiration": "P1D"}, {"expires_at": NOW + timedelta(hours=1)}),
        ({"expiration": "PT1H"}, {"expiration": "0"}, {"expires_at": NOW + timedelta(hours=1)}),
    ],
)
def test_what_a_client_says_against_it(stand, said, sent, kept):
    """It is narrowed or refused, never ignored."""
    answer = send(stand, mint(stand, **said), **sent)
    if kept is None:
        assert answer.status_code in (400, 403)
        assert records(stand.catalog) == []
        if answer.status_code == 400:
            (name,) = said["parameters"]
            assert answer.json["error"]["message"] == f"Invalid {name}, the ticket has another value"
    else:
        assert answer.status_code == 200, answer.text
        [record] = records(stand.catalog)
        assert {name: getattr(record, name) for name in kept} == kept


def test_of_a_tickets_tags_as_many_are_kept_as_of_others(make):
    """The site's limit is no matter of who says them."""
    stand = make(limits=Limits(max_tags=2))
    assert send(stand, mint(stand, parameters={"tags": "a,b,c"})).status_code == 200
    assert records(stand.catalog)[0].tags == ("a", "b")


def test_a_guest_lives_no_longer_than_either_says(make):
    """The site's time for guests is one limit, the ticket's another."""
    stand = make(policy=Policy(guest_lifetime=timedelta(hours=2)))
    one, two = pictures(2)
    assert send(stand, mint(stand, None, expiration="PT1H"), one).status_code == 200
    assert send(stand, mint(stand, None, expiration="P1D"), two, expiration="600").status_code == 200
    hours = sorted((record.expires_at - NOW) / timedelta(hours=1) for record in records(stand.catalog))
    assert hours == [1, 2]


def test_a_users_own_time_is_for_what_asks_for_none(make):
    """A ticket asks for one."""
    stand = make(keys=StaticKeys({"key": Principal(user_id="user", lifetime=timedelta(hours=2))}))
    assert send(stand, mint(stand, expiration="PT3H")).status_code == 200
    assert records(stand.catalog)[0].expires_at == NOW + timedelta(hours=3)


def test_too_large_by_the_ticket_is_refused_before_the_body_is_read(stand):
    """A body of five megabytes is not worth reading for a ticket of one hundred bytes."""
    ticket = mint(stand, max_bytes=100)
    body = Trickle(b"x" * 5_000_000)
    headers = {"X-API-Key": ticket}
    type_ = "multipart/form-data; boundary=b"
    answer = stand.open(UPLOAD, "POST", stream=body, length=5_000_000, content_type=type_, headers=headers)
    assert (answer.status_code, body.read_bytes) == (413, 0)
    assert_refusal(send(stand, ticket, noise()), 413, 400, "File too big - max 100 B")
    assert_refusal(stand.send({"source": file(noise()), "key": ticket}, key=None), 413, 400)
    assert send(stand, mint(stand, max_bytes=10**9)).status_code == 200


def test_formats_of_a_ticket(stand):
    """Fewer than those of the site."""
    ticket = mint(stand, formats=["PNG"])
    assert_refusal(send(stand, ticket, exif_jpeg({})), 415, 614)
    assert send(stand, ticket).status_code == 200


def test_a_page_of_another_origin_is_refused(stand):
    """Browsers say where they come from, and their question before the upload is answered."""
    ticket = mint(stand, origin="https://app.example")
    for origin in ({}, {"Origin": "https://other.example"}):
        answer = stand.send({"source": file()}, key=ticket, headers=origin)
        assert (answer.status_code, answer.json["error"]["code"]) == (403, 401)
    asked = {"Origin": "https://app.example", "Access-Control-Request-Headers": "x-api-key"}
    preflight = stand.open(UPLOAD, "OPTIONS", headers=asked)
    assert "X-API-Key" in preflight.headers["Access-Control-Allow-Headers"]
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    answer = stand.send({"source": file()}, key=ticket, headers={"Origin": "https://app.example"})
    assert answer.status_code == 200


def test_an_owner_who_is_gone_or_disabled_uploads_nothing(make):
    """The ticket is valid, and its owner is looked up again."""
    principals = {"key": Principal(user_id="user")}
    stand = make(keys=StaticKeys(principals))
    ticket = mint(stand)
    stand.start(keys=StaticKeys({}))
    assert_refusal(send(stand, ticket), 401, 100, "Invalid API key.")


def test_a_ticket_of_a_guest_needs_guests(make):
    """It does what a guest's key does, as long as the site has guests."""
    stand = make()
    ticket = mint(stand, None)
    assert send(stand, ticket).status_code == 200
    assert records(stand.catalog)[0].owner_id is None
    stand.start(policy=Policy(guests=False))
    assert_refusal(send(stand, ticket), 403, 401)


def test_an_idempotency_key_changes_nothing(stand):
    """The ticket and the file say which request it is; another sender's key is not met."""
    header = {"Idempotency-Key": "the same"}
    owners = stand.send({"source": file()}, headers=header).json["image"]
    ticket = mint(stand, uses=2)
    first = stand.send({"source": file()}, key=ticket, headers=header).json["image"]
    assert first["id_encoded"] != owners["id_encoded"]
    other = stand.send({"source": file(noise())}, key=ticket, headers=header)
    assert other.status_code == 200
    answer = stand.send({"source": file()}, key=ticket, headers={"Idempotency-Key": "x" * 256})
    assert_refusal(answer, 400, 400)


def test_an_admin_gives_none_of_it_away(stand):
    """Who holds the ticket shows no other date, and sees no more of the site."""
    ticket = mint(stand, "admin")
    content = exif_jpeg({0x9003: "2001:02:03 04:05:06", 306: "2001:02:03 04:05:06"})
    answer = send(stand, ticket, content, use_file_date="1")
    assert answer.json["image"]["date"].startswith("2026")


def test_changed_tickets_ask_nobody(make):
    """Ten thousand of our form, of which none is true: each is refused by its signature."""

    class Asked(StaticKeys):
        def authenticate(self, key, environ):
            raise AssertionError("a ticket was looked up as a key")

        def principal(self, user_id):
            raise AssertionError("somebody was looked up")

    stand = make(keys=Asked({}))
    ticket = mint(stand)
    for place in range(5, len(ticket), 7):
        changed = ticket[:place] + ("A" if ticket[place] != "A" else "B") + ticket[place + 1 :]
        assert_refusal(send(stand, changed), 401, 100, "Invalid API key.")
