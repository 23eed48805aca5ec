"""What a picture says about itself: embedded title, description, date, panorama, and the Exif answer of the API.

Source: PHP's ``exif_read_data`` as Chevereto V4 stores it in ``original_exifdata``: every scalar a string, MakerNote
removed, what is no UTF-8 null. Nothing here raises on hostile data: broken Exif is an answer without tags.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from PIL import ExifTags

from chevupload.config import Originals
from chevupload.media.containers.exif import Entry, Exif

MAX_COMMENT_BYTES = 2_048
"""How much of a JPEG comment is answered."""

_MAKER_NOTE = 0x927C
_NAMES = {
    0x8769: "Exif_IFD_Pointer",
    0x8825: "GPS_IFD_Pointer",
    0xA005: "InteroperabilityOffset",
    0xA003: "ExifImageLength",
    0x9290: "SubSecTime",
    0x9291: "SubSecTimeOriginal",
    0x9292: "SubSecTimeDigitized",
    0x9C9B: "Title",
    0x9C9C: "Comments",
    0x9C9D: "Author",
    0x9C9E: "Keywords",
    0x9C9F: "Subject",
}
_WINDOWS_TAGS = range(0x9C9B, 0x9CA0)
_GPS_NAMES = {0: "GPSVersion"}
_INTEROP_NAMES = {1: "InterOperabilityIndex", 2: "InterOperabilityVersion"}
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")


@dataclass(frozen=True, slots=True)
class Texts:
    """What is embedded; None where there is nothing of it.

    Attributes:
        title: of the picture.
        description: of the picture.
        taken_at: the date as ``YYYY-MM-DD HH:MM:SS``.
        camera: maker and model.
        is_360: an equirectangular panorama.
    """

    title: str | None = None
    description: str | None = None
    taken_at: str | None = None
    camera: str | None = None
    is_360: bool = False

    def allowed(self, originals: Originals) -> Texts:
        """Return what of it may be shown."""
        if not originals.keep_exif:
            # The date is none of what is shown: an admin may ask for it as the upload's own.
            return Texts(taken_at=self.taken_at, is_360=self.is_360)
        return self if originals.camera_tag else replace(self, camera=None)


def read_texts(exif: Exif, object_name: str | None = None, packet: object = None) -> Texts:
    """Read the texts: of IPTC's ``object_name``, of Exif and of an XMP packet the first that has one."""
    if not exif.entries and packet is None:
        return Texts(title=object_name)
    windows = exif.find("IFD0", 0x9C9B)
    dates = (exif.find("EXIF", 0x9003), exif.find("IFD0", 0x0132))
    taken = (_date(entry.data) for entry in dates if entry is not None)
    makers = (_ascii(exif, 0x010F), _ascii(exif, 0x0110))
    found = Texts(
        title=object_name or (_clean(windows.data.decode("utf-16-le", "ignore")) if windows else None),
        description=_ascii(exif, 0x010E),
        taken_at=next((date for date in taken if date), None),
        camera=" ".join(filter(None, makers)) or None,
    )
    return _completed(found, packet) if isinstance(packet, bytes) else found


def _completed(texts: Texts, packet: bytes) -> Texts:
    from chevupload.media import xmp  # noqa: PLC0415 - most pictures have no packet, and need no XML parser

    read = xmp.read(packet)
    dates = (_moment(read[name][:19].replace("T", " "), "%Y-%m-%d %H:%M:%S") for name in xmp.DATES if name in read)
    makers = (_clean(read.get(name, "")) for name in (xmp.MAKER, xmp.MODEL))
    return Texts(
        title=texts.title or _clean(read.get(xmp.TITLE, "")),
        description=texts.description or _clean(read.get(xmp.DESCRIPTION, "")),
        taken_at=texts.taken_at or next((date for date in dates if date), None),
        camera=texts.camera or " ".join(filter(None, makers)) or None,
        is_360=read.get(xmp.PROJECTION) == "equirectangular",
    )


def _ascii(exif: Exif, tag: int) -> str | None:
    """Return a text of the first directory."""
    entry = exif.find("IFD0", tag)
    return _clean(_text(entry.data.split(b"\0", 1)[0])) if entry else None


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _clean(text: str) -> str | None:
    return _CONTROLS.sub(" ", text.replace("\0", "")).strip() or None


def _date(data: bytes) -> str | None:
    try:
        return _moment(data.split(b"\0", 1)[0].decode("ascii").strip(), "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return None


def _moment(text: str, spelling: str) -> str | None:
    try:
        moment = datetime.strptime(text, spelling)
    except ValueError:
        return None
    return moment.isoformat(" ") if moment.year >= 1000 and len(text) == 19 else None


def object_name(photoshop: object) -> str | None:
    """Return IPTC's object name (2:005) from Photoshop's resources, as Pillow finds them in a JPEG."""
    records = photoshop.get(0x0404) if isinstance(photoshop, dict) else None
    if not isinstance(records, bytes):
        return None
    at = 0
    while records[at : at + 1] == b"\x1c" and at + 5 <= len(records):
        size = int.from_bytes(records[at + 3 : at + 5], "big")
        if size & 0x8000:  # an extended length; nothing that matters here has one
            return None
        if records[at + 1 : at + 3] == b"\x02\x05":
            return _clean(_text(records[at + 5 : at + 5 + size]))
        at += 5 + size
    return None


def php_exif(
    exif: Exif, *, size: tuple[int, int], is_color: bool, comment: object = None, title: str | None = None
) -> dict[str, Any]:
    """Return the answer of PHP's reader for a JPEG of ``size`` as stored, without the file's name, date and size."""
    width, height = str(size[0]), str(size[1])
    computed = {
        "html": f'width="{width}" height="{height}"',
        "Height": height,
        "Width": width,
        "IsColor": "1" if is_color else "0",
    }
    if exif.is_motorola is not None:
        computed["ByteOrderMotorola"] = "1" if exif.is_motorola else "0"
    sections = _sections(exif)
    if exif.entries and (aperture := _aperture(exif)):
        computed["ApertureFNumber"] = aperture
    if isinstance(comment, bytes) and comment:
        sections["COMMENT"] = {"COMMENT": [_utf8(comment[:MAX_COMMENT_BYTES].rstrip(b"\0"))]}
    if thumbnail := sections["THUMBNAIL"]:
        sections["THUMBNAIL"] = {"THUMBNAIL": thumbnail}
    found = [name for name, tags in sections.items() if tags]
    if exif.entries and any(entry.tag in _WINDOWS_TAGS for entry in exif.entries):
        found.append("WINXP")
    answer: dict[str, Any] = {
        "FileType": "2",
        "MimeType": "image/jpeg",
        "SectionsFound": ", ".join(["ANY_TAG", *found] if exif.entries else found),
        "COMPUTED": computed,
    }
    for tags in sections.values():
        answer.update(tags)
    return answer | {"IPTC": {"title": title} if title else [], "width": width, "height": height}


def _sections(exif: Exif) -> dict[str, dict[str, Any]]:
    """Group the tags in PHP's order of sections."""
    sections: dict[str, dict[str, Any]]
    sections = {"IFD0": {}, "THUMBNAIL": {}, "COMMENT": {}, "EXIF": {}, "GPS": {}, "INTEROP": {}}
    for entry in exif.entries:
        if entry.tag != _MAKER_NOTE:
            sections[entry.directory][_name(entry)] = _value(entry)
    return sections


def _aperture(exif: Exif) -> str | None:
    entry = exif.find("EXIF", 0x829D)
    if entry is None or entry.kind not in (5, 10):
        return None
    number, divisor = entry.numbers()[:2]
    return f"f/{number / divisor:.1f}" if divisor else None


def _name(entry: Entry) -> str:
    if entry.directory == "GPS":
        name = _GPS_NAMES.get(entry.tag) or ExifTags.GPSTAGS.get(entry.tag)
    elif entry.directory == "INTEROP":
        name = _INTEROP_NAMES.get(entry.tag) or ExifTags.TAGS.get(entry.tag)
    else:
        name = _NAMES.get(entry.tag) or ExifTags.TAGS.get(entry.tag)
    return name or f"UndefinedTag:0x{entry.tag:04X}"


def _value(entry: Entry) -> str | list[str | None] | None:
    if entry.tag in _WINDOWS_TAGS and entry.kind in (1, 7):
        return entry.data.decode("utf-16-le", "ignore").split("\0", 1)[0]
    if entry.kind == 2:
        return _utf8(entry.data.split(b"\0", 1)[0])
    if entry.kind == 7 or (entry.kind in (1, 6) and len(entry.data) > 1):
        return _utf8(entry.data)
    numbers = entry.numbers()
    values: list[str | None]
    if entry.kind in (5, 10):
        values = [f"{n}/{d}" for n, d in zip(numbers[::2], numbers[1::2], strict=True)]
    else:
        values = [_number(number) for number in numbers]
    return values[0] if len(values) == 1 else values


def _number(number: int | float) -> str | None:
    return str(number) if isinstance(number, int) or math.isfinite(number) else None


def _utf8(data: bytes) -> str | None:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None
