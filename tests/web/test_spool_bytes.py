"""How much of a body is kept, by what is known of its sender, and how much of all bodies at a time."""

from __future__ import annotations

import base64
import threading

import pytest

from chevupload.config import Limits, Policy
from tests.support import EMPTY, Trickle, assert_refusal, file, noise
from tests.wsgi.bodies import JSON, MULTIPART, URLENCODED, Pieces, multipart, part

LARGE = 6_000_000
LIMITS = Limits(max_guest_bytes=1_000, refusal_scan_bytes=1_000)


def bodies(key: str) -> list[tuple[str, bytes]]:
    """Spell a large body of each kind whose key comes first."""
    content = bytes(LARGE)
    text = base64.b64encode(content)
    return [
        (MULTIPART, multipart(part("key", key.encode()), part("source", content, "a.jpg"))),
        (MULTIPART, multipart(part("key", key.encode()), part("source", text))),
        (URLENCODED, b"key=%s&source=%s" % (key.encode(), text)),
        (JSON, b'{"key": "%s", "source": "%s"}' % (key.encode(), text)),
    ]


@pytest.mark.parametrize("kind", range(4))
@pytest.mark.parametrize(
    ("key", "status", "code"), [("wrong", 401, 100), ("guest-key", 413, 400), ("small-key", 413, 400)]
)
def test_a_key_before_the_file_bounds_what_is_taken_of_it(refusing, key, status, code, kind):
    """A wrong key ends the body soon, and so does that of somebody who may not send so much."""
    stand = refusing(limits=LIMITS)
    content_type, content = bodies(key)[kind]
    body = Trickle(content)
    assert_refusal(stand.send(None, key=None, stream=body, content_type=content_type), status, code)
    assert body.read_bytes < 1_000_000


def test_a_guests_key_where_there_are_no_guests(refusing):
    """Likewise."""
    stand = refusing(limits=LIMITS, policy=Policy(guests=False))
    body = Trickle(bodies("guest-key")[0][1])
    assert_refusal(stand.send(None, key=None, stream=body, content_type=MULTIPART), 403, 401)
    assert body.read_bytes < 1_000_000


def test_a_key_behind_the_file_is_a_key(make):
    """Nobody has to know that the order matters; and of two keys, the last one counts as ever."""
    stand = make()
    source, right, wrong = part("source", noise(), "a.png"), part("key", b"user-key"), part("key", b"wrong")
    for parts in ((source, right), (wrong, source, right), (wrong, right, source)):
        body = Trickle(multipart(*parts))
        assert stand.send(None, key=None, stream=body, content_type=MULTIPART).status_code == 200


def test_a_small_upload_with_a_wrong_key_still_says_its_format(refusing):
    """The format may come behind the file: as far as the scan of a refused request goes, it is read."""
    stand = refusing()
    body = Trickle(multipart(part("key", b"wrong"), part("source", noise(), "a.png"), part("format", b"txt")))
    answer = stand.send(None, key=None, stream=body, content_type=MULTIPART)
    assert (answer.status_code, answer.text) == (401, "Invalid API key.")


def test_a_key_is_looked_up_once(make):
    """However often it is asked for: a look-up may be a database's."""
    asked = []

    def keys(key, environ):
        asked.append(key)

    stand = make(keys=keys)
    parts = [part("source", b"x" * 10, str(number)) for number in range(20)]
    content = multipart(part("key", b"wrong"), *parts)
    stand.send(None, key=None, stream=Trickle(content), content_type=MULTIPART)
    assert asked == ["wrong"]


class Parked:
    """A body that stops in the middle, until it may go on."""

    def __init__(self, content):
        self.is_parked, self.go = threading.Event(), threading.Event()
        self._content = content

    def pieces(self):
        yield self._content[:-100]
        self.is_parked.set()
        self.go.wait(300)
        yield self._content[-100:]


@pytest.mark.slow
def test_all_that_is_kept_at_a_time_is_bounded(make, caplog):
    """One more is told to come back, in one line of the log; who has no key leaves room for those who have one."""
    stand = make(limits=Limits(spool_bytes=1_000_000))
    content = noise()
    assert 250_000 < len(content) < 450_000
    parked = [Parked(multipart(part("source", content, "a.png"), part("key", b"user-key"))) for _ in range(2)]
    answers = []

    def send(body, key):
        answers.append(stand.send(None, key=key, stream=Pieces(body.pieces()), content_type=MULTIPART))

    threads = []

    def park(body, key):
        threads.append(threading.Thread(target=send, args=(body, key)))
        threads[-1].start()
        assert body.is_parked.wait(300)

    # The key comes behind the file, as in no form that the client of the tests makes by itself.
    late = multipart(part("source", content, "a.png"), part("key", b"user-key"))

    def assert_told_to_come_back(key):
        caplog.clear()
        answer = stand.send(None, key=key, stream=Trickle(late), content_type=MULTIPART)
        assert_refusal(answer, 503, 503, "Service unavailable, try again later")
        assert answer.headers["Retry-After"] == "10"
        (record,) = [record for record in caplog.records if record.getMessage().startswith("a request was")]
        expected = "a request was answered with 503: temporary files hold as much as they may"
        assert (record.getMessage(), record.exc_info) == (expected, None)

    park(parked[0], None)
    assert_told_to_come_back(None)
    assert stand.send({"source": file(content)}).status_code == 200
    park(parked[1], "user-key")
    assert_told_to_come_back("user-key")
    assert stand.send({"source": file()}).status_code == 200
    for thread, body in zip(threads, parked, strict=True):
        body.go.set()
        thread.join()
    assert [answer.status_code for answer in answers] == [200, 200]
    assert stand.left()["spools"] == EMPTY["spools"]
    assert stand.send(None, key=None, stream=Trickle(late), content_type=MULTIPART).status_code == 200
