"""Writes one picture as a file of a given format, and forgets none of the files when something fails.

Encoder settings are measured; each says its reason.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO, TypeAlias

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from chevupload.media.containers.exif import HEADER
from chevupload.model import MediaFile
from chevupload.spool import PREFIX

_SEGMENT_BYTES = 65_500
"""What fits into one JPEG segment; longer Exif or XMP is left out of a rewritten JPEG."""


Save: TypeAlias = Callable[[Image.Image, BinaryIO, int, dict[str, Any]], None]
"""Encodes a picture into a file: with a quality of 1 to 100, and Pillow's options."""


class _WholeWrites(io.BufferedRandom):
    """A file without a descriptor for Pillow, which takes a write for done that a full disk has cut short."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


class Outbox:
    """The files that one job has written."""

    def __init__(self, folder: str, prefix: str = PREFIX) -> None:
        """Write into ``folder``, with names that start with ``prefix``."""
        self._folder = folder
        self._prefix = prefix
        self._paths: list[str] = []

    def create(self) -> tuple[str, BinaryIO]:
        """Open a new file for reading and writing, and return its path with it."""
        descriptor, path = tempfile.mkstemp(prefix=self._prefix, dir=self._folder)
        self._paths.append(path)
        return path, _WholeWrites(io.FileIO(descriptor, "w+b"))

    def discard(self) -> None:
        """Remove every file."""
        for path in self._paths:
            with suppress(FileNotFoundError):
                os.unlink(path)

    def drop(self, path: str) -> None:
        """Remove one file."""
        os.unlink(path)
        self._paths.remove(path)

    def encode(self, image: Image.Image, save: Save, quality: int, **options: Any) -> MediaFile:
        """Write ``image`` by one of the functions below, with options of Pillow's encoders."""
        path, file = self.create()
        with file:
            # Pillow falls back on what it found in the picture's own file, so what is absent is said to be absent.
            save(image, file, quality, {"exif": b"", "icc_profile": None, "xmp": b"", **options})
            size = file.seek(0, os.SEEK_END)
        return MediaFile(path=path, size=size)


def md5_of(path: str) -> str:
    """Hash a file that was written."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def save_jpeg(image: Image.Image, file: BinaryIO, quality: int, options: dict[str, Any]) -> None:
    """Write a JPEG."""
    if options["exif"]:
        options["exif"] = HEADER + options["exif"].removeprefix(HEADER)
    for key in ("exif", "xmp"):
        if len(options[key]) > _SEGMENT_BYTES:
            options[key] = b""
    image.save(file, "JPEG", quality=quality, comment=b"", **options)


def save_png(image: Image.Image, file: BinaryIO, quality: int, options: dict[str, Any]) -> None:
    """Write a PNG; it has no quality.

    Originals, and what has a palette or metadata, go through Pillow, whose level 3 costs 5 to 10 % less processor time
    than 6; photographs grow by 1 %.
    """
    from chevupload.media import png_writer  # noqa: PLC0415 - brings isal, which other formats do not need

    packet = options.pop("xmp")
    is_plain = image.mode in png_writer.COLOR_TYPES and "transparency" not in image.info
    if is_plain and not packet and not options["exif"] and image.width * image.height <= png_writer.MAX_PIXELS:
        png_writer.write(image, file, icc_profile=options["icc_profile"])
        return
    if packet:
        options["pnginfo"] = PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode("utf-8", "ignore"))
    image.save(file, "PNG", compress_level=3, **options)


def save_webp(image: Image.Image, file: BinaryIO, quality: int, options: dict[str, Any]) -> None:
    """Write a WebP. Method 2 takes half the time of Pillow's default 4; files grow by 1 %."""
    image.save(file, "WEBP", quality=quality, method=2, **options)


def save_avif(image: Image.Image, file: BinaryIO, quality: int, options: dict[str, Any]) -> None:
    """Write an AVIF.

    A medium picture takes 13 ms at speed 9 and 107 ms at Pillow's default 6, with the same 42.7 dB; 8 takes 47 ms for
    5 % fewer bytes. One thread, since the number of workers says how many processors are used.
    """
    image.save(file, "AVIF", quality=quality, speed=9, max_threads=1, **options)


def save_gif(image: Image.Image, file: BinaryIO, quality: int, options: dict[str, Any]) -> None:
    """Write a GIF, which has no quality, in the colors of the option ``palette``."""
    _indexed(image, options.get("palette")).save(file, "GIF", comment=b"")


def _indexed(image: Image.Image, palette: list[int] | None) -> Image.Image:
    """Reduce ``image`` to the colors of ``palette``, or to its own where that one is too poor to blend with."""
    if image.mode in ("L", "P", "1"):
        return image
    alpha = image.getchannel("A") if image.mode in ("RGBA", "LA") else None
    # Re-using the palette costs a sixth of a median cut. Line art of few colors has no shades for the edges.
    if palette is None or len(palette) < 3 * 128:
        if alpha is None:
            return image.convert("RGB").quantize(255, Image.Quantize.FASTOCTREE)
        palette = image.convert("RGB").quantize(255, Image.Quantize.FASTOCTREE).getpalette()
    assert palette is not None
    # 255 colors, so that one index stays for the transparent pixels.
    chart = Image.new("P", (1, 1))
    chart.putpalette(palette[: 3 * 255])
    indexed = image.convert("RGB").quantize(palette=chart, dither=Image.Dither.NONE)
    if alpha is not None:
        free = min(len(palette) // 3, 255)
        indexed.putpalette([*palette[: 3 * free], 0, 0, 0])
        indexed.paste(free, mask=alpha.point(_CLEAR))
        indexed.info["transparency"] = free
    return indexed


_CLEAR = [255 if value < 128 else 0 for value in range(256)]
