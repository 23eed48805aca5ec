"""A small world to fetch from: names, addresses, and servers behind them that do as they please.

Names resolve to what a test says, and every address leads to one server on this machine, which is where real sockets
and real bytes come in. What was resolved and what was dialled is kept.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import shutil
import socket
import ssl
import struct
import subprocess
import threading

import pytest

from chevupload.errors import TooLarge
from chevupload.fetch.fetcher import FetchRules, HttpFetcher
from chevupload.spool import Spool

PUBLIC = "93.184.215.14"
OTHER = "2606:2800:21f:cb07:6820:80da:af6b:8b2c"
"""Public addresses; nothing is ever sent to them from here."""
URL = "http://good.example/a.png"
QUICK = 0.4
"""Seconds for a fetch that is to run into its deadline; every other has plenty."""


class Counter:
    """A sink for any number of bytes, or for so many."""

    def __init__(self, most=None, error=TooLarge):
        self.size, self._most, self._error = 0, most, error

    def write(self, data):
        self.size += len(data)
        if self._most is not None and self.size > self._most:
            raise self._error
        return len(data)


class Everywhere(dict):
    """Names of which every one exists: in public, unless told otherwise."""

    def get(self, host):
        return super().get(host, [PUBLIC])


def answer(body=b"", *headers, status="200 OK", length=True):
    """Spell an answer, with its length unless told otherwise."""
    lines = [f"HTTP/1.1 {status}", *headers]
    if length:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(location, status="302 Found"):
    """Spell an answer that leads elsewhere."""
    return answer(b"", f"Location: {location}", status=status)


class Talk:
    """One connection, seen from the server."""

    def __init__(self, connection, stop):
        self._connection, self._stop = connection, stop
        self.request = b""

    def read_request(self):
        """Read until the end of a request's head."""
        while b"\r\n\r\n" not in self.request and (data := self._connection.recv(65536)):
            self.request += data

    def read_body(self):
        """Read the body of that request, of the length that it says."""
        head, _, body = self.request.partition(b"\r\n\r\n")
        length = int(re.search(rb"\r\ncontent-length: ([0-9]+)", head.lower())[1])
        while len(body) < length and (data := self._connection.recv(65536)):
            body += data
        return body

    @property
    def path(self):
        """What was asked for; None when nothing was."""
        return self.request.split(b" ")[1].decode() if self.request else None

    def send(self, data):
        self._connection.sendall(data)

    def drip(self, data, *, pause=0.02):
        """Send byte by byte: each in time for any patience that starts over with every byte."""
        for byte in data:
            self.send(bytes([byte]))
            if self._stop.wait(pause):
                return

    def hang(self, seconds=60):
        """Say nothing for so long, without closing, or until the test is over."""
        self._stop.wait(seconds)

    def cut(self):
        """Close at once: without TLS's last word, and with a reset for what is not read yet."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionAbortedError


class Server:
    """Listens on this machine; each connection is a thread that runs ``behave``."""

    def __init__(self, behave, *, tls=None):
        self._behave, self._tls = behave, tls
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._listen)]
        self.address = self._listener.getsockname()
        self._threads[0].start()

    def close(self):
        """End every thread."""
        self._stop.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _listen(self):
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        # Whoever fetches may leave at any moment, and is expected to.
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(connection.close)
            connection.settimeout(60)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                stack.callback(connection.close)
            self._behave(Talk(connection, self._stop))
            if self._tls is not None:
                connection.unwrap()


class Elsewhere(socket.socket):
    """A connection to this machine that looks like one to where it was meant to lead."""

    peer = None

    def getpeername(self):
        return self.peer


class World:
    """Names and addresses, and one fetcher's way into them.

    Attributes:
        names: the addresses of each name; a list of lists is one answer after the other.
        pages: what is sent for a path: bytes, or a function of the talk. ``None`` stands for every other path.
        greet: a function of the talk that is called in place of reading a request.
        asked: the names that were resolved.
        dialled: the addresses and ports that were dialled.
        requests: the heads that came in.
    """

    def __init__(self, folder, rules=None, *, tls=None, **settings):
        self.folder = folder
        self.names = {"good.example": [PUBLIC]}
        self.pages = {None: answer(b"file")}
        self.greet = None
        self.asked, self.dialled, self.requests = [], [], []
        self.peer = None
        self.down = {}
        self._server = Server(self._behave, tls=tls)
        self.fetcher = HttpFetcher(
            rules or FetchRules(**{"seconds": 20.0, **settings}), resolve=self.resolve, dial=self.dial
        )

    def close(self):
        self._server.close()

    def fetch(self, url="http://good.example/a.png", *, max_bytes=1_000_000):
        """Fetch, and return the bytes and the name."""
        with Spool(str(self.folder), max_bytes) as spool:
            name = self.fetcher.fetch(url, spool)
            with open(spool.path, "rb") as file:
                return file.read(), name

    def resolve(self, host, port):
        self.asked.append(host)
        answers = self.names.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if callable(answers):
            return answers()
        if answers and isinstance(answers[0], list):
            return answers.pop(0)
        return answers

    def dial(self, address, port, seconds):
        self.dialled.append((address, port))
        if address in self.down:
            raise self.down[address]
        connection = Elsewhere()
        try:
            connection.settimeout(seconds)
            connection.connect(self._server.address)
        except BaseException:
            connection.close()
            raise
        # Whoever dials owes the fetcher nothing for what comes after.
        connection.settimeout(None)
        connection.peer = self.peer or (address, port)
        return connection

    def _behave(self, talk):
        if self.greet is not None:
            self.greet(talk)
            return
        talk.read_request()
        if talk.path is None:
            return
        self.requests.append(talk.request)
        page = self.pages.get(talk.path, self.pages[None])
        if callable(page):
            page(talk)
        else:
            talk.send(page)


def certificate(folder, *names):
    """Make a certificate for ``names`` that signs itself; return its file and a server's side of TLS."""
    if shutil.which("openssl") is None:
        pytest.skip("making certificates needs the openssl command")
    key, file = folder / f"{names[0]}.key", folder / f"{names[0]}.pem"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={names[0]}"
    alternatives = ",".join(f"DNS:{name}" for name in names)
    extensions = f"-addext subjectAltName={alternatives} -addext keyUsage=digitalSignature,keyCertSign"
    files = ["-keyout", str(key), "-out", str(file)]
    subprocess.run([*command.split(), *extensions.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return file, context


# Spellings of addresses

PRIVATE_V4 = (
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
)
PRIVATE_V6 = (
    "::",
    "::1",
    "0:0:0:0:0:0:0:1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "100::1",
    "2001:2::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
)


def carriers(v4):
    """Spell the IPv6 addresses that some network takes to an IPv4 address."""
    a, b, c, d = map(int, v4.split("."))
    high, low = f"{a * 256 + b:x}", f"{c * 256 + d:x}"
    yield f"::{v4}"
    yield f"::{high}:{low}"
    yield f"::ffff:{v4}"
    yield f"::FFFF:{high}:{low}"
    yield f"0:0:0:0:0:ffff:{v4}"
    yield f"::ffff:0:{v4}"
    yield f"64:ff9b::{v4}"
    yield f"64:ff9b:1::{v4}"
    yield f"2002:{high}:{low}::1"
    yield f"2001:0:{high}:{low}::1"
    yield f"2001:0:4136:e378:8000:63bf:{a * 256 + b ^ 0xFFFF:x}:{c * 256 + d ^ 0xFFFF:x}"
    yield f"fe80::5efe:{v4}"
    yield f"2a00:1450:4001:82a:0:5efe:{v4}"
    yield f"2a00:1450:4001:82a:200:5efe:{v4}"


def spellings_v4(v4):
    """Spell an IPv4 address in the host of a URL as some program or other accepts it."""
    a, b, c, d = octets = [int(octet) for octet in v4.split(".")]
    number = int.from_bytes(bytes(octets))
    yield v4
    yield f"{v4}."
    yield f"{v4}.."
    yield str(number)
    yield f"{number}."
    yield str(number + 2**32)
    yield f"0x{number:x}"
    yield f"0X{number:08X}"
    yield f"0{number:o}"
    yield f"{a}.{b * 65536 + c * 256 + d}"
    yield f"{a}.{b}.{c * 256 + d}"
    yield f"0x{a:x}.{b * 65536 + c * 256 + d}"
    yield ".".join(f"0{octet:o}" for octet in octets)
    yield ".".join(f"{octet:04o}" for octet in octets)
    yield ".".join(f"{octet:03}" for octet in octets)
    yield ".".join(f"0x{octet:x}" for octet in octets)
    yield f"0x{a:x}.0{b:o}.{c}.{d}"
    yield f"{a}.{b}.{c}.0x{d:x}"
    yield f"%{ord(v4[0]):x}{v4[1:]}"
    yield v4.replace(".", "%2e")
    for dot in "\u3002\uff0e\uff61":
        yield v4.replace(".", dot)
    yield v4.translate({ord(str(digit)): 0xFF10 + digit for digit in range(10)})
    yield v4.translate({ord(str(digit)): 0x660 + digit for digit in range(10)})
    yield v4.translate({ord("0"): 0x24EA, **{ord(str(digit)): 0x245F + digit for digit in range(1, 10)}})
    yield v4.translate({ord("1"): 0xB9, ord("2"): 0xB2})
    yield v4.replace(".", ".\u00ad", 1)
    yield f"good.example@{v4}"
    yield f"{v4}\\@good.example"
    yield f"{v4}#@good.example"
    yield f"{v4}?@good.example"
    yield f"{v4}\t.good.example"
    yield f" {v4}"
    yield f"[{v4}]"


def spellings_v6(v6):
    """Spell an IPv6 address in the host of a URL."""
    yield f"[{v6}]"
    yield f"[{v6.upper()}]"
    yield f"[{v6}%25lo]"
    yield f"[{v6}%1]"
    yield f"[{v6}]:80"
    yield f"good.example@[{v6}]"
    yield v6


def inside():
    """Return the hosts of URLs, by what they spell, that all lead inside to somebody, and never to a public server."""
    names = ("localhost", "LOCALHOST", "localhost.", "db", "ⓛocalhost", "ｌocalhost", "a..b", ".", "", "[]", "[::1")
    found = {"names": list(names)}
    for v4 in PRIVATE_V4:
        carried = itertools.chain.from_iterable(map(spellings_v6, carriers(v4)))
        found[v4] = list(dict.fromkeys([*spellings_v4(v4), *carried]))
    found.update((v6, list(spellings_v6(v6))) for v6 in PRIVATE_V6)
    return found
