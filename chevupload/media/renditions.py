"""Cuts smaller pictures out of a decoded one, and writes each as a file of a given format.

Quality was measured as PSNR against LANCZOS on the full decode; see :data:`resizing.OVERSAMPLING`. Encoder settings are
measured, too; each says its reason.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from chevupload.media import resizing
from chevupload.media.color import continuous, displayable, indexed
from chevupload.media.containers.exif import HEADER
from chevupload.model import ExtraFile, MediaFile, MediaJob
from chevupload.scaling import Size
from chevupload.spool import PREFIX

SHARP = Image.Resampling.LANCZOS
AFTER_DRAFT = Image.Resampling.HAMMING
"""A scaled decode is low-passed already. From one, photographs measure 46 to 48 dB against LANCZOS on the full decode
(fine grain 39 dB, the worst case), where Pillow's LANCZOS measures 48 to 51 dB at 2.3 times the time.
"""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_AGAIN = Image.Resampling.BICUBIC
"""For what is resized again by little: photographs measure as with Pillow's LANCZOS, at two thirds of its time."""
_SEGMENT_BYTES = 65_500
"""What fits into one JPEG segment; longer Exif or XMP is left out of a rewritten JPEG."""

Save: TypeAlias = Callable[[Image.Image, BinaryIO, int, dict[str, Any]], None]
"""Encodes a picture into a file: with a quality of 1 to 100, and Pillow's options."""


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Return ``image`` turned as its Exif orientation says; the same object when there is nothing to turn."""
    turn = _TURNS.get(orientation)
    return image if turn is None else image.transpose(turn)


@dataclass(frozen=True, slots=True)
class Picture:
    """Decoded pixels.

    Attributes:
        extent: width and height of the picture in them: a scaled decode rounds up to whole pixels.
        orientation: how they have to be turned to be upright, as Exif says it.
    """

    image: Image.Image
    extent: tuple[float, float]
    orientation: int = 1
    resampling: Image.Resampling = SHARP

    def showing(self, image: Image.Image) -> Picture:
        """Return the picture with other pixels of the same size."""
        return replace(self, image=image)

    def reduced(self, width: float) -> Picture:
        """Return the picture smaller by a whole factor, where at least ``width`` is left of the upright one.

        It is a cheap first step of everything that follows.
        """
        factor = int(1 / (width / self.extent[self.orientation >= 5]))
        if factor < 2:
            return self
        image, extent = resizing.reduced(self.image, self.extent, factor)
        return replace(self, image=image, extent=extent)

    def resized(self, size: Size, *, crop: bool = False) -> Image.Image:
        """Return the picture in ``size`` when it is upright; its pixels are not turned yet.

        With ``crop`` it is the largest centered part that has the ratio of ``size``, enlarged where it is smaller.
        """
        width, height = size if self.orientation < 5 else (size[1], size[0])
        wide, high = self.extent
        if crop:
            wide, high = min(wide, high * width / height), min(high, wide * height / width)
        left, top = (self.extent[0] - wide) / 2, (self.extent[1] - high) / 2
        box = (left, top, left + wide, top + high)
        return resizing.resized(self.image, (width, height), self.resampling, box)


def redrawn(picture: Picture, size: Size | None) -> Picture:
    """Return the picture as it will be stored: resized, unless ``size`` is None, and then turned upright.

    In this order, for turning a small one is cheaper.
    """
    whole = picture.image
    # Pillow writes the value wrongly that is transparent in a picture of two colors.
    if size is not None or (whole.mode == "1" and "transparency" in whole.info):
        picture = _blendable(picture)
    image = upright(picture.image if size is None else picture.resized(size), picture.orientation)
    if image is not whole:
        whole.close()
    return Picture(image, image.size)


def shown(picture: Picture, profile: bytes | None, width: float) -> tuple[Picture, bytes | None]:
    """Return the picture as smaller ones of at most ``width`` are made of it, with the color profile that it has then.

    Its mode is one that every browser shows.
    """
    whole = picture.image
    picture = _blendable(picture)
    has_right_colors = picture.image.mode == "RGB" and profile is None
    # Fewer pixels are cheaper to convert, and to resize where that is not cheap at once.
    if not (has_right_colors and resizing.is_quick(picture.image)):
        picture = picture.reduced(width)
    if picture.image is not whole:
        whole.close()
    if not has_right_colors:
        image, profile = displayable(picture.image, profile)
        picture = picture.showing(image)
    return picture, profile


def _blendable(picture: Picture) -> Picture:
    """Return the picture with pixels that can be blended, as those of most photographs can."""
    image = picture.image
    if image.mode == "RGB" and "transparency" not in image.info:
        return picture
    return picture.showing(continuous(image))


def derived(picture: Picture, medium: Size | None, job: MediaJob) -> tuple[Image.Image, Image.Image | None]:
    """Return the thumbnail of a picture, and its medium picture in the size ``medium``, None where there is none.

    Made from the medium picture a thumbnail measures 47 dB and more, and costs a fifth. Where it would have to be
    enlarged it falls to 46 dB (16:9) and 35 dB (panoramas).
    """
    orientation, image = picture.orientation, None
    if medium is not None:
        image = picture.resized(medium)
        if min(medium) >= job.thumb_side:
            picture = Picture(image, image.size, orientation, _AGAIN)
    thumb = picture.resized((job.thumb_side, job.thumb_side), crop=True)
    if orientation > 1:
        return upright(thumb, orientation), None if image is None else upright(image, orientation)
    return thumb, image


class _WholeWrites(io.BufferedRandom):
    """A file without a descriptor for Pillow, which takes a write for done that a full disk has cut short."""

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")


@dataclass(slots=True)
class Outbox:
    """The files that one job has written into ``folder``, with names that start with ``prefix``."""

    folder: str
    prefix: str = PREFIX
    paths: list[str] = field(default_factory=list)

    def create(self) -> tuple[str, BinaryIO]:
        """Open a new file for reading and writing, and return its path with it."""
        descriptor, path = tempfile.mkstemp(prefix=self.prefix, dir=self.folder)
        self.paths.append(path)
        return path, _WholeWrites(io.FileIO(descriptor, "w+b"))

    def discard(self) -> None:
        """Remove every file."""
        for path in self.paths:
            with suppress(FileNotFoundError):
                os.unlink(path)

    def drop(self, path: str) -> None:
        """Remove one file."""
        os.unlink(path)
        self.paths.remove(path)

    def encode(self, image: Image.Image, save: Save, quality: int, **options: Any) -> MediaFile:
        """Write ``image`` by one of the functions below, with options of Pillow's encoders."""
        path, file = self.create()
        with file:
            # Pillow falls back on what it found in the picture's own file, so what is absent is said to be absent.
            save(image, file, quality, {"exif": b"", "icc_profile": None, "xmp": b"", **options})
            size = file.seek(0, os.SEEK_END)
        return MediaFile(path=path, size=size)


class Extra(NamedTuple):
    """An additional rendition that a picture is to have, and its size when both are upright."""

    name: str
    size: Size
    crop: bool


def extras_of(size: Size, job: MediaJob) -> tuple[Extra, ...]:
    """Return the additional renditions of a picture of ``size``."""
    sizes = ((name, wanted, wanted.of(size)) for name, wanted in dict(job.extra).items())
    return tuple(Extra(name, made, wanted.crop) for name, wanted, made in sizes if made is not None)


def write_extras(
    picture: Picture, extras: tuple[Extra, ...], outbox: Outbox, save: Save, quality: int, **options: Any
) -> tuple[ExtraFile, ...]:
    """Write additional renditions, one after the other: all at once may take more memory than the picture itself."""
    files = []
    for name, size, crop in extras:
        image = upright(picture.resized(size, crop=crop), picture.orientation)
        file = outbox.encode(image, save, quality, **options)
        files.append(ExtraFile(path=file.path, size=file.size, name=name, width=size[0], height=size[1]))
    return tuple(files)


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
    indexed(image, options.get("palette")).save(file, "GIF", comment=b"")
