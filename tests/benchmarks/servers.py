"""The programs that are measured, each started in a folder of its own, and the client that uploads to them.

The client keeps one connection open, as a phone or a script with many files would, and its own work is not measured.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote_plus, urlsplit

from tests.benchmarks import filedepot_way as filedepot
from tests.benchmarks import tutorial
from tests.benchmarks.process import ProcessTree
from tests.benchmarks.samples import BODY_BYTES, Sample
from tests.ports import free_port

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
THREADS = 8
"""Of both servers."""
PATH = "/api/1/upload"
_BOUNDARY = "----benchmark-7MA4YWxkTrZu0gW"
_FORM = f"multipart/form-data; boundary={_BOUNDARY}"
_COMPILE = ("cc", "-O3", "-march=native")
_START_SECONDS = 30
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


class Client:
    """One connection to a server."""

    def __init__(self, port: int, key: str) -> None:
        """Prepare for the server at ``port``; the connection is made by the first upload."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._key = key
        self._count = 0

    def upload(self, sample: Sample) -> dict[str, Any]:
        """Upload a file, and see that it and both derivatives were stored; return what is said of it."""
        status, answer = self.try_to_upload(sample)
        if status != 200 or not all(answer["image"][kind]["url"] for kind in ("thumb", "medium")):
            raise SystemExit(f"the upload of {sample.name} was answered with {status}: {answer}")
        image: dict[str, Any] = answer["image"]
        return image

    def try_to_upload(self, sample: Sample) -> tuple[int, Any]:
        """Upload a file, and return the status and document of the answer."""
        content_type, pieces = self._body(sample)
        return self._send(pieces, sum(map(len, pieces)), content_type)

    def get(self, path: str) -> None:
        """Read one page or file."""
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        response.read()
        if response.status != 200:
            raise SystemExit(f"{path} was answered with {response.status}")

    def stream(self, body: Iterable[bytes], *, stored: bool) -> int:
        """Upload the large body called a JPEG piece by piece, and return the status of the answer."""
        head, tail = self._around("jpg", "image/jpeg")
        status, answer = self._send(_chain(head, body, tail), len(head) + BODY_BYTES + len(tail), _FORM)
        if status // 100 != (2 if stored else 4):
            raise SystemExit(f"the large body was answered with {status}: {answer}")
        return status

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _body(self, sample: Sample) -> tuple[str, list[bytes]]:
        """Return the type of the body, and the body."""
        if sample.sent == "file":
            head, tail = self._around(sample.extension, sample.content_type)
            return _FORM, [head, sample.content, tail]
        text = base64.b64encode(sample.content)
        if sample.sent == "urlencoded":
            return "application/x-www-form-urlencoded", [b"source=", quote_plus(text).encode()]
        if sample.sent == "JSON":
            return "application/json", [b'{"source": "', text, b'"}']
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="source"\r\n\r\n'
        return _FORM, [head.encode(), text, f"\r\n--{_BOUNDARY}--\r\n".encode()]

    def _around(self, extension: str, content_type: str) -> tuple[bytes, bytes]:
        """Return what stands before and behind the file in the body. No two files have the same name."""
        self._count += 1
        head = (
            f"--{_BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="source"; filename="IMG_{self._count:05}.{extension}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n"
        )
        return head.encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()

    def _send(self, pieces: Iterable[bytes], size: int, content_type: str) -> tuple[int, Any]:
        headers = {"X-API-Key": self._key, "Content-Type": content_type, "Content-Length": str(size)}
        self._connection.request("POST", PATH, body=pieces, headers=headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())


def _chain(head: bytes, body: Iterable[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    yield from body
    yield tail


class Contestant(Protocol):
    """What is measured."""

    def cpu_ms(self, sample: Sample, uploads: int) -> float:
        """Return the CPU milliseconds of an upload, as the mean of several."""
        ...


class Server:
    """A running server with its client and the cost of its processes; others may use its ``port`` and ``key``."""

    def __init__(self, command: list[str], port: int, key: str, log: Path) -> None:
        """Start ``command`` and wait until it answers at ``port``."""
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent, env=_ENVIRONMENT)
        self.tree = ProcessTree(self._process.pid)
        self.port, self.key = port, key
        self.client = Client(port, key)
        self._log = log
        self._await(port)

    def cpu_ms(self, sample: Sample, uploads: int) -> float:
        """Return the CPU milliseconds of an upload, as the mean of several."""
        before = self.tree.cpu_ms()
        for _ in range(uploads):
            self.client.upload(sample)
        return round((self.tree.cpu_ms() - before) / uploads, 3)

    def read_ms(self, url: str, reads: int) -> float:
        """Return the CPU milliseconds of reading one page or file, as the mean of many."""
        path = urlsplit(url).path
        before = self.tree.cpu_ms()
        for _ in range(reads):
            self.client.get(path)
        return round((self.tree.cpu_ms() - before) / reads, 4)

    def elapsed_ms(self, sample: Sample) -> float:
        """Return how long one upload takes."""
        begun = time.monotonic()
        self.client.upload(sample)
        return round((time.monotonic() - begun) * 1000, 1)

    def close(self) -> None:
        """Stop it."""
        self.client.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _await(self, port: int) -> None:
        """Wait for an answer: a server may listen before it is ready."""
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_START_SECONDS)
            try:
                connection.request("GET", "/")
                connection.getresponse()
            except OSError:
                time.sleep(0.05)
            else:
                return
            finally:
                connection.close()
        self.close()
        raise SystemExit(f"the server did not start:\n{self._log.read_text()}")


class Floor:
    """The process that does the least that is needed, without HTTP."""

    def __init__(self, folder: Path, program: Sequence[str] = (sys.executable, str(HERE / "floor.py"))) -> None:
        """Start it; samples and what it makes of them are kept in ``folder``."""
        folder.mkdir()
        self._folder = folder
        command = [*program, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def cpu_ms(self, sample: Sample, uploads: int) -> float:
        """Return the CPU milliseconds of an upload, as the mean of several."""
        path = self._folder / f"{sample.name.replace(' ', '-')}.{sample.extension}"
        if not path.exists():
            path.write_bytes(sample.content)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(path, uploads, file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop it."""
        self._process.communicate()


@contextmanager
def ours(folder: Path) -> Iterator[Server]:
    """Start this package's own server on empty data in ``folder``."""
    folder.mkdir()
    program = [sys.executable, "-m", "chevupload"]
    data = ["--data", str(folder / "data")]
    _run([*program, "user", "add", "bench", *data, "--json"], folder)
    key = _run([*program, "key", "add", "bench", *data, "--json"], folder)["key"]
    port = free_port()
    address = ["--host", "127.0.0.1", "--port", str(port), "--threads", str(THREADS), "--flood", "off"]
    yield from _serve([*program, "serve", *data, *address], port, key, folder)


def compiled_floor(folder: Path) -> list[str] | None:
    """Compile the floor in C into ``folder``; None where that is not possible."""
    program = str(folder / "c_floor")
    command = [*_COMPILE, str(HERE / "c_floor.c"), "-o", program, "-lturbojpeg", "-lcrypto", "-lsqlite3", "-lm"]
    try:
        done = subprocess.run(command, stderr=subprocess.DEVNULL)
    except FileNotFoundError:
        return None
    return [program] if done.returncode == 0 else None


@contextmanager
def run_python(code: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program that prints a line when it is ready, and ends with its input."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=_ENVIRONMENT,
    ) as process:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit("a program did not start")
        yield process


def tutorial_way(folder: Path) -> AbstractContextManager[Server]:
    """Start the way tutorials do it on empty data in ``folder``."""
    return _program("tutorial.py", tutorial.KEY, folder)


def filedepot_way(folder: Path) -> AbstractContextManager[Server]:
    """Start the way of filedepot's manual on empty data in ``folder``."""
    return _program("filedepot_way.py", filedepot.KEY, folder)


@contextmanager
def _program(name: str, key: str, folder: Path) -> Iterator[Server]:
    files = folder / "files"
    files.mkdir(parents=True)
    port = free_port()
    yield from _serve([sys.executable, str(HERE / name), str(files), str(port), str(THREADS)], port, key, folder)


def _serve(command: list[str], port: int, key: str, folder: Path) -> Iterator[Server]:
    with ExitStack() as stack:
        server = Server(command, port, key, folder / "server.log")
        stack.callback(server.close)
        yield server


def _run(command: list[str], folder: Path) -> Any:
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=_ENVIRONMENT)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)
