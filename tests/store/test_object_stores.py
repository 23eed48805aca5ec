"""Storages on S3, Google Cloud Storage and Azure keep their promises, against servers that speak their protocols."""

from __future__ import annotations

import os
import socket

import pytest
import requests

from chevupload.errors import FileExists, StorageError
from chevupload.store import access
from chevupload.store.storage import FsspecStorage
from chevupload.testing import StorageContract
from chevupload.testing.storage import PNG, content, put
from tests.store.object_stores import S3, Azure, Gcs

BLOCK = 5_242_880


@pytest.fixture(scope="module")
def s3():
    """Start an S3."""
    with S3() as server:
        yield server


@pytest.fixture(scope="module")
def gcs():
    """Start a Google Cloud Storage."""
    with Gcs() as server:
        yield server


@pytest.fixture(scope="module")
def azure():
    """Start an Azure Blob Storage."""
    with Azure() as server:
        yield server


# Their libraries send whole blocks as bytes, which the one below finds large.
LARGE = pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
GCS = pytest.param("gcs", marks=LARGE, id="gcs")
AZURE = pytest.param("azure", marks=LARGE, id="azure")


class TestS3(StorageContract):
    """The contract on S3."""

    @pytest.fixture
    def storage(self, s3):
        """Return a new one."""
        return s3.storage()


@LARGE
class TestGcs(StorageContract):
    """The contract on Google Cloud Storage."""

    @pytest.fixture
    def storage(self, gcs):
        """Return a new one."""
        return gcs.storage()


@LARGE
class TestAzure(StorageContract):
    """The contract on Azure."""

    @pytest.fixture
    def storage(self, azure):
        """Return a new one."""
        return azure.storage()


@pytest.fixture(params=["s3", GCS, AZURE])
def server(request):
    """Return each server in turn."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("size", [7, BLOCK, 2 * BLOCK + 7], ids=["one request", "one block", "blocks"])
def test_a_store_is_told_what_to_tell(server, size):
    """Whoever fetches a file from the store reads its type, how long to keep it, and its name; small or large."""
    storage = server.storage()
    put(storage, "a.png", b"x" * size)
    if isinstance(server, Gcs):
        reached, place = storage._locate("a.png")
        found = reached.info(place)
        told = (found["contentType"], found["cacheControl"], found["contentDisposition"])
    else:
        found = requests.get(storage.signed_url("a.png", seconds=60), timeout=30).headers
        told = (found["Content-Type"], found["Cache-Control"], found["Content-Disposition"])
    assert told == (PNG.content_type, PNG.cache_control, PNG.content_disposition)
    assert len(content(storage, "a.png")) == size


@pytest.mark.parametrize("start", [0, 3])
def test_a_large_file_that_is_on_disk_is_sent_from_there(server, start, tmp_path, monkeypatch):
    """It is not copied into the system's folder first, which may be small, or memory; but where its rest is wanted."""
    storage = server.storage()
    whole = os.urandom(2 * BLOCK + 7)
    (tmp_path / "spool").write_bytes(whole)
    if start == 0:
        # The servers of these tests need it.
        monkeypatch.delattr(access, "tempfile")
    with (tmp_path / "spool").open("rb") as file:
        file.seek(start)
        storage.save("a.png", file, headers=PNG)
    assert content(storage, "a.png") == whole[start:]


@pytest.mark.parametrize("kind", ["s3", AZURE])
@pytest.mark.parametrize("size", [7, 2 * BLOCK], ids=["one request", "blocks"])
def test_a_strangers_object_is_not_replaced(request, kind, size):
    """Object stores that can be told to write new files only are told; the file there stays, unless they were not."""
    storage = request.getfixturevalue(kind).storage()
    put(storage, "a.png", b"old")
    with pytest.raises(FileExists):
        put(storage, "a.png", b"x" * size)
    assert content(storage, "a.png") == b"old"
    source = storage._source
    put(FsspecStorage(source, options=request.getfixturevalue(kind).options, exclusive=False), "a.png", b"new")
    assert content(storage, "a.png") == b"new"


@pytest.mark.parametrize("start", [0, 3_000_000])
def test_what_is_read_is_what_is_fetched(s3, start):
    """A part costs that part: each read is one request for what it returns, and opening fetches nothing."""
    storage = s3.storage()
    put(storage, "a.png", os.urandom(4_000_000))
    s3.calls.clear()
    with storage.open("a.png") as file:
        assert [call.method for call in s3.calls] == ["HEAD"]
        file.seek(start)
        assert len(file.read(1_000)) == 1_000
    gets = [call.range for call in s3.calls if call.method == "GET"]
    assert gets == [f"bytes={start}-{start + 999}"]


def test_a_forked_process_goes_on(server):
    """A server that preloads, and used its storage before it forked, serves from its children all the same."""
    storage = server.storage()
    put(storage, "a.png", b"before")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            put(storage, "b.png", b"child")
            status = 0 if content(storage, "a.png") == b"before" else 2
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert content(storage, "b.png") == b"child"
    put(storage, "c.png", b"after")
    assert content(storage, "c.png") == b"after"


@pytest.mark.parametrize("kind", ["s3", AZURE])
def test_a_signed_url_opens_one_file(request, kind):
    """It answers anybody, ranges too; and whoever changes it gets nothing, where the server on this machine looks."""
    server = request.getfixturevalue(kind)
    storage = server.storage()
    put(storage, "a.png", b"0123456789")
    assert storage.can_sign
    url = storage.signed_url("a.png", seconds=60)
    answer = requests.get(url, headers={"Range": "bytes=2-3"}, timeout=30)
    assert (answer.status_code, answer.content) == (206, b"23")
    if kind == "azure":
        assert requests.get(url.replace("a.png", "b.png"), timeout=30).status_code == 403


def silent(protocol, port):
    """Return a storage on a server that takes connections and never answers."""
    url = f"http://127.0.0.1:{port}"
    options = {
        "s3": {"key": "k", "secret": "s", "endpoint_url": url},
        "gs": {"token": "anon", "endpoint_url": url},
        "az": {
            "connection_string": f"DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;BlobEndpoint={url}/a;"
        },
    }
    return FsspecStorage(f"{protocol}://bucket", options=options[protocol], seconds=0.5)


@LARGE
@pytest.mark.parametrize("protocol", ["s3", "gs", "az"])
def test_a_store_that_never_answers_is_a_storage_that_is_away(protocol):
    """Every call ends, with the package's own error, although the connection stays open."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        storage = silent(protocol, server.getsockname()[1])
        for action in (
            lambda: put(storage, "a.png", b"1"),
            lambda: storage.open("a.png"),
            lambda: storage.exists("a.png"),
            lambda: storage.delete("a.png"),
            lambda: storage.modified("a.png"),
            lambda: list(storage.files()),
        ):
            with pytest.raises(StorageError):
                action()


def test_a_bucket_that_is_missing_is_away(server):
    """Unlike a file that is missing: the health route asks for what no upload would make."""
    storage = server.storage()
    storage.probe()
    protocol = str(storage._source).partition("://")[0]
    missing = FsspecStorage(f"{protocol}://no-such-bucket/folder", options=server.options)
    assert not missing.exists("0.png")
    with pytest.raises(StorageError):
        missing.probe()
