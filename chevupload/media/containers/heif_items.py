"""Finds the items of HEIC and AVIF that are no part of the picture, Exif and XMP among them, and where they lie.

Sources: ISO/IEC 14496-12 (items and their places), ISO/IEC 23008-12 (HEIF), AV1 Image File Format.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chevupload.errors import BrokenImage
from chevupload.media.containers.isobmff import Box, Boxes
from chevupload.media.containers.patches import Erasure

FREE = b"free"
"""What a box that goes is called afterwards, and the type of an item: one that nobody asks for."""
_KEPT = (*b"av01 hvc1 hvt1 grid iovl iden tmap sato".split(), FREE)


def erase_items(boxes: Boxes, meta: Mapping[bytes, Box], erasure: Erasure) -> None:
    """Plan for the items of one ``meta`` box, whose boxes are given by their names.

    Raises:
        BrokenImage: a table lies.
        IndexError: it ends early; so does ``struct.error``.
    """
    if b"iinf" not in meta or b"iloc" not in meta:
        return
    version = boxes.table(meta[b"iinf"])[0]
    unwanted = set()
    for entry in boxes.between(meta[b"iinf"].body + (8 if version else 6), meta[b"iinf"].end):
        table = boxes.table(entry)
        # The number of an item has two bytes, or four; two more bytes stand before its type.
        wide = 4 if table[0] > 2 else 2
        at = 4 + wide + 2
        if entry.kind == b"infe" and table[0] >= 2 and table[at : at + 4] not in _KEPT:
            unwanted.add(int.from_bytes(table[4 : 4 + wide], "big"))
            erasure.write(entry.body + at, FREE)
    inner = meta[b"idat"].body if b"idat" in meta else 0
    for number, method, start, length in _places(boxes.table(meta[b"iloc"])):
        if number in unwanted:
            if method > 1 or (method and not inner):
                raise BrokenImage
            start += inner * method
            erasure.clear(start, start + length)


def _places(table: bytes) -> Iterator[tuple[int, int, int, int]]:
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
