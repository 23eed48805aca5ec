"""A file's format by its first bytes, and a picture's size and frames by its container, without decoding anything.

Pillow's WebP decoder allocates two canvases when it opens a file, and counting frames with Pillow walks the whole
animation; so GIF, PNG and WEBP are measured here first, by seeking, in bounded time. Sources: GIF89a, PNG third
edition, RFC 9649 (WebP), ISO/IEC 14496-12 (the brands of AVIF, HEIF and MP4), the QuickTime file format, RFC 8794
(EBML, the head of WebM).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import BinaryIO

from chevupload.errors import BrokenImage, NotAnImage, TooManyPixels, UnavailableFormat
from chevupload.media.containers import ebml, gif, png
from chevupload.media.containers.raster import file_end

HEAD_BYTES = 4_096
"""How much of a file :func:`sniff` looks at."""
MAX_CHUNKS = 100_000
"""Chunks of one WebP; each costs Pillow some microseconds."""

_BMP = re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL)
_UNAVAILABLE = re.compile(
    rb"II[*+]\0|MM\0[*+]"  # TIFF
    rb"|\0\0[\x01\x02]\0[^\0]\0"  # ICO, CUR
    rb"|8BPS\0[\x01\x02]"  # PSD
    rb"|\xff\x0a|\0\0\0\x0cJXL |\0\0\0\x0cjP  |\xff\x4f\xff\x51"  # JPEG XL, JPEG 2000
    rb"|\x1a\x45\xdf\xa3"  # other EBML
    rb"|RIFF.{4}AVI |\0\0\x01[\xb3\xba]|FLV\x01",
    re.DOTALL,
)
_QUICKTIME = re.compile(rb"[\0-\x1f].{3}(?:moov|mdat|wide|free|skip|pnot)", re.DOTALL)
"""QuickTime from before there were brands: a length below 512 MB, which no text starts with, and an atom."""
_AUDIO_BRAND = re.compile(rb"M4[ABP] |F4[AB] |aax |aaxc")
_OTHER_BRAND = re.compile(rb"he[iv][cxmsf]|mi[fa][12f]|msf1|avi[fsco]|crx |jp[2mx] ")
"""HEIF of several frames or another codec, raw photographs, JPEG 2000."""
_MP4_BRAND = re.compile(rb"iso[2-9a-m]|mp4[12]|mp71|avc1|dash|M4V[ HP]|f4v |XAVC|MSNV|mmp4")


@dataclass(frozen=True, slots=True)
class Structure:
    """What a container says of its picture.

    Attributes:
        width: pixels of the canvas; height likewise.
        frames: 1 for a still picture.
        is_lossless: a WebP of the kind whose pixels are kept to the last bit.
    """

    width: int
    height: int
    frames: int
    is_lossless: bool = False

    def check(self, *, max_pixels: int, max_total_pixels: int, max_frames: int) -> None:
        """Hold it against the limits.

        Raises:
            TooManyPixels: one of them is exceeded.
        """
        if self.frames > max_frames:
            raise TooManyPixels(f"Image has too many frames - max {max_frames}")
        pixels = self.width * self.height
        if pixels > max_pixels:
            raise TooManyPixels(f"Image has too many pixels - {self.width}x{self.height}, max {max_pixels}")
        if pixels * self.frames > max_total_pixels:
            raise TooManyPixels(f"Image has too many pixels in all its frames - max {max_total_pixels}")


def sniff(head: bytes) -> str:
    """Name the format of a file that starts with ``head``: a picture's by Pillow's names, or MP4, MOV or WEBM.

    Matroska is WEBM, too, as far as one can tell from here: what a browser records is told apart by its codecs.

    Raises:
        UnavailableFormat: another known picture or video format.
        NotAnImage: anything else.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(png.SIGNATURE):
        return "PNG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head[4:8] == b"ftyp":
        return _brand(head)
    if _BMP.match(head):
        return "BMP"
    if ebml.document_type(head) in (b"webm", b"matroska"):
        return "WEBM"
    if _QUICKTIME.match(head):
        return "MOV"
    if _UNAVAILABLE.match(head):
        raise UnavailableFormat
    raise NotAnImage


def _brand(head: bytes) -> str:
    if head[8:12] in (b"avif", b"avis"):
        return "AVIF"
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brand, *compatible = [head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))]
    if brand in (b"mif1", b"msf1", b"miaf") and {b"avif", b"avis"}.intersection(compatible):
        return "AVIF"
    if brand in (b"heic", b"heix") or (brand == b"mif1" and {b"heic", b"heix"}.intersection(compatible)):
        return "HEIC"
    if _AUDIO_BRAND.match(brand):
        raise NotAnImage
    if _OTHER_BRAND.match(brand):
        raise UnavailableFormat
    # A camera maker's own brand, or 3GP's, is followed by those that players know.
    for known in (brand, *compatible):
        if known == b"qt  ":
            return "MOV"
        if _MP4_BRAND.match(known):
            return "MP4"
    raise UnavailableFormat


def measure(file: BinaryIO, name: str, *, max_frames: int) -> Structure | None:
    """Measure a GIF, PNG or WEBP file from its container; None for the formats whose decoder opens without allocating.

    Raises:
        BrokenImage: the container is malformed or ends early.
        TooManyPixels: it has more than ``max_frames`` frames; the rest is not walked.
    """
    walk = {"GIF": _measure_gif, "PNG": _measure_png, "WEBP": _measure_webp}.get(name)
    if walk is None:
        return None
    file.seek(0)
    try:
        return walk(file, max_frames)
    except (struct.error, IndexError) as error:
        raise BrokenImage from error


def _check_frames(frames: int, max_frames: int) -> None:
    if frames > max_frames:
        raise TooManyPixels(f"Image has too many frames - max {max_frames}")


def _measure_png(file: BinaryIO, max_frames: int) -> Structure:
    found = png.shown(file)
    _check_frames(found.frames, max_frames)
    return Structure(found.width, found.height, found.frames)


def _measure_webp(file: BinaryIO, max_frames: int) -> Structure:
    file.seek(4)
    end = 8 + int.from_bytes(file.read(4), "little")
    if end > file_end(file):
        raise BrokenImage
    size: tuple[int, int] | None = None
    frames, at, is_lossless = 0, 12, False
    for _ in range(MAX_CHUNKS):
        if at + 8 > end:
            break
        file.seek(at)
        kind, length = struct.unpack("<4sI", file.read(8))
        is_lossless |= kind == b"VP8L"
        if size is None:
            size = _webp_canvas(kind, file.read(10))
        frames += kind == b"ANMF"
        _check_frames(frames, max_frames)
        at += 8 + length + length % 2
    # The padding byte of the last chunk is often left out.
    if size is None or at + 8 <= end or at > end + 1:
        raise BrokenImage
    return Structure(*size, max(frames, 1), is_lossless)


def _webp_canvas(kind: bytes, data: bytes) -> tuple[int, int]:
    if kind == b"VP8X":
        return int.from_bytes(data[4:7], "little") + 1, int.from_bytes(data[7:10], "little") + 1
    if kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[6:10])
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L" and data[:1] == b"\x2f":
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise BrokenImage


def _measure_gif(file: BinaryIO, max_frames: int) -> Structure:
    file.seek(6)
    width, height = struct.unpack("<HH", file.read(4))
    frames = 0
    for block in gif.blocks(file):
        if block.kind == gif.IMAGE:
            left, top, wide, high = struct.unpack("<HHHH", block.head[:8])
            frames += 1
            _check_frames(frames, max_frames)
            if frames == 1:  # a first frame larger than the canvas enlarges it
                width, height = max(width, left + wide), max(height, top + high)
            elif not block.is_whole:
                raise BrokenImage
    # Whether the only frame has all its pixels, its decoder tells.
    if not frames:
        raise BrokenImage
    return Structure(width, height, frames)
