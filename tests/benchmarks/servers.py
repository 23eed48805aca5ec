"""The programs that are measured, each started in a folder of its own, and the client that uploads to them.

The client keeps one connection open, as a phone or a script with many pictures would, and its own work is not measured.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import tutorial
from pictures import BODY_BYTES, Picture
from process import ProcessTree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
THREADS = 8
"""Of both servers."""
PATH = "/api/1/upload"
_BOUNDARY = "----benchmark-7MA4YWxkTrZu0gW"
_START_SECONDS = 30
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


class Client:
    """One connection to a server."""

    def __init__(self, port: int, key: str) -> None:
        """Prepare for the server at ``port``; the connection is made by the first upload."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._key = key
        self._count = 0

    def upload(self, picture: Picture) -> None:
        """Upload a picture, and see that it and both derivatives were stored."""
        head, tail = self._around(picture.extension, picture.content_type)
        status, answer = self._send([head + picture.content + tail], len(head) + len(picture.content) + len(tail))
        if status != 200 or not all(answer["image"][kind]["url"] for kind in ("thumb", "medium")):
            raise SystemExit(f"the upload of {picture.name} was answered with {status}: {answer}")

    def stream(self, body: Iterable[bytes], *, stored: bool) -> int:
        """Upload the large body called a JPEG piece by piece, and return the status of the answer."""
        head, tail = self._around("jpg", "image/jpeg")
        status, answer = self._send(_chain(head, body, tail), len(head) + BODY_BYTES + len(tail))
        if status // 100 != (2 if stored else 4):
            raise SystemExit(f"the large body was answered with {status}: {answer}")
        return status

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _around(self, extension: str, content_type: str) -> tuple[bytes, bytes]:
        """Return what stands before and behind the file in the body. No two files have the same name."""
        self._count += 1
        head = (
            f"--{_BOUNDARY}\r\n"
            f'Content-Disposition: form-data; name="source"; filename="IMG_{self._count:05}.{extension}"\r\n'
            f"Content-Type: {content_type}\r\n\r\n"
        )
        return head.encode(), f"\r\n--{_BOUNDARY}--\r\n".encode()

    def _send(self, pieces: Iterable[bytes], size: int) -> tuple[int, Any]:
        headers = {
            "X-API-Key": self._key,
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
            "Content-Length": str(size),
        }
        self._connection.request("POST", PATH, body=pieces, headers=headers)
        response = self._connection.getresponse()
        return response.status, json.loads(response.read())


def _chain(head: bytes, body: Iterable[bytes], tail: bytes) -> Iterator[bytes]:
    yield head
    yield from body
    yield tail


class Server:
    """A running server with its client and the cost of its processes."""

    def __init__(self, command: list[str], port: int, key: str, log: Path) -> None:
        """Start ``command`` and wait until it listens at ``port``."""
        with log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent, env=_ENVIRONMENT)
        self.tree = ProcessTree(self._process.pid)
        self.client = Client(port, key)
        self._log = log
        self._await(port)

    def cpu_ms(self, picture: Picture, uploads: int) -> float:
        """Return the CPU milliseconds of an upload, as the mean of several."""
        before = self.tree.cpu_ms()
        for _ in range(uploads):
            self.client.upload(picture)
        return round((self.tree.cpu_ms() - before) / uploads, 3)

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
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.close()
        raise SystemExit(f"the server did not start:\n{self._log.read_text()}")


class Floor:
    """The process that does the least that is needed, without HTTP."""

    def __init__(self, folder: Path) -> None:
        """Start it; pictures and what it makes of them are kept in ``folder``."""
        folder.mkdir()
        self._folder = folder
        command = [sys.executable, str(HERE / "floor.py"), str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def cpu_ms(self, picture: Picture, uploads: int) -> float:
        """Return the CPU milliseconds of an upload, as the mean of several."""
        path = self._folder / f"{picture.name.replace(' ', '-')}.{picture.extension}"
        if not path.exists():
            path.write_bytes(picture.content)
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
    port = _free_port()
    address = ["--host", "127.0.0.1", "--port", str(port), "--threads", str(THREADS), "--flood", "off"]
    yield from _serve([*program, "serve", *data, *address], port, key, folder)


@contextmanager
def tutorial_way(folder: Path) -> Iterator[Server]:
    """Start the way tutorials do it on empty data in ``folder``."""
    files = folder / "files"
    files.mkdir(parents=True)
    port = _free_port()
    command = [sys.executable, str(HERE / "tutorial.py"), str(files), str(port), str(THREADS)]
    yield from _serve(command, port, tutorial.KEY, folder)


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


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
