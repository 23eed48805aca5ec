"""A file of parts of another reads like any file."""

from __future__ import annotations

import io
import random

from chevupload.media.containers.pieces import Pieces

DATA = bytes(range(256)) * 2_000


def test_parts_and_insertions_are_read_in_their_order() -> None:
    """From any place, in reads of any size, over the borders of parts."""
    pieces = Pieces(io.BytesIO(DATA))
    expected = b""
    for start, end in ((0, 10), (10, 300), (200_000, 400_000), (5, 5), (511_990, 600_000), (3, 4)):
        pieces.add(start, end)
        pieces.insert(b"between")
        pieces.insert(b"")
        expected += DATA[start:end] + b"between"
    file = pieces.opened()
    assert (file.read(), file.read()) == (expected, b"")
    chance = random.Random(3)
    for _ in range(300):
        at, size = chance.randrange(len(expected) + 9), chance.randrange(100_000)
        assert (file.seek(at), file.read(size)) == (at, expected[at : at + size])
    assert (file.seek(-4, io.SEEK_END), file.read(), file.tell()) == (len(expected) - 4, b"ween", len(expected))


def test_closing_it_leaves_the_file_open() -> None:
    """A decoder closes what it is given."""
    whole = io.BytesIO(DATA)
    pieces = Pieces(whole)
    pieces.add(1, 3)
    with pieces.opened() as file:
        assert file.read() == b"\1\2"
    assert not whole.closed
