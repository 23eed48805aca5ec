"""Photo-like pictures made from code, so that the benchmark needs no files and every run measures the same ones.

A photograph differs from a drawing by detail on every scale: large soft areas, texture, and the grain of the sensor.
So layers of random pixels, each twice as fine and fainter than the one before, are blended over each other, then grain.
How much grain decides how well the picture compresses; it is chosen so that sizes come near those of a camera's files.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any, Literal, TypeAlias, get_args

import av
from PIL import Image, ImageDraw

from tests.media.heics import heic

SEED = 20_240_229
BODY_BYTES = 100_000_000 - 1_000
"""Size of the large bodies: the default limit, less than a kilobyte under it."""
Encoded: TypeAlias = Literal["multipart", "urlencoded", "JSON"]
Sent: TypeAlias = Literal["file"] | Encoded
ENCODED: tuple[Encoded, ...] = get_args(Encoded)
_TYPES = {
    "jpg": "image/jpeg",
    **{name: f"image/{name}" for name in ("png", "webp", "avif", "heic", "gif")},
    "mp4": "video/mp4",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One file to upload.

    Attributes:
        sent: how the file stands in the body: as a file, or in base64 in one of three kinds of body.
    """

    name: str
    extension: str
    content: bytes
    sent: Sent = "file"

    @property
    def content_type(self) -> str:
        """What a browser would send with the part."""
        return _TYPES[self.extension]


def make_samples(only: tuple[str, ...] = ("",)) -> list[Sample]:
    """Return what is measured, of it those whose names begin with one of ``only``. A name begins with the format."""
    named = {name: Sample(name=name, extension=_extension(name), content=b"") for name in _FILES}
    for sent in ENCODED:
        name = f"{_ENCODED}, base64 as {sent}"
        named[name] = Sample(name=name, extension="jpg", content=b"", sent=sent)
    return [
        replace(sample, content=_file(name.partition(", base64")[0]))
        for name, sample in named.items()
        if name.startswith(only)
    ]


def make_photo() -> Sample:
    """Return the sample that stands for the usual photograph."""
    return make_samples(("JPEG 1920x1280",))[0]


def make_small_samples() -> tuple[Sample, ...]:
    """Return pictures that take the same way through a server, too small to leave it with memory worth counting."""
    contents = {"JPEG": _photo_file("JPEG", (640, 480), 0.035), "PNG": _photo_file("PNG", (640, 480), 0.15)}
    jpeg, png = (
        Sample(name=f"{kind} 640x480", extension=_extension(kind), content=contents[kind]) for kind in contents
    )
    return jpeg, png


def refused_body() -> Iterator[bytes]:
    """Yield the bytes of a large file that is no picture at all."""
    return _filler(BODY_BYTES)


def stored_body(sample: Sample) -> Iterator[bytes]:
    """Yield ``sample``, then as many bytes behind its end as make the file large; every decoder ignores those."""
    yield sample.content
    yield from _filler(BODY_BYTES - len(sample.content))


def _filler(size: int, piece: int = 65_536) -> Iterator[bytes]:
    generator = random.Random(SEED)
    for start in range(0, size, piece):
        yield generator.randbytes(min(piece, size - start))


def _small(kind: str, grain: float) -> Sample:
    name = f"{kind} 640x480"
    return Sample(name=name, extension=_extension(name), content=_photo_file(kind, (640, 480), grain))


def _extension(name: str) -> str:
    kind = name.split()[0]
    return "jpg" if kind == "JPEG" else kind.lower()


@functools.cache
def _file(name: str) -> bytes:
    return _FILES[name]()


def _photo_file(kind: str, size: tuple[int, int], grain: float) -> bytes:
    return _saved(_photo(size, grain), kind)


def _saved(image: Image.Image, kind: str) -> bytes:
    file = BytesIO()
    image.save(file, kind, quality=85)
    return file.getvalue()


def _screenshot(size: tuple[int, int]) -> Image.Image:
    """Draw windows with lines of text on them over a transparent ground, with soft shadows."""
    generator = random.Random(SEED)
    image = Image.new("RGBA", size)
    draw = ImageDraw.Draw(image)
    for number in range(6):
        left, top = generator.randrange(size[0] // 2), generator.randrange(size[1] // 2)
        right, bottom = left + size[0] // 2, top + size[1] // 2
        for shadow in range(12):
            draw.rectangle((left + shadow, top + shadow, right + shadow, bottom + shadow), (0, 0, 0, 12 * shadow))
        draw.rectangle((left, top, right, bottom), (250, 250 - number, 248, 255))
        for line in range(top + 8, bottom - 12, 14):
            words = " ".join("".join(generator.choices("abcdefghij", k=generator.randrange(2, 9))) for _ in range(18))
            draw.text((left + 8, line), words, (30, 30, generator.randrange(30, 200), 255))
    return image


def _animation(size: tuple[int, int], count: int) -> bytes:
    """Pan over a photograph."""
    photo = _photo((size[0] * 2, size[1] * 2), 0.05)
    frames = [
        photo.crop((step, step, step + size[0], step + size[1])).quantize(255, Image.Quantize.FASTOCTREE)
        for step in range(0, count * 4, 4)
    ]
    file = BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=40, loop=0)
    return file.getvalue()


def _film(size: tuple[int, int], *, seconds: int, rate: int = 25) -> bytes:
    """Pan over a photograph, as a telephone would film it: H.264 with frames that others are predicted from."""
    photo = _photo((size[0] + 2 * seconds * rate, size[1]), 0.05)
    file = BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=rate, options={"preset": "fast", "crf": "26"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(seconds * rate):
            frame = av.VideoFrame.from_image(photo.crop((2 * number, 0, 2 * number + size[0], size[1])))
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


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


_FILES: Mapping[str, Callable[[], bytes]] = {
    "JPEG 1920x1280": lambda: _photo_file("JPEG", (1920, 1280), 0.035),
    "JPEG 4000x3000": lambda: _photo_file("JPEG", (4000, 3000), 0.11),
    "JPEG 6000x4000": lambda: _photo_file("JPEG", (6000, 4000), 0.15),
    "PNG 1920x1080": lambda: _photo_file("PNG", (1920, 1080), 0.15),
    "PNG screenshot with alpha": lambda: _saved(_screenshot((1920, 1080)), "PNG"),
    "WebP 1920x1280": lambda: _photo_file("WebP", (1920, 1280), 0.035),
    "WebP 4000x3000": lambda: _photo_file("WebP", (4000, 3000), 0.035),
    "AVIF 1920x1280": lambda: _photo_file("AVIF", (1920, 1280), 0.035),
    "HEIC 4000x3000": lambda: heic(_photo((4000, 3000), 0.035)),
    "GIF 640x480, 25 frames": lambda: _animation((640, 480), 25),
    "MP4 1920x1080, 10 s": lambda: _film((1920, 1080), seconds=10),
}
"""Makes each file, by the name of its sample."""
_ENCODED = "JPEG 4000x3000"
"""What is sent in base64, too."""
