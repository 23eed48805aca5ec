"""Files damaged in the ways that damage happens, or is done: flipped bits, missing ends, and lying containers.

What a container is made of (boxes, chunks, segments, elements) is found first, so that a mutation can lie exactly where
a reader believes: in lengths, and in the order and number of the pieces.
"""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from tests.media.pictures import PNG

_NUMBERS = ("ffffffff", "7fffffff", "40000000", "10000000", "00ffffff", "00000001", "00000000")
_HUGE = tuple(map(bytes.fromhex, _NUMBERS))
_BOXES_IN = {b"moov": 0, b"trak": 0, b"mdia": 0, b"minf": 0, b"stbl": 0, b"edts": 0, b"iprp": 0, b"ipco": 0}
_BOXES_IN |= {b"meta": 4, b"iref": 4, b"iinf": 6, b"stsd": 8}
"""The boxes that hold boxes, and how many bytes come before the first of them."""
_ELEMENTS_IN = (0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675, 0x1C53BB6B)
"""WebM's: segment, info, tracks, track, picture, cluster, cues."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file with its length in it: where it starts and ends, and where its length stands."""

    start: int
    end: int
    length_at: int
    length_bytes: int


def mutated(chance: random.Random, whole: bytes) -> bytes:
    """Return ``whole`` with one kind of damage; it may by chance be what it was."""
    data = bytearray(whole)
    pieces = list(_pieces(whole))
    chance.choice([_flip, _cut, _overwrite, _lie, _double, _remove, _swap])(chance, data, pieces)
    if whole.startswith(PNG) and chance.random() < 0.7:
        _mend_checksums(data)
    return bytes(data)


def _flip(chance: random.Random, data: bytearray, pieces: list[Piece]) -> None:
    # Half of the time near the beginning, where a header is: most of a file is pixels.
    reach = len(data) if chance.random() < 0.5 else min(len(data), 300)
    for _ in range(chance.randrange(1, 40)):
        data[chance.randrange(reach)] ^= 1 << chance.randrange(8)


def _cut(chance: random.Random, data: bytearray, pieces: list[Piece]) -> None:
    del data[chance.randrange(len(data)) :]


def _overwrite(chance: random.Random, data: bytearray, pieces: list[Piece]) -> None:
    """Write a huge number, or none, near the beginning of a piece: sizes, counts and places stand there."""
    piece = chance.choice(pieces)
    at = min(piece.length_at + piece.length_bytes + chance.randrange(24), len(data) - 4)
    data[at : at + 4] = chance.choice(_HUGE)


def _lie(chance: random.Random, data: bytearray, pieces: list[Piece]) -> None:
    piece = chance.choice(pieces)
    number = chance.choice([*_HUGE, chance.randbytes(4)])
    data[piece.length_at : piece.length_at + piece.length_bytes] = (number * 2)[: piece.length_bytes]


def _double(chance: random.Random, data: bytearray, pieces: list[Piece]) -> None:
    piece = chance.choice(pieces)
    data[piece.start : piece.start] = data[piece.start : piece.end] * chance.choice([1, 1, 1, 50])


def _remove(chance: random.Random, data: bytearray, pieces: list[Piece]) -> None:
    piece = chance.choice(pieces)
    del data[piece.start : piece.end]


def _swap(chance: random.Random, data: bytearray, pieces: list[Piece]) -> None:
    """Exchange the lengths of two pieces."""
    first, second = chance.choice(pieces), chance.choice(pieces)
    size = min(first.length_bytes, second.length_bytes)
    here, there = slice(first.length_at, first.length_at + size), slice(second.length_at, second.length_at + size)
    data[here], data[there] = data[there], data[here]


def _mend_checksums(data: bytearray) -> None:
    """Make a PNG's checksums right again, so that its reader goes on to what is damaged."""
    for piece in _chunks(bytes(data), 8, ">", 4):
        if piece.end <= len(data):
            checksum = zlib.crc32(data[piece.start + 4 : piece.end - 4])
            data[piece.end - 4 : piece.end] = struct.pack(">I", checksum)


def _pieces(data: bytes) -> Iterator[Piece]:
    """Find what the container is made of."""
    if data.startswith(PNG):
        return _chunks(data, 8, ">", 4)
    if data.startswith(b"RIFF"):
        return _chunks(data, 12, "<", 0)
    if data.startswith(b"\xff\xd8"):
        return _segments(data)
    if data.startswith(b"GIF"):
        return _blocks(data)
    if data.startswith(b"\x1a\x45\xdf\xa3"):
        return _elements(data, 0, len(data))
    return _boxes(data, 0, len(data))


def _chunks(data: bytes, at: int, order: str, tail: int) -> Iterator[Piece]:
    """Walk a PNG's chunks, whose length comes first and a checksum last; or a WebP's, whose length comes second."""
    before = 0 if tail else 4
    while at + 8 <= len(data):
        (length,) = struct.unpack_from(f"{order}I", data, at + before)
        end = at + 8 + length + (tail or length % 2)
        yield Piece(at, end, at + before, 4)
        at = end


def _segments(data: bytes) -> Iterator[Piece]:
    """Walk a JPEG's segments up to its first scan, which is counted in."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        yield Piece(at, end, at + 2, 2)
        if data[at + 1] == 0xDA:
            return
        at = end


def _blocks(data: bytes) -> Iterator[Piece]:
    """Walk the extensions and pictures of a GIF; the length is that of the first block of bytes in each."""
    at = 13 + _colors(data[10])
    while data[at] in b"!,":
        length_at = at + 2 if data[at : at + 1] == b"!" else at + 11 + _colors(data[at + 9])
        end = length_at
        while data[end]:
            end += data[end] + 1
        yield Piece(at, end + 1, length_at, 1)
        at = end + 1


def _colors(flags: int) -> int:
    """Return how many bytes the table of colors has that ``flags`` tell of."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _boxes(data: bytes, at: int, end: int) -> Iterator[Piece]:
    """Walk the boxes of MP4, MOV, HEIC and AVIF, and those inside of them."""
    while at + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, at)
        if length < 8:
            return
        yield Piece(at, at + length, at, 4)
        if kind in _BOXES_IN:
            yield from _boxes(data, at + 8 + _BOXES_IN[kind], at + length)
        at += length


def _elements(data: bytes, at: int, end: int) -> Iterator[Piece]:
    """Walk the elements of WebM, and those inside of them."""
    while at + 2 <= end:
        length_at = at + 9 - data[at].bit_length()
        size = 9 - data[length_at].bit_length()
        length = int.from_bytes(data[length_at : length_at + size], "big") & (1 << 7 * size) - 1
        inner = length_at + size
        last = min(inner + length, end)
        yield Piece(at, last, length_at, size)
        if int.from_bytes(data[at:length_at], "big") in _ELEMENTS_IN:
            yield from _elements(data, inner, last)
        at = last
