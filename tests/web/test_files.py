"""Files delivered by choice: through the component, by a redirect to a signed URL, or by the web server in front."""

from __future__ import annotations

import os
import socket
import subprocess
import textwrap
import threading
from contextlib import ExitStack

import pytest
import requests
from waitress import create_server

from chevupload import Storages
from chevupload.config import Delivery, Routes
from chevupload.errors import ConfigError
from chevupload.testing.memory import MemoryStorage
from tests.nginx import needs_nginx, open_folder, running_nginx, web_user
from tests.ports import free_port, wait_for
from tests.storage.object_stores import S3
from tests.support import PNG, Stand, file, noise

SIGNED = Delivery(by="signed_url", signed_seconds=600)


class Signing(MemoryStorage):
    """A storage whose signatures count themselves."""

    can_sign = True

    def __init__(self):
        super().__init__()
        self.signed = []

    def signed_url(self, path, *, seconds):
        self.signed.append((path.rpartition("/")[2], seconds))
        return f"https://store.example/{path}?signature={len(self.signed)}"


def test_a_signed_url_stays_the_same_for_a_while(make):
    """Browsers keep what they fetched from it: signed once in half of its life, and redirected to for as long."""
    stand = make(storage=Signing(), delivery=SIGNED)
    url = stand.upload(PNG, "a.png")["url"]
    first = stand.open(url)
    assert first.status_code == 302
    assert first.headers["Location"] == "https://store.example/2026/03/04/a.png?signature=1"
    # The clock stands at 05:06:07, and a new period begins at 05:10.
    assert first.headers["Cache-Control"] == "private, max-age=233"
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    stand.clock.move(seconds=232)
    assert stand.open(url).headers["Location"] == first.headers["Location"]
    assert stand.open(url).headers["Cache-Control"] == "private, max-age=1"
    stand.clock.move(seconds=1)
    assert stand.open(url).headers["Location"] == "https://store.example/2026/03/04/a.png?signature=2"
    assert stand.storage.signed == [("a.png", 600)] * 2


def test_a_signature_does_not_outlive_its_upload(make):
    """What expires sooner is signed for so long, cached for so long, and gone afterwards."""
    stand = make(storage=Signing(), delivery=Delivery(by="signed_url", signed_seconds=3600))
    url = stand.upload(PNG, "a.png", expiration="PT5M")["url"]
    assert stand.open(url).headers["Cache-Control"] == "private, max-age=300"
    assert stand.storage.signed == [("a.png", 300)]
    stand.clock.move(minutes=5)
    assert stand.open(url).status_code == 410


def test_a_page_allows_the_place_that_its_picture_comes_from(make):
    """A browser asks the page's policy about the place behind a redirect, too."""
    stand = make(storage=Signing(), delivery=SIGNED)
    image = stand.upload(PNG, "a.png")
    for page in (image["url_viewer"], image["delete_url"]):
        policy = stand.open(page).headers["Content-Security-Policy"]
        assert "img-src 'self' data: blob: https://store.example;" in policy
        assert "media-src 'self' data: blob: https://store.example;" in policy
    assert stand.open(image["url"]).headers["Location"] == "https://store.example/2026/03/04/a.png?signature=1"


def test_the_upload_page_allows_the_thumbnails_of_every_storage(make):
    """Those that have addresses of their own, and those whose files are sent on to signed ones."""
    storages = {
        "here": MemoryStorage(),
        "cdn": MemoryStorage(public_url="https://cdn.test/files"),
        "same": MemoryStorage(public_url="https://cdn.test/more"),
        "private": Signing(),
    }
    stand = make(storage=storages, delivery={"private": SIGNED}, routes=Routes(upload_page="upload"))
    for _ in range(2):
        policy = stand.open("/upload").headers["Content-Security-Policy"]
        assert "img-src 'self' data: blob: https://cdn.test https://store.example;" in policy
    assert storages["private"].signed == [("0.png", 600)]


@pytest.mark.parametrize(
    "delivery",
    [Delivery(), SIGNED, Delivery(by="x_accel", location="/inner"), Delivery(by="x_sendfile", location="/srv")],
    ids=lambda delivery: delivery.by,
)
def test_what_is_gone_is_gone_in_each_way(make, delivery):
    """Whether a file may be seen is decided here, before anybody is told where it is."""
    stand = make(storage=Signing(), delivery=delivery)
    short, other = stand.upload(PNG, "a.png", expiration="PT5M"), stand.upload(PNG, "b.png")
    stand.open(other["delete_url"], "POST")
    stand.clock.move(minutes=5)
    for method in ("GET", "HEAD"):
        gone, deleted = stand.open(short["url"], method), stand.open(other["url"], method)
        assert (gone.status_code, deleted.status_code) == (410, 404)
        assert not {"Location", "X-Accel-Redirect", "X-Sendfile"} & {*gone.headers.keys(), *deleted.headers.keys()}


def test_head_is_answered_here_where_a_signature_is_for_get(make):
    """With type and length, from the record; and 404 when the storage lost the file."""
    stand = make(storage=Signing(), delivery=SIGNED)
    url = stand.upload(PNG, "a.png")["url"]
    head = stand.open(url, "HEAD")
    assert (head.status_code, head.headers["Content-Length"], head.headers["Content-Type"]) == (
        200,
        str(len(PNG)),
        "image/png",
    )
    stand.storage._files.clear()
    assert stand.open(url, "HEAD").status_code == 404


@pytest.mark.parametrize(("by", "header"), [("x_accel", "X-Accel-Redirect"), ("x_sendfile", "X-Sendfile")])
def test_the_web_server_is_told_where_the_file_is(make, by, header):
    """With everything that it should tell the client, and no byte of the file."""
    stand = make(delivery=Delivery(by=by, location="/inner/files/"))
    url = stand.upload(PNG, "a.png", expiration="PT5M")["url"]
    answer = stand.open(url, headers={"Range": "bytes=0-1", "If-None-Match": "*"})
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers[header] == "/inner/files/2026/03/04/a.png"
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert answer.headers["Content-Disposition"] == 'inline; filename="a.png"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_each_storage_has_its_own_way(make):
    """By its name; and those that are not named are read here."""
    stand = make(
        storage=Storages({"a": Signing(), "b": MemoryStorage()}, lambda upload, principal: upload.name),
        delivery={"a": SIGNED},
    )
    assert stand.open(stand.upload(PNG, "a.png")["url"]).status_code == 302
    assert stand.open(stand.upload(PNG, "b.png")["url"]).status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"by": "pigeon"},
        {"by": "x_accel"},
        {"by": "x_sendfile", "location": "relative"},
        {"by": "x_accel", "location": "/a\r\nSet-Cookie: b"},
        {"location": "/unused"},
        {"by": "signed_url", "signed_seconds": 59},
    ],
)
def test_mistakes_are_told_at_construction(values):
    """An unknown word, and a location that is missing, of no use, or dangerous."""
    with pytest.raises(ConfigError):
        Delivery(**values)


@pytest.mark.parametrize("delivery", [SIGNED, {"": SIGNED}, {"nobody": Delivery()}])
def test_a_storage_that_signs_nothing_is_told_at_construction(make, delivery):
    """Not when the first file is asked for."""
    with pytest.raises(ConfigError):
        make(delivery=delivery)


@pytest.mark.slow
def test_s3_answers_whoever_was_sent_there(make):
    """Followed from here, a signed URL gives the file, its parts and its headers, and only to GET."""
    with S3() as server:
        storage = server.storage()
        stand = make(storage=storage, delivery=SIGNED)
        url = stand.upload(noise((60, 40)), "my cat.png")["url"]
        location = stand.open(url).headers["Location"]
        assert "X-Amz-Signature=" in location
        assert stand.open(url).headers["Location"] == location
        found = requests.get(location, headers={"Range": "bytes=1-3"}, timeout=120)
        assert (found.status_code, found.content) == (206, b"PNG")
        assert found.headers["Content-Type"] == "image/png"
        assert found.headers["Content-Disposition"] == 'inline; filename="my cat.png"'
        tag = found.headers["ETag"]
        assert requests.get(location, headers={"If-None-Match": tag}, timeout=120).status_code == 304


@pytest.mark.slow
def test_through_the_component_s3_is_read_in_parts(make):
    """A range of a large file costs that range, HEAD costs nothing of it, and what is not modified no request."""
    content = PNG + os.urandom(3_000_000)
    with S3() as server:
        stand = make(storage=server.storage())
        url = stand.upload(content, "a.png")["url"]
        server.calls.clear()
        part = stand.open(url, headers={"Range": "bytes=2000000-2000099"})
        assert (part.status_code, part.data) == (206, content[2_000_000:2_000_100])
        assert [(call.method, call.range) for call in server.calls] == [("GET", "bytes=2000000-2000099")]
        server.calls.clear()
        head = stand.open(url, "HEAD")
        assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(content)))
        assert stand.open(url, headers={"If-None-Match": head.headers["ETag"]}).status_code == 304
        assert [call.method for call in server.calls] == ["HEAD"], "what is not modified is known from the record"
        server.calls.clear()
        assert stand.open(url).data == content
        assert max(_length(call.range) for call in server.calls if call.range) <= 1_048_576


def _length(text):
    start, _, stop = text.removeprefix("bytes=").partition("-")
    return int(stop) - int(start) + 1


@pytest.mark.slow
def test_a_store_that_hangs_is_503(make):
    """Uploads and readers are told to come back, and nothing of the upload stays but what the sweep takes."""
    from chevupload.storage.fsspec_storage import FsspecStorage

    with socket.create_server(("127.0.0.1", 0), backlog=50) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        options = {"key": "k", "secret": "s", "endpoint_url": url}
        stand = make(storage=FsspecStorage("s3://bucket", options=options, seconds=0.3))
        answer = stand.send({"source": file()})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


# Real web servers


class Behind:
    """A component under waitress, and a web server in front of it that is told which files to send."""

    def __init__(self, folder, stack, **delivery):
        (folder / "site").mkdir(parents=True)
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.stand = Stand(folder / "site", base_url=self.url, delivery=Delivery(**delivery))
        server = create_server(self.stand.component, listen="127.0.0.1:0", threads=2)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.close)
        self.inner = f"http://127.0.0.1:{server.effective_port}"
        self.port, self.folder, self._stack = port, folder, stack

    def start(self, *command, configuration):
        """Start the web server."""
        (self.folder / "server.conf").write_text(textwrap.dedent(configuration))
        process = subprocess.Popen(command, start_new_session=True)
        self._stack.callback(process.wait)
        self._stack.callback(process.terminate)
        wait_for(self.port)

    def check(self):
        """Ask the web server for a file, whole, in part and conditionally; and for one that is gone."""
        content = noise((300, 200))
        image = self.stand.upload(content, "my föto.png", expiration="PT5M")
        url = image["url"].replace(self.stand.base, self.url)
        whole = requests.get(url, timeout=120)
        assert (whole.status_code, whole.content) == (200, content)
        assert whole.headers["Content-Type"] == "image/png"
        assert whole.headers["Cache-Control"] == "public, max-age=300"
        assert "filename*=UTF-8''my%20f%C3%B6to.png" in whole.headers["Content-Disposition"]
        assert whole.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in whole.headers["Content-Security-Policy"]
        assert not {"X-Accel-Redirect", "X-Sendfile"} & {*whole.headers}
        part = requests.get(url, headers={"Range": "bytes=10-19"}, timeout=120)
        assert (part.status_code, part.content) == (206, content[10:20])
        head = requests.head(url, timeout=120)
        assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(content)), b"")
        same = requests.get(url, headers={"If-None-Match": whole.headers["ETag"]}, timeout=120)
        assert (same.status_code, same.content) == (304, b"")
        self.stand.clock.move(minutes=6)
        assert requests.get(url, timeout=120).status_code == 410


@pytest.fixture
def folder():
    """Return a folder that web servers may pass through."""
    with open_folder() as made:
        yield made


@pytest.fixture
def behind(folder):
    """Return a function that puts a component behind a web server."""
    with ExitStack() as stack:
        yield lambda **delivery: Behind(folder, stack, **delivery)


@pytest.mark.slow
@needs_nginx
def test_nginx_sends_what_it_is_told(behind):
    """With its own ranges and validators, the component's type, name and times, and only through the component."""
    site = behind(by="x_accel", location="/stored")
    configuration = f"""
        server {{
            listen 127.0.0.1:{site.port};
            location / {{ proxy_pass {site.inner}; }}
            location /stored/ {{
                internal;
                alias {site.stand.images}/;
                add_header X-Content-Type-Options nosniff;
                add_header Content-Security-Policy "default-src 'none'; sandbox";
            }}
        }}
    """
    with running_nginx(configuration, site.port):
        assert requests.get(f"{site.url}/stored/2026/03/04/photo.png", timeout=120).status_code == 404
        site.check()


_MODULES = "/usr/lib/apache2/modules"


@pytest.mark.slow
@pytest.mark.skipif(
    not os.path.exists(f"{_MODULES}/mod_xsendfile.so"),
    reason="Apache's mod_xsendfile is not installed: apt-get install apache2 libapache2-mod-xsendfile",
)
def test_apache_sends_what_it_is_told(behind, folder):
    """Likewise, and it keeps every header of the component's."""
    site = behind(by="x_sendfile", location=str(folder / "site" / "images"))
    modules = ("mpm_event", "authz_core", "proxy", "proxy_http", "xsendfile")
    loaded = "\n".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in modules)
    site.start(
        *("apache2", "-X", "-f", str(site.folder / "server.conf")),
        configuration=f"""
ServerRoot {folder}
ServerName 127.0.0.1
PidFile {folder}/apache.pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/error.log
Listen 127.0.0.1:{site.port}
User {web_user()}
{loaded}
XSendFile On
XSendFilePath {site.stand.images}
ProxyPass / {site.inner}/
""",
    )
    site.check()
