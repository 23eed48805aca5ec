"""A component with more to do than it can: who is served, and what the others are told."""

from __future__ import annotations

import io
import threading

import pytest

from chevupload.config import Limits
from chevupload.errors import Busy
from chevupload.media.sandbox.inline import InlineRenderer
from tests.support import EMPTY, PNG, assert_refusal, file


class Recording:
    """A renderer that notes whose jobs it does."""

    def __init__(self):
        self.clients = []
        self._renderer = InlineRenderer()

    def process(self, job, *, client=""):
        self.clients.append(client)
        return self._renderer.process(job)

    def warm(self):
        self._renderer.warm()

    def close(self):
        self._renderer.close()


@pytest.mark.parametrize(
    ("key", "address", "forwarded", "sender"),
    [
        ("user-key", "203.0.113.9", None, "user"),
        ("guest-key", "203.0.113.9", None, "203.0.113.9"),
        ("guest-key", "203.0.113.9", "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        ("guest-key", "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("guest-key", "fe80::1%eth0", None, "fe80::/64"),
        ("guest-key", "::ffff:203.0.113.9", None, "203.0.113.9"),
        ("guest-key", "", None, ""),
        ("guest-key", "a socket", None, "a socket"),
    ],
)
def test_whose_job_it_is(make, key, address, forwarded, sender):
    """A user's, wherever it comes from; a guest's is that of its address, as trusted proxies have it."""
    renderer = Recording()
    stand = make(renderer=renderer, trusted_proxies=1 if forwarded else 0)
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    answer = stand.send({"source": file()}, key=key, headers=headers, environ_base={"REMOTE_ADDR": address})
    assert (answer.status_code, renderer.clients) == (200, [sender])


def test_a_hosts_own_uploads_are_their_owners(make):
    """Guests of a host have no address here."""
    renderer = Recording()
    stand = make(renderer=renderer)
    stand.component.uploads.save(io.BytesIO(PNG), owner="user", filename="a.png")
    stand.component.uploads.save(io.BytesIO(PNG), owner=None, filename="a.png")
    assert renderer.clients == ["user", ""]


def test_too_many_uploads_are_told_to_come_back(refusing, caplog):
    """At once, with 503 and a time, in one line of the log without a traceback; nothing of them stays."""
    go = threading.Event()

    class Stuck(InlineRenderer):
        def process(self, job, *, client=""):
            with self._places.held(client, seconds=300):
                go.wait(300)
            raise Busy("over")

    renderer = Stuck(Limits(decode_workers=1, waiting_uploads=1))
    stand = refusing(renderer=renderer)
    threads = [threading.Thread(target=stand.send, args=({"source": file()},)) for _ in range(2)]
    for thread in threads:
        thread.start()
    while not renderer._places._waiting:
        threads[0].join(0.01)
    answer = stand.send({"source": file()}, key="other-key")
    assert_refusal(answer, 503, 503, "Service unavailable, try again later")
    assert answer.headers["Retry-After"] == "10"
    (record,) = [record for record in caplog.records if record.getMessage().startswith("a request was")]
    expected = "a request was answered with 503: too many uploads wait for a decoder already"
    assert (record.getMessage(), record.exc_info) == (expected, None)
    go.set()
    for thread in threads:
        thread.join()
    assert stand.left() == EMPTY
