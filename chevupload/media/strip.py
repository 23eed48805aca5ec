"""Copies a picture or a film without its metadata, and without touching a pixel or a sound.

May know: the floors below and this folder. What shows the picture stays: pixels, color profile, transparency,
animation. Everything else goes, known or not, and so does what follows the picture's end: phones and editors hide whole
pictures with their own Exif there. Sources: ITU T.81, PNG third edition, RFC 9649, GIF89a.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from chevupload.config import VIDEOS
from chevupload.errors import BrokenImage
from chevupload.media.structure import color_table_bytes, file_end

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIC", "MP4", "MOV", "WEBM")
"""The formats that can be stripped without encoding them anew."""

_PIECE = 65_536
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_PNG_KEPT = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sRGB sBIT bKGD hIST pHYs sPLT acTL fcTL fdAT cICP mDCV cLLI".split()
)
_WEBP_KEPT = frozenset((b"VP8X", b"ICCP", b"ANIM", b"ANMF", b"ALPH", b"VP8 ", b"VP8L"))
_GIF_KEPT = (b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012")


def strip(source: BinaryIO, target: BinaryIO, name: str) -> bool:
    """Copy what is in ``source``, of a format in :data:`FORMATS`, to ``target``; return whether anything went.

    Raises:
        BrokenImage: the container ends early or is malformed.
    """
    if name in ("AVIF", "HEIC", "MP4", "MOV"):
        from chevupload.media import blank  # noqa: PLC0415 - with all that it imports, for these alone

        return blank.blank(source, target, blank.FILM if name in VIDEOS else blank.PICTURE)
    if name == "WEBM":
        from chevupload.media.void import void  # noqa: PLC0415 - likewise

        return void(source, target)
    source.seek(0)
    try:
        {"JPEG": _strip_jpeg, "PNG": _strip_png, "WEBP": _strip_webp, "GIF": _strip_gif}[name](source, target)
    except (struct.error, IndexError) as error:
        raise BrokenImage from error
    return target.tell() != file_end(source)


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size:
        piece = source.read(min(size, _PIECE))
        if not piece:
            raise BrokenImage
        target.write(piece)
        size -= len(piece)


def _strip_jpeg(source: BinaryIO, target: BinaryIO) -> None:
    target.write(source.read(2))
    while True:
        marker = source.read(2)
        while marker == b"\xff\xff":  # fill bytes
            marker = b"\xff" + source.read(1)
        if marker[0] != 0xFF:
            raise BrokenImage
        if marker[1] == 0xD9:
            target.write(marker)
            return
        (length,) = struct.unpack(">H", source.read(2))
        body = source.read(length - 2)
        if length < 2 or len(body) < length - 2:
            raise BrokenImage
        if _jpeg_keeps(marker[1], body):
            target.write(marker + length.to_bytes(2, "big") + body)
        if marker[1] == 0xDA and not _copy_scan(source, target):
            return


def _jpeg_keeps(marker: int, body: bytes) -> bool:
    if marker == 0xE2:
        return body.startswith(b"ICC_PROFILE\0")
    if 0xE0 <= marker <= 0xEF:
        return (marker, body[:5]) in ((0xE0, b"JFIF\0"), (0xEE, b"Adobe"))
    return marker != 0xFE


def _copy_scan(source: BinaryIO, target: BinaryIO) -> bool:
    """Copy entropy-coded data up to the next marker, and leave ``source`` there; False at the end of the file."""
    while piece := source.read(_PIECE):
        if found := _MARKER.search(piece):
            target.write(piece[: found.start()])
            source.seek(found.start() - len(piece), 1)
            return True
        if piece.endswith(b"\xff") and len(piece) > 1:
            source.seek(-1, 1)
            piece = piece[:-1]
        target.write(piece)
    target.write(b"\xff\xd9")  # decoders forgive a missing end, and so do we
    return False


def _strip_png(source: BinaryIO, target: BinaryIO) -> None:
    target.write(source.read(8))
    while True:
        head = source.read(8)
        length, kind = struct.unpack(">I4s", head)
        if kind in _PNG_KEPT:
            target.write(head)
            _copy(source, target, length + 4)
        else:
            source.seek(length + 4, 1)
        if kind == b"IEND":
            return


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
    head = source.read(13)
    target.write(head)
    _copy(source, target, color_table_bytes(head[10]))
    while (introducer := source.read(1)) == b"," or introducer == b"!":
        if introducer == b",":
            head = source.read(9)
            target.write(introducer + head)
            _copy(source, target, color_table_bytes(head[8]) + 1)
            kept = True
        else:
            label = source.read(1)
            first = source.read(source.read(1)[0])
            kept = label in (b"\xf9", b"\x01") or (label == b"\xff" and first in _GIF_KEPT)
            if kept:
                target.write(introducer + label + bytes([len(first)]) + first)
            if not first:
                continue
        _copy_blocks(source, target if kept else None)
    target.write(b";")


def _copy_blocks(source: BinaryIO, target: BinaryIO | None) -> None:
    while True:
        size = source.read(1)
        block = source.read(size[0])
        if target is not None:
            target.write(size + block)
        if not block:
            return
