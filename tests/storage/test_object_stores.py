"""Storages on S3, Google Cloud Storage and Azure keep their promises, against servers that speak their protocols."""

from __future__ import annotations

import json
import os
import re
import socket
import time

import pytest
import requests

from chevupload.errors import ConfigError, FileExists, StorageError
from chevupload.storage import fsspec_io as access
from chevupload.storage.fsspec_storage import FsspecStorage
from chevupload.testing import StorageContract
from chevupload.testing.storage import PNG, content, put
from tests.storage.object_stores import S3, Azure, Gcs, Minio

pytestmark = pytest.mark.servers

BLOCK = 5_242_880


@pytest.fixture(scope="module")
def s3():
    """Start an S3."""
    with S3() as server:
        yield server


@pytest.fixture(scope="module")
def minio():
    """Start a MinIO."""
    with Minio() as server:
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


class TestMinio(StorageContract):
    """The contract on a MinIO, which checks what is signed."""

    @pytest.fixture
    def storage(self, minio):
        """Return a new one."""
        return minio.storage()


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


@pytest.fixture(params=["s3", "minio", GCS, AZURE])
def server(request):
    """Return each server in turn."""
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("size", [7, BLOCK, 2 * BLOCK + 7], ids=["one request", "one block", "blocks"])
def test_a_store_is_told_what_to_tell(server, size):
    """Whoever fetches a file from the store reads its type, how long to keep it, and its name; small or large."""
    storage = server.storage()
    put(storage, "a.png", b"x" * size)
    if isinstance(server, Gcs):
        reached, place = storage._files.locate("a.png")
        found = reached.info(place)
        told = (found["contentType"], found["cacheControl"], found["contentDisposition"])
    else:
        found = requests.get(storage.signed_url("a.png", seconds=60), timeout=120).headers
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
    source = storage._files._source
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


def test_s3_removes_a_thousand_files_by_one_request(s3):
    """Whether they are there or not."""
    storage = s3.storage()
    put(storage, "a.png", b"1")
    s3.calls.clear()
    assert storage.delete_many(["a.png", *(f"{number}.png" for number in range(1_000))]) == {}
    assert [call.method for call in s3.calls] == ["POST", "POST"]
    assert not storage.exists("a.png")


def test_a_minio_takes_it_too(minio, monkeypatch):
    """It looks at what is signed, with two checksums."""
    storage = minio.storage()
    for path in ("a.png", "b.png"):
        put(storage, path, b"1")
    monkeypatch.delattr(access.ObjectAccess, "remove_many")
    assert storage.delete_many(["a.png", "b.png", "c.png"]) == {}
    assert [storage.exists(path) for path in ("a.png", "b.png")] == [False, False]


def test_an_s3_of_old_rules_takes_it_too():
    """It asks for a checksum that Amazon's library does not send any more."""
    with S3(wants_md5=True) as server:
        storage = server.storage()
        server.calls.clear()
        assert storage.delete_many(["a.png", "b.png"]) == {}
        assert [call.method for call in server.calls] == ["POST"]


def test_an_s3_that_removes_no_bulk_is_asked_for_each_file():
    """A look-alike may not know the request at all."""
    with S3(refuses=(("HTTP_CONTENT_MD5", ""),)) as server:
        storage = server.storage()
        for path in ("a.png", "b.png"):
            put(storage, path, b"1")
        server.calls.clear()
        assert storage.delete_many(["a.png", "b.png", "c.png"]) == {}
        assert [call.method for call in server.calls] == ["POST", "DELETE", "DELETE", "DELETE"]
        assert [storage.exists(path) for path in ("a.png", "b.png")] == [False, False]


@pytest.mark.parametrize("paths", [["a.png", "kept.png", "b.png"], ["kept.png"]])
def test_what_s3_does_not_remove_is_told(s3, paths):
    """By its path and with the reason; the others are gone."""
    storage = s3.storage()
    bucket = storage._files._source.removeprefix("s3://").partition("/")[0]
    denied = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteObject",
        "Resource": f"arn:aws:s3:::{bucket}/folder/kept.png",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [denied]})
    assert requests.put(f"{s3.url}/{bucket}?policy", policy, timeout=120).ok
    for path in paths:
        put(storage, path, b"1")
    failed = storage.delete_many(paths)
    assert (list(failed), str(failed["kept.png"])) == (["kept.png"], "cannot delete kept.png")
    assert "AccessDenied" in str(failed["kept.png"].__cause__)
    assert [path for path in paths if storage.exists(path)] == ["kept.png"]


def test_a_bucket_that_is_not_there_is_told_as_a_whole(s3):
    """Nothing is known of any of the files."""
    with pytest.raises(StorageError):
        FsspecStorage("s3://nobodys-bucket", options=s3.options).delete_many(["a.png"])


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


@pytest.mark.parametrize("kind", ["s3", "minio", AZURE])
def test_a_signed_url_opens_one_file(request, kind):
    """It answers anybody, ranges too; and whoever changes it gets nothing, where the server on this machine looks."""
    server = request.getfixturevalue(kind)
    storage = server.storage()
    put(storage, "a.png", b"0123456789")
    put(storage, "b.png", b"another's")
    assert storage.can_sign
    url = storage.signed_url("a.png", seconds=60)
    answer = requests.get(url, headers={"Range": "bytes=2-3"}, timeout=120)
    assert (answer.status_code, answer.content) == (206, b"23")
    if kind == "s3":
        return
    for other in (url.replace("a.png", "b.png"), url[:-1] + ("1" if url[-1] == "0" else "0"), url.partition("?")[0]):
        assert requests.get(other, timeout=120).status_code in (403, 404)
    assert requests.put(url, b"theirs", timeout=120).status_code in (400, 403)
    assert content(storage, "a.png") == b"0123456789"


def test_a_signed_url_ends(minio):
    """From then on it opens nothing."""
    storage = minio.storage()
    put(storage, "a.png", b"1")
    url = storage.signed_url("a.png", seconds=1)
    while requests.get(url, timeout=120).status_code == 200:
        time.sleep(0.2)
    assert requests.get(url, timeout=120).status_code == 403


def test_a_signed_url_leads_where_readers_are(minio):
    """The server is inside, browsers are outside: the signature holds for their address, and for no other."""
    storage = minio.storage(signing_endpoint=minio.other_url)
    put(storage, "a.png", b"0123456789")
    url = storage.signed_url("a.png", seconds=60)
    assert url.startswith(f"{minio.other_url}/")
    assert requests.get(url, timeout=120).content == b"0123456789"
    assert requests.get(url.replace(minio.other_url, minio.url), timeout=120).status_code == 403


ONLY_S3 = "signing_endpoint is for storages with a URL of S3: s3://bucket/folder"


@pytest.mark.parametrize(
    ("place", "endpoint", "told"),
    [
        ("s3://bucket", "files.example.org", "signing_endpoint must be .*"),
        ("s3://bucket", "https://files.example.org/?a=b", "signing_endpoint must be .*"),
        ("s3://bucket", "", "signing_endpoint must be .*"),
        ("az://container", "https://files.example.org", re.escape(ONLY_S3)),
        ("memory://files", "https://files.example.org", re.escape(ONLY_S3)),
    ],
)
def test_an_address_for_signing_that_is_none_is_refused(place, endpoint, told):
    """When the site starts, not with the first reader."""
    with pytest.raises(ConfigError) as refused:
        FsspecStorage(place, signing_endpoint=endpoint)
    assert re.fullmatch(told, str(refused.value))


CHECKSUMS = (
    ("HTTP_X_AMZ_CONTENT_SHA256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
    *((f"HTTP_X_AMZ_{name}", "") for name in ("TRAILER", "SDK_CHECKSUM_ALGORITHM", "CHECKSUM_ALGORITHM")),
    ("HTTP_X_AMZ_CHECKSUM_MODE", ""),
)


@pytest.mark.parametrize("size", [7, 2 * BLOCK], ids=["one request", "blocks"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_an_s3_that_knows_no_new_checksums_is_asked_for_none(size, tls):
    """Neither for one behind the body nor before it, written or read; unless somebody wants them."""
    with S3(refuses=CHECKSUMS, tls=tls) as server:
        storage = server.storage()
        put(storage, "a.png", b"x" * size)
        assert len(content(storage, "a.png")) == size
        wanted = {**server.options, "config_kwargs": {"request_checksum_calculation": "when_supported"}}
        with pytest.raises(StorageError):
            put(FsspecStorage(storage._files._source, options=wanted), "b.png", b"x" * size)


@pytest.mark.parametrize(
    ("options", "variables", "expected"),
    [
        ({}, {}, False),
        ({"endpoint_url": "http://127.0.0.1"}, {}, True),
        ({"client_kwargs": {"endpoint_url": "http://127.0.0.1"}}, {}, True),
        ({}, {"AWS_ENDPOINT_URL": "http://127.0.0.1"}, True),
        ({}, {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1"}, True),
        ({"endpoint_url": "http://127.0.0.1"}, {"AWS_REQUEST_CHECKSUM_CALCULATION": "when_supported"}, False),
    ],
)
def test_amazons_own_s3_keeps_its_checksums(options, variables, expected, monkeypatch):
    """Only another one does without, wherever its address is set; and a variable of Amazon's that chooses holds."""
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REQUEST_CHECKSUM_CALCULATION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config = FsspecStorage("s3://bucket", options=options)._files._options["config_kwargs"]
    assert ("request_checksum_calculation" in config) is expected


@pytest.mark.parametrize("size", [7, 2 * BLOCK], ids=["one request", "blocks"])
def test_an_s3_that_cannot_write_new_files_only_is_asked_once(size, caplog):
    """It says so, and the site works: names are reserved in the catalog before."""
    with S3(refuses=(("HTTP_IF_NONE_MATCH", ""),)) as server:
        storage = server.storage()
        for name in ("a.png", "b.png"):
            server.calls.clear()
            put(storage, name, name.encode() * size)
            assert content(storage, name) == name.encode() * size
        assert [call.method for call in server.calls if call.method in ("PUT", "POST")].count("PUT") == (
            1 if size == 7 else len(b"b.png") * size // BLOCK
        )
    assert [record.getMessage() for record in caplog.records if "write new files only" in record.getMessage()] == [
        "the store cannot write new files only: it would replace one that is not ours"
    ]


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
            lambda: storage.delete_many(["a.png", "b.png"]),
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
    protocol = str(storage._files._source).partition("://")[0]
    missing = FsspecStorage(f"{protocol}://no-such-bucket/folder", options=server.options)
    assert not missing.exists("0.png")
    with pytest.raises(StorageError):
        missing.probe()
