"""What a person sees of a picture, in few numbers that can be kept and compared."""

from __future__ import annotations

import io
from itertools import product
from typing import TypeAlias

from PIL import Image, ImageCms

Look: TypeAlias = list[list[int]]
"""Red, green, blue and alpha of each field of a picture, the colors multiplied by alpha."""


def look(picture: Image.Image) -> Look:
    """Return how a whole picture looks."""
    return _fields(picture, (0, 0, *picture.size), (6, 4) if picture.width >= picture.height else (4, 6))


def square_look(picture: Image.Image) -> Look:
    """Return how the square in the middle of a picture looks, which is what a thumb shows."""
    edge = min(picture.size)
    left, top = (picture.width - edge) / 2, (picture.height - edge) / 2
    return _fields(picture, (left, top, left + edge, top + edge), (4, 4))


def on_white(picture: Image.Image) -> Image.Image:
    """Return a picture whose transparent parts show a white page."""
    page = Image.new("RGBA", picture.size, "white")
    page.alpha_composite(picture)
    return page


def _fields(picture: Image.Image, box: tuple[float, float, float, float], counts: tuple[int, int]) -> Look:
    """Average the inner half of each field: at the borders, encoders and resizing mix the colors."""
    picture = picture.convert("RGBA").convert("RGBa")
    width, height = (box[2] - box[0]) / counts[0], (box[3] - box[1]) / counts[1]
    found = []
    for row, column in product(range(counts[1]), range(counts[0])):
        left, top = box[0] + (column + 0.25) * width, box[1] + (row + 0.25) * height
        inner = (left, top, left + width / 2, top + height / 2)
        found.append(list(picture.resize((1, 1), Image.Resampling.BOX, box=inner).tobytes()))
    return found


def distance(first: Look, second: Look) -> float:
    """Return how far two looks are apart on average, of 255, in red, green, blue or alpha, whichever is worst."""
    pairs = list(zip(first, second, strict=True))
    return max(sum(abs(a[part] - b[part]) for a, b in pairs) / len(pairs) for part in range(4))


def opened(content: bytes) -> Image.Image:
    """Open a picture that was made here as sRGB, as its profile tells."""
    with Image.open(io.BytesIO(content)) as picture:
        picture.load()
        profile = picture.info.get("icc_profile")
        shown = picture.convert("RGBA")
        if profile is None:
            return shown
        mode = {b"GRAY": "L", b"CMYK": "CMYK"}.get(profile[16:20], "RGB")
        colors = picture if picture.mode == mode else picture.convert("RGBA").convert(mode)
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        told = ImageCms.profileToProfile(colors, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        assert told is not None
        shown.paste(told)
        shown.putalpha(picture.convert("RGBA").getchannel("A"))
        return shown
