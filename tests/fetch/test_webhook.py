"""Webhooks are signed as receivers verify it, go to public addresses alone, and arrive in order."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from datetime import timedelta

import pytest

pytest.importorskip("standardwebhooks", reason="the extra webhooks is not installed")

from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from chevupload.clock import utc_now
from chevupload.errors import ConfigError, FetchFailed, FetchTimeout, HandlerEnded, UrlRefused
from chevupload.fetch.fetcher import FetchRules
from chevupload.fetch.webhook import Webhook
from chevupload.records.event import new_event
from chevupload.testing import new_upload
from tests.clients.clients import Pin
from tests.clients.installing import install
from tests.fetch.hostile import PUBLIC, answer, redirect

SECRET, NEXT = (f"whsec_{base64.b64encode(bytes([number]) * 24).decode()}" for number in (1, 2))
URL = "http://good.example/hook?a=b"


class Receiver:
    """Takes what is sent, verifies it as a receiver does, and answers with ``status``."""

    def __init__(self):
        self.status = "204 No Content"
        self.got = []

    def __call__(self, talk):
        lines = talk.request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        self.got.append((headers, talk.read_body()))
        talk.send(answer(b"", status=self.status, length=False))


@pytest.fixture
def receiver(world):
    """Return what listens at every path of the world."""
    found = world.pages[None] = Receiver()
    return found


@pytest.fixture
def webhook(world):
    """Return a function that makes webhooks into that world."""

    def make(url=URL, secrets=SECRET, **settings):
        rules = FetchRules(**{"seconds": 20.0, **settings})
        return Webhook(url, secrets, rules=rules, resolve=world.resolve, dial=world.dial)

    return make


def event(kind="stored", **fields):
    return new_event(kind, new_upload(**fields), utc_now())


def test_a_receiver_verifies_it(webhook, receiver):
    """By the reference library; what is inside says what happened, and the id is the event's."""
    told = event(title="ü", tags=("b", "a"))
    webhook()(told)
    ((headers, content),) = receiver.got
    found = Verifier(SECRET).verify(content, headers)
    assert headers["webhook-id"] == told.id
    assert headers["content-type"] == "application/json"
    assert (found["type"], found["timestamp"]) == ("upload.stored", told.at.isoformat())
    data = found["data"]
    assert (data["id"], data["owner"], data["filename"]) == ("a1", "user", "name-a1.png")
    assert (data["title"], data["tags"], data["size"], data["urls"]) == ("ü", ["b", "a"], 10_000_000_000, {})
    assert "original_exifdata" not in data
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(content + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(NEXT).verify(content, headers)


def test_a_change_says_what_was_before(webhook, receiver):
    """Of what is sent of an upload: a description is not."""
    before, upload = new_upload(title="Old", tags=("a",)), new_upload(title="New", tags=("a",), description="D")
    webhook()(new_event("changed", upload, utc_now(), before=before))
    ((_, content),) = receiver.got
    found = json.loads(content)
    assert (found["type"], found["data"]["title"]) == ("upload.changed", "New")
    assert found["data"]["before"] == {"title": "Old"}


def test_two_secrets_while_they_are_exchanged(webhook, receiver):
    """A receiver with either of them verifies it."""
    webhook(secrets=[SECRET, NEXT])(event())
    ((headers, content),) = receiver.got
    for secret in (SECRET, NEXT):
        Verifier(secret).verify(content, headers)


@pytest.mark.clients
def test_a_receiver_in_javascript_verifies_it(webhook, receiver, request):
    """By the reference library for Node."""
    library = Pin(name="standardwebhooks", version="1.1.1", why="verifies", is_node=True)
    environment = install(request.config.cache.mkdir("clients"), [library])
    webhook(secrets=[NEXT, SECRET])(event(title="ü 🐈"))
    ((headers, content),) = receiver.got
    program = """
        const { Webhook } = require("standardwebhooks");
        const [secret, headers, content] = JSON.parse(require("fs").readFileSync(0, "utf8"));
        console.log(new Webhook(secret).verify(content, headers).data.title);
    """
    given = json.dumps([SECRET, headers, content.decode()])
    done = subprocess.run(
        [shutil.which("node"), "-e", program], cwd=environment, input=given, capture_output=True, text=True, check=False
    )
    assert done.stdout == "ü 🐈\n", done.stderr


@pytest.mark.parametrize(
    ("status", "error"), [("500 No", FetchFailed), ("404 No", FetchFailed), ("410 Gone", HandlerEnded)]
)
def test_a_receiver_that_does_not_take_it(webhook, receiver, status, error):
    """It is sent again later; after 410 nothing is."""
    receiver.status = status
    with pytest.raises(error):
        webhook()(event())


def test_a_private_address_is_never_dialled(webhook, world):
    """Neither by name nor by number, nor once the name leads elsewhere, nor beside a public one."""
    world.names |= {
        "inside.example": ["10.0.0.1"],
        "mixed.example": [PUBLIC, "127.0.0.1"],
        "moving.example": [[PUBLIC], ["169.254.169.254"]],
    }
    world.pages[None] = answer(b"", status="204 No Content", length=False)
    for url in (
        "http://inside.example/",
        "http://mixed.example/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://intern/",
    ):
        with pytest.raises(UrlRefused):
            webhook(url)(event())
    moving = webhook("http://moving.example/")
    moving(event())
    with pytest.raises(UrlRefused):
        moving(event())
    assert world.dialled == [(PUBLIC, 80)]


@pytest.mark.parametrize("location", ["http://10.0.0.1/", "http://good.example/other"])
def test_a_redirect_is_not_followed(webhook, world, location):
    """The secret's owner asked for one address; a redirect is a failure, wherever it leads."""
    world.pages[None] = redirect(location, status="307 Temporary Redirect")
    with pytest.raises(FetchFailed):
        webhook()(event())
    assert world.dialled == [(PUBLIC, 80)]
    assert len(world.requests) == 1


@pytest.mark.slow
def test_a_receiver_that_says_nothing_is_waited_for_so_long_and_no_longer(webhook, world):
    """The time holds for everything together."""
    world.pages[None] = lambda talk: talk.hang()
    with pytest.raises(FetchTimeout):
        webhook(seconds=0.3)(event())


@pytest.mark.parametrize(
    ("url", "secrets", "message"),
    [
        ("ftp://good.example/", SECRET, "http or https"),
        ("good.example", SECRET, "http or https"),
        (URL, [], "one secret"),
        (URL, [SECRET] * 5, "one secret"),
        (URL, "secret", "whsec_"),
        (URL, "whsec_c2hvcnQ=", "24 to 64"),
    ],
)
def test_what_cannot_be_meant_is_refused(webhook, url, secrets, message):
    """When the site is put together, and without saying the secret."""
    with pytest.raises(ConfigError, match=message) as caught:
        webhook(url, secrets)
    assert "c2hvcnQ" not in str(caught.value)


def test_a_port_that_is_not_allowed_is_refused():
    """As the rules say it."""
    with pytest.raises(ConfigError, match="port in URL"):
        Webhook("http://good.example:25/", SECRET)


def test_a_receiver_that_was_down_gets_everything_in_order(make, prefix, world, receiver, webhook):
    """An hour later, and of each upload what was first comes first; nothing is missing."""
    stand = make(on_event={"shop": webhook()}, base_url=f"http://site.test{prefix}")
    world.down[PUBLIC] = ConnectionRefusedError("nobody listens")
    images = [stand.upload() for _ in range(3)]
    for image in images[:2]:
        stand.open(image["delete_url"], "POST")
    for _ in range(12):
        assert stand.component.events.deliver().told == 0
        stand.clock.move(minutes=5)
    world.down.clear()
    while stand.catalog.oldest_event():
        stand.component.events.deliver()
        stand.clock.move(minutes=30)
    found = [json.loads(content) for _, content in receiver.got]
    assert len(found) == len({headers["webhook-id"] for headers, _ in receiver.got}) == 5
    for image, kinds in zip(images, (["stored", "deleted"], ["stored", "deleted"], ["stored"]), strict=True):
        of_it = [one for one in found if one["data"]["id"] == image["id_encoded"]]
        assert [one["type"] for one in of_it] == [f"upload.{kind}" for kind in kinds]
        assert of_it[0]["data"]["urls"]["original"] == image["url"]


def test_410_ends_what_is_sent_there(make, receiver, webhook):
    """Also in the next process; other handlers go on."""
    told = []
    stand = make(on_event={"shop": webhook(), "other": told.append})
    receiver.status = "410 Gone"
    stand.upload()
    assert stand.component.events.deliver().told == 1
    stand.start(on_event={"shop": webhook(), "other": told.append})
    stand.upload()
    assert stand.component.events.deliver().told == 1
    assert (len(receiver.got), len(told)) == (1, 2)
    receiver.status = "204 No Content"
    stand.component.events.resume("shop")
    stand.upload()
    assert stand.component.events.deliver().told == 1
    assert (len(receiver.got), len(told)) == (2, 3)


def test_a_receiver_that_keeps_us_waiting_holds_up_nobody(make, world, webhook, monkeypatch):
    """After one slow failure it is not asked for a minute; the others have their events at once."""
    monkeypatch.setattr("chevupload.uploads.events._SLOW_SECONDS", 0.0)
    told = []
    stand = make(on_event={"shop": webhook(), "other": told.append})
    world.down[PUBLIC] = TimeoutError("slow")
    for _ in range(5):
        stand.upload()
    assert stand.component.events.deliver().postponed == 5
    assert (len(world.dialled), len(told)) == (1, 5)
    world.down.clear()
    stand.start(on_event={"shop": webhook(), "other": told.append})
    stand.clock.now += timedelta(minutes=1)
    assert stand.component.events.deliver().told == 5
    assert len(told) == 5
