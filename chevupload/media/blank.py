"""Copies an AVIF picture without its metadata and without moving a byte: what is to go becomes zeros.

May know: :mod:`chevupload.errors`. The places of pixels are told as distances from the file's beginning, so nothing is
cut out of its middle: a box becomes a ``free`` one, an item of a type that nobody asks for. Sources: ISO/IEC 14496-12
(boxes, items, their places), ISO/IEC 23008-12 (HEIF), AV1 Image File Format.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from chevupload.errors import BrokenImage

MAX_TABLE_BYTES = 1_048_576
"""Longest table of items or of their places; a picture of a thousand tiles has 40 KB."""
MAX_BOXES = 10_000

_PIECE = 65_536
_FREE = b"free"
_KEPT = {
    b"": (b"ftyp", b"meta", b"moov", b"mdat"),
    b"moov": (b"mvhd", b"trak", b"mvex"),
    b"trak": (b"tkhd", b"tref", b"edts", b"mdia", b"meta"),
    b"meta": (b"hdlr", b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat", b"grpl", b"dinf"),
    b"iprp": (b"ipco", b"ipma"),
    b"ipco": tuple(b"ispe pixi av1C auxC irot imir clap colr pasp clli mdcv cclv amve reve a1op a1lx lsel".split()),
}
"""The boxes that show the picture, by the box that they are in. Of those without a line of their own, all stays."""
_KEPT_ITEMS = (b"av01", b"grid", b"iovl", b"tmap", b"sato", _FREE)


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    body: int
    end: int


@dataclass(slots=True)
class _Plan:
    """What is to be written over: four bytes at a place, and stretches of zeros."""

    names: list[int] = field(default_factory=list)
    stretches: list[tuple[int, int]] = field(default_factory=list)
    boxes: int = 0


def blank(source: BinaryIO, target: BinaryIO) -> bool:
    """Copy ``source`` to ``target``, open for reading too, and return whether there was anything to remove.

    Raises:
        BrokenImage: its boxes lie.
    """
    plan = _Plan()
    size = source.seek(0, 2)
    try:
        end = _walk(source, b"", 0, size, plan)
    except (struct.error, IndexError) as error:
        raise BrokenImage from error
    if sum(length for _, length in plan.stretches) > size:
        raise BrokenImage
    source.seek(0)
    shutil.copyfileobj(source, target, _PIECE)
    target.truncate(end)
    changes = [_write(target, at, _FREE) for at in plan.names]
    changes += [_clear(target, at, min(at + length, end)) for at, length in plan.stretches]
    target.seek(end)
    return any(changes) or end < size


def _write(target: BinaryIO, at: int, data: bytes) -> bool:
    target.seek(at)
    if target.read(len(data)) == data:
        return False
    target.seek(at)
    target.write(data)
    return True


def _clear(target: BinaryIO, at: int, end: int) -> bool:
    changed = False
    for start in range(at, end, _PIECE):
        changed |= _write(target, start, bytes(min(_PIECE, end - start)))
    return changed


def _walk(file: BinaryIO, parent: bytes, at: int, end: int, plan: _Plan) -> int:
    """Plan for the boxes inside of ``parent``, and return where the last of them ends."""
    found = {}
    for box in _boxes(file, at, end):
        plan.boxes += 1
        if plan.boxes > MAX_BOXES:
            raise BrokenImage
        if box.kind == b"ftyp" and box.start:
            break  # another file behind the picture
        at = box.end
        if box.kind in _KEPT[parent]:
            found[box.kind] = box
            if box.kind in _KEPT:
                _walk(file, box.kind, box.body + (4 if box.kind == b"meta" else 0), box.end, plan)
        else:
            plan.names.append(box.start + 4)
            plan.stretches.append((box.body, box.end - box.body))
    if parent == b"meta" and b"iinf" in found and b"iloc" in found:
        _plan_items(file, found, plan)
    return at


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[_Box]:
    """Read the heads of boxes, up to what is none: some writers leave bytes behind the last."""
    while at + 8 <= end:
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        body = at + 8
        if length == 1:
            (length,) = struct.unpack(">Q", file.read(8))
            body += 8
        stop = at + length if length else end
        if stop < body or stop > end:
            return
        yield _Box(kind, at, body, stop)
        at = stop


def _plan_items(file: BinaryIO, boxes: dict[bytes, _Box], plan: _Plan) -> None:
    """Plan for the items of one ``meta`` box that are no part of the picture."""
    version = _table(file, boxes[b"iinf"])[0]
    unwanted = set()
    for entry in _boxes(file, boxes[b"iinf"].body + (8 if version else 6), boxes[b"iinf"].end):
        table = _table(file, entry)
        # The number of an item has two bytes, or four; two more bytes stand before its type.
        wide = 4 if table[0] > 2 else 2
        at = 4 + wide + 2
        if entry.kind == b"infe" and table[0] >= 2 and table[at : at + 4] not in _KEPT_ITEMS:
            unwanted.add(int.from_bytes(table[4 : 4 + wide], "big"))
            plan.names.append(entry.body + at)
    inner = boxes[b"idat"].body if b"idat" in boxes else 0
    for number, method, start, length in _places(_table(file, boxes[b"iloc"])):
        if number in unwanted:
            if method > 1 or (method and not inner):
                raise BrokenImage
            plan.stretches.append((start + inner * method, length))


def _table(file: BinaryIO, box: _Box) -> bytes:
    if box.end - box.body > MAX_TABLE_BYTES:
        raise BrokenImage
    file.seek(box.body)
    return file.read(box.end - box.body)


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
        base = number(base_bytes)
        for _ in range(number(2)):
            number(index_bytes if version else 0)
            start = base + number(offset_bytes)
            yield item, method, start, number(length_bytes)
