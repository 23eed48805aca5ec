"""What is broken, switched off or too large is refused, before it is decoded where the header tells."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from tests.media.pictures import NAMES, PNG, chunk, encoded, photo, processed, refused, riff, textured


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("part", [0.3, 0.7, 0.95])
def test_truncated_pictures_are_refused(tmp_path: Path, name: str, part: float) -> None:
    """Half a picture is none, and leaves no file."""
    data = encoded(textured((600, 400)), name)
    assert refused(tmp_path, data[: int(len(data) * part)]).code == 610


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0",
        b"GIF89a<?php echo 1; ?>" * 9,
        PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 9, 9, 3, 7, 0, 0, 0)) + chunk(b"IDAT", b"a") + chunk(b"IEND", b""),
        PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 2, 0, 0, 0)) + chunk(b"IDAT", b"a") + chunk(b"IEND", b""),
        b"BM" + struct.pack("<IIIIiiHHIIIIII", 99, 0, 54, 40, 10, 10, 1, 24, 7, 0, 0, 0, 0, 0),
        b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + b"\0\0\0\x10meta" + b"\0" * 8,
    ],
)
def test_broken_pictures_are_refused(tmp_path: Path, data: bytes) -> None:
    """Whatever a decoder raises is a refusal with code 610."""
    assert refused(tmp_path, data).code == 610


def test_disabled_formats_are_named(tmp_path: Path) -> None:
    """The message says which format is switched off."""
    error = refused(tmp_path, encoded(photo((9, 9)), "WEBP"), formats=("JPEG",))
    assert (error.code, error.message) == (614, "Disabled image format (webp)")


def png_header(width: int, height: int, *before: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return PNG + header + b"".join(before) + chunk(b"IDAT", zlib.compress(b"\0" * 999)) + chunk(b"IEND", b"")


def webp_header(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    body = b"WEBP" + riff(b"VP8L", b"\x2f" + bits.to_bytes(4, "little") + b"\0" * 64)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def animated(frames: int, side: int) -> bytes:
    """Return the chunks that promise so many frames, and begin the first."""
    first = struct.pack(">IIIIIHHBB", 0, side, side, 0, 0, 1, 10, 0, 0)
    return chunk(b"acTL", struct.pack(">II", frames, 0)) + chunk(b"fcTL", first)


BOMBS = {
    "png": png_header(13_300, 13_300),
    "apng": png_header(40, 40, animated(2**31 - 1, 40)),
    "apng-total": png_header(1_000, 1_000, animated(501, 1_000)),
    "webp": webp_header(16_383, 16_383),
    "gif": b"GIF89a\x88\x13\x88\x13\0\0\0" + b",\0\0\0\0\x88\x13\x88\x13\0\2\2\x4c\1\0" * 20_000 + b";",
    "jpeg": encoded(photo((60, 40)), "JPEG").replace(b"\0\x28\0\x3c", b"\xff\xdc\xff\xdc"),
    "bmp": encoded(photo((60, 40)), "BMP").replace(b"<\0\0\0(\0\0\0\1", b"\0\0\1\0\0\0\1\0\1"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_before_decoding(tmp_path: Path, name: str) -> None:
    """Too many pixels or frames are told by the header, and the message says the limit."""
    error = refused(tmp_path, BOMBS[name])
    assert (error.status, "max" in error.message) == (413, True)


@pytest.mark.slow
def test_pixels_below_the_limit_need_no_leave_of_pillow(tmp_path: Path) -> None:
    """A site's own limit counts, above Pillow's warnings too."""
    data = encoded(Image.new("1", (9_500, 9_500)), "PNG")
    assert processed(tmp_path, data, max_pixels=100_000_000, medium_side=50, thumb_side=50).width == 9_500
