"""Writes one picture as a file of a given format, and forgets none of the files when something fails.

Encoder settings are measured; each says its reason.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from contextlib import suppress
from typing import Any, BinaryIO

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from chevupload.model import MediaFile
from chevupload.spool import PREFIX

JPEG_SEGMENT_BYTES = 65_500
"""What fits into one JPEG segment; longer Exif or XMP is left out of a rewritten JPEG."""


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

    def encode(self, image: Image.Image, name: str, quality: int, **extras: Any) -> MediaFile:
        """Encode ``image`` in format ``name``; ``extras`` are Pillow's options, and a ``palette`` for GIF."""
        if name == "GIF":
            image = _indexed(image, extras.pop("palette", None))
        options = _options(name, quality, extras)
        path, file = self.create()
        with file:
            image.save(file, name, **options)
            size = file.seek(0, os.SEEK_END)
        return MediaFile(path=path, size=size)


def md5_of(path: str) -> str:
    """Hash a file that was written."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _options(name: str, quality: int, extras: dict[str, Any]) -> dict[str, Any]:
    # Pillow falls back on image.info for some of these, so an absent profile or comment is said to be absent.
    options: dict[str, Any] = {"exif": b"", "icc_profile": None, "xmp": b""}
    options.update({key: value for key, value in extras.items() if value})
    if name == "JPEG":
        exif = options["exif"]
        if exif and not exif.startswith(b"Exif\0\0"):
            options["exif"] = b"Exif\0\0" + exif
        for key in ("exif", "xmp"):
            if len(options.get(key) or b"") > JPEG_SEGMENT_BYTES:
                del options[key]
        return options | {"quality": quality, "comment": b""}
    if name == "PNG":
        if packet := options.pop("xmp", None):
            options["pnginfo"] = PngInfo()
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", packet.decode("utf-8", "ignore"))
        # Level 3 costs 5 to 10 % less processor time than 6; photographs grow by 1 %.
        return options | {"compress_level": 3}
    if name == "WEBP":
        # Method 2 takes half the time of Pillow's default 4; files grow by 1 %.
        return options | {"quality": quality, "method": 2}
    if name == "AVIF":
        # A medium picture takes 13 ms at speed 9 and 107 ms at Pillow's default 6, with the same 42.7 dB; 8 takes 47 ms
        # for 5 % fewer bytes. One thread, since the number of workers says how many processors are used.
        return options | {"quality": quality, "speed": 9, "max_threads": 1}
    return {"comment": b""}


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
