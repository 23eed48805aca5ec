"""What the Exif of an upload tells its viewers: date, camera, lens, exposure and place.

It is read from the record, which has PHP's answer about a JPEG whose Exif is stored with it; a file is never opened.
Source: PHP's ``exif_read_data`` for the names and for how fractions are spelled.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from chevupload.model import Upload

_SPACES = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_MAX_LENGTH = 100
"""Characters of a text."""


def exif_details(upload: Upload) -> dict[str, str]:
    """Return what is known, by what people call it; empty where there is no Exif."""
    if upload.original_exifdata is None:
        return {}
    tags = json.loads(upload.original_exifdata)
    found = {
        "Taken": _taken(tags.get("DateTimeOriginal")),
        "Camera": _camera(_text(tags.get("Make")), _text(tags.get("Model"))),
        "Lens": _text(tags.get("LensModel")),
        "Exposure": _exposure(tags),
        "Place": _place(tags),
    }
    return {name: text for name, text in found.items() if text}


def _text(value: Any) -> str:
    return _SPACES.sub(" ", value).strip()[:_MAX_LENGTH] if isinstance(value, str) else ""


def _taken(value: Any) -> str:
    text = _text(value)
    if not text:
        return ""
    try:
        moment = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")
    except ValueError:
        return ""
    return f"{moment.day} {moment:%B %Y, %H:%M}"


def _camera(maker: str, model: str) -> str:
    """Name maker and model, the maker once: many a model begins with it."""
    return model if maker and model.lower().startswith(maker.lower()) else f"{maker} {model}".strip()


def _number(value: Any) -> float | None:
    """Read a fraction such as ``56/10``, or a whole number."""
    number, _, divisor = value.partition("/") if isinstance(value, str) else ("", "", "")
    try:
        return float(number) / float(divisor or 1)
    except (ValueError, ZeroDivisionError):
        return None


def _exposure(tags: dict[str, Any]) -> str:
    time, aperture = _number(tags.get("ExposureTime")), _number(tags.get("FNumber"))
    sensitivity = _number(tags.get("ISOSpeedRatings"))
    parts = []
    if time is not None and time > 0:
        parts.append(f"1/{round(1 / time)} s" if time < 0.3 else f"{time:.3g} s")
    if aperture is not None and aperture > 0:
        parts.append(f"f/{aperture:.3g}")
    if sensitivity is not None and sensitivity > 0:
        parts.append(f"ISO {sensitivity:.0f}")
    return ", ".join(parts)


def _place(tags: dict[str, Any]) -> str:
    """Spell latitude and longitude in degrees, to about ten metres."""
    latitude = _degrees(tags.get("GPSLatitude"), 90)
    longitude = _degrees(tags.get("GPSLongitude"), 180)
    north, east = tags.get("GPSLatitudeRef"), tags.get("GPSLongitudeRef")
    if latitude is None or longitude is None or north not in ("N", "S") or east not in ("E", "W"):
        return ""
    return f"{latitude:.4f}° {north}, {longitude:.4f}° {east}"


def _degrees(value: Any, most: int) -> float | None:
    """Read degrees, minutes and seconds."""
    numbers = [_number(part) for part in value] if isinstance(value, list) else []
    if len(numbers) != 3 or None in numbers:
        return None
    degrees = sum((number or 0) / 60**place for place, number in enumerate(numbers))
    return degrees if 0 <= degrees <= most else None
