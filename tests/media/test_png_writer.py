"""Derived PNG files hold the pixels that were given, and are hardly larger than Pillow's."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, ImageCms

from chevupload.media import png_writer, renditions
from tests.media.pictures import drawing, photo, textured

_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(params=["zlib", "isal"], autouse=True)
def packed_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write with and without the extra ``fast``, and return by which library pixels are packed."""
    if request.param == "zlib":
        monkeypatch.setattr(png_writer, "isal_zlib", None)
    else:
        pytest.importorskip("isal", reason="has no wheels for some processors")
    return str(request.param)


def _photograph() -> Image.Image:
    """Make a soft picture with the grain of a sensor."""
    grain = Image.merge("RGB", [Image.effect_noise((500, 281), 24) for _ in range(3)])
    return Image.blend(photo((500, 281)), grain, 0.2)


def _saved(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    renditions.save_png(image, file, 90, {"exif": b"", "xmp": b"", "icc_profile": None, **options})
    return file.getvalue()


def _by_pillow(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=3)
    return file.getvalue()


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3001, 2), (500, 281)])
@pytest.mark.parametrize("make", [photo, textured])
def test_the_pixels_are_those_that_were_given(
    mode: str, size: tuple[int, int], make: Callable[..., Image.Image]
) -> None:
    """In every mode that is written here, whichever way was chosen."""
    image = make(size).convert(mode)
    content = io.BytesIO()
    png_writer.write(image, content, icc_profile=None)
    with Image.open(content) as seen:
        assert (seen.mode, seen.size, seen.tobytes()) == (mode, size, image.tobytes())


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_files_are_hardly_larger_than_pillows(mode: str) -> None:
    """Neither of photographs nor of drawings, for which the two ways differ most."""
    for image in (_photograph().convert(mode), drawing((500, 281)).convert(mode)):
        assert len(_saved(image)) <= 1.2 * len(_by_pillow(image))


def test_a_drawing_is_searched_for_repetitions(packed_by: str) -> None:
    """And a photograph is not: each way makes the other kind larger."""
    strategy = zlib.Z_RLE if packed_by == "zlib" else zlib.Z_DEFAULT_STRATEGY
    for image, expected in ((drawing((500, 281)), (0, zlib.Z_DEFAULT_STRATEGY)), (_photograph(), (3, strategy))):
        assert png_writer._chosen(image) == expected


@pytest.mark.parametrize("make", [lambda: drawing((500, 281)), _photograph])
def test_isal_makes_files_of_about_the_same_size(
    make: Callable[[], Image.Image], monkeypatch: pytest.MonkeyPatch, packed_by: str
) -> None:
    """At most a twentieth larger than without the extra."""
    size = len(_saved(make()))
    monkeypatch.setattr(png_writer, "isal_zlib", None)
    assert size <= 1.05 * len(_saved(make()))


def test_a_profile_is_kept() -> None:
    """As Pillow reads it."""
    with Image.open(io.BytesIO(_saved(photo(), icc_profile=_PROFILE))) as seen:
        assert seen.info["icc_profile"] == _PROFILE


@pytest.mark.parametrize("kind", ["palette", "large", "transparent color"])
def test_others_go_through_pillow(kind: str) -> None:
    """What has a palette, one transparent color, or the size of an original."""
    image = photo((1200, 900) if kind == "large" else (300, 200))
    if kind == "palette":
        image = image.quantize(64)
    if kind == "transparent color":
        image.info["transparency"] = (0, 0, 0)
    content = _saved(image)
    assert content == _by_pillow(image)
    with Image.open(io.BytesIO(content)) as seen:
        assert seen.convert("RGB").tobytes() == image.convert("RGB").tobytes()


def test_what_is_written_has_right_checksums() -> None:
    """Of every chunk, so that strict readers take it."""
    content = _saved(photo(), icc_profile=_PROFILE)
    position, names = 8, []
    while position < len(content):
        (length,) = struct.unpack_from(">I", content, position)
        name, data = content[position + 4 : position + 8], content[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, position + 8 + length)
        assert checksum == zlib.crc32(name + data)
        names.append(name)
        position += 12 + length
    assert names == [b"IHDR", b"iCCP", b"IDAT", b"IEND"]
