"""Reads Matroska, which WebM is one kind of, and copies a film without its metadata and without moving a byte.

What goes becomes ``Void``, filled with zeros. What plays the film stays; everything else goes, known or not. Sources:
RFC 8794 (EBML), RFC 9559 (Matroska).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from chevupload.errors import BrokenImage
from chevupload.media.containers.patches import Patches

MAX_ELEMENTS = 1_000_000
"""Heads read of one file. A browser's recording, whose clusters have no length, has one for each frame."""

_MAGIC = b"\x1a\x45\xdf\xa3"
_DOCUMENT_TYPE = b"\x42\x82"
_EBML, _SEGMENT, _CLUSTER, _SEEK_HEAD, _CUES = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x114D9B74, 0x1C53BB6B
_INFO, _MUXING_APP, _WRITING_APP = 0x1549A966, 0x4D80, 0x5741
_TRACKS, _TRACK, _NUMBER, _TYPE = 0x1654AE6B, 0xAE, 0xD7, 0x83
_SIMPLE_BLOCK, _GROUP, _BLOCK = 0xA3, 0xA0, 0xA1
# Pictures and sound, their time, and where this cluster and the one before it are.
_IN_CLUSTER = (_SIMPLE_BLOCK, _GROUP, 0xE7, 0xA7, 0xAB)
_KEPT = {
    0: (_EBML, _SEGMENT),
    # What follows a cluster without a length is in it, or is its neighbour.
    _SEGMENT: (_SEEK_HEAD, _INFO, _TRACKS, _CLUSTER, _CUES, *_IN_CLUSTER),
    _CLUSTER: _IN_CLUSTER,
    # Scale of the times and duration; and two that must be there, of which players ask the first for its bugs.
    _INFO: (0x2AD7B1, 0x4489, _MUXING_APP, _WRITING_APP),
    _TRACKS: (_TRACK,),
    _TRACK: (
        *(_NUMBER, 0x73C5, _TYPE, 0xB9, 0x88, 0x55AA, 0x55AB, 0x55AC, 0x55AD, 0x55AE, 0x55AF, 0x9C, 0x6DE7, 0x6DF8),
        *(0x23E383, 0x234E7A, 0x23314F, 0x537F, 0x55EE, 0x41E4, 0x22B59C, 0x22B59D, 0x86, 0x63A2, 0x56AA, 0x56BB),
        *(0xE0, 0xE1, 0xE2, 0x6D80),
    ),
}
"""The elements that stay, by the one that they are in: those that play the film, neither names nor checksums. Of those
without a line of their own, all stays."""
_MOVING, _SOUND = 1, 2
"""The types of tracks that stay; subtitles, in which drones note places, do not."""
_VOID = 0xEC


def _number_bytes(first: int) -> int:
    """Return how many bytes a number has, by its first; more than eight are none."""
    return 9 - first.bit_length()


def _number(data: bytes) -> tuple[int, int]:
    """Read a number whose own length is told by its first bit that is set; return both."""
    size = _number_bytes(data[0])
    return int.from_bytes(data[:size], "big") & (1 << 7 * size) - 1, size


def document_type(head: bytes) -> bytes:
    """Return the document type that a file beginning with ``head`` has; nothing where there is none.

    It may be padded with NUL, and other elements may stand before it.
    """
    if not head.startswith(_MAGIC):
        return b""
    try:
        length, size = _number(head[len(_MAGIC) :])
        at = len(_MAGIC) + size
        end = min(at + length, len(head))
        while at < end:
            name = head[at : at + _number_bytes(head[at])]
            at += len(name)
            length, size = _number(head[at:])
            at += size
            if name == _DOCUMENT_TYPE:
                return head[at : at + length].split(b"\0")[0]
            at += length
    except IndexError:
        pass
    return b""


@dataclass(frozen=True, slots=True)
class _Element:
    kind: int
    start: int
    body: int
    end: int
    is_open: bool
    """It has no length, and ends where something begins that cannot be in it."""


def strip(source: BinaryIO, target: BinaryIO) -> bool:
    """Copy a WebM without its metadata; see :data:`~chevupload.media.codecs.STRIP`."""
    size = source.seek(0, 2)
    walk = _Walk(source, Patches(size))
    try:
        end = walk.inside(0, 0, size)
    except IndexError as error:
        raise BrokenImage from error
    return walk.patches.copied(source, target, end)


class _Walk:
    """One way through the elements that stay, planning for those that go."""

    def __init__(self, file: BinaryIO, patches: Patches) -> None:
        self._file, self.patches = file, patches
        self._count = 0
        self._gone_tracks: set[int] = set()

    def inside(self, parent: int, at: int, end: int) -> int:
        """Plan for the elements inside of ``parent``, and return where the last of them ends."""
        for element in self._between(at, end):
            if element.kind == _EBML and element.start:
                break  # another file behind this one
            at = element.end
            if element.kind not in _KEPT[parent] or self._is_gone(element):
                self._void(element)
            elif not element.is_open:
                self._keep(element)
            elif element.kind == _SEGMENT:
                parent = _SEGMENT
        return at

    def _keep(self, element: _Element) -> None:
        if element.kind == _WRITING_APP:
            self.patches.clear(element.body, element.end)
        elif element.kind in _KEPT and (element.kind != _CLUSTER or self._gone_tracks):
            last = self.inside(element.kind, element.body, element.end)
            self.patches.clear(last, element.end)

    def _is_gone(self, element: _Element) -> bool:
        """Whether it is a track of neither pictures nor sound, which is noted, or a block of one."""
        if element.kind in (_SIMPLE_BLOCK, _GROUP):
            return bool(self._gone_tracks) and self._track_of(element) in self._gone_tracks
        if element.kind != _TRACK:
            return False
        found = {inner.kind: self._value(inner) for inner in self._between(element.body, element.end)}
        if found.get(_TYPE) in (_MOVING, _SOUND):
            return False
        self._gone_tracks.add(found.get(_NUMBER, 0))
        return True

    def _value(self, element: _Element) -> int:
        self._file.seek(element.body)
        return int.from_bytes(self._file.read(min(8, element.end - element.body)), "big")

    def _track_of(self, element: _Element) -> int:
        """Return which track a block, or the block in a group, belongs to."""
        if element.kind == _GROUP:
            blocks = (inner for inner in self._between(element.body, element.end) if inner.kind == _BLOCK)
            if (found := next(blocks, None)) is None:
                return 0
            element = found
        self._file.seek(element.body)
        return _number(self._file.read(8))[0]

    def _between(self, at: int, end: int) -> Iterator[_Element]:
        """Read the heads of elements, up to what is none; of one without a length, what is in it comes next."""
        while at < end:
            self._count += 1
            if self._count > MAX_ELEMENTS:
                raise BrokenImage
            element = self._element(at, end)
            if element is None:
                return
            yield element
            at = element.body if element.is_open else element.end

    def _element(self, at: int, end: int) -> _Element | None:
        self._file.seek(at)
        head = self._file.read(12)  # a name of four bytes at most, and a length of eight
        name_bytes = 9 - head[0].bit_length()
        rest = head[name_bytes:]
        if name_bytes > 4 or not rest or not rest[0] or len(rest) < _number_bytes(rest[0]):
            return None
        kind = int.from_bytes(head[:name_bytes], "big")
        length, length_bytes = _number(rest)
        body = at + name_bytes + length_bytes
        is_open = length == (1 << 7 * length_bytes) - 1
        stop = body if is_open else body + length
        if body > end or (is_open and kind not in (_SEGMENT, _CLUSTER)):
            return None
        # Of a recording that was cut off the end is missing, and what there is can be seen.
        if stop > end and kind not in (_SEGMENT, _CLUSTER):
            return None
        return _Element(kind, at, body, min(stop, end), is_open)

    def _void(self, element: _Element) -> None:
        size = element.end - element.start
        length_bytes = min(element.body - element.start - 1, 8)
        left = size - 1 - length_bytes
        length = left | 1 << 7 * length_bytes
        self.patches.write(element.start, bytes([_VOID]) + length.to_bytes(length_bytes, "big"))
        self.patches.clear(element.end - left, element.end)
