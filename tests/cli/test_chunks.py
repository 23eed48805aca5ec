"""Bodies in chunks, as they may come, and as they must not."""

from __future__ import annotations

import pytest
from waitress.buffers import OverflowableBuffer

from chevupload.cli.chunks import ChunkedBody

WHOLE = b'3\r\nabc\r\n0A;name=value\r\n0123456789\r\n1 ; q="\xc3\xa4"\r\nx\r\n0\r\n'
DATA = b"abc0123456789x"


def received(pieces):
    """Feed a body, and return it with how much of the last piece was used."""
    body = ChunkedBody(OverflowableBuffer(10_000_000))
    used = 0
    for piece in pieces:
        used = body.received(piece)
    return body, used


@pytest.mark.parametrize("trailer", [b"\r\n", b"A: b\r\nC: d\r\n\r\n"])
@pytest.mark.parametrize("behind", [b"", b"GET / HTTP/1.1\r\n\r\n"])
@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 1_000])
def test_pieces_of_any_length(trailer, behind, size):
    """What follows is left alone."""
    content = WHOLE + trailer
    pieces = [content[start : start + size] for start in range(0, len(content), size)]
    last = len(pieces[-1])
    pieces[-1] += behind
    body, used = received(pieces)
    assert (body.completed, body.error, used) == (True, None, last)
    assert (len(body), body.getfile().read()) == (len(DATA), DATA)
    assert body.received(b"more") == 0


@pytest.mark.parametrize(
    "content",
    [
        b"zz\r\n",
        b"-5\r\nabcde\r\n",
        b"+5\r\nabcde\r\n",
        b"0x5\r\nabcde\r\n",
        b"5_0\r\n",
        b" 5\r\nabcde\r\n",
        b"5 \r\nabcde\r\n",
        b"5\nabcde\r\n",
        b"5\n\r\nabcde\r\n",
        b"5\r\r\nabcde\r\n",
        b"\r\n5\r\nabcde\r\n",
        b";a=b\r\nabcde\r\n",
        b"5;a=\x00\r\nabcde\r\n",
        b"5;a\n0\r\n\r\n",
        b"5\r\nabcdef\r\n",
        b"5\r\nabcde\n0\r\n\r\n",
        b"5\r\nabcde\r0\r\n\r\n",
        b"11111111111111111\r\n",
        b"1" * 2_000,
        b"5;" + b"a" * 2_000 + b"\r\nabcde\r\n",
        b"0\r\n" + b"a" * 9_000,
        b"0\r\n" + b"a: b\r\n" * 2_000 + b"\r\n",
        b"1\r\nx\r\n" * 5_000,
        b"40\r\n" + b"x" * 64 + b"\r\n" + b"2\r\nxx\r\n" * 5_000,
        b"6\r\nxxxxxx\r\n" * 5_000,
    ],
)
@pytest.mark.parametrize("size", [1, 100_000])
def test_malformed_bodies(content, size):
    """Each has an error, however it comes, and nothing is kept of what follows it."""
    body, _ = received(content[start : start + size] for start in range(0, len(content), size))
    assert body.error is not None
    assert body.error.code == 400
    assert not body.completed


def test_data_earns_small_chunks():
    """A long body may end in many small ones, but not more than any other."""
    large = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    body, _ = received([large * 20, b"1\r\nx\r\n" * 3_000, b"0\r\n\r\n"])
    assert (body.completed, body.error) == (True, None)
    body, _ = received([large * 20, b"1\r\nx\r\n" * 5_000])
    assert body.error is not None
