"""Copies a picture or a film without its metadata, and without touching a pixel or a sound.

What shows the picture stays: pixels, color profile, transparency, animation. Everything else goes, known or not, and
so does what follows the picture's end: phones and editors hide whole pictures with their own Exif there. Sources: ITU
T.81, PNG third edition, RFC 9649, GIF89a.
"""

from __future__ import annotations

import shutil
import struct
from typing import BinaryIO

from chevupload.errors import BrokenImage
from chevupload.media.containers import gif, jpeg, png

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIC", "MP4", "MOV", "WEBM")
"""The formats that can be stripped without encoding them anew."""

_PIECE = 65_536
_JPEG_KEPT = (*jpeg.FRAMES, 0xC4, 0xCC, *range(0xDA, 0xE0))
"""What decodes a JPEG; besides, :data:`_JPEG_APPLICATIONS` and color profiles stay."""
_JPEG_APPLICATIONS = {(0xE0, b"JFIF\0"): 14, (0xEE, b"Adobe"): 12}
"""What tells a JPEG's colors and pixels' shape, by marker and name, and its length: a thumbnail may stand behind."""
_WEBP_KEPT = frozenset((b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"))
_GIF_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")


def strip(source: BinaryIO, target: BinaryIO, name: str) -> bool:
    """Copy what is in ``source``, of a format in :data:`FORMATS`, to ``target``; return whether anything went.

    Raises:
        BrokenImage: the container ends early or is malformed.
    """
    if name in ("AVIF", "HEIC", "MP4", "MOV"):
        from chevupload.media.containers import isobmff_strip  # noqa: PLC0415 - with all that it imports, for these alone

        return isobmff_strip.blank(
            source, target, isobmff_strip.FILM if name in ("MP4", "MOV") else isobmff_strip.PICTURE
        )
    if name == "WEBM":
        from chevupload.media.containers.matroska import void  # noqa: PLC0415 - likewise

        return void(source, target)
    source.seek(0)
    try:
        {"JPEG": _strip_jpeg, "PNG": _strip_png, "WEBP": _strip_webp, "GIF": _strip_gif}[name](source, target)
    except (struct.error, IndexError) as error:
        raise BrokenImage from error
    size = target.tell()
    return size != file_end(source) or not _is_same(source, target, size)


def _is_same(source: BinaryIO, target: BinaryIO, size: int) -> bool:
    source.seek(0)
    target.seek(0)
    is_same = all(source.read(_PIECE) == target.read(_PIECE) for _ in range(0, size, _PIECE))
    target.seek(size)
    return is_same


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size:
        piece = source.read(min(size, _PIECE))
        if not piece:
            raise BrokenImage
        target.write(piece)
        size -= len(piece)


def _strip_jpeg(source: BinaryIO, target: BinaryIO) -> None:
    target.write(jpeg.SOI)
    at, segments, has_scan = len(jpeg.SOI), 0, False
    while (segment := jpeg.segment_after(source, at)) is not None and segment.marker != jpeg.EOI:
        at, segments = segment.end, segments + 1
        if segments > jpeg.MAX_SEGMENTS:
            raise BrokenImage
        body = jpeg.data(source, segment)
        if len(body) < segment.end - segment.body:
            raise BrokenImage
        if (kept := _jpeg_kept(segment.marker, body)) is not None:
            target.write(jpeg.written(segment.marker, kept))
        if segment.marker == jpeg.SOS:
            has_scan, at = True, jpeg.scan_end(source, segment.end)
            source.seek(segment.end)
            _copy(source, target, at - segment.end)
    if not has_scan:
        raise BrokenImage
    target.write(jpeg.END)  # decoders forgive a missing end, and so do we


def _jpeg_kept(marker: int, body: bytes) -> bytes | None:
    """Return what stays of what a segment holds, None where all of it goes."""
    if marker in _JPEG_KEPT or (marker == 0xE2 and body.startswith(b"ICC_PROFILE\0")):
        return body
    length = _JPEG_APPLICATIONS.get((marker, body[:5]))
    if length is None or len(body) < length:
        return None
    return body[:12] + bytes(length - 12)


def _strip_png(source: BinaryIO, target: BinaryIO) -> None:
    found = png.shown(source)
    with found.pieces.opened() as shown:
        _copy(shown, target, png.HEADER_BYTES)
        if profile := png.profile_chunk(source, found):
            source.seek(profile.at)
            _copy(source, target, profile.end - profile.at)
        shown.seek(png.HEADER_BYTES)
        shutil.copyfileobj(shown, target, _PIECE)


def _strip_webp(source: BinaryIO, target: BinaryIO) -> None:
    head = source.read(12)
    end = 8 + int.from_bytes(head[4:8], "little")
    target.write(head)
    while source.tell() + 8 <= end:
        head = source.read(8)
        kind, length = struct.unpack("<4sI", head)
        if kind not in _WEBP_KEPT:
            source.seek(length + length % 2, 1)
            continue
        target.write(head)
        if kind == b"VP8X":
            flags = source.read(1)[0]
            target.write(bytes([flags & ~0x0C]))  # neither Exif nor XMP follows any more
            length -= 1
            _copy(source, target, length)
            continue
        _copy(source, target, length)
        if length % 2:
            source.seek(1, 1)
            target.write(b"\0")
    size = target.tell()
    target.seek(4)
    target.write((size - 8).to_bytes(4, "little"))
    target.seek(size)


def _strip_gif(source: BinaryIO, target: BinaryIO) -> None:
    size = file_end(source)
    source.seek(0)
    head = source.read(gif.HEADER_BYTES)
    target.write(head)
    _copy(source, target, gif.color_table_bytes(head[10]))
    has_picture = False
    for block in gif.blocks(source):
        has_picture |= block.kind == gif.IMAGE
        if not _gif_keeps(source, block):
            continue
        source.seek(block.start)
        _copy(source, target, min(block.end, size) - block.start)
        if not block.is_whole:  # the only picture of the file, which has its pixels, and no end
            target.write(bytes(max(0, block.end - size) + 1))
    if not has_picture:
        raise BrokenImage
    target.write(b";")


def _gif_keeps(source: BinaryIO, block: gif.Block) -> bool:
    if block.kind == gif.IMAGE:
        return True
    source.seek(block.data)
    first = source.read(source.read(1)[0]) if block.is_whole else b""
    return block.is_whole and (block.head in (b"\xf9", b"\x01") or (block.head == b"\xff" and first in _GIF_KEPT))


def file_end(file: BinaryIO) -> int:
    """Return the size of ``file`` and keep its position."""
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    return end
