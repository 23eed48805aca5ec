"""The samples of a track are found in a film's fragment, or the film is refused."""

from __future__ import annotations

import io
import struct

import pytest

from chevupload.errors import BrokenImage
from chevupload.media.containers.fragments import runs, track_of
from chevupload.media.containers.isobmff import Box, Boxes
from tests.media.heics import box

FRAGMENT = Box(b"moof", 1_000, 1_008, 2_000)


def told(flags: int, *values: int, code: str = "") -> bytes:
    return struct.pack(f">I{code or len(values) * 'I'}", flags, *values)


def part(header: bytes, *tables: bytes) -> tuple[Boxes, Box]:
    data = box(b"traf", box(b"tfhd", header), *(box(b"trun", table) for table in tables))
    return Boxes(io.BytesIO(data)), Box(b"traf", 0, 8, len(data))


@pytest.mark.parametrize(
    ("header", "tables", "expected"),
    [
        (told(0x20010, 7, 5), [told(1, 3, 50)], [(1_050, 1_065)]),
        (told(0x2003A, 7, 1, 90, 5), [told(5, 3, 50, 0)], [(1_050, 1_065)]),
        (told(0x1, 7, 9_000, code="IQ"), [told(0x301, 2, 50, 1, 4, 1, 6)], [(9_050, 9_060)]),
        (told(0x20000, 7), [told(0xA05, 1, 50, 0, 8, 0), told(0x201, 1, 70, 3)], [(1_050, 1_058), (1_070, 1_073)]),
    ],
    ids=["same", "more-in-the-head", "from-the-file", "two-runs"],
)
def test_runs_are_found(header: bytes, tables: list[bytes], expected: list[tuple[int, int]]) -> None:
    """Wherever places are counted from, and whatever else is told of each sample."""
    boxes, track = part(header, *tables)
    assert track_of(boxes, track) == 7
    assert list(runs(boxes, FRAGMENT, track)) == expected


@pytest.mark.parametrize(
    ("header", "table"),
    [
        (told(0x10, 7, 5), told(1, 3, 50)),
        (told(0x20010, 7, 5), told(0, 3)),
        (told(0x20000, 7), told(1, 3, 50)),
        (told(0x20000, 7), told(0x201, 0xFFFFFFFF, 50, 4)),
        (told(0x20010, 7), told(1, 3, 50)),
        (b"", b""),
    ],
    ids=["old", "follows", "no-size", "cut", "cut-head", "empty"],
)
def test_what_is_not_told_is_not_guessed(header: bytes, table: bytes) -> None:
    """A note that cannot be found cannot be removed."""
    boxes, track = part(header, table)
    with pytest.raises((BrokenImage, struct.error)):
        list(runs(boxes, FRAGMENT, track))


def test_a_part_without_a_head_is_no_tracks() -> None:
    """So nothing is looked for in it."""
    data = box(b"traf")
    assert track_of(Boxes(io.BytesIO(data)), Box(b"traf", 0, 8, 8)) is None
