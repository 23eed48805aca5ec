"""What becomes of an original that is not stored as it is: its pixels, its metadata, and its file.

What the operator chose is a :class:`~chevupload.config.Originals`.
"""

from __future__ import annotations

import re
from typing import Any, BinaryIO

from PIL import Image

from chevupload.media.codecs import STRIP
from chevupload.media.color import colored, continuous, displayable, opaque
from chevupload.media.containers import exif as exif_block
from chevupload.media.renditions import Outbox
from chevupload.model import MediaFile

_PNG_MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")
_XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[2-8]")


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

    Its pixels are upright, so it says no orientation; and nothing stands behind them, so it says nothing of that.
    """
    kept = {}
    if block := info.get("exif"):
        kept["exif"] = exif_block.without_orientation(block)
    packet = info.get("xmp")
    if isinstance(packet, bytes):
        from chevupload.media import xmp  # noqa: PLC0415 - most pictures have no packet, and need no XML parser

        kept["xmp"] = xmp.without_trailer(_XMP_ORIENTATION.sub(rb"\g<1>1", packet))
    return kept


def stripped(file: BinaryIO, name: str, outbox: Outbox) -> MediaFile | None:
    """Copy the file without metadata; None when there was none to remove."""
    path, target = outbox.create()
    with target:
        is_changed = STRIP[name](file, target)
        size = target.tell()
    if not is_changed:
        outbox.drop(path)
        return None
    return MediaFile(path=path, size=size)
