"""What else is done with each of the formats of :mod:`chevupload.formats`: one table for each verb, by its name.

What tells and opens them stands in :mod:`chevupload.media.decode`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import BinaryIO

from chevupload.media import color_description, renditions
from chevupload.media.containers import gif, isobmff_strip, jpeg, matroska, png, webp

COLORS: Mapping[str, Callable[[BinaryIO, bytes | None, str], color_description.Colors]] = {
    "PNG": color_description.of_png,
    "BMP": color_description.of_bmp,
    "AVIF": color_description.of_items,
    "HEIC": color_description.of_items,
}
"""Returns what pixels mean where a file says it by more than an ICC profile: by the file, the profile that its decoder
found, and the mode of its pixels in Pillow's names."""


def _strip_heic(source: BinaryIO, target: BinaryIO) -> bool:
    from chevupload.media import heif  # noqa: PLC0415 - an extra

    return heif.strip(source, target)


_strip_film = partial(isobmff_strip.strip, kept=isobmff_strip.FILM)

STRIP: Mapping[str, Callable[[BinaryIO, BinaryIO], bool]] = {
    "JPEG": jpeg.strip,
    "PNG": png.strip,
    "GIF": gif.strip,
    "WEBP": webp.strip,
    "AVIF": partial(isobmff_strip.strip, kept=isobmff_strip.PICTURE),
    "HEIC": _strip_heic,
    "MP4": _strip_film,
    "MOV": _strip_film,
    "WEBM": matroska.strip,
}
"""Copies one file to another, which is open for reading too, without its metadata and without touching a pixel or a
sound; returns whether the copy differs.

What shows the picture is kept: pixels, color profile, transparency, animation. Everything else goes, known or not, and
so does what follows the picture's end: phones and editors hide whole pictures with their own Exif there.

Raises:
    BrokenImage: the container ends early or is malformed.
"""

ENCODE: Mapping[str, renditions.Save] = {
    "JPEG": renditions.save_jpeg,
    "PNG": renditions.save_png,
    "GIF": renditions.save_gif,
    "WEBP": renditions.save_webp,
    "AVIF": renditions.save_avif,
}
"""Writes a picture."""
MAX_SIDES = {"JPEG": 65_500, "WEBP": 16_383}
"""Longest side that an encoder writes, in pixels; PNG has no limit that a picture could meet."""
