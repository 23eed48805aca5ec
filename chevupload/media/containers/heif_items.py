"""Finds the items of HEIC and AVIF that are no part of the picture, and the properties of the picture.

Among the items are Exif and XMP. Properties tell of colors and shape; files have one picture, and perhaps its tiles and
its alpha channel, which are described alike, so no property is traced to its item. Sources: ISO/IEC 14496-12 (items and
their places, ``clap``), ISO/IEC 23008-12 (HEIF), AV1 Image File Format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import BinaryIO

from chevupload.errors import BrokenImage
from chevupload.media.containers.isobmff import Box, Boxes
from chevupload.media.containers.patches import Patches

FREE = b"free"
"""What a box that goes is called afterwards, and the type of an item: one that nobody asks for."""
_KEPT = (*b"av01 hvc1 hvt1 grid iovl iden tmap sato".split(), FREE)
_VISUAL_ENTRY_BYTES = 78
"""Fields of a visual sample entry, before the boxes in it."""
_HEAD_BYTES = 32
"""Longest part of a property that is of interest."""


def clear_items(boxes: Boxes, meta: Mapping[bytes, Box], patches: Patches) -> None:
    """Plan for the items of one ``meta`` box, whose boxes are given by their names.

    Raises:
        BrokenImage: a table lies.
        IndexError: it ends early; so does ``struct.error``.
    """
    if b"iinf" not in meta or b"iloc" not in meta:
        return
    unwanted = set()
    for number, kind, at in entries(boxes, meta[b"iinf"]):
        if kind not in _KEPT:
            unwanted.add(number)
            patches.write(at, FREE)
    inner = meta[b"idat"].body if b"idat" in meta else 0
    for number, method, start, length in places(boxes.table(meta[b"iloc"])):
        if number in unwanted:
            if method > 1 or (method and not inner):
                raise BrokenImage
            start += inner * method
            patches.clear(start, start + length)


def entries(boxes: Boxes, listed: Box) -> Iterator[tuple[int, bytes, int]]:
    """Read from an ``iinf`` box each item's number, its type, and where in the file that stands."""
    version = boxes.table(listed)[0]
    for entry in boxes.between(listed.body + (8 if version else 6), listed.end):
        table = boxes.table(entry)
        # The number of an item has two bytes, or four; two more bytes stand before its type.
        wide = 4 if table[0] > 2 else 2
        at = 4 + wide + 2
        if entry.kind == b"infe" and table[0] >= 2:
            yield int.from_bytes(table[4 : 4 + wide], "big"), table[at : at + 4], entry.body + at


def places(table: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Read from an ``iloc`` box each item's number, what its places are counted from, and where each stretch lies."""
    version, sizes, at = table[0], (table[4] >> 4, table[4] & 15, table[5] >> 4, table[5] & 15), 6
    offset_bytes, length_bytes, base_bytes, index_bytes = sizes

    def number(size: int) -> int:
        nonlocal at
        if at + size > len(table):
            raise BrokenImage
        at += size
        return int.from_bytes(table[at - size : at], "big")

    wide = 4 if version == 2 else 2
    for _ in range(number(wide)):
        item = number(wide)
        method = number(2) & 15 if version else 0
        number(2)
        base, extents = number(base_bytes), number(2)
        extent_bytes = offset_bytes, length_bytes, index_bytes if version else 0
        if extents > 1 and not any(extent_bytes):
            raise BrokenImage  # one place, told as often as the file likes
        for _ in range(extents):
            number(index_bytes if version else 0)
            start = base + number(offset_bytes)
            yield item, method, start, number(length_bytes)


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
