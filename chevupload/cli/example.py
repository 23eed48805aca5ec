"""The picture that a first start offers to upload, painted rather than shipped."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

_SIZE = (1600, 1067)
_HILLS = (
    ("#8b93b8", ((0, 0.70), (0.22, 0.50), (0.40, 0.64), (0.61, 0.46), (0.83, 0.62), (1, 0.55))),
    ("#55648a", ((0, 0.80), (0.18, 0.72), (0.37, 0.60), (0.55, 0.76), (0.78, 0.64), (1, 0.78))),
    ("#2c3a55", ((0, 0.78), (0.25, 0.86), (0.48, 0.77), (0.70, 0.88), (0.88, 0.80), (1, 0.86))),
)


def write_example(path: Path) -> Path:
    """Paint hills at dusk into a JPEG at ``path``, unless there is a file already, and return the path."""
    if not path.exists():
        _paint().save(path, "JPEG", quality=88)
    return path


def _paint() -> Image.Image:
    width, height = _SIZE
    dusk = Image.merge("RGB", [_ramp(top, bottom) for top, bottom in ((46, 252), (62, 186), (110, 132))])
    sun = Image.new("L", _SIZE)
    ImageDraw.Draw(sun).ellipse((width * 0.62, height * 0.34, width * 0.72, height * 0.49), fill=255)
    glow = sun.filter(ImageFilter.GaussianBlur(60)).point(lambda value: value * 2)
    picture = Image.composite(Image.new("RGB", _SIZE, "#ffe3b0"), dusk, ImageChops.lighter(sun, glow))
    for color, ridge in _HILLS:
        mask = Image.new("L", _SIZE)
        outline = [(x * width, y * height) for x, y in ridge]
        ImageDraw.Draw(mask).polygon([*outline, (width, height), (0, height)], fill=255)
        picture.paste(color, mask=mask.filter(ImageFilter.GaussianBlur(3)))
    grain = Image.effect_noise(_SIZE, 14).convert("RGB")
    return Image.blend(picture, ImageChops.overlay(picture, grain), 0.5)


def _ramp(top: int, bottom: int) -> Image.Image:
    """Return a vertical gradient of one channel."""
    gradient = Image.linear_gradient("L").resize(_SIZE)
    return gradient.point(lambda value: top + value * (bottom - top) // 255)
