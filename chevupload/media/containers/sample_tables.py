"""Where the samples of one track lie, by the tables of a film's header.

Source: ISO/IEC 14496-12, sample tables: a track's samples lie in chunks, whose places are told, one after the other.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator

from chevupload.media.containers.isobmff import Box, Boxes


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
