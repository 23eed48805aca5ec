"""Reads the chunks of a PNG as browsers do: what shows the picture, what is animated in it, and its metadata.

Source: PNG third edition. Where the specification leaves it open, what Chromium 156 shows counts: a broken chunk that
the picture does not need is passed over, and so is everything that is missing behind its pixels. Pillow's own reader
refuses a picture for each of these.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from chevupload.errors import BrokenImage
from chevupload.media.containers import exif
from chevupload.media.containers.pieces import Pieces

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 100_000
"""Chunks of one file, as libpng writes 12,000 for 100 MB; each costs its decoder some microseconds."""
MAX_METADATA_BYTES = 4_194_304
"""Longest Exif block, XMP packet or color profile that is read, unpacked; longer ones are passed over."""

_LENGTHS = {b"gAMA": 4, b"cHRM": 32, b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"pHYs": 9}
"""Chunks that have to do with how a picture is shown; with another length they are none."""
_OF_ANY_LENGTH = (b"sBIT", b"bKGD", b"hIST", b"sPLT")
"""Likewise."""
_TRANSPARENCY_BYTES = {0: 2, 2: 6}
"""By color type; a palette has as many as it has colors, and pictures with alpha have none."""
_PALETTE = 3
_METADATA = (b"eXIf", b"iTXt", b"iCCP")
_PIECE = 65_536
_XMP = b"XML:com.adobe.xmp\0"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk: its name, its length as it says, and where it begins."""

    kind: bytes
    length: int
    at: int

    @property
    def end(self) -> int:
        """Where the next one begins."""
        return self.at + 12 + self.length

    @property
    def is_critical(self) -> bool:
        """Whether no picture can be shown without understanding it."""
        return not self.kind[0] & 0x20


def chunks(file: BinaryIO) -> Iterator[Chunk]:
    """Read the heads of the chunks up to IEND, or as far as there are some; the last one may be cut off.

    Raises:
        BrokenImage: more than :data:`MAX_CHUNKS`.
    """
    size = file.seek(0, io.SEEK_END)
    at = len(SIGNATURE)
    for _ in range(MAX_CHUNKS):
        if at + 8 > size:
            return
        file.seek(at)
        length, kind = struct.unpack(">I4s", file.read(8))
        chunk = Chunk(kind, length, at)
        yield chunk
        if kind == b"IEND":
            return
        at = chunk.end
    raise BrokenImage


@dataclass(slots=True)
class Shown:
    """What there is to see.

    Attributes:
        width: in pixels; height likewise.
        frames: 1 for a still picture, and for one whose animation is none.
        pieces: the picture as its decoder is to see it: every chunk in it is whole, and needed.
        metadata: where to find it, by the chunk's name, as it stands before the pixels, and after them.
    """

    pieces: Pieces
    width: int = 0
    height: int = 0
    frames: int = 1
    metadata: list[tuple[Chunk, bool]] = field(default_factory=list)


def shown(file: BinaryIO, profile: Chunk | None = None) -> Shown:
    """Walk through a PNG; ``profile`` is a chunk to go into its pieces, too.

    Raises:
        BrokenImage: no browser shows it, or its pixels or frames are not all there.
    """
    found, has_frames = _Walk(file, profile).done()
    # An animation that tells of no frame is none, which is only known in the end.
    return found if has_frames else _Walk(file, profile, is_still=True).done()[0]


class _Walk:
    """One way through the chunks, keeping what shows."""

    def __init__(self, file: BinaryIO, profile: Chunk | None, *, is_still: bool = False) -> None:
        self._file = file
        self._profile = profile
        self._is_still = is_still
        self._size = file.seek(0, io.SEEK_END)
        self._shown = Shown(Pieces(file))
        self._shown.pieces.add(0, len(SIGNATURE))
        self._seen: set[bytes] = set()
        self._color_type = 0
        self._last: Chunk | None = None
        self._frame_headers = 0

    def done(self) -> tuple[Shown, bool]:
        """Go all the way, and return what was found, and whether an animation that is told of has a frame."""
        for chunk in chunks(self._file):
            self._take(chunk)
        return self._finished(), b"acTL" not in self._seen or self._frame_headers > 0

    def _take(self, chunk: Chunk) -> None:
        """Keep a chunk, or pass over it."""
        if self._last is None and (chunk.kind, chunk.length) != (b"IHDR", 13):
            raise BrokenImage
        is_behind = b"IDAT" in self._seen
        if not is_behind and chunk.end > self._size and chunk.kind != b"IDAT":
            raise BrokenImage
        if chunk.kind in _METADATA:
            self._shown.metadata.append((chunk, is_behind))
        elif chunk.kind == b"IDAT":
            self._take_pixels(chunk)
        elif chunk.kind in (b"fcTL", b"fdAT"):
            self._take_frame(chunk)
        elif not is_behind and self._is_needed(chunk):
            self._keep(chunk)
        self._last = chunk

    def _finished(self) -> Shown:
        """Return what was found, with an end."""
        shown, last = self._shown, self._last
        if last is None or b"IDAT" not in self._seen:
            raise BrokenImage
        # Of an animation without an end, nobody knows whether there is a frame more; so it must have all that it tells.
        is_cut = last.kind != b"IEND" and (last.end > self._size or self._frame_headers < shown.frames)
        if shown.frames > 1 and is_cut:
            raise BrokenImage
        shown.pieces.insert(struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND")))
        return shown

    def _keep(self, chunk: Chunk) -> None:
        self._seen.add(chunk.kind)
        self._shown.pieces.add(chunk.at, chunk.end)
        if chunk.kind == b"IHDR" and self._profile is not None:
            self._shown.pieces.add(self._profile.at, self._profile.end)

    def _take_pixels(self, chunk: Chunk) -> None:
        # What follows another chunk is no part of the pixels.
        if b"IDAT" in self._seen and self._last is not None and self._last.kind != b"IDAT":
            return
        if chunk.end <= self._size:
            self._keep(chunk)
            return
        # Its end is missing, and the pixels may be there all the same: then it is as long as it is.
        start, end = chunk.at + 8, min(chunk.at + 8 + chunk.length, self._size)
        self._seen.add(b"IDAT")
        self._shown.pieces.insert(struct.pack(">I4s", end - start, b"IDAT"))
        self._shown.pieces.add(start, end)
        self._shown.pieces.insert(struct.pack(">I", self._checksum(b"IDAT", start, end)))

    def _checksum(self, kind: bytes, start: int, end: int) -> int:
        checksum = zlib.crc32(kind)
        self._file.seek(start)
        for at in range(start, end, _PIECE):
            checksum = zlib.crc32(self._file.read(min(_PIECE, end - at)), checksum)
        return checksum

    def _take_frame(self, chunk: Chunk) -> None:
        if b"acTL" in self._seen and chunk.end <= self._size:
            self._frame_headers += chunk.kind == b"fcTL"
            self._keep(chunk)

    def _is_needed(self, chunk: Chunk) -> bool:
        """Whether a chunk before the pixels has to do with them.

        Raises:
            BrokenImage: no browser shows a picture that has it.
        """
        kind, is_new = chunk.kind, chunk.kind not in self._seen
        if chunk.is_critical:
            if kind not in (b"IHDR", b"PLTE") or not is_new:
                raise BrokenImage
            if kind == b"IHDR":
                header = self._data(chunk)
                self._shown.width, self._shown.height = struct.unpack(">II", header[:8])
                self._color_type = header[9]
            return True
        if kind == b"acTL":
            return is_new and not self._is_still and self._is_animation(chunk)
        if kind == b"tRNS":
            return is_new and self._is_transparency(chunk) and self._is_whole(chunk)
        fits = kind in _OF_ANY_LENGTH or _LENGTHS.get(kind) == chunk.length
        return fits and is_new and self._is_whole(chunk)

    def _is_animation(self, chunk: Chunk) -> bool:
        """Whether it tells of an animation; where it is invalid, the picture is a still one."""
        if chunk.length != 8 or not self._is_whole(chunk):
            return False
        frames = int.from_bytes(self._data(chunk)[:4], "big")
        if not 0 < frames < 2**31:
            return False
        self._shown.frames = frames
        return True

    def _is_transparency(self, chunk: Chunk) -> bool:
        if self._color_type == _PALETTE:
            return b"PLTE" in self._seen and 0 < chunk.length <= 256
        return chunk.length == _TRANSPARENCY_BYTES.get(self._color_type)

    def _data(self, chunk: Chunk) -> bytes:
        self._file.seek(chunk.at + 8)
        return self._file.read(chunk.length)

    def _is_whole(self, chunk: Chunk) -> bool:
        return read_chunk(self._file, chunk) is not None


def read_chunk(file: BinaryIO, chunk: Chunk) -> bytes | None:
    """Return a chunk's data; None where it is cut off, too long to be held, or not what its checksum says."""
    if chunk.length > MAX_METADATA_BYTES:
        return None
    file.seek(chunk.at + 4)
    data = file.read(4 + chunk.length + 4)
    if len(data) < chunk.length + 8 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "big"):
        return None
    return data[4:-4]


def metadata(file: BinaryIO, found: Shown) -> dict[str, bytes]:
    """Return Exif, XMP and color profile by Pillow's names, the first of each; what is broken is left out.

    Where the first one unpacks to nothing of use, no other is unpacked: each may be a thousand times as long as it is.
    """
    told: dict[str, bytes] = {}
    looked_at: set[str] = set()
    for chunk, is_behind in found.metadata:
        name = {b"eXIf": "exif", b"iTXt": "xmp", b"iCCP": "icc_profile"}[chunk.kind]
        if name in looked_at or (is_behind and name == "icc_profile"):
            continue
        data = read_chunk(file, chunk)
        if data is None or (name == "xmp" and not data.startswith(_XMP)):
            continue
        looked_at.add(name)
        if name == "exif":
            # Where it follows the pixels, browsers do not turn the picture.
            told[name] = exif.HEADER + (exif.without_orientation(data) if is_behind else data)
        elif (value := _packet(data) if name == "xmp" else _profile(data)) is not None:
            told[name] = value
    return told


def strip(file: BinaryIO, target: BinaryIO) -> bool:
    """Copy a PNG without its metadata; see :data:`~chevupload.media.codecs.STRIP`."""
    found = shown(file)
    profile = profile_chunk(file, found)
    return (found if profile is None else shown(file, profile)).pieces.copied(target)


def profile_chunk(file: BinaryIO, found: Shown) -> Chunk | None:
    """Return the chunk of the color profile, if there is a whole one."""
    for chunk, is_behind in found.metadata:
        if chunk.kind == b"iCCP" and not is_behind and (data := read_chunk(file, chunk)) is not None:
            return chunk if _profile(data) else None
    return None


def _packet(data: bytes) -> bytes | None:
    flags, rest = data[len(_XMP) : len(_XMP) + 2], data[len(_XMP) + 2 :]
    _, _, text = rest.partition(b"\0")[2].partition(b"\0")
    return _unpacked(text) if flags == b"\1\0" else text or None


def _profile(data: bytes) -> bytes | None:
    _, end, packed = data.partition(b"\0")
    return _unpacked(packed[1:]) if end and packed[:1] == b"\0" else None


def _unpacked(data: bytes) -> bytes | None:
    """Unpack what is whole, and not longer than it may be."""
    unpacking = zlib.decompressobj()
    try:
        unpacked = unpacking.decompress(data, MAX_METADATA_BYTES)
    except zlib.error:
        return None
    return unpacked if unpacking.eof else None
