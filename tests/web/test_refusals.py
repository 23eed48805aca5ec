"""What cannot be meant is refused in Chevereto's words, and leaves no trace."""

from __future__ import annotations

import gc
import weakref
from urllib.parse import quote

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from chevupload import app
from chevupload.config import Limits, Policy
from chevupload.fetch.fetcher import HttpFetcher
from chevupload.testing.memory import MemoryCatalog, MemoryStorage, StaticKeys
from tests.support import BASE64, PNG, SECRET, UPLOAD, Trickle, assert_refusal, file, noise, picture


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/api", 100, "No version provided"),
        ("/api/", 100, "No version provided"),
        ("/api/1", 100, "No action provided"),
        ("/api/1/", 100, "No action provided"),
        ("/api/2/upload", 110, "Invalid API version."),
        ("/api/1.1/upload", 110, "Invalid API version."),
        ("/api/x/y/z", 110, "Invalid API version."),
        ("/api/1/other", 120, "Invalid API action"),
        ("/api/1/upload/more", 120, "Invalid API action"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_unknown_routes_below_api(refusing, path, code, message, method):
    """Standing alone, everything below ``/api`` is answered in JSON with Chevereto's codes, to who has a key."""
    stand = refusing()
    assert_refusal(stand.open(path, method, headers={"X-API-Key": "user-key"}), 404, code, message)
    assert_refusal(stand.open(path, method, query_string={"key": "user-key"}), 404, code, message)
    if method == "POST":
        assert_refusal(stand.open(path, method, data={"key": "user-key"}), 404, code, message)


@pytest.mark.parametrize("path", ["/api/2/upload", "/api/x/y/z", "/api/1/other", "/api/1/upload/more"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "HEAD"])
def test_without_a_key_the_key_is_what_is_missing(refusing, path, method):
    """Before a wrong version and a wrong action; and a wrong key comes between the two. Source: recorded answers."""
    stand = refusing()
    for headers in ({}, {"X-API-Key": " "}):
        answer = stand.open(path, method, headers=headers)
        assert answer.status_code == 401
        if method != "HEAD":
            assert_refusal(answer, 401, 100, "No key provided")
    wrong = stand.open(path, "POST", data={"key": "wrong"})
    if path.startswith("/api/1/"):
        assert_refusal(wrong, 401, 100, "Invalid API key.")
    else:
        assert_refusal(wrong, 404, 110, "Invalid API version.")


@pytest.mark.parametrize("path", ["/", "/other", "/apix", "/image/", "/images/", "//", "/%FF%00"])
def test_unknown_pages(refusing, path):
    """Elsewhere people read, so it is a page."""
    answer = refusing().open(path)
    assert (answer.status_code, answer.content_type) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("path", ["", "*", "api"])
def test_paths_without_a_slash_are_answered(tmp_path, path):
    """``OPTIONS *`` and an empty path, as servers hand them over, are no fault of ours."""
    component = app.ChevUpload(
        keys=StaticKeys({}), catalog=MemoryCatalog(), storage=MemoryStorage(), secret_keys=[SECRET], renderer="inline"
    )
    environ = {"REQUEST_METHOD": "OPTIONS", "PATH_INFO": path, "SERVER_NAME": "x", "SERVER_PORT": "80"}
    environ |= {"wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1"}
    seen = []
    body = component(environ, lambda status, headers: seen.append(status))
    assert (seen, b"404" in b"".join(body)) == (["404 Not Found"], True)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH"])
def test_wrong_methods(refusing, method):
    """405 with Allow, in JSON; HEAD without a body."""
    stand = refusing()
    answer = stand.send({"source": file()}, method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, GET, OPTIONS")
    if method == "HEAD":
        assert answer.data == b""
    else:
        assert_refusal(answer, 405, 405, "Method not allowed")
        text = stand.send(None, method=method, path=f"{UPLOAD}?format=txt")
        assert (text.status_code, text.text) == (405, "Method not allowed")


def test_base64_needs_post(refusing):
    """A query may hold a URL only."""
    path = f"{UPLOAD}?key=user-key&source={quote(BASE64, safe='')}"
    message = "Upload using base64 source must be done using POST method."
    assert_refusal(refusing().open(path), 400, 130, message)


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ({}, 130, "Empty upload source"),
        ({"source": ""}, 130, "Empty source"),
        ({"source": "  "}, 130, "Empty source"),
        ({"source": lambda: file(b"")}, 130, "Empty source"),
        ({"source": "*** no base64 ***"}, 120, "Invalid base64 string"),
        ({"source": "data:image/png,plain"}, 120, "Invalid base64 string"),
        ({"source": lambda: file(b"no picture at all")}, 610, "Can't get target upload source info"),
        ({"source": lambda: file(PNG[:40])}, 610, None),
        ({"source": lambda: file(noise()[:20_000])}, 610, "Can't get uploaded info"),
        ({"source": BASE64, "width": "9"}, 610, "Target width is greater than the original image width"),
        ({"source": BASE64, "width": "wide"}, 400, "Invalid width, expected a whole number"),
        ({"source": BASE64, "expiration": "never"}, 400, None),
        ({"source": BASE64, "nsfw": "perhaps"}, 400, "Invalid nsfw, expected 0 or 1"),
        ({"source": BASE64, "category_id": "9"}, 400, "Unknown category"),
        ({"source": BASE64, "category_id": "x"}, 400, "Invalid category_id, expected a whole number"),
    ],
)
def test_what_cannot_be_meant_is_400(refusing, data, code, message):
    """Parameters and pictures that mean nothing are refused, and nothing is stored."""
    data = {name: value() if callable(value) else value for name, value in data.items()}
    assert_refusal(refusing().send(data), 400, code, message)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"anything", "multipart/form-data"),
    ],
)
def test_malformed_bodies(refusing, body, content_type):
    """A body that is not what it claims to be."""
    assert_refusal(refusing().send(body, content_type=content_type), 400, 400)


def test_a_body_that_ends_early(refusing):
    """The declared length is a promise."""
    answer = refusing().send(
        None, stream=Trickle(b"source=abc"), content_type="application/x-www-form-urlencoded", length=500
    )
    assert_refusal(answer, 400, 400)


def test_unsupported_bodies_and_formats(refusing):
    """415 for a body without parameters, and for a picture format that is not accepted."""
    stand = refusing(policy=Policy(formats=("PNG",)))
    assert_refusal(stand.send(b"<x/>", content_type="text/xml"), 415, 415)
    assert_refusal(stand.send({"source": file(picture(format="JPEG"))}), 415, 614)
    assert_refusal(stand.send({"source": file(picture(format="TIFF"))}), 415, 613, "Unavailable image format")


@pytest.mark.parametrize(
    ("key", "fields", "status"),
    [
        ("wrong", {"source": BASE64}, 401),
        (None, {"source": BASE64}, 401),
        (None, {"key": "wrong", "source": BASE64}, 401),
        (None, {"source": BASE64, "key": "wrong"}, 401),
        (None, {"key": "wrong", "source": "A" * 400_000}, 401),
        ("user-key", {"source": "!!!!"}, 400),
        ("user-key", {"source": "ftp://example.com/a.png"}, 400),
        ("user-key", {"source": ""}, 400),
        ("user-key", {"source": "data:image/png;base64"}, 400),
    ],
)
def test_a_refusal_keeps_nothing_of_its_request(refusing, key, fields, status):
    """An environ may hold open files of the host, which are not left to the garbage collector."""

    class Held:
        """Something of the host."""

    limits = Limits(max_bytes=100_000, refusal_scan_bytes=100_000)
    component = refusing(limits=limits, fetcher=HttpFetcher()).component
    headers = {} if key is None else {"X-API-Key": key}
    environ = EnvironBuilder(UPLOAD, method="POST", data=fields, headers=headers).get_environ()
    environ["host.held"] = Held()
    held = weakref.ref(environ["host.held"])
    gc.collect()
    gc.disable()
    try:
        assert run_wsgi_app(component, environ)[1].startswith(str(status))
        del environ
        assert held() is None
    finally:
        gc.enable()


def test_a_forged_host_is_refused(refusing):
    """A Host header that is no host never gets into a link."""
    answer = refusing().send({"source": file()}, headers={"Host": "evil.test/<script>"})
    assert_refusal(answer, 400, 400, "Malformed Host header")
