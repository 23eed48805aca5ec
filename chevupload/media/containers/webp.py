"""Reads the chunks of a WebP. Source: RFC 9649."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from chevupload.errors import BrokenImage
from chevupload.media.containers.pieces import Pieces

MAX_CHUNKS = 100_000
"""Chunks of one file; each costs Pillow some microseconds."""
_KEPT = (b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L")
_EXIF_AND_XMP = 0x0C
"""The flags of the first chunk that say that such a chunk follows."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its name, where it begins, and how long its data are, which begin eight bytes later."""

    kind: bytes
    start: int
    length: int

    @property
    def size(self) -> int:
        """Bytes of the whole chunk, padded to an even length."""
        return 8 + self.length + self.length % 2


def chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Read the heads of the chunks.

    Raises:
        BrokenImage: the file ends early, or has more chunks than :data:`MAX_CHUNKS`.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(4)
    at, end = 12, 8 + int.from_bytes(file.read(4), "little")
    if end > size:
        raise BrokenImage
    for _ in range(MAX_CHUNKS):
        if at + 8 > end:
            return
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        chunk = Chunk(kind, at, length)
        at += chunk.size
        # The padding byte of the last chunk is often left out.
        if at > end + 1:
            raise BrokenImage
        yield chunk
    raise BrokenImage


def measure(file: BinaryIO, max_frames: int) -> tuple[int, int, int, bool]:
    """Return width, height, frames, and whether each pixel is kept to its last bit.

    Frames are counted up to the first that is more than ``max_frames``. Pillow's decoder allocates two canvases when it
    opens a file, so this comes first.

    Raises:
        BrokenImage: the container is malformed or ends early.
    """
    size: tuple[int, int] | None = None
    frames, is_lossless = 0, False
    for chunk in chunks(file):
        is_lossless |= chunk.kind == b"VP8L"
        if size is None:
            file.seek(chunk.start + 8)
            size = _canvas(chunk.kind, file.read(10))
        frames += chunk.kind == b"ANMF"
        if frames > max_frames:
            break
    if size is None:
        raise BrokenImage
    return *size, max(frames, 1), is_lossless


def picture(file: BinaryIO) -> bytes | None:
    """Return the chunk with the pixels of a still picture without alpha; None where they are a frame's."""
    for chunk in chunks(file):
        if chunk.kind in (b"VP8 ", b"VP8L"):
            file.seek(chunk.start)
            return file.read(8 + chunk.length)
    return None


def _canvas(kind: bytes, data: bytes) -> tuple[int, int]:
    if len(data) == 10:
        if kind == b"VP8X":
            return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:], "little") + 1
        if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
            width, height = struct.unpack("<HH", data[6:])
            return width & 0x3FFF, height & 0x3FFF
        if kind == b"VP8L" and data[:1] == b"\x2f":
            bits = int.from_bytes(data[1:5], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise BrokenImage


def strip(file: BinaryIO, target: BinaryIO) -> bool:
    """Copy a WebP without its metadata; see :data:`~chevupload.media.codecs.STRIP`."""
    size = sum(chunk.size for chunk in chunks(file) if chunk.kind in _KEPT)
    copy = Pieces(file)
    copy.insert(b"RIFF" + (4 + size).to_bytes(4, "little") + b"WEBP")
    for chunk in chunks(file):
        if chunk.kind not in _KEPT:
            continue
        end = chunk.start + 8 + chunk.length
        if chunk.kind == b"VP8X":
            copy.add(chunk.start, chunk.start + 8)
            file.seek(chunk.start + 8)
            copy.insert(bytes(byte & ~_EXIF_AND_XMP for byte in file.read(1)))
            copy.add(chunk.start + 9, end)
        else:
            copy.add(chunk.start, end)
        copy.insert(bytes(chunk.length % 2))
    return copy.copied(target)
