"""Pictures made for the tests, and jobs on them."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageStat

from chevupload import errors
from chevupload.config import Originals
from chevupload.formats import FORMATS
from chevupload.media import render as image
from chevupload.model import MediaFile, MediaJob, MediaResult

NAMES = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")
PNG = b"\x89PNG\r\n\x1a\n"
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

DEFAULTS: dict[str, Any] = {
    "formats": tuple(FORMATS),
    "width": None,
    "thumb_side": 320,
    "medium_side": 500,
    "medium_fixed": "width",
    "quality": 90,
    "max_pixels": 50_000_000,
    "max_total_pixels": 500_000_000,
    "max_frames": 2_000,
    "max_scans": 100,
}


def job(source: Path, **changes: Any) -> MediaJob:
    """Make a job on ``source`` that writes into a folder ``out`` beside it; originals by their fields' names."""
    if "folder" not in changes:
        changes["folder"] = str(source.parent / "out")
        Path(changes["folder"]).mkdir(exist_ok=True)
    chosen = {field.name: changes.pop(field.name) for field in fields(Originals) if field.name in changes}
    return MediaJob(source=str(source), originals=Originals(**chosen), **DEFAULTS | changes)


def photo(size: tuple[int, int] = (800, 600), mode: str = "RGB") -> Image.Image:
    """Make a smooth colorful picture whose four corners differ: red, green, blue, white-ish."""
    corners = Image.new("RGB", (2, 2))
    corners.putdata([(220, 30, 30), (30, 200, 40), (30, 40, 210), (240, 235, 230)])
    return corners.resize(size, Image.Resampling.BICUBIC).convert(mode)


def textured(size: tuple[int, int]) -> Image.Image:
    """Make a picture with fine detail, as photographs have."""
    noise = Image.merge("RGB", [Image.effect_noise(size, 40).resize(size) for _ in range(3)])
    coarse = Image.effect_noise((size[0] // 8, size[1] // 8), 90).resize(size, Image.Resampling.BICUBIC).convert("RGB")
    return Image.blend(Image.blend(photo(size), coarse, 0.4), noise, 0.15)


def drawing(size: tuple[int, int]) -> Image.Image:
    """Make a picture of small dark text on white."""
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for row in range(4, size[1], 14):
        draw.text((5, row), "def answer(request): return Response(status=200) " * 2, fill=(20, 30, 60))
    return image


def encoded(image: Image.Image, name: str, **options: Any) -> bytes:
    """Encode ``image``."""
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def stored(path: Path, data: bytes) -> Path:
    """Write ``data`` to ``path`` and return it."""
    path.write_bytes(data)
    return path


def chunk(kind: bytes, data: bytes) -> bytes:
    """Make a PNG chunk."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def riff(kind: bytes, data: bytes) -> bytes:
    """Make a RIFF chunk."""
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def exif(tags: list[tuple[int, int, int, bytes]], order: str = ">") -> bytes:
    """Make an Exif block of one directory; each tag is number, type, count and value bytes."""
    data, values = b"", b""
    start = 8 + 2 + 12 * len(tags) + 4
    for tag, kind, count, value in tags:
        field = value.ljust(4, b"\0")
        if len(value) > 4:
            field = struct.pack(f"{order}I", start + len(values))
            values += value
        data += struct.pack(f"{order}HHI", tag, kind, count) + field
    mark = b"MM\0*" if order == ">" else b"II*\0"
    head = mark + struct.pack(f"{order}IH", 8, len(tags))
    return b"Exif\0\0" + head + data + struct.pack(f"{order}I", 0) + values


def oriented(value: int) -> bytes:
    """Make an Exif block with an orientation and a camera."""
    return exif([(0x010F, 2, 6, b"Maker\0"), (0x0112, 3, 1, struct.pack(">H", value))])


def psnr(first: Image.Image, second: Image.Image) -> float:
    """Return the peak signal-to-noise ratio of two pictures in decibels."""
    import math

    errors = ImageStat.Stat(ImageChops.difference(first.convert("RGB"), second.convert("RGB"))).rms
    mean = sum(error * error for error in errors) / len(errors)
    return 10 * math.log10(255 * 255 / mean) if mean else 100.0


def left(folder: Path) -> list[str]:
    """Return the names of what is left in a job's folder."""
    return sorted(path.name for path in (folder / "out").iterdir())


def processed(folder: Path, data: bytes, **changes: Any) -> MediaResult:
    """Inspect and render a picture."""
    return image.process(job(stored(folder / "source", data), **changes))


def shown(file: MediaFile | None) -> Image.Image:
    """Open a file that a job made."""
    assert file is not None
    assert Path(file.path).stat().st_size == file.size
    with Image.open(file.path) as opened:
        opened.load()
        return opened


def frames(file: MediaFile | None) -> int:
    """Count the frames of a file that a job made."""
    assert file is not None
    with Image.open(file.path) as opened:
        return getattr(opened, "n_frames", 1)


def sizes(result: MediaResult) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int] | None]:
    """Return the sizes of original, thumb and medium picture."""
    return (
        (result.width, result.height),
        shown(result.thumb).size,
        shown(result.medium).size if result.medium is not None else None,
    )


def animation(name: str, size: tuple[int, int] = (600, 400), **options: Any) -> bytes:
    """Encode an animation of three frames."""
    frames = [photo(size).rotate(40 * turn) for turn in range(3)]
    return encoded(frames[0], name, save_all=True, append_images=frames[1:], duration=60, **options)


def refused(folder: Path, data: bytes, **changes: Any) -> errors.Refusal:
    """Return why a picture is refused; nothing may be left of it."""
    with pytest.raises(errors.Refusal) as caught:
        processed(folder, data, **changes)
    assert left(folder) == []
    return caught.value
