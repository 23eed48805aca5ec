"""Tickets are made of what their makers say, and say nothing else when they come back."""

from __future__ import annotations

import random
import re
import secrets
import string
from datetime import timedelta

import pytest

from chevupload.config import Config, Policy, Routes
from chevupload.errors import ConfigError, ForeignAlbum, InvalidParameter, RequestDenied
from chevupload.keys import GuestKey, KeyChain
from chevupload.model import Principal
from chevupload.testing.memory import MemoryCatalog, StaticKeys
from tests.support import NOW, PRINCIPALS, SECRET

BASE = "https://img.example"


@pytest.fixture
def tickets(make):
    """Return the tickets of a component that knows its address and has an upload page."""
    return make(base_url=BASE, routes=Routes(upload_page="upload")).component.tickets


def test_a_ticket_comes_back_as_it_was_made(tickets):
    """Whatever it says is what its sender may do then."""
    ticket = tickets.mint(
        "user",
        seconds=60,
        uses=5,
        max_bytes=1_000_000,
        formats=["PNG", "JPEG"],
        album_id="ownalbum",
        expiration="P1D",
        origin="https://app.example",
        parameters={"title": "Grün", "tags": ["a", "b"], "nsfw": True, "width": 300},
    )
    assert ticket.expires_at == NOW + timedelta(seconds=60)
    assert ticket.page_url == f"{BASE}/upload#ticket={ticket.key}"
    assert ticket.key not in repr(ticket)
    holder = tickets.principal(ticket.key)
    claims = holder.ticket
    assert (holder.user_id, holder.is_admin, holder.scopes, claims.uses) == ("user", False, {"upload"}, 5)
    assert (holder.album_id, holder.formats, holder.key_max_bytes) == ("ownalbum", {"PNG", "JPEG"}, 1_000_000)
    assert holder.origins == {"https://app.example"}
    assert claims.expires_at == ticket.expires_at
    assert (claims.expiration, claims.parameters["title"], claims.parameters["tags"]) == ("P1D", "Grün", ["a", "b"])


def test_a_plain_ticket_is_short_and_of_its_own(tickets):
    """It fits where a key does, in a URL without escapes, and no two are the same."""
    keys = {tickets.mint("user").key for _ in range(10)}
    assert len(keys) == 10
    allowed = {*string.ascii_letters, *string.digits, *"_-."}
    assert all(len(key) < 160 and key.startswith("chvt_") and {*key} <= allowed for key in keys)


def test_without_an_address_or_a_page_there_is_no_page_url(make):
    """A host may still give the address that it was asked at."""
    assert make(base_url=BASE).component.tickets.mint("user").page_url is None
    unknown = make(routes=Routes(upload_page="upload")).component.tickets
    assert unknown.mint("user").page_url is None
    ticket = unknown.mint("user", base_url="http://here.test/pictures")
    assert ticket.page_url == f"http://here.test/pictures/upload#ticket={ticket.key}"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"seconds": 0}, r"Invalid seconds, expected a whole number from 1 to 604800"),
        ({"seconds": 604_801}, r"Invalid seconds, expected a whole number from 1 to 604800"),
        ({"seconds": True}, r"Invalid seconds, .*"),
        ({"uses": 0}, r"Invalid uses, expected a whole number from 1 to 100"),
        ({"uses": 101}, r"Invalid uses, expected a whole number from 1 to 100"),
        ({"uses": 1.0}, r"Invalid uses, .*"),
        ({"max_bytes": 0}, r"Invalid ticket, .*max_bytes.*"),
        ({"formats": ["PNG", "EXE"]}, r"Invalid ticket, .*formats.*"),
        ({"formats": "PNG"}, r"Invalid ticket, .*formats.*"),
        ({"album_id": ""}, r"Invalid ticket, .*album_id.*"),
        ({"expiration": "soon"}, r"Invalid expiration, expected an ISO 8601 duration .*"),
        ({"expiration": "0"}, r"Invalid expiration, expected a time to come"),
        ({"expiration": timedelta(0)}, r"Invalid expiration, expected a time to come"),
        ({"origin": "https://app.example/"}, r"Invalid ticket, .*origins.*"),
        ({"parameters": {"width": "wide"}}, r"Invalid width, expected a whole number"),
        ({"parameters": {"album_id": "ownalbum"}}, r"Invalid album_id, a ticket cannot set it"),
        ({"parameters": {"use_file_date": "1"}}, r"Invalid use_file_date, a ticket cannot set it"),
        ({"parameters": {"width": 8, "format": "txt", "key": "k"}}, r"Invalid format, a ticket cannot set it"),
        ({"parameters": {"title": ""}}, r"Invalid title, a ticket cannot set it"),
        ({"parameters": {"title": b"text"}}, r"Invalid title, expected a text"),
        ({"parameters": {"tags": {"a"}}}, r"Invalid ticket, a value of it is no text, number or list"),
        ({"parameters": {"title": "\ud800"}}, r"Invalid ticket, a value of it is no text, number or list"),
        (
            {"parameters": {"description": secrets.token_hex(400)}},
            r"Too much for a ticket: it would have 1[0-9]{3} characters, max [0-9]+",
        ),
    ],
)
def test_what_cannot_be_meant_is_no_ticket(tickets, values, words):
    """Whoever mints reads what is wrong, not whoever uploads."""
    with pytest.raises(InvalidParameter) as told:
        tickets.mint("user", **values)
    assert re.fullmatch(words, str(told.value))


@pytest.mark.parametrize("values", [{"seconds": 1}, {"seconds": 604_800}, {"uses": 1}, {"uses": 100}, {"max_bytes": 1}])
def test_the_bounds_of_a_ticket_are_within(tickets, values):
    """What a refusal says that it expects is taken."""
    assert tickets.principal(tickets.mint("user", **values).key) is not None


def test_a_ticket_has_the_limits_of_the_key_that_made_it(tickets):
    """What a key may not do it cannot give away."""
    maker = Principal(
        user_id="user",
        scopes={"ticket"},
        album_id="ownalbum",
        formats={"PNG"},
        origins={"https://app.example"},
        key_max_bytes=1_000,
    )
    holder = tickets.principal(tickets.mint(maker, max_bytes=5_000, formats=["PNG", "GIF"]).key)
    assert (holder.album_id, holder.formats, holder.key_max_bytes) == ("ownalbum", {"PNG"}, 1_000)
    assert (holder.origins, holder.scopes) == ({"https://app.example"}, {"upload"})
    with pytest.raises(ForeignAlbum):
        tickets.mint(maker, album_id="other")
    for other in ({"formats": ["GIF"]}, {"origin": "https://other.example"}):
        with pytest.raises(InvalidParameter) as told:
            tickets.mint(maker, **other)
        assert str(told.value) == f"Invalid {next(iter(other))}, the key of the owner is for others"


@pytest.mark.parametrize(
    ("owner", "given", "most"),
    [
        ({"max_bytes": 500}, None, 500),
        ({"max_bytes": 500, "key_max_bytes": 400}, None, 400),
        ({"max_bytes": 300, "key_max_bytes": 400}, None, 300),
        ({"max_bytes": 500, "key_max_bytes": 400}, 200, 200),
        ({"max_bytes": 500}, 600, 500),
        ({}, 600, 600),
        ({}, None, None),
    ],
)
def test_the_smallest_of_all_limits_counts(tickets, owner, given, most):
    """The owner's, their key's and the ticket's own."""
    ticket = tickets.mint(Principal(user_id="user", **owner), max_bytes=given)
    assert tickets.principal(ticket.key).key_max_bytes == most


def test_moments_and_lifetimes_are_whole_seconds(make):
    """A ticket ends no later than it says, and what is uploaded with it lives no shorter than was asked for."""
    stand = make()
    stand.clock.move(microseconds=999_999)
    ticket = stand.component.tickets.mint("user", seconds=10, expiration=timedelta(seconds=1, milliseconds=1))
    assert ticket.expires_at == NOW + timedelta(seconds=10)
    assert stand.component.tickets.principal(ticket.key).ticket.expires_at == ticket.expires_at
    assert stand.component.tickets.principal(ticket.key).ticket.expiration == "2"


def test_who_may_make_none_makes_none(make, tickets):
    """A ticket mints no ticket, nor does a key for something else, nor a guest where there are none."""
    holder = tickets.principal(tickets.mint("user").key)
    for owner in (holder, Principal(user_id="user", scopes={"list", "delete"})):
        with pytest.raises(RequestDenied):
            tickets.mint(owner)
    with pytest.raises(RequestDenied):
        make(policy=Policy(guests=False)).component.tickets.mint(None)


def test_an_admins_ticket_is_no_admin(tickets):
    """Who holds it is somebody else."""
    assert tickets.principal(tickets.mint("admin").key).is_admin is False


def test_an_owner_is_looked_up_again(make):
    """Whoever is gone or disabled by then has no ticket, and a limit that was set since counts."""
    users = {"k": Principal(user_id="user")}
    tickets = make(keys=StaticKeys(users)).component.tickets
    key = tickets.mint("user").key
    tickets._users = StaticKeys({"k": Principal(user_id="user", max_bytes=7)})
    assert tickets.principal(key).max_bytes == 7
    tickets._users = StaticKeys({"k": Principal(user_id="other")})
    assert tickets.principal(key) is None
    assert tickets.mint("nobody").key
    assert tickets.principal(tickets.mint("nobody").key) is None


def test_what_a_site_needs_for_tickets(make):
    """Users who can be looked up, and a catalog that keeps what is used; a guest is nobody to look up."""
    for keys in (GuestKey("guest-key"), lambda key, environ: PRINCIPALS.get(key), KeyChain(GuestKey("guest-key"))):
        tickets = make(keys=keys).component.tickets
        with pytest.raises(ConfigError) as told:
            tickets.mint("user")
        needed = "a key backend with the method principal, see UserKeyBackend"
        assert str(told.value) == f"tickets of users need {needed}"
        assert tickets.principal(tickets.mint(None).key).is_guest
    chain = make(keys=KeyChain(GuestKey("guest-key"), StaticKeys(PRINCIPALS))).component.tickets
    assert chain.principal(chain.mint("user").key).user_id == "user"

    class Forgetful(MemoryCatalog):
        uses = None

    with pytest.raises(ConfigError) as told:
        make(catalog=Forgetful()).component.tickets.mint("user")
    assert str(told.value) == "tickets need a catalog with the methods uses and free, see TicketRecords"


def test_a_ticket_ends_a_minute_late(make):
    """Clocks of two servers differ; then it is over."""
    stand = make()
    key = stand.component.tickets.mint("user", seconds=10).key
    stand.clock.move(seconds=70)
    assert stand.component.tickets.principal(key) is not None
    stand.clock.move(seconds=1)
    assert stand.component.tickets.principal(key) is None


def test_tickets_survive_a_rotation_of_secrets(make):
    """As delete links do, and a ticket of another site's secret is none."""
    key = make(secret_keys=[SECRET]).component.tickets.mint("user").key
    assert make(secret_keys=[SECRET, "another secret of 16+"]).component.tickets.principal(key) is not None
    assert make(secret_keys=["another secret of 16+"]).component.tickets.principal(key) is None


def test_ten_thousand_changed_tickets_are_none(make):
    """By the signature alone: nobody is looked up, whatever was changed."""

    class Asked(StaticKeys):
        def principal(self, user_id):
            raise AssertionError("somebody was looked up")

    tickets = make(keys=Asked(PRINCIPALS)).component.tickets
    key = tickets.mint("user", uses=3, max_bytes=1_000).key
    some = random.Random(7)
    letters = string.ascii_letters + string.digits + "-_.=~ \x7f"
    for number in range(10_000):
        place = number % len(key)
        changed = {
            0: key[:place] + some.choice(letters.replace(key[place], "")) + key[place + 1 :],
            1: key[:place] + key[place + 1 :],
            2: key[:place] + some.choice(letters) + key[place:],
        }[some.randrange(3)]
        if changed != key and changed.startswith("chvt_"):
            assert tickets.principal(changed) is None, changed


@pytest.mark.parametrize("origins", ["*", ("https://app.example",)])
def test_an_origin_that_no_browser_could_use_is_refused(make, origins):
    """A browser asks before it sends a ticket: from a page that the site does not allow it would send none."""
    config = Config(policy=Policy(cors_origins=origins), base_url=BASE)
    tickets = make(config=config).component.tickets
    assert tickets.mint("user", origin="https://app.example").key
    assert tickets.mint("user", origin=BASE).key
    if origins != "*":
        with pytest.raises(InvalidParameter) as told:
            tickets.mint("user", origin="https://other.example")
        assert str(told.value) == "Invalid origin, this site takes no uploads from there"
