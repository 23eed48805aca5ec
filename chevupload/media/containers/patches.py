"""What is to be written over in a copy of a file: a few bytes at a place, and stretches that become zeros.

Nothing moves: containers tell the places of pixels and sound as distances from the file's beginning. Both lists are
bounded, and no more is written over than the file has bytes, however often a place is told: two boxes may point to
the same metadata.
"""

from __future__ import annotations

import shutil
from array import array
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from chevupload.errors import BrokenImage

MAX_MARKS = 200_000
"""Names that are written over. A film of four hours with subtitles has some thousand."""
MAX_STRETCHES = 1_000_000
"""An hour of a camera that tells its place with each of 60 frames a second has a quarter of that."""

_PIECE = 65_536


class Patches:
    """Collected first, and applied to a copy once the whole container has been looked at."""

    def __init__(self, size: int) -> None:
        """Expect a file of ``size`` bytes."""
        self._size = size
        self._marks: list[tuple[int, bytes]] = []
        self._starts, self._ends = array("Q"), array("Q")
        self._cleared = 0

    def write(self, at: int, data: bytes) -> None:
        """Have ``data`` stand at a place.

        Raises:
            BrokenImage: more than :data:`MAX_MARKS`.
        """
        self._marks.append((at, data))
        if len(self._marks) > MAX_MARKS:
            raise BrokenImage

    def clear(self, start: int, end: int) -> None:
        """Have zeros stand from ``start`` to ``end``, as far as there is a file.

        Raises:
            BrokenImage: more than :data:`MAX_STRETCHES`.
        """
        start, end = max(start, 0), min(end, self._size)
        if start >= end:
            return
        self._cleared += end - start
        if self._starts and self._ends[-1] == start:
            self._ends[-1] = end
        else:
            self._starts.append(start)
            self._ends.append(end)
        if len(self._starts) > MAX_STRETCHES:
            raise BrokenImage

    def copied(self, source: BinaryIO, target: BinaryIO, end: int) -> bool:
        """Copy ``source`` up to ``end``, written over; return whether ``target``, open for reading too, differs."""
        source.seek(0)
        shutil.copyfileobj(source, target, _PIECE)
        target.truncate(end)
        is_changed = end < self._size
        for start, stop in self._stretches():
            is_changed |= _clear(target, start, min(stop, end))
        for at, data in self._marks:
            is_changed |= _write(target, at, data)
        target.seek(end)
        return is_changed

    def _stretches(self) -> Iterator[tuple[int, int]]:
        """Return what to clear, without what was told before where that must be more than the file."""
        order: Iterable[int] = range(len(self._starts))
        if self._cleared > self._size:
            order = sorted(order, key=self._starts.__getitem__)
        done = 0
        for number in order:
            start, end = self._starts[number], self._ends[number]
            if self._cleared > self._size:
                start, done = max(start, done), max(end, done)
            yield start, end


def _clear(target: BinaryIO, start: int, end: int) -> bool:
    is_changed = False
    for at in range(start, end, _PIECE):
        is_changed |= _write(target, at, bytes(min(_PIECE, end - at)))
    return is_changed


def _write(target: BinaryIO, at: int, data: bytes) -> bool:
    target.seek(at)
    if target.read(len(data)) == data:
        return False
    target.seek(at)
    target.write(data)
    return True
