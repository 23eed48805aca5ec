"""Photo-like pictures made from code, so that the benchmark needs no files and every run measures the same ones.

A photograph differs from a drawing by detail on every scale: large soft areas, texture, and the grain of the sensor.
So layers of random pixels, each twice as fine and fainter than the one before, are blended over each other, then grain.
How much grain decides how well the picture compresses; it is chosen so that sizes come near those of a camera's files.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

SEED = 20_240_229
BODY_BYTES = 100_000_000 - 1_000
"""Size of the large bodies: the default limit, less than a kilobyte under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One file to upload."""

    name: str
    extension: str
    content: bytes

    @property
    def content_type(self) -> str:
        """What a browser would send with the part."""
        return "image/png" if self.extension == "png" else "image/jpeg"


def make_pictures() -> tuple[Picture, ...]:
    """Return the pictures that are measured."""
    return (
        _make("JPEG 1920x1280", (1920, 1280), grain=0.035),
        _make("JPEG 4000x3000", (4000, 3000), grain=0.11),
        _make("PNG 1920x1080", (1920, 1080), grain=0.15),
    )


def make_small_pictures() -> tuple[Picture, ...]:
    """Return pictures that take the same way through a server, too small to leave it with memory worth counting."""
    return _make("JPEG 640x480", (640, 480), grain=0.035), _make("PNG 640x480", (640, 480), grain=0.15)


def refused_body() -> Iterator[bytes]:
    """Yield the bytes of a large file that is no picture at all."""
    return _filler(BODY_BYTES)


def stored_body(picture: Picture) -> Iterator[bytes]:
    """Yield ``picture``, then as many bytes behind its end as make the file large; every decoder ignores those."""
    yield picture.content
    yield from _filler(BODY_BYTES - len(picture.content))


def _filler(size: int, piece: int = 65_536) -> Iterator[bytes]:
    generator = random.Random(SEED)
    for start in range(0, size, piece):
        yield generator.randbytes(min(piece, size - start))


def _make(name: str, size: tuple[int, int], *, grain: float) -> Picture:
    kind = name.split()[0]
    file = BytesIO()
    _photo(size, grain).save(file, kind, quality=85)
    return Picture(name=name, extension="png" if kind == "PNG" else "jpg", content=file.getvalue())


def _photo(size: tuple[int, int], grain: float) -> Image.Image:
    generator = random.Random(SEED)
    brightness = Image.blend(_texture(generator, size, finest=2), _noise(generator, size), grain)
    colours = [_texture(generator, size, finest=64) for _ in range(2)]
    return Image.merge("YCbCr", (brightness, *colours)).convert("RGB")


def _texture(generator: random.Random, size: tuple[int, int], *, finest: int) -> Image.Image:
    """Blend layers of ever smaller cells, down to ``finest`` pixels."""
    layer = Image.new("L", size, 128)
    cell, weight = max(size) // 4, 0.5
    while cell >= finest:
        cells = _noise(generator, (max(2, size[0] // cell), max(2, size[1] // cell)))
        layer = Image.blend(layer, cells.resize(size, Image.Resampling.BICUBIC), weight)
        cell, weight = cell // 2, weight * 0.7
    return layer


def _noise(generator: random.Random, size: tuple[int, int]) -> Image.Image:
    return Image.frombytes("L", size, generator.randbytes(size[0] * size[1]))
