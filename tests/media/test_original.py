"""What the operator chose happens to originals: size, format and metadata, in every format that they can have."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from chevupload import errors
from chevupload.formats import STILLS, TARGETS
from chevupload.model import MediaResult
from tests.formats.outcome import opened
from tests.media.films import film
from tests.media.heics import heic
from tests.media.pictures import (
    SRGB,
    animation,
    encoded,
    job,
    oriented,
    photo,
    processed,
    psnr,
    refused,
    shown,
    sizes,
    stored,
)
from tests.media.pools import pool

pytestmark = pytest.mark.slow


def still(name: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """Encode a still picture in any of the formats."""
    image = image if image is not None else photo((640, 480))
    return heic(image, **options) if name == "HEIC" else encoded(image, name, **options)


def kinds(result: MediaResult) -> set[str | None]:
    """Return the formats of the files that a job made."""
    made = (result.original, result.thumb, result.medium, result.frame)
    return {shown(file).format for file in made if file is not None}


@pytest.mark.parametrize(
    ("size", "width", "chosen", "expected"),
    [
        ((640, 480), None, {"max_width": 320}, (320, 240)),
        ((640, 480), None, {"max_height": 120}, (160, 120)),
        ((640, 480), None, {"max_width": 320, "max_height": 120}, (160, 120)),
        ((640, 480), None, {"max_width": 160, "max_height": 400}, (160, 120)),
        ((300, 1_000), None, {"max_width": 250, "max_height": 100}, (30, 100)),
        ((2_000, 2), None, {"max_width": 100}, (100, 1)),
        ((2, 2_000), None, {"max_height": 100}, (1, 100)),
        ((640, 480), None, {"max_width": 640, "max_height": 480}, None),
        ((640, 480), None, {"max_width": 9_000, "max_height": 9_000}, None),
        ((640, 480), 200, {"max_width": 320}, (200, 150)),
        ((640, 480), 400, {"max_width": 320}, (320, 240)),
        ((640, 480), 640, {"max_height": 240}, (320, 240)),
    ],
)
@pytest.mark.parametrize("name", ["JPEG", "PNG"])
def test_originals_fit_into_the_box(
    tmp_path: Path,
    name: str,
    size: tuple[int, int],
    width: int | None,
    chosen: dict[str, Any],
    expected: tuple[int, int] | None,
) -> None:
    """Their ratio is kept, nothing is enlarged, and of the box and the request's width the smaller result counts."""
    result = processed(tmp_path, encoded(photo(size), name), width=width, **chosen)
    assert ((result.width, result.height), result.resized) == (expected or size, expected is not None)
    assert result.converted is False
    if expected is None:
        assert (result.original, result.original_md5) == (None, None)
        return
    original = shown(result.original)
    assert (original.size, original.format) == (expected, name)
    assert result.original is not None
    assert result.original_md5 == hashlib.md5(Path(result.original.path).read_bytes()).hexdigest()
    if min(expected) > 20:
        assert psnr(original, photo(size).resize(expected, Image.Resampling.LANCZOS)) > 28


@pytest.mark.parametrize("name", STILLS)
def test_every_format_is_made_smaller(tmp_path: Path, name: str) -> None:
    """In its own format; HEIC, which nothing here writes, becomes JPEG, without a frame."""
    result = processed(tmp_path, still(name), max_width=320)
    written = {"BMP": "PNG", "HEIC": "JPEG"}.get(name, name)
    assert (result.format, kinds(result), result.frame) == (written, {written}, None)
    assert (sizes(result), result.resized) == (((320, 240), (320, 320), None), True)
    assert psnr(shown(result.original), photo((640, 480)).resize((320, 240))) > 28


def test_the_box_counts_for_the_upright_picture(tmp_path: Path) -> None:
    """A photograph taken upright is measured as it is seen."""
    data = encoded(photo((640, 480)), "JPEG", exif=oriented(6))
    result = processed(tmp_path, data, max_height=320)
    assert (shown(result.original).size, result.width, result.height) == ((240, 320), 240, 320)


def test_a_request_for_more_than_there_is_stays_a_refusal(tmp_path: Path) -> None:
    """The box does not change what the parameter means."""
    assert refused(tmp_path, encoded(photo((64, 48)), "PNG"), width=65, max_width=32).code == 610


@pytest.mark.parametrize(("name", "target"), [(name, to) for name in STILLS for to in TARGETS if name != to])
def test_every_format_is_converted_to_every_other(tmp_path: Path, name: str, target: str) -> None:
    """With its thumb and medium picture, its size, and without a frame beside it."""
    result = processed(tmp_path, still(name), convert={name: target})
    assert (result.format, kinds(result), result.frame) == (target, {target}, None)
    assert sizes(result) == ((640, 480), (320, 320), (500, 375))
    assert (result.resized, result.converted) == (False, True)
    assert psnr(shown(result.original), photo((640, 480))) > 28
    assert result.original is not None
    assert result.original_md5 == hashlib.md5(Path(result.original.path).read_bytes()).hexdigest()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("value", [3, 6])
def test_what_is_converted_is_upright(tmp_path: Path, target: str, value: int) -> None:
    """And says nothing of a turn any more, while the rest of its Exif, its XMP and its profile stay."""
    name = "WEBP" if target == "JPEG" else "JPEG"
    packet = b"<x xmlns='y' tiff:Orientation='6' dc:title='kept'/>"
    data = encoded(photo((640, 480)), name, exif=oriented(value), xmp=packet, icc_profile=SRGB)
    result = processed(tmp_path, data, convert={name: target})
    original = shown(result.original)
    turned = photo((640, 480)).transpose(Image.Transpose.ROTATE_180 if value == 3 else Image.Transpose.ROTATE_270)
    assert psnr(original, turned) > 28
    assert (original.getexif().get(0x0112, 1), original.getexif().get(0x010F)) == (1, "Maker")
    assert original.info["icc_profile"] == shown(result.thumb).info["icc_profile"] == SRGB
    assert b"tiff:Orientation='1' dc:title='kept'" in original.info["xmp"]


def holed(mode: str) -> Image.Image:
    """Make a picture whose left half is not there."""
    image = photo((600, 400)).convert("RGBA")
    image.paste((0, 0, 0, 0), (0, 0, 300, 400))
    if mode == "P":
        return image.quantize(64)
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize("target", TARGETS)
def test_holes_are_white_only_where_they_must_be(tmp_path: Path, mode: str, target: str) -> None:
    """Formats with transparency keep it, in the derived pictures, too."""
    name = "GIF" if target == "PNG" else "PNG"
    image = holed("RGBA" if name == "GIF" else mode)
    result = processed(tmp_path, encoded(image, name), convert={name: target})
    for file in (result.original, result.medium, result.thumb):
        opened = shown(file).convert("RGBA")
        pixel = opened.getpixel((10, opened.height // 2))
        assert isinstance(pixel, tuple)
        assert (min(pixel) > 250) if target == "JPEG" else pixel[3] < 5
        there = opened.getpixel((opened.width - 10, opened.height // 2))
        assert isinstance(there, tuple)
        assert (min(there[:3]) < 200, there[3]) == (True, 255)


MODES = {
    "gray16": ("PNG", photo((600, 400)).convert("I").point(lambda value: value * 257).convert("I;16")),
    "gray": ("PNG", photo((600, 400), "L")),
    "bits": ("PNG", photo((600, 400), "1")),
    "palette": ("PNG", photo((600, 400)).quantize(32)),
    "gif": ("GIF", photo((600, 400)).quantize(32)),
    "cmyk": ("JPEG", photo((600, 400), "CMYK")),
    "jpeg-gray": ("JPEG", photo((600, 400), "L")),
    "bmp": ("BMP", photo((600, 400), "1")),
}


@pytest.mark.parametrize(("mode", "target"), [(mode, to) for mode in MODES for to in TARGETS if MODES[mode][0] != to])
def test_any_mode_is_converted(tmp_path: Path, mode: str, target: str) -> None:
    """Gray in 16 bits, palettes and inks become what the target has."""
    name, image = MODES[mode]
    result = processed(tmp_path, encoded(image, name), convert={name: target}, max_width=300)
    expected = photo((600, 400), "L") if mode == "gray16" else image
    assert psnr(shown(result.original), expected.convert("RGB").resize((300, 200))) > 18
    assert (shown(result.original).size, result.format) == ((300, 200), target)


def test_gray_in_a_format_without_gray_has_no_profile_of_gray(tmp_path: Path) -> None:
    """A profile must describe the pixels that it comes with."""
    gray = SRGB[:16] + b"GRAY" + SRGB[20:]
    result = processed(tmp_path, encoded(photo((600, 400), "L"), "PNG", icc_profile=gray), convert={"PNG": "WEBP"})
    assert "icc_profile" not in shown(result.original).info


@pytest.mark.parametrize("name", ["GIF", "PNG", "WEBP", "AVIF"])
def test_animations_are_left_alone(tmp_path: Path, name: str) -> None:
    """Never resized, never converted, never flattened."""
    result = processed(tmp_path, animation(name), convert={name: "JPEG"}, max_width=50, max_height=50)
    assert (result.format, result.original, result.frames) == (name, None, 3)
    assert (result.width, result.height, result.resized, result.converted) == (600, 400, False, False)
    assert kinds(result) == {name}


def test_films_are_left_alone(tmp_path: Path) -> None:
    """Neither made smaller nor asked for a camera: nothing here encodes films."""
    result = processed(tmp_path, film(), max_width=20, max_height=20, camera_tag=True)
    assert (result.original, result.resized, result.converted, result.camera) == (None, False, False, None)


def test_a_picture_that_the_target_cannot_hold_stays(tmp_path: Path) -> None:
    """It is no reason to refuse it; made smaller, it fits."""
    data = encoded(photo((17_000, 4)), "PNG")
    result = processed(tmp_path, data, convert={"PNG": "WEBP"})
    assert (result.format, result.original, result.converted) == ("PNG", None, False)
    smaller = processed(tmp_path, data, convert={"PNG": "WEBP"}, max_width=16_000)
    assert (smaller.format, shown(smaller.original).size) == ("WEBP", (16_000, 4))
    bitmap = processed(tmp_path, encoded(photo((17_000, 4)), "BMP"), convert={"BMP": "WEBP"})
    assert (bitmap.format, shown(bitmap.original).format) == ("PNG", "PNG")


@pytest.mark.parametrize("side", [16_383, 65_500])
@pytest.mark.parametrize("target", ["JPEG", "WEBP"])
def test_the_longest_sides_can_be_written(tmp_path: Path, target: str, side: int) -> None:
    """What is said to fit does."""
    data = encoded(Image.new("RGB", (side, 8), "teal"), "BMP")
    result = processed(tmp_path, data, convert={"BMP": target})
    fits = target == "JPEG" or side <= 16_383
    assert (result.width, result.format) == (side, target if fits else "PNG")


PLACE = b"SECRETPLACE"
PACKET = b"<r exif:GPSLatitude='" + PLACE + b"' dc:title='t'/>"


def located() -> bytes:
    """Make an Exif block with an orientation and a place."""
    block = Image.Exif()
    block[0x0112] = 1
    block.get_ifd(0x8825).update({1: "N", 2: (48.0, 12.0, 30.0), 27: PLACE})
    return block.tobytes()


@pytest.mark.parametrize("name", [name for name in STILLS if name not in ("GIF", "BMP")])
@pytest.mark.parametrize("chosen", [{}, {"max_width": 300}, {"convert": True}])
def test_no_place_is_left_where_metadata_is_not_kept(tmp_path: Path, name: str, chosen: dict[str, Any]) -> None:
    """In no file that is stored, of any format, whatever else happens to it; the profile stays."""
    target = "PNG" if name == "WEBP" else "WEBP"
    chosen = {"convert": {name: target}} if "convert" in chosen else chosen
    options: dict[str, Any] = {"exif": located()}
    if name != "HEIC":
        options |= {"icc_profile": SRGB}
    if name != "PNG":
        options |= {"xmp": PACKET}
    data = still(name, **options)
    assert PLACE in data
    result = processed(tmp_path, data, keep_exif=False, **chosen)
    assert result.original is not None, "it has to be another file"
    for file in (result.original, result.thumb, result.medium, result.frame):
        if file is not None:
            content = Path(file.path).read_bytes()
            assert PLACE not in content
            assert dict(opened(content).getexif().get_ifd(0x8825)) == {}
    assert opened(Path(result.original.path).read_bytes()).info.get("icc_profile") == options.get("icc_profile")
    kept = processed(tmp_path, data, **chosen)
    if kept.original is not None:
        assert PLACE in Path(kept.original.path).read_bytes()


def test_an_encoder_without_memory_says_so(tmp_path: Path) -> None:
    """An AVIF that cannot be written anew is too costly, not broken: nothing is wrong with it."""
    big = stored(tmp_path / "big", encoded(photo((3_000, 2_000)), "AVIF", speed=10, exif=oriented(1)))
    with pool(decode_memory_bytes=240_000_000) as made, pytest.raises(errors.TooCostly):
        made.process(job(big, width=2_990))
