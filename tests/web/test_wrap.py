"""Around a host, the component takes its own routes only, and the host sees everything else untouched."""

from __future__ import annotations

import io
from wsgiref.validate import validator

import pytest
from werkzeug.test import Client, EnvironBuilder

from chevupload.config import Routes
from chevupload.testing.memory import MemoryStorage
from tests.support import UPLOAD, Trickle, picture

pytestmark = pytest.mark.mounts


class Host:
    """A host that keeps every environ it sees."""

    def __init__(self):
        self.seen = []

    def __call__(self, environ, start_response):
        """Answer anything."""
        self.seen.append(environ)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"host"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/other",
        "/api",
        "/api/",
        "/api/1",
        "/api/1/other",
        "/api/1/upload/x",
        "/api/1/upload//",
        "/api/2/upload",
        "/api/1/uploads",
        "/API/1/upload",
        "/image",
        "/image/",
        "/image/a/b",
        "/imagex/abc",
        "/images",
        "/images/",
        "/clip/",
        "/other/image/abc",
        "//api/1/upload",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("trusted_proxies", [0, 1])
def test_other_paths_reach_the_host_untouched(make, path, method, trusted_proxies):
    """The same environ, with the same members, and its input unread."""
    stand, host = make(trusted_proxies=trusted_proxies), Host()
    builder = EnvironBuilder(method=method, base_url=f"{stand.base}/", headers={"X-Forwarded-Host": "outside.test"})
    environ = builder.get_environ()
    body = Trickle(b"source=abc")
    environ |= {"PATH_INFO": path, "wsgi.input": body, "CONTENT_LENGTH": "10"}
    before = dict(environ)
    answer = stand.component.wrap(host)(environ, lambda status, headers: None)
    assert b"".join(answer) == b"host"
    assert len(host.seen) == 1
    assert host.seen[0] is environ
    assert environ == before
    assert body.read_bytes == 0


def test_own_routes_do_not_reach_the_host(stand):
    """Upload, viewer, delete and file work around a host as they do alone."""
    host = Host()
    client = Client(validator(stand.component.wrap(validator(host))))
    base_url = f"{stand.base}/"
    data = {"source": (io.BytesIO(picture()), "a.png"), "key": "user-key"}
    image = client.post(UPLOAD, base_url=base_url, data=data, buffered=True).json["image"]
    for name in ("url", "url_viewer", "url_short", "delete_url"):
        path = image[name].removeprefix(stand.base)
        assert client.get(path, base_url=base_url, buffered=True).status_code == 200
    assert client.get("/images/none.png", base_url=base_url, buffered=True).status_code == 404
    assert client.get("/image/none", base_url=base_url, buffered=True).status_code == 404
    assert host.seen == []
    assert client.get("/x", base_url=base_url, buffered=True).data == b"host"


def test_routes_that_are_off_belong_to_the_host(make):
    """A host keeps its own ``/images`` and ``/image``."""
    elsewhere = MemoryStorage(public_url="https://cdn.test")
    stand = make(routes=Routes(upload=None, viewer=None, video=None, files=None), storage=elsewhere)
    host = Host()
    client = Client(validator(stand.component.wrap(validator(host))))
    for path in (UPLOAD, "/image/abc", "/images/a.png", "/clip/abc"):
        assert client.get(path, base_url=f"{stand.base}/", buffered=True).data == b"host"
    assert len(host.seen) == 4


def test_respond_says_none_for_other_paths(stand):
    """What adapters build on: a response, or None."""
    builder = EnvironBuilder(base_url=f"{stand.base}/")
    environ = builder.get_environ()
    assert stand.component.respond(environ | {"PATH_INFO": "/elsewhere"}) is None
    assert stand.component.respond(environ | {"PATH_INFO": "/image/none"}).status_code == 404
