"""Reads the blocks of a GIF as browsers do: anything that begins no block ends the picture, and so does the file's end.

Source: GIF89a. Its readers differ about garbage between blocks; that it counts as the end is what Chromium 156 does.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from chevupload.errors import BrokenImage
from chevupload.media.containers.pieces import Pieces

MAX_PIECES = 1_000_000
"""Blocks of data of one file, empty ones among them. A GIF of 100 MB has 400,000; small blocks would cost minutes."""
_HEADER_BYTES = 13
_FULL = b"\xff"
"""The length of the largest block of data, which takes 256 bytes with it."""
_MIN_STEP, _MAX_STEP = 8, 256
"""How many full blocks are looked at in one read, once as many as the former have come one by one."""

EXTENSION, IMAGE = b"!", b","
_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")
"""Application extensions that have to do with how a picture is shown."""


@dataclass(frozen=True, slots=True)
class Block:
    """One extension or picture.

    Attributes:
        kind: :data:`EXTENSION` or :data:`IMAGE`.
        head: what follows its first byte: an extension's label, or the place, size and flags of a picture.
        start: where it begins; ``data`` is where its first block of data does, and ``end`` where the next one would.
        is_whole: whether the file goes on until there.
    """

    kind: bytes
    head: bytes
    start: int
    data: int
    end: int
    is_whole: bool


def color_table_bytes(flags: int) -> int:
    """Return the size of the color table that ``flags`` announce."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _header(file: BinaryIO) -> bytes:
    """Read the header, with the color table of the whole picture."""
    file.seek(0)
    header = file.read(_HEADER_BYTES)
    if len(header) == _HEADER_BYTES:
        size = color_table_bytes(header[10])
        header += (table := file.read(size))
        if len(table) == size:
            return header
    raise BrokenImage


def blocks(file: BinaryIO) -> Iterator[Block]:
    """Read the blocks, up to the first that is none, or not all there.

    Raises:
        BrokenImage: the header is cut off, or there are more than :data:`MAX_PIECES`.
    """
    size = file.seek(0, io.SEEK_END)
    at, pieces = len(_header(file)), 0
    while True:
        file.seek(at)
        kind = file.read(1)
        if kind not in (EXTENSION, IMAGE) or not kind:
            return
        head = file.read(1 if kind == EXTENSION else 9)
        if len(head) < (1 if kind == EXTENSION else 9):
            return
        start = at
        at += 1 + len(head)
        if kind == IMAGE:
            at += color_table_bytes(head[8]) + 1
        data = at
        file.seek(at)
        run = 0
        while length := file.read(1):
            at += 1 + length[0]
            pieces += 1
            run = run + 1 if length == _FULL else 0
            if run == _MIN_STEP:
                run, full = 0, _full_blocks(file, at)
                at += 256 * full
                pieces += full
            if pieces > MAX_PIECES:
                raise BrokenImage
            if not length[0]:
                break
            file.seek(at)
        is_whole = length == b"\0" and at <= size
        yield Block(kind, head, start, data, at, is_whole)
        if not is_whole:
            return


def _full_blocks(file: BinaryIO, at: int) -> int:
    """Count the full blocks of data that follow each other from ``at`` on, up to some that are more than the limit.

    Pictures consist of them. Read many at a time they cost a tenth of one by one.
    """
    count, step = 0, _MIN_STEP
    while count <= MAX_PIECES:
        file.seek(at + 256 * count)
        lengths = file.read(256 * step)[::256]
        full = len(lengths) - len(lengths.lstrip(_FULL))
        count += full
        if full < step:
            break
        step = min(2 * step, _MAX_STEP)
    return count


def measure(file: BinaryIO, max_frames: int) -> tuple[int, int, int]:
    """Return width, height and frames, which are counted up to the first that is more than ``max_frames``.

    Whether the only frame has all its pixels, its decoder tells.

    Raises:
        BrokenImage: there is no frame, or a later one is not all there.
    """
    width, height = struct.unpack("<HH", _header(file)[6:10])
    frames = 0
    for block in blocks(file):
        if block.kind == IMAGE:
            left, top, wide, high = struct.unpack("<HHHH", block.head[:8])
            frames += 1
            if frames > max_frames:
                break
            if frames == 1:  # a first frame larger than the canvas enlarges it
                width, height = max(width, left + wide), max(height, top + high)
            elif not block.is_whole:
                raise BrokenImage
    if not frames:
        raise BrokenImage
    return width, height, frames


def strip(file: BinaryIO, target: BinaryIO) -> bool:
    """Copy a GIF without its metadata; see :data:`~chevupload.media.codecs.STRIP`."""
    copy, size, has_picture = Pieces(file), file.seek(0, io.SEEK_END), False
    copy.add(0, len(_header(file)))
    for block in blocks(file):
        has_picture |= block.kind == IMAGE
        if block.kind == IMAGE or _is_kept(file, block):
            copy.add(block.start, block.end)
            if not block.is_whole:  # the only picture of the file, which has its pixels, and no end
                copy.insert(bytes(max(0, block.end - size) + 1))
    if not has_picture:
        raise BrokenImage
    copy.insert(b";")
    return copy.copied(target)


def _is_kept(file: BinaryIO, extension: Block) -> bool:
    if not extension.is_whole:
        return False
    file.seek(extension.data)
    first = file.read(file.read(1)[0])
    return extension.head in (b"\xf9", b"\x01") or (extension.head == b"\xff" and first in _KEPT)
