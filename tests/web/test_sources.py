from __future__ import annotations

import pytest

from chevupload.errors import Base64NeedsPost, EmptySource, InvalidBase64, MissingSource, TooLarge, UrlUploadDisabled
from chevupload.fetch.fetcher import DisabledFetcher
from chevupload.web.receiver import pick_source
from tests.wsgi.bodies import Reading, content, environ, multipart, part

FILE = part("source", b"file", "a.png")
IMAGE_FILE = part("image", b"image file", "b.png")
EMPTY_FILE = part("source", b"", "")
TEXT = part("source", b"dGV4dA==")
IMAGE_TEXT = part("image", b"aW1hZ2U=")
EMPTY_TEXT = part("source", b"")
URL = part("source", b"http://host/c.png")


class Web:
    """A web of one file."""

    def __init__(self, data=b"fetched", name="c.png"):
        self.data, self.name, self.urls = data, name, []

    def fetch(self, url, into):
        self.urls.append(url)
        into.write(self.data)
        return self.name


def pick(folder, *parts, method="POST", fetcher=None, query="", max_bytes=100):
    with Reading(folder, max_bytes=max_bytes) as reading:
        reading.query(query)
        reading.body(environ(multipart(*parts)))
        source = pick_source(
            reading.form, method=method, fetcher=fetcher or DisabledFetcher(), open_spool=reading.open_spool
        )
        return content(source.spool), source.filename


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((FILE,), (b"file", "a.png")),
        ((IMAGE_FILE,), (b"image file", "b.png")),
        ((TEXT,), (b"text", None)),
        ((IMAGE_TEXT,), (b"image", None)),
        ((IMAGE_FILE, FILE), (b"file", "a.png")),
        ((IMAGE_TEXT, TEXT), (b"text", None)),
        ((TEXT, FILE), (b"file", "a.png")),
        ((FILE, TEXT), (b"file", "a.png")),
        ((TEXT, IMAGE_FILE), (b"image file", "b.png")),
        ((EMPTY_FILE, IMAGE_FILE), (b"image file", "b.png")),
        ((EMPTY_FILE, TEXT), (b"text", None)),
        ((EMPTY_TEXT, IMAGE_TEXT), (b"image", None)),
        ((EMPTY_TEXT, FILE), (b"file", "a.png")),
        ((part("source", b"!!!!"), FILE), (b"file", "a.png")),
        ((part("source", b"x", ""),), (b"x", None)),
        ((URL, FILE), (b"file", "a.png")),
    ],
)
def test_the_one_source_of_a_form(tmp_path, parts, expected):
    """A file wins over text and source over image; an empty one is absent."""
    assert pick(tmp_path, *parts) == expected


@pytest.mark.parametrize(
    ("parts", "refusal"),
    [
        ((), MissingSource),
        ((part("title", b"t"),), MissingSource),
        ((EMPTY_FILE,), EmptySource),
        ((EMPTY_TEXT,), EmptySource),
        ((EMPTY_TEXT, part("image", b" ")), EmptySource),
        ((part("source", b"data:;base64,"),), EmptySource),
        ((part("source", b"="),), EmptySource),
        ((part("source", b"!!!!"),), InvalidBase64),
        ((part("source", b"!!!!"), IMAGE_TEXT), InvalidBase64),
        ((URL,), UrlUploadDisabled),
    ],
)
def test_a_form_without_a_usable_source_is_refused(tmp_path, parts, refusal):
    """Each way of sending no picture has a refusal of its own, so that the client learns what was wrong."""
    with pytest.raises(refusal):
        pick(tmp_path, *parts)


def test_base64_needs_post(tmp_path):
    """A URL may come with GET, anything else not."""
    with Reading(tmp_path) as reading:
        form = reading.query("source=aGVsbG8")
        with pytest.raises(Base64NeedsPost):
            pick_source(form, method="GET", fetcher=DisabledFetcher(), open_spool=reading.open_spool)


def test_a_url_is_fetched(tmp_path):
    """The fetcher gets the URL as it was sent, and names the file."""
    web = Web()
    assert pick(tmp_path, URL, fetcher=web) == (b"fetched", "c.png")
    assert web.urls == ["http://host/c.png"]


def test_a_url_in_the_query_is_fetched_with_get(tmp_path):
    """A plain link uploads a URL too, and the file has no name where the fetcher knows none."""
    with Reading(tmp_path) as reading:
        form = reading.query("source=http%3A%2F%2Fhost%2Fc.png")
        source = pick_source(form, method="GET", fetcher=Web(name=None), open_spool=reading.open_spool)
        assert (content(source.spool), source.filename) == (b"fetched", None)


def test_nothing_fetched_is_an_empty_source(tmp_path):
    """A URL with nothing behind it is refused as any empty source is."""
    with pytest.raises(EmptySource):
        pick(tmp_path, URL, fetcher=Web(data=b""))


def test_what_is_fetched_has_the_same_limit(tmp_path):
    """Fetching is no way around the limit of what one may upload."""
    with pytest.raises(TooLarge):
        pick(tmp_path, URL, fetcher=Web(data=bytes(101)))


def test_the_default_fetcher_refuses():
    """No request makes the server open a connection unless the site has chosen a fetcher."""
    with pytest.raises(UrlUploadDisabled):
        DisabledFetcher().fetch("http://host/", None)
