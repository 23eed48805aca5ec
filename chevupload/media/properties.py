"""Finds the properties of the picture in an AVIF or HEIC: boxes about its colors and its shape.

Files have one picture, and perhaps its tiles and its alpha channel, which are described alike, so no property is
traced to its item. Sources: ISO/IEC 14496-12 (``clap``), ISO/IEC 23008-12 (properties of items).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

from chevupload.media.containers.isobmff import Box, Boxes

_VISUAL_ENTRY_BYTES = 78
"""Fields of a visual sample entry, before the boxes in it."""
_HEAD_BYTES = 32
"""Longest part of a property that is of interest."""


def properties(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """List name and content of each property, of a picture and of the track of a sequence; long ones are cut."""
    boxes = Boxes(file)
    for box in boxes.between(0, file.seek(0, 2)):
        if box.kind == b"meta":
            found = boxes.find(Box(box.kind, box.start, box.body + 4, box.end), b"iprp", b"ipco")
            yield from _contents(boxes, found.body, found.end) if found else ()
        elif box.kind == b"moov":
            found = boxes.find(box, b"trak", b"mdia", b"minf", b"stbl", b"stsd")
            for entry in boxes.between(found.body + 8, found.end) if found else ():
                yield from _contents(boxes, entry.body + _VISUAL_ENTRY_BYTES, entry.end)


def _contents(boxes: Boxes, start: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    for box in boxes.between(start, end):
        yield box.kind, boxes.head(box, _HEAD_BYTES)


def clean_size(file: BinaryIO, size: tuple[int, int]) -> tuple[int, int]:
    """Return the size of the part of an AVIF that is to be shown.

    Encoders that need even sides tell so that one row or column was added. Browsers only heed it where the part begins
    in the upper left corner.
    """
    for kind, content in properties(file):
        if kind != b"clap" or len(content) != _HEAD_BYTES:
            continue
        *sides, x, a, y, b = struct.unpack(">4IiIiI", content)
        if 0 in (*sides, a, b):
            break
        width, height = Fraction(sides[0], sides[1]), Fraction(sides[2], sides[3])
        left, top = size[0] - width + 2 * Fraction(x, a), size[1] - height + 2 * Fraction(y, b)
        if left == top == 0 and width.denominator == height.denominator == 1 and width * height > 0:
            return min(int(width), size[0]), min(int(height), size[1])
    return size
