"""One HTTP exchange on a connection that is there already: a request, the answer's head, its body in pieces.

:mod:`http.client` reads the answer and is lenient; what it lets pass is looked at again here. Time is one deadline
for everything: it is looked at before every single read, so that an answer which comes in drops ends at the same
moment as one which does not come at all.
"""

from __future__ import annotations

import io
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from typing import TYPE_CHECKING, cast

from chevupload.errors import FetchFailed, FetchTimeout, Refusal
from chevupload.fetch.url_safety import Target

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PIECE_BYTES = 65_536
_MAX_HEAD_BYTES = 65_536
"""Of an answer's status line and headers, interim answers included. Servers send a few kilobytes."""
_REDIRECTS = (301, 302, 303, 307, 308)
_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


class Deadline:
    """A moment by which everything has to be done."""

    def __init__(self, seconds: float) -> None:
        """Set it ``seconds`` from now."""
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, more than zero.

        Raises:
            FetchTimeout: none are.
        """
        left = self._end - time.monotonic()
        if left <= 0:
            raise FetchTimeout
        return left


@contextmanager
def oddities_refused() -> Iterator[None]:
    """Turn whatever a server or network does to us into a refusal.

    Raises:
        FetchTimeout: it took too long.
        FetchFailed: anything else.
    """
    try:
        yield
    except Refusal:
        raise
    except TimeoutError as error:
        raise FetchTimeout from error
    # http.client hands headers to the email parser, and nobody lists what that may raise.
    except Exception as error:
        raise FetchFailed from error


class Answer:
    """What came back.

    Attributes:
        location: where a redirect leads; None when this is the file.
    """

    def __init__(self, response: HTTPResponse) -> None:
        """Take an answer whose head is read.

        Raises:
            FetchFailed: it is neither a file as it was asked for nor a redirect to somewhere.
        """
        self._response = response
        self.location = _location(response) if response.status in _REDIRECTS else None
        self._length = _length(response) if self.location is None else None

    def pieces(self) -> Iterator[bytes]:
        """Yield the file.

        Raises:
            FetchTimeout: the deadline has passed.
            FetchFailed: it ended too early.
        """
        received = 0
        while piece := self._read():
            received += len(piece)
            yield piece
        if self._length not in (None, received):
            raise FetchFailed

    def _read(self) -> bytes:
        with oddities_refused():
            return self._response.read(_PIECE_BYTES)


def ask(connection: socket.socket, target: Target, *, user_agent: str, deadline: Deadline) -> Answer:
    """Ask for ``target`` and return the answer, whose body comes through ``connection`` still.

    Raises:
        FetchTimeout: the deadline has passed.
        FetchFailed: the answer is not usable.
    """
    with oddities_refused():
        _send(connection, _request(target, user_agent), deadline)
        wire = _Wire(connection, deadline)
        response = _read_head(_Reader(wire))
        wire.head_has_ended()
    return Answer(response)


def _request(target: Target, user_agent: str) -> bytes:
    # Nothing in it comes from the client but the URL.
    lines = (
        f"GET {target.path} HTTP/1.1",
        f"Host: {target.authority}",
        f"User-Agent: {user_agent}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")


def _send(connection: socket.socket, data: bytes, deadline: Deadline) -> None:
    rest = memoryview(data)
    while rest:
        connection.settimeout(deadline.left())
        rest = rest[connection.send(rest) :]


def _read_head(reader: _Reader) -> HTTPResponse:
    while True:
        response = HTTPResponse(cast("socket.socket", reader), method="GET")
        response.begin()
        # http.client passes over 100 itself, but not over its younger siblings. 101 is an answer to what nobody asked.
        if not 102 <= response.status < 200:
            break
    if response.headers.defects:
        raise FetchFailed
    return response


def _location(response: HTTPResponse) -> str:
    locations = response.headers.get_all("Location", [])
    if len(locations) != 1:
        raise FetchFailed
    try:
        # Headers are read as Latin-1, and meant as UTF-8.
        return locations[0].encode("latin-1").decode()
    except UnicodeError:
        return locations[0]


def _length(response: HTTPResponse) -> int | None:
    """Return the announced length of a file; None when chunks or the connection's end will tell.

    Raises:
        FetchFailed: there is no file, its bytes are encoded, or its length can be read in two ways.
    """
    headers = response.headers
    if response.status != 200:
        raise FetchFailed(f"The server behind the URL answered with status {response.status}")
    lengths = [length.strip(" \t") for length in headers.get_all("Content-Length", [])]
    transfers = [transfer.lower() for transfer in headers.get_all("Transfer-Encoding", [])]
    encodings = {encoding.strip(" \t").lower() for encoding in headers.get_all("Content-Encoding", [])}
    if encodings - {"", "identity"} or transfers not in ([], ["chunked"]):
        raise FetchFailed
    if len(lengths) + len(transfers) > 1 or not all(map(_LENGTH.fullmatch, lengths)):
        raise FetchFailed
    return int(lengths[0]) if lengths else None


class _Wire(io.RawIOBase):
    """What a connection brings, until the deadline, and with a limit on the head."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self._deadline = deadline
        self._head_bytes: int | None = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._connection.settimeout(self._deadline.left())
        count = self._connection.recv_into(buffer)
        if self._head_bytes is not None:
            self._head_bytes += count
            if self._head_bytes > _MAX_HEAD_BYTES:
                raise FetchFailed
        return count

    def head_has_ended(self) -> None:
        """Lift the limit."""
        self._head_bytes = None


class _Reader(io.BufferedReader):
    """Stands for the socket that http.client expects, and for the file it makes of it.

    An interim answer ends without taking it along, and the garbage collector may end either before the other.
    """

    def makefile(self, mode: str) -> _Reader:
        return self

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
