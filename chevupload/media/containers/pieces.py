"""A file made of parts of another one and of bytes between them: what a decoder is to see of it, without a copy."""

from __future__ import annotations

import io
import shutil
from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BUFFER_BYTES = 65_536


class Pieces(io.RawIOBase):
    """The parts in the order in which they were added. Closing it leaves the file open."""

    def __init__(self, file: BinaryIO) -> None:
        """Take parts of ``file``, which must be seekable."""
        self._file = file
        # What is inserted counts as if it stood behind the file, so that every part is two numbers: there may be many.
        self._size = file.seek(0, io.SEEK_END)
        self._inserted = bytearray()
        self._starts, self._ends, self._places = array("Q"), array("Q"), array("Q")
        self._length = 0
        self._at = 0

    def add(self, start: int, end: int) -> None:
        """Go on with what stands from ``start`` to ``end``, as far as there is a file."""
        self._append(start, min(end, self._size))

    def insert(self, data: bytes) -> None:
        """Go on with ``data``."""
        start = self._size + len(self._inserted)
        self._inserted += data
        self._append(start, start + len(data))

    def _append(self, start: int, end: int) -> None:
        if start >= end:
            return
        if self._ends and self._ends[-1] == start != self._size:
            self._ends[-1] = end
        else:
            self._starts.append(start)
            self._ends.append(end)
            self._places.append(self._length)
        self._length += end - start

    def opened(self) -> BinaryIO:
        """Return a reader at the beginning, quick for small reads."""
        self._at = 0
        return io.BufferedReader(self, _BUFFER_BYTES)

    def copied(self, target: BinaryIO) -> bool:
        """Copy all to ``target``, open for reading too; return whether that is another content than the file's."""
        shutil.copyfileobj(self.opened(), target, _BUFFER_BYTES)
        if self._length != self._size:
            return True
        self._file.seek(0)
        target.seek(0)
        steps = range(0, self._size, _BUFFER_BYTES)
        is_changed = any(self._file.read(_BUFFER_BYTES) != target.read(_BUFFER_BYTES) for _ in steps)
        target.seek(self._length)
        return is_changed

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read at most to the end of one part."""
        view = memoryview(buffer).cast("B")
        if self._at >= self._length:
            return 0
        number = bisect_right(self._places, self._at) - 1
        start = self._starts[number] + self._at - self._places[number]
        size = min(len(view), self._ends[number] - start)
        if start >= self._size:
            data = bytes(self._inserted[start - self._size : start - self._size + size])
        else:
            self._file.seek(start)
            data = self._file.read(size)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)
