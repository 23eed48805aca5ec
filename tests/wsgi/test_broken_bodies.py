"""A body that ends early, stalls or is not what it says is the client's fault, never an error of ours."""

from __future__ import annotations

import contextlib
import errno
import io
import tempfile
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.config import Limits
from chevupload.errors import MalformedRequest, Refusal, SlowBody, StorageError
from chevupload.wsgi.body import read_chunks
from tests.wsgi.bodies import (
    BOUNDARY,
    JSON,
    MULTIPART,
    URLENCODED,
    Pieces,
    Reading,
    environ,
    multipart,
    part,
    read,
    split,
    streamed,
)

SHORT = "The request body is shorter than declared, or was read by the host already"
ODD = "The request body cannot be read to its end"


@pytest.mark.parametrize("kind", [MULTIPART, URLENCODED, JSON])
@pytest.mark.parametrize("terminated", [True, False])
def test_a_body_shorter_than_declared_is_refused(tmp_path, kind, terminated):
    """A connection that broke must not leave half a picture, whoever ends the input."""
    bodies = {MULTIPART: multipart(part("title", b"t")), URLENCODED: b"title=t", JSON: b'{"title": "t"}'}
    request = {**environ(bodies[kind], kind, CONTENT_LENGTH="1000"), "wsgi.input_terminated": terminated}
    with pytest.raises(MalformedRequest) as told:
        read(tmp_path, request)
    assert str(told.value) == SHORT


@pytest.mark.parametrize("terminated", [True, False])
def test_a_body_that_the_host_has_read_is_refused(tmp_path, terminated):
    """A host that has consumed the form is told so, instead of seeing an upload without a source."""
    request = {**environ(multipart(part("title", b"t"))), "wsgi.input_terminated": terminated}
    request["wsgi.input"] = Pieces([])
    with pytest.raises(MalformedRequest) as told:
        read(tmp_path, request)
    assert str(told.value) == SHORT


def test_a_chunked_body_that_the_host_has_read_is_refused(tmp_path):
    """Even though nobody can know how long it was."""
    request = {**environ(multipart(part("title", b"t"))), "wsgi.input_terminated": True, "wsgi.input": Pieces([])}
    del request["CONTENT_LENGTH"]
    with pytest.raises(MalformedRequest, match="read by the host already"):
        read(tmp_path, request | {"HTTP_TRANSFER_ENCODING": "chunked"})


def test_a_body_in_a_file_is_read_again(tmp_path):
    """Servers and hosts that keep a body in a file leave it at its end; it is still there."""
    request = environ(multipart(part("title", b"t")))
    request["wsgi.input"].read()
    assert read(tmp_path, request)[0] == {"title": "t"}


class Breaking(io.RawIOBase):
    """An input that fails half-way."""

    def __init__(self, error):
        self._error = error
        self._reads = 0

    def readinto(self, buffer):
        self._reads += 1
        if self._reads > 1:
            raise self._error
        buffer[:6] = b"title="
        return 6


class ServersOwn(Exception):
    """What a server raises for chunks that are none: of no family that others know."""


@pytest.mark.parametrize(
    ("error", "refusal", "told"),
    [
        (ConnectionResetError(), MalformedRequest, SHORT),
        (ValueError(), MalformedRequest, SHORT),
        (TimeoutError(), SlowBody, SlowBody.text),
        (ServersOwn(), MalformedRequest, ODD),
        (EOFError(), MalformedRequest, ODD),
    ],
)
@pytest.mark.parametrize("more", [{"CONTENT_LENGTH": "20"}, {"wsgi.input_terminated": True}])
def test_a_broken_connection_is_the_clients_fault(tmp_path, error, refusal, told, more):
    """A connection that fails half-way ends in a refusal, 408 where it was too slow, never in an error of ours."""
    with pytest.raises(refusal) as caught:
        read(tmp_path, {"wsgi.input": Breaking(error), "CONTENT_TYPE": URLENCODED, **more})
    assert str(caught.value) == told


@pytest.mark.parametrize("more", [{"CONTENT_LENGTH": "20"}, {"wsgi.input_terminated": True}])
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "full"), StorageError),
        (OSError(errno.EDQUOT, "full"), StorageError),
        (MemoryError(), MemoryError),
    ],
)
def test_a_server_without_room_is_our_fault(tmp_path, error, kind, more):
    """A server that keeps bodies on its disk, or in its memory, and has no room is not blamed on the client."""
    with pytest.raises(kind) as caught:
        read(tmp_path, {"wsgi.input": Breaking(error), "CONTENT_TYPE": URLENCODED, **more})
    assert kind is MemoryError or str(caught.value) == "the server cannot keep a request body"


def test_one_line_tells_of_a_body_that_cannot_be_read(tmp_path, caplog):
    """It names what the server raised, without its text, which holds what the client sent."""
    with pytest.raises(MalformedRequest):
        read(tmp_path, streamed([], URLENCODED) | {"wsgi.input": Breaking(ServersOwn("a secret"))})
    (record,) = (record for record in caplog.records if record.getMessage().startswith("a request body"))
    assert (record.getMessage(), record.exc_info) == ("a request body could not be read: ServersOwn", None)
    assert "a secret" not in caplog.text


def test_a_slow_body_is_refused(tmp_path):
    """A body that trickles in ends when its time is over."""

    def trickle():
        for _ in range(1000):
            time.sleep(0.01)
            yield b"title=x&"

    pieces = trickle()
    with pytest.raises(SlowBody):
        read(tmp_path, streamed(pieces, URLENCODED), body_seconds=0.05)
    assert next(pieces) == b"title=x&", "the rest is not waited for"


def test_chunks_are_what_the_input_holds():
    """The pieces joined are the body: no byte is added or lost."""
    chunks = read_chunks({"wsgi.input": Pieces([b"abc", b"d"]), "CONTENT_LENGTH": "4"}, max_bytes=10, seconds=10)
    assert b"".join(chunks) == b"abcd"


def anything(pattern):
    return st.lists(st.sampled_from(pattern) | st.binary(max_size=20), max_size=12).map(b"".join)


FUZZ = {
    MULTIPART: anything(
        [
            f"--{BOUNDARY}\r\n".encode(),
            f"\r\n--{BOUNDARY}--".encode(),
            b"Content-Disposition: form-data; name=source",
            b'; filename="a"',
            b"; filename*=utf-8''%ff",
            b"\r\n\r\n",
            b"\r\n",
            part("source", b"QUJD"),
            part("image", b"x", "f"),
        ]
    ),
    URLENCODED: anything([b"source=", b"&", b"=", b"%", b"%4", b"title", b"image=QUJD", b"+", b"data:;base64,"]),
    JSON: anything([b"{", b"}", b'"source"', b":", b'"', b"\\", b"\\u", b"d83d", b",", b"1", b"null", b'{"image":']),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", FUZZ)
@given(data=st.data(), sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4), chunked=st.booleans())
def test_nothing_but_a_refusal_leaves(tmp_path_factory, kind, data, sizes, chunked):
    """Whatever bytes arrive, in whatever pieces: read or refused, and every spool removed."""
    folder = tmp_path_factory.mktemp("spool")
    body = data.draw(FUZZ[kind] | st.binary(max_size=100))
    request = streamed(split(body, sizes), kind) if chunked else environ(body, kind)
    limits = Limits(max_field_bytes=50, max_fields=5)
    with Reading(folder, limits, max_bytes=50) as reading, contextlib.suppress(Refusal):
        reading.body(request)


@pytest.mark.slow
@given(text=st.text(max_size=60))
def test_any_content_type_is_read_or_refused(text):
    """Nothing that a client writes into this header causes an error of ours."""
    with tempfile.TemporaryDirectory() as folder, Reading(folder) as reading:
        for kind in (text, f"multipart/form-data; boundary={text}", f"{URLENCODED};{text}"):
            with contextlib.suppress(Refusal):
                reading.body(environ(b"a=1", kind))
