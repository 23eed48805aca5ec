"""The samples of a track are found by its tables, as far as they tell, or in a fragment; or the film is refused."""

from __future__ import annotations

import io
import struct

import pytest

from chevupload.errors import BrokenImage
from chevupload.media.containers.isobmff import Box, Boxes
from chevupload.media.containers.sample_tables import chunks, runs, track_of
from tests.media.heics import box


def numbers(kind: bytes, *values: int, code: str = "I", before: bytes = b"", count: int | None = None) -> bytes:
    """Make a table of numbers."""
    told = struct.pack(">I", len(values) if count is None else count)
    return box(kind, before, told, struct.pack(f">{len(values)}{code}", *values), version=0)


def found(*tables: bytes) -> list[tuple[int, int]]:
    data = box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", *tables))))
    return list(chunks(Boxes(io.BytesIO(data)), Box(b"trak", 0, 8, len(data))))


ONE = numbers(b"stsc", 1, 1, 1, count=1)
RUNS = numbers(b"stsc", 1, 2, 1, 3, 1, 1, count=2)
"""Two samples in each of the first two chunks, one in those that follow."""
PLACES = numbers(b"stco", 100, 200, 300, 400)
SIZES = numbers(b"stsz", 1, 2, 3, 4, 5, 6, before=bytes(4))


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ((PLACES, RUNS, SIZES), [(100, 103), (200, 207), (300, 305), (400, 406)]),
        ((numbers(b"co64", 1 << 40, code="Q"), RUNS, SIZES), [(1 << 40, (1 << 40) + 3)]),
        (
            (PLACES, RUNS, numbers(b"stsz", count=6, before=struct.pack(">I", 9))),
            [(100, 118), (200, 218), (300, 309), (400, 409)],
        ),
        (
            (PLACES, RUNS, box(b"stz2", struct.pack(">II", 16, 3), bytes.fromhex("000101000002"), version=0)),
            [(100, 357), (200, 202)],
        ),
        ((PLACES, ONE, box(b"stz2", struct.pack(">II", 8, 2), b"\x07\x08", version=0)), [(100, 107), (200, 208)]),
        (
            (PLACES, ONE, box(b"stz2", struct.pack(">II", 4, 3), b"\x78\x90", version=0)),
            [(100, 107), (200, 208), (300, 309)],
        ),
    ],
    ids=["runs", "far", "same", "two-bytes", "a-byte", "half-a-byte"],
)
def test_every_kind_of_table_is_read(tables: tuple[bytes, ...], expected: list[tuple[int, int]]) -> None:
    """Places of 4 and 8 bytes; sizes of each sample, of all, and short ones."""
    assert [place for place in found(*tables) if place[0] < place[1]] == expected


@pytest.mark.parametrize("tables", [(), (PLACES, SIZES), (RUNS, SIZES), (PLACES, RUNS)])
def test_without_a_table_there_is_nothing(tables: tuple[bytes, ...]) -> None:
    """A film in fragments has none in its header."""
    assert found(*tables) == []


def test_tables_that_tell_more_than_there_is() -> None:
    """Counts beyond the tables find nothing, and cost nothing."""
    most = 0xFFFFFFFF
    many = numbers(b"stsc", 1, most, 1, count=1)
    assert found(PLACES, many, numbers(b"stsz", 5, before=bytes(4), count=most)) == [
        (100, 105),
        (200, 200),
        (300, 300),
        (400, 400),
    ]
    again = numbers(b"stsc", *(1, 1, 1, most, 1, 1) * 500)
    assert len(found(PLACES, again, SIZES)) == 4


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
