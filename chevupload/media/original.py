"""What becomes of an original: its size, its format, its metadata, and the file that is stored instead of it.

Source: contract of the API, section 7, Chevereto V4, and what the operator chose,
:class:`~chevupload.config.Originals`.
"""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from PIL import Image

from chevupload.errors import WidthTooLarge
from chevupload.media import promises
from chevupload.media.color import colored, continuous, displayable, opaque
from chevupload.media.containers import exif as exif_block
from chevupload.media.containers import raster as strip
from chevupload.media.encode import Outbox
from chevupload.model import MediaFile, MediaJob
from chevupload.scaling import to_height, to_width

_MAX_SIDES = {"JPEG": 65_500, "WEBP": 16_383}
"""Longest side that an encoder writes, in pixels; PNG has no limit that a picture could meet."""
_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]")


def stored_size(full: tuple[int, int], job: MediaJob) -> tuple[int, int]:
    """Return the size to store a still picture of size ``full`` in: the smaller of what request and operator say.

    Raises:
        WidthTooLarge: the request asks for more than there is.
    """
    size = _boxed(full, job.originals.max_width, job.originals.max_height)
    if job.width is None:
        return size
    if job.width > full[0]:
        raise WidthTooLarge
    return to_width(full, job.width) if job.width < size[0] else size


def _boxed(size: tuple[int, int], max_width: int | None, max_height: int | None) -> tuple[int, int]:
    width, height = size
    if max_width is not None and width > max_width:
        width, height = to_width(size, max_width)
    if max_height is not None and height > max_height:
        width, height = to_height(size, max_height)
    return width, height


def converted_format(name: str, size: tuple[int, int], job: MediaJob) -> str | None:
    """Return what the operator has still pictures of format ``name`` converted to; None where it does not fit."""
    target = job.originals.target(name)
    return None if target is None or max(size) > _MAX_SIDES.get(target, max(size)) else target


def converted(image: Image.Image, profile: bytes | None, target: str) -> tuple[Image.Image, bytes | None]:
    """Return ``image`` in a mode that format ``target`` has, with the profile that belongs to it then."""
    if target == "PNG" and image.mode in _PNG_MODES:
        return image, profile
    image, profile = displayable(continuous(image), profile)
    if target == "JPEG":
        return opaque(image), profile
    return colored(image, profile)


def kept_metadata(info: dict[Any, Any]) -> dict[str, bytes]:
    """Return the metadata that a rewritten original keeps.

    Its pixels are upright, so it says no orientation; and nothing stands behind them, so it promises none of it.
    """
    kept = {"exif": exif_block.without_orientation(info.get("exif") or b"")}
    packet = info.get("xmp")
    if isinstance(packet, bytes):
        kept["xmp"] = promises.without_promises(_XMP_ORIENTATION.sub(rb"\g<1>1", packet))
    return kept


def stripped(file: BinaryIO, name: str, outbox: Outbox) -> MediaFile | None:
    """Copy the file without metadata; None when there was none to remove."""
    path, target = outbox.create()
    with target:
        is_changed = strip.strip(file, target, name)
        size = target.tell()
    if not is_changed:
        outbox.drop(path)
        return None
    return MediaFile(path=path, size=size)
