"""A URL as source, through the whole API: what is behind it is stored as if it had been sent, or refused."""

from __future__ import annotations

import pytest

from chevupload import Limits
from tests.fetch.hostile import answer
from tests.support import EMPTY, NOW, PNG, assert_refusal


@pytest.fixture
def fetching(make, world):
    """Return a component that fetches in a world of the test's own."""
    world.pages[None] = answer(PNG, "Content-Type: text/html")
    return make(fetcher=world.fetcher)


def test_what_is_behind_a_url_is_stored(fetching):
    """Named after its path, and told by its content, whatever the server there says."""
    image = fetching.send({"source": "http://good.example/x/my%20photo.gif?y=z.jpg"}).json["image"]
    assert (image["filename"], image["original_filename"]) == ("my-photo.png", "my photo.gif")
    assert fetching.open(image["url"]).data == PNG
    assert NOW.strftime("%Y/%m/%d") in image["url"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("http://127.0.0.1/a.png", 403),
        ("http://unknown.example/a.png", 403),
        ("http://good.example:22/a.png", 403),
        ("ftp://good.example/a.png", 400),
        ("http://good.example/missing", 502),
        ("http://good.example/slow", 504),
        ("http://good.example/large", 413),
    ],
)
def test_what_cannot_be_fetched_is_refused(make, worlds, url, status):
    """With the status that says whose fault it is, and nothing is left."""
    world = worlds(seconds=1.0)
    world.pages["/missing"] = answer(b"", status="404 Not Found")
    world.pages["/slow"] = lambda talk: talk.hang()
    world.pages["/large"] = answer(bytes(3_000))
    stand = make(fetcher=world.fetcher, limits=Limits(max_bytes=2_000))
    sent = stand.send({"source": url})
    assert_refusal(sent, status, sent.json["error"]["code"])
    assert stand.left() == EMPTY
