"""Reads the blocks of a GIF as browsers do: anything that begins no block ends the picture, and so does the file's end.

Source: GIF89a. Its readers differ about garbage between blocks; that it counts as the end is what Chromium 156 does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from chevupload.errors import BrokenImage

MAX_PIECES = 1_000_000
"""Blocks of data of one file, empty ones among them. A GIF of 100 MB has 400,000; small blocks would cost minutes."""
HEADER_BYTES = 13

EXTENSION, IMAGE = b"!", b","


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


def blocks(file: BinaryIO) -> Iterator[Block]:
    """Read the blocks, up to the first that is none, or not all there.

    Raises:
        BrokenImage: the header is cut off, or there are more than :data:`MAX_PIECES`.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    header = file.read(HEADER_BYTES)
    if len(header) < HEADER_BYTES:
        raise BrokenImage
    at, pieces = HEADER_BYTES + color_table_bytes(header[10]), 0
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
        while length := file.read(1):
            at += 1 + length[0]
            pieces += 1
            if pieces > MAX_PIECES:
                raise BrokenImage
            if not length[0]:
                break
            file.seek(length[0], io.SEEK_CUR)
        is_whole = length == b"\0" and at <= size
        yield Block(kind, head, start, data, at, is_whole)
        if not is_whole:
            return
