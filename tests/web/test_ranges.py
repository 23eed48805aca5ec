"""Files over HTTP: whole, in ranges, or not modified; inert; and cached no longer than they live."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
from wsgiref.util import FileWrapper

import pytest

from chevupload.model import FileHeaders
from chevupload.storage.local import LocalStorage
from chevupload.testing.memory import MemoryStorage
from chevupload.web.ranges import FileBody
from tests.storage.object_stores import S3
from tests.support import Failing, noise

DATE = "Wed, 04 Mar 2026 05:06:07 GMT"


@pytest.fixture
def content():
    """Return a picture of more than one piece."""
    return noise((500, 400))


@pytest.fixture
def url(stand, content):
    """Return where it is."""
    return stand.upload(content, "a.png")["url"]


def test_the_whole_file(stand, url, content):
    """With its length, type and validators."""
    answer = stand.open(url)
    assert (answer.status_code, answer.data) == (200, content)
    headers = answer.headers
    assert headers["Content-Type"] == "image/png"
    assert headers["Content-Length"] == str(len(content))
    assert headers["Accept-Ranges"] == "bytes"
    assert headers["Last-Modified"] == DATE
    assert headers["ETag"].startswith('"')
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"


def test_head(stand, url):
    """The same headers and no body."""
    get, head = stand.open(url), stand.open(url, "HEAD")
    assert (head.status_code, head.data) == (200, b"")
    assert dict(head.headers) == dict(get.headers)


@pytest.mark.parametrize("range_", [None, "bytes=0-9", "bytes=99999999-"])
def test_files_are_inert(stand, url, range_):
    """No sniffing, no script, readable by pages of every origin, in every kind of answer."""
    answer = stand.open(url, headers={"Range": range_} if range_ else {})
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=300000-", 300_000, None),
        ("bytes=-5", -5, None),
        ("bytes=0-99999999", 0, None),
        ("bytes=-99999999", 0, None),
        ("bytes=100-400000", 100, 400_001),
    ],
)
def test_single_ranges(stand, url, content, text, start, stop):
    """206 with just that part."""
    part = content[start:stop]
    first = len(content) + start if start < 0 else start
    answer = stand.open(url, headers={"Range": text})
    assert answer.status_code == 206
    assert answer.data == part
    assert answer.headers["Content-Length"] == str(len(part))
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(part) - 1}/{len(content)}"


@pytest.mark.parametrize(
    "text", ["bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=9-1", "bytes=a-b", "x", "bytes=-" + "9" * 5000]
)
def test_other_ranges_are_ignored(stand, url, content, text):
    """Several ranges, and what is none, get the whole; so does HEAD."""
    answer = stand.open(url, headers={"Range": text})
    assert (answer.status_code, answer.data) == (200, content)
    assert stand.open(url, "HEAD", headers={"Range": "bytes=0-9"}).status_code == 200


def test_ranges_outside(stand, url, content):
    """416 with the length; the last no bytes are outside, too."""
    for text in (f"bytes={len(content)}-", f"bytes={len(content)}-{len(content)}", "bytes=-0", "bytes=-000"):
        answer = stand.open(url, headers={"Range": text})
        assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(content)}")


def test_if_none_match(stand, url):
    """304 for the tag, alone or among others, also with GET and HEAD."""
    tag = stand.open(url).headers["ETag"]
    for value in (tag, f'"x", {tag}', f"W/{tag}", "*"):
        for method in ("GET", "HEAD"):
            answer = stand.open(url, method, headers={"If-None-Match": value})
            assert (answer.status_code, answer.data) == (304, b"")
            assert answer.headers["ETag"] == tag
    assert stand.open(url, headers={"If-None-Match": '"x"'}).status_code == 200


def test_if_modified_since(stand, url):
    """304 unless it is newer; the tag counts more."""
    assert stand.open(url, headers={"If-Modified-Since": DATE}).status_code == 304
    assert stand.open(url, headers={"If-Modified-Since": "Wed, 04 Mar 2026 05:06:06 GMT"}).status_code == 200
    assert stand.open(url, headers={"If-Modified-Since": "yesterday"}).status_code == 200
    assert stand.open(url, headers={"If-Modified-Since": DATE, "If-None-Match": '"x"'}).status_code == 200


def test_if_range(stand, url):
    """A part only of the same file: by its own tag, which has to be strong, or by its exact date."""
    tag = stand.open(url).headers["ETag"]
    validators = {
        tag: 206,
        DATE: 206,
        '"x"': 200,
        f"W/{tag}": 200,
        f'"x", {tag}': 200,
        "Wed, 04 Mar 2026 05:06:06 GMT": 200,
        "Wed, 04 Mar 2026 05:06:08 GMT": 200,
        "Fri, 31 Dec 9999 23:59:59 GMT": 200,
        "tomorrow": 200,
        "": 200,
    }
    for value, status in validators.items():
        answer = stand.open(url, headers={"Range": "bytes=0-9", "If-Range": value})
        assert (value, answer.status_code) == (value, status)


LATER, EARLIER = "Thu, 05 Mar 2026 05:06:07 GMT", "Fri, 28 Nov 2014 00:00:00 GMT"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"If-Match": "TAG"}, 200),
        ({"If-Match": '"x", TAG'}, 200),
        ({"If-Match": "*"}, 200),
        ({"If-Match": " * "}, 200),
        ({"If-Match": '"x"'}, 412),
        ({"If-Match": "W/TAG"}, 412),
        ({"If-Match": '"x", W/TAG'}, 412),
        ({"If-Match": "x"}, 412),
        ({"If-Match": ""}, 412),
        ({"If-Unmodified-Since": DATE}, 200),
        ({"If-Unmodified-Since": LATER}, 200),
        ({"If-Unmodified-Since": EARLIER}, 412),
        ({"If-Unmodified-Since": "yesterday"}, 200),
        ({"If-Unmodified-Since": "Fri, 31 Dec 9999 23:59:59 -9999"}, 200),
        ({"If-Match": "TAG", "If-Unmodified-Since": EARLIER}, 200),
        ({"If-Match": '"x"', "If-Unmodified-Since": LATER}, 412),
        ({"If-Match": '"x"', "If-None-Match": "TAG"}, 412),
        ({"If-Unmodified-Since": EARLIER, "If-None-Match": "TAG"}, 412),
        ({"If-Match": "TAG", "If-None-Match": "TAG"}, 304),
        ({"If-Match": "TAG", "If-None-Match": '"x"', "If-Modified-Since": LATER}, 200),
        ({"If-Match": "TAG", "If-Modified-Since": LATER}, 304),
    ],
)
def test_preconditions(stand, url, content, headers, status):
    """412 for another file than the one the sender knows, before anything else is looked at: RFC 9110, 13.2.2."""
    tag = stand.open(url).headers["ETag"]
    headers = {name: value.replace("TAG", tag) for name, value in headers.items()}
    for method, range_ in (("GET", None), ("HEAD", None), ("GET", "bytes=0-9"), ("GET", "bytes=99999999-")):
        answer = stand.open(url, method, headers={**headers, "Range": range_} if range_ else headers)
        in_part = {None: 200, "bytes=0-9": 206, "bytes=99999999-": 416}[range_]
        assert answer.status_code == (in_part if status == 200 else status)
        if status == 412:
            assert (answer.data, answer.mimetype) == (b"" if method == "HEAD" else b"Precondition Failed", "text/plain")
            assert answer.headers["ETag"] == tag
            assert answer.headers["Cache-Control"] == "no-store"
            assert "Content-Disposition" not in answer.headers
            assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_every_file_has_a_tag_of_its_own(stand):
    """Thumbnails too."""
    image = stand.upload(noise((600, 400)))
    tags = {stand.open(image[name]["url"]).headers["ETag"] for name in ("image", "thumb", "medium")}
    assert len(tags) == 3


def test_caches_forget_in_time(stand):
    """No copy outlives the upload."""
    image = stand.upload(expiration="600")
    stand.clock.move(seconds=100.5)
    for name in ("image", "thumb"):
        assert stand.open(image[name]["url"]).headers["Cache-Control"] == "public, max-age=499"


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "none.png",
        "../secret",
        "..%2f..%2fsecret",
        "2026/03/04/../04/a.png",
        "2026/03/04//a.png",
        "2026/03/04/a.png/",
        "2026/03/04/a.png.png",
        "2026/03/04/a",
        "2026/03/04/A.png",
        "2026/03/04/a.PNG",
        "2026/03/04/a.md.th.png",
        "2026/03/04/a.fr.png",
        "2026/03/04/a.th.jpeg",
        "2026/03/04/a.jpeg",
        "a.png%00",
        "2026/03/04/a.png%00.png",
        "%00",
        "x" * 5000,
        "x" * 5000 + ".png",
        "a." * 2500 + "png",
        "/etc/passwd",
        "é.png",
        "%ff.png",
        ".incoming/a.png",
        "a.png\n",
    ],
)
def test_unknown_paths(stand, url, path):
    """404, whatever they try."""
    answer = stand.open(f"/images/{path}")
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_lost_file_is_not_found(stand, url, caplog):
    """And the log says so."""
    (stand.images / "2026/03/04/a.png").unlink()
    assert stand.open(url).status_code == 404
    assert "no file at 2026/03/04/a.png" in caplog.text


def test_a_storage_that_is_away(make):
    """503, to try again."""
    from chevupload.errors import StorageError

    stand = make(storage=lambda local: Failing(local, "open", StorageError("secret detail")))
    answer = stand.open(stand.upload()["url"])
    assert (answer.status_code, answer.headers["Retry-After"], "secret" in answer.text) == (503, "10", False)


def test_a_public_storage_serves_itself(make):
    """Links name it, and our own route leads there."""
    stand = make(storage=MemoryStorage(public_url="https://cdn.test/files"))
    image = stand.upload()
    assert image["url"] == "https://cdn.test/files/2026/03/04/photo.png"
    answer = stand.open("/images/2026/03/04/photo.png")
    assert (answer.status_code, answer.headers["Location"]) == (302, image["url"])


class Wrapper:
    """A server's ``wsgi.file_wrapper``, which remembers what it was given."""

    def __init__(self):
        self.given = []

    def __call__(self, file, size=8_192):
        self.given.append(file)
        return FileWrapper(file, size)


@pytest.mark.parametrize("range_", [None, "bytes=0-", "bytes=7-7", "bytes=1000-299999", "bytes=-5"])
def test_servers_send_files_themselves(stand, url, content, range_):
    """By their own wrapper, which gets a descriptor of a whole file only, else what ends by itself with the part."""
    wrapper = Wrapper()
    headers = {"Range": range_} if range_ else {}
    answer = stand.open(url, headers=headers, environ_overrides={"wsgi.file_wrapper": wrapper})
    assert answer.data == stand.open(url, headers=headers).data
    (file,) = wrapper.given
    assert hasattr(file, "fileno") == (range_ is None)
    with pytest.raises(ValueError, match="closed"):
        file.read()


def test_a_part_is_a_file(stand, url, content):
    """Positions count from its start, its end is its own, and that of the file if that is shorter."""
    with LocalStorage(stand.images, incoming=stand.incoming).open("2026/03/04/a.png") as file:
        part = FileBody(file, 100, 200)
        assert (part.seek(0, os.SEEK_END), part.read(5)) == (100, b"")
        assert (part.seek(-10, os.SEEK_END), part.read()) == (90, content[190:200])
        assert (part.seek(20), part.read(10), part.tell()) == (20, content[120:130], 30)
        assert (part.seek(5, os.SEEK_CUR), part.read(500)) == (35, content[135:200])
        short = FileBody(file, 100, len(content) + 50)
        assert short.seek(0, os.SEEK_END) == len(content) - 100
        rest = FileBody(file, 100)
        assert (rest.seek(0, os.SEEK_END), rest.seek(0), rest.read()) == (len(content) - 100, 0, content[100:])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_has_no_descriptor_stays_with_us(make, method):
    """As on an object store, for which a server would wait in a thread that serves all; nor is it sent for HEAD."""
    stand = make(storage=MemoryStorage()) if method == "GET" else make()
    image, wrapper = stand.upload(), Wrapper()
    answer = stand.open(image["url"], method, environ_overrides={"wsgi.file_wrapper": wrapper})
    assert (answer.status_code, wrapper.given) == (200, [])


def test_what_is_unpacked_while_it_is_read_stays_with_us(tmp_path):
    """It has the descriptor of the packed file, from which a server would send."""
    with gzip.open(tmp_path / "a.gz", "wb") as packed:
        packed.write(b"unpacked" * 1000)
    wrapper = Wrapper()
    with gzip.open(tmp_path / "a.gz") as unpacked:
        assert b"".join(FileBody(unpacked).handed_over({"wsgi.file_wrapper": wrapper})) == b"unpacked" * 1000
    assert wrapper.given == []


def open_below(folder):
    """List the files below ``folder`` that this process has open."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        # One of another thread, or the one of this list.
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return [path for path in found if path.startswith(f"{folder}/")]


def test_files_are_closed(stand, url):
    """Whole, part, not modified, unsatisfiable, unwanted, HEAD, and a client that goes away: no descriptor is left."""

    opened = []

    class Counting(LocalStorage):
        def open(self, path, part=None):
            opened.append(super().open(path, part))
            return opened[-1]

    stand.component.context.storages.by_name[""] = Counting(stand.images, incoming=stand.incoming)
    tag = stand.open(url).headers["ETag"]
    for headers in (
        {},
        {"Range": "bytes=0-9"},
        {"Range": "bytes=999999999-"},
        {"If-None-Match": tag},
        {"If-Match": "x"},
    ):
        for method in ("GET", "HEAD"):
            stand.open(url, method, headers=headers)
    from werkzeug.test import EnvironBuilder

    environ = EnvironBuilder(url.removeprefix(stand.base), base_url=f"{stand.base}/").get_environ()
    answer = stand.component(environ, lambda status, headers: None)
    next(iter(answer))
    answer.close()
    assert [file.closed for file in opened] == [True] * 7, "what is not sent is not opened"
    assert open_below(stand.folder) == []
    opened.clear()


def test_a_file_of_an_object_store_costs_one_request(make):
    """The record knows its size and its validators: none for what the client has, and a missing one is told."""
    with S3() as store:
        stand = make(storage=store.storage())
        image = stand.upload()
        url = image["url"]
        tag = stand.open(url).headers["ETag"]
        store.calls.clear()
        whole = stand.open(url).data
        assert stand.open(url, headers={"Range": "bytes=3-9"}).data == whole[3:10]
        assert stand.open(url, headers={"Range": "bytes=-4"}).data == whole[-4:]
        assert [call.method for call in store.calls] == ["GET"] * 3
        for headers in ({"If-None-Match": tag}, {"If-Match": '"x"'}, {"Range": "bytes=999999-"}):
            assert stand.open(url, headers=headers).status_code in (304, 412, 416)
        assert len(store.calls) == 3
        stand.component.context.storages.by_name[""].delete(stand.catalog.get(image["id_encoded"]).path)
        assert stand.open(url).status_code == 404


class Rerendered(MemoryStorage):
    """A storage whose pictures are rendered again between a reader's look into the record and the file."""

    content = None

    def open(self, path, part=None):
        if self.content is not None and ".th." in path:
            self.replace(path, io.BytesIO(self.content), headers=None)
        return super().open(path, part)


@pytest.mark.parametrize("length", [10, 100_000], ids=["shorter", "longer"])
def test_a_picture_that_is_rendered_again_is_whole(make, length):
    """What is sent has the length that was said, which is that of the file."""
    storage = Rerendered()
    stand = make(storage=storage)
    url = stand.upload(noise())["thumb"]["url"]
    before = stand.open(url)
    storage.content = b"x" * length
    answer = stand.open(url)
    assert answer.data == storage.content
    assert answer.headers["Content-Length"] == str(length)
    assert answer.headers["ETag"] != before.headers["ETag"]
    part = stand.open(url, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.data, part.headers["Content-Range"]) == (206, b"xxxxx", f"bytes 5-9/{length}")
    assert stand.open(url, headers={"Range": "bytes=0-", "If-Range": before.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("length", [10, 100_000], ids=["shorter", "longer"])
def test_an_object_that_is_rendered_again_is_whole(make, length):
    """What else a picture costs is one request, as before."""
    with S3() as store:
        storage = store.storage()
        stand = make(storage=storage)
        image = stand.upload(noise())
        path = stand.catalog.get(image["id_encoded"]).thumb_path
        store.calls.clear()
        assert stand.open(image["thumb"]["url"]).status_code == 200
        assert [call.method for call in store.calls] == ["GET"]
        headers = FileHeaders(content_type="image/png", cache_control="public", content_disposition="inline")
        storage.replace(path, io.BytesIO(b"x" * length), headers=headers)
        assert stand.open(image["thumb"]["url"]).data == b"x" * length
