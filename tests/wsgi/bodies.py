"""Bodies of requests, whole and in a stream, for the tests of what reads them."""

from __future__ import annotations

import base64
import io
import tracemalloc
from contextlib import ExitStack
from pathlib import Path

import pytest

from chevupload.config import Limits, Policy
from chevupload.errors import MalformedRequest, TooLarge
from chevupload.spool import Spool
from chevupload.uploads.parameters import LIST_NAMES, SOURCE_NAMES, text_names
from chevupload.wsgi.form import Form

BOUNDARY = "limit-9"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
URLENCODED = "application/x-www-form-urlencoded"
JSON = "application/json"

PICTURE = bytes(range(256)) * 40
TEXT = base64.b64encode(PICTURE)


class Pieces(io.RawIOBase):
    """An input that makes its bytes while it is read, in pieces of any size."""

    def __init__(self, pieces):
        self._pieces = iter(pieces)
        self._rest = b""

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


class Untouchable(io.RawIOBase):
    """An input that nobody may read."""

    def readinto(self, buffer):
        raise AssertionError("the body was read")

    read = readinto


def part(name, value=b"", filename=None):
    """Spell one part of a form."""
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + value + b"\r\n"


def multipart(*parts):
    """Join parts into a body."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def environ(body=b"", content_type=MULTIPART, **more):
    """Make an environ whose body has a declared length."""
    return {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": content_type, **more}


def streamed(pieces, content_type=MULTIPART, **more):
    """Make an environ whose body comes chunked."""
    return {"wsgi.input": Pieces(pieces), "wsgi.input_terminated": True, "CONTENT_TYPE": content_type, **more}


def split(data, sizes):
    """Cut data into pieces of these sizes, over and over."""
    pieces, start, turn = [], 0, 0
    while start < len(data):
        size = sizes[turn % len(sizes)]
        pieces.append(data[start : start + size])
        start += size
        turn += 1
    return pieces


class Reading:
    """One request's form, and the folder of its spools."""

    def __init__(self, folder, limits=None, max_bytes=100_000_000):
        self.folder = Path(folder)
        self.max_bytes = max_bytes
        names = text_names(Policy())
        self.form = Form(limits or Limits(), field_names=names, source_names=SOURCE_NAMES, list_names=LIST_NAMES)
        self._stack = ExitStack()

    def __enter__(self):
        self.open_spool = lambda: self._stack.enter_context(Spool(str(self.folder), self.max_bytes))
        return self

    def __exit__(self, *_):
        self._stack.close()
        assert list(self.folder.iterdir()) == []

    def query(self, text):
        self.form.read_query({"QUERY_STRING": text}, self.open_spool)
        return self.form

    def body(self, environ):
        self.form.read_body(environ, max_bytes=self.max_bytes, open_spool=self.open_spool)
        return self.form


def content(spool):
    """Read what a spool holds."""
    return Path(spool.path).read_bytes()


def read(folder, request, **limits):
    """Read one body and return what it says, with every source's bytes."""
    with Reading(folder, Limits(**limits)) as reading:
        form = reading.body(request)
        files = {name: (file.filename, content(file.spool)) for name, file in form.files.items()}
        texts = {name: text.url or (text.spool and content(text.spool)) for name, text in form.text_sources.items()}
        return form.fields, files, texts


def refused(folder, request):
    """Assert that a body is refused."""
    with pytest.raises((MalformedRequest, TooLarge)):
        read(folder, request)


def peak_memory(action):
    """Measure how much memory an action needs at most, in bytes."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
