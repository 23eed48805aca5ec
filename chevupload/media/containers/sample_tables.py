"""Where the samples of one track lie: by the tables of a film's header, or by those of its fragments.

Source: ISO/IEC 14496-12. By the sample tables a track's samples lie in chunks, whose places are told, one after the
other. A movie fragment tells of each track where its samples lie, from the fragment's own beginning or the file's.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator

from chevupload.errors import BrokenImage
from chevupload.media.containers.isobmff import Box, Boxes

_OFFSET, _DESCRIPTION, _DURATION, _SIZE, _FROM_FRAGMENT = 0x1, 0x2, 0x8, 0x10, 0x20000
"""What a track's header in a fragment tells, by its flags."""
_RUN_OFFSET, _RUN_FIRST, _RUN_FIELDS, _RUN_SIZES = 0x1, 0x4, (0x100, 0x200, 0x400, 0x800), 0x200


def chunks(boxes: Boxes, track: Box) -> Iterator[tuple[int, int]]:
    """Yield where each chunk of a ``trak`` box starts and ends, as far as its tables tell.

    Raises:
        BrokenImage: a table is too long.
        IndexError: it ends early; so does ``struct.error``.
    """
    inner = boxes.find(track, b"mdia", b"minf", b"stbl")
    found = {box.kind: box for box in boxes.between(inner.body, inner.end)} if inner else {}
    places = found.get(b"stco") or found.get(b"co64")
    lengths = found.get(b"stsz") or found.get(b"stz2")
    if places is None or lengths is None or b"stsc" not in found:
        return
    offsets = _numbers(boxes.table(places)[8:], 8 if places.kind == b"co64" else 4)
    counts = _counts(boxes.table(found[b"stsc"])[8:], len(offsets))
    sizes = _Sizes(boxes.table(lengths), is_compact=lengths.kind == b"stz2")
    for start, count in zip(offsets, counts, strict=False):
        yield start, start + sizes.next(count)


def _numbers(table: bytes, size: int) -> array[int]:
    """Read whole numbers of 1, 2, 4 or 8 bytes, the highest byte first."""
    numbers = array({1: "B", 2: "H", 4: "I", 8: "Q"}[size], table[: len(table) // size * size])
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _counts(table: bytes, chunk_count: int) -> Iterator[int]:
    """Yield how many samples each chunk has: a run is told by its first chunk's number, from 1 on."""
    runs = list(struct.iter_unpack(">III", table[: len(table) // 12 * 12]))
    for number, (first, count, _) in enumerate(runs):
        after = runs[number + 1][0] if number + 1 < len(runs) else chunk_count + 1
        for _ in range(first, min(after, chunk_count + 1)):
            yield count


class _Sizes:
    """The bytes of samples, one after the other."""

    def __init__(self, table: bytes, *, is_compact: bool) -> None:
        self._same, self._count = struct.unpack_from(">II", table, 4)
        self._at = 0
        self._sizes = array("B")
        if is_compact:
            self._same &= 0xFF
            if self._same == 4:
                self._sizes = array("B", (half for byte in table[12:] for half in (byte >> 4, byte & 15)))
            else:
                self._sizes = _numbers(table[12:], self._same // 8)
            self._same = 0
        elif not self._same:
            self._sizes = _numbers(table[12:], 4)

    def next(self, count: int) -> int:
        """Return the bytes of as many samples as one chunk has."""
        count = min(count, self._count - self._at)
        self._at += count
        return self._same * count or sum(self._sizes[self._at - count : self._at])


def track_of(boxes: Boxes, part: Box) -> int | None:
    """Return the number of the track that a ``traf`` box belongs to."""
    header = boxes.find(part, b"tfhd")
    return None if header is None else int.from_bytes(boxes.head(header, 8)[4:], "big")


def runs(boxes: Boxes, fragment: Box, part: Box) -> Iterator[tuple[int, int]]:
    """Yield where each run of samples of a ``traf`` box starts and ends; ``fragment`` is the ``moof`` around it.

    Raises:
        BrokenImage: it does not say so.
        IndexError: a table ends early; so does ``struct.error``.
    """
    header = boxes.find(part, b"tfhd")
    base, size = _defaults(b"" if header is None else boxes.table(header))
    for run in boxes.between(part.body, part.end):
        if run.kind == b"trun":
            place, length = _run(boxes.table(run), size)
            start = (fragment.start if base is None else base) + place
            yield start, start + length


def _defaults(header: bytes) -> tuple[int | None, int | None]:
    """Return what a track's places are counted from, None for the fragment, and how long a sample is that says none."""
    (flags,) = struct.unpack_from(">I", header)
    at, base, size = 8, None, None
    if flags & _OFFSET:
        (base,) = struct.unpack_from(">Q", header, at)
        at += 8
    elif not flags & _FROM_FRAGMENT:
        # The old way counts from where the samples of the track before end, which nothing else here needs to know.
        raise BrokenImage
    at += 4 * bool(flags & _DESCRIPTION) + 4 * bool(flags & _DURATION)
    if flags & _SIZE:
        (size,) = struct.unpack_from(">I", header, at)
    return base, size


def _run(table: bytes, size: int | None) -> tuple[int, int]:
    """Return where a run starts, and how long it is."""
    flags, count = struct.unpack_from(">II", table)
    if not flags & _RUN_OFFSET:
        raise BrokenImage
    (place,) = struct.unpack_from(">i", table, 8)
    at = 16 if flags & _RUN_FIRST else 12
    if not flags & _RUN_SIZES:
        if size is None:
            raise BrokenImage
        return place, size * count
    fields = [field for field in _RUN_FIELDS if flags & field]
    at, step = at + 4 * fields.index(_RUN_SIZES), 4 * len(fields)
    return place, sum(struct.unpack_from(">I", table, at + step * number)[0] for number in range(count))
