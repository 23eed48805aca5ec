"""Reads the boxes that MP4, MOV, HEIC and AVIF consist of.

Source: ISO/IEC 14496-12. A file lies as it likes: no more heads are read, and no longer tables, than the limits here
say.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from chevupload.errors import BrokenImage

MAX_BOXES = 1_000_000
"""Heads read of one file. A film in fragments has about ten for each of them."""
MAX_TABLE_BYTES = 4_194_304
"""Longest table that is held: sizes of a million samples, which are five hours of one with each frame."""


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its name, and where its head, its body and what follows it begin."""

    kind: bytes
    start: int
    body: int
    end: int


class Boxes:
    """The boxes of one file."""

    def __init__(self, file: BinaryIO) -> None:
        """Read from ``file``, which must be seekable."""
        self._file = file
        self._count = 0

    def between(self, at: int, end: int) -> Iterator[Box]:
        """Read the heads of boxes, up to what is none: some writers leave bytes behind the last.

        Raises:
            BrokenImage: more than :data:`MAX_BOXES` in all.
        """
        # Of a recording that was cut off the end is missing, and what there is can be seen.
        is_file = not at
        while at + 8 <= end:
            self._count += 1
            if self._count > MAX_BOXES:
                raise BrokenImage
            self._file.seek(at)
            length, kind = struct.unpack(">I4s", self._file.read(8))
            body = at + 8
            if length == 1:
                (length,) = struct.unpack(">Q", self._file.read(8))
                body += 8
            stop = at + length if length else end
            if is_file and kind == b"mdat" and stop > end:
                stop = end
            if stop < body or stop > end:
                return
            yield Box(kind, at, body, stop)
            at = stop

    def find(self, box: Box, *path: bytes) -> Box | None:
        """Return the box that ``path`` leads to inside of ``box``, the first of each name."""
        for kind in path:
            found = next((inner for inner in self.between(box.body, box.end) if inner.kind == kind), None)
            if found is None:
                return None
            box = found
        return box

    def table(self, box: Box) -> bytes:
        """Read the body of a box.

        Raises:
            BrokenImage: it is longer than :data:`MAX_TABLE_BYTES`.
        """
        if box.end - box.body > MAX_TABLE_BYTES:
            raise BrokenImage
        self._file.seek(box.body)
        return self._file.read(box.end - box.body)

    def head(self, box: Box, size: int) -> bytes:
        """Read the first bytes of a box's body, at most ``size`` of them."""
        self._file.seek(box.body)
        return self._file.read(min(size, box.end - box.body))


def brands(head: bytes) -> list[bytes]:
    """Return the brands that a file beginning with ``head`` has: its own, then those that it is compatible with."""
    if head[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
