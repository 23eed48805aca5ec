"""Every kind of pixel, transparency and color profile looks the same in the derived pictures."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from chevupload.media import color
from chevupload.media.renditions import Outbox, save_gif
from tests.media.pictures import SRGB, encoded, photo, processed, psnr, shown

pytestmark = pytest.mark.slow

MODES = {
    "JPEG": ("L", "RGB", "CMYK", "YCbCr"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "WEBP": ("RGB", "RGBA"),
    "AVIF": ("L", "RGB", "RGBA"),
    "GIF": ("1", "L", "P"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
}


@pytest.mark.parametrize(("name", "mode"), [(name, mode) for name, modes in MODES.items() for mode in modes])
def test_every_pixel_mode_is_rendered(tmp_path: Path, name: str, mode: str) -> None:
    """Gray, palette, 16-bit, CMYK and alpha pictures look the same small, also after a resize of the original."""
    if mode == "I;16":
        source = photo((700, 500), "L").convert("I").point(lambda value: value * 257).convert("I;16")
    else:
        source = photo((700, 500), mode)
    base = photo((700, 500), "L") if mode in ("L", "LA", "I;16") else photo((700, 500))
    for width in (None, 600):
        result = processed(tmp_path, encoded(source, name), width=width)
        if mode != "1":
            medium = shown(result.medium).convert("RGB")
            assert psnr(medium, base.resize(medium.size, Image.Resampling.LANCZOS)) > (18 if mode == "P" else 24)
        if width:
            assert (shown(result.original).size, result.width) == ((600, 429), 600)


@pytest.mark.parametrize("mode", ["I;16", "I;16B", "I;16L"])
def test_dark_16_bit_gray_stays_dark(mode: str) -> None:
    """The range of 16 bits is the same in every picture, so one that uses only its darkest 256 shades is black."""
    found = color.continuous(Image.linear_gradient("L").convert("I").convert(mode))
    assert (found.mode, found.getextrema()) == ("L", (0, 1))


def test_a_dark_16_bit_png_has_a_dark_thumb(tmp_path: Path) -> None:
    """Seen from its file to its thumbnail: what is nearly black is not stretched to white."""
    source = Image.new("I;16", (400, 400), 255)
    assert shown(processed(tmp_path, encoded(source, "PNG")).thumb).getextrema() == (1, 1)


def test_wide_pixel_values_are_scaled_not_clipped() -> None:
    """Integer and floating pixels keep their shades, within 16 bits or beyond."""
    ramp = Image.linear_gradient("L").convert("I")
    found = [
        color.continuous(ramp.point(lambda value: value * 257)),
        color.continuous(ramp.convert("F").point(lambda value: value * 1e6 + 0.0)),
        color.continuous(Image.new("I", (4, 4), 0)),
    ]
    assert [picture.mode for picture in found] == ["L", "L", "L"]
    assert [picture.getextrema() for picture in found] == [(0, 255), (0, 255), (0, 0)]


@pytest.mark.parametrize(("mode", "expected"), [("YCbCr", "RGB"), ("RGBa", "RGBA"), ("La", "LA"), ("PA", "RGBA")])
def test_rare_modes_are_understood(mode: str, expected: str) -> None:
    """Modes that a decoder may yield one day end as something that can be resized."""
    start = {"RGBa": "RGBA", "La": "LA", "PA": "P"}.get(mode, "RGB")
    assert color.continuous(photo((9, 9), start).convert(mode)).mode == expected


@pytest.mark.parametrize("name", ["PNG", "WEBP", "AVIF", "GIF"])
def test_transparency_stays(tmp_path: Path, name: str) -> None:
    """What is transparent in the original is so in the derived pictures."""
    source = photo((700, 500), "RGBA")
    source.paste((0, 0, 0, 0), (0, 0, 350, 500))
    result = processed(tmp_path, encoded(source, name))
    for file in (result.medium, result.thumb):
        alpha = shown(file).convert("RGBA").getchannel("A")
        assert (alpha.getpixel((20, 20)), alpha.getpixel((alpha.width - 20, 20))) == (0, 255)


@pytest.mark.parametrize(("mode", "key"), [("P", 0), ("L", 255), ("RGB", (255, 255, 255))])
def test_a_transparent_color_stays(tmp_path: Path, mode: str, key: object) -> None:
    """PNG's other way of transparency is kept too."""
    source = Image.new(mode, (600, 400), key)  # type: ignore[arg-type]
    result = processed(tmp_path, encoded(source, "PNG", transparency=key))
    assert shown(result.thumb).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_an_alpha_channel_that_hides_nothing_goes(tmp_path: Path) -> None:
    """Opaque pictures are written without alpha."""
    made = [processed(tmp_path, encoded(photo((700, 500), mode), "PNG")) for mode in ("RGBA", "LA")]
    assert [shown(result.thumb).mode for result in made] == ["RGB", "L"]
    source = photo((700, 500), "LA")
    source.putalpha(100)
    assert shown(processed(tmp_path, encoded(source, "PNG")).thumb).mode == "RGBA"


def test_a_gif_of_few_colors_gets_shades(tmp_path: Path) -> None:
    """Line art keeps smooth edges, with and without transparency."""
    art = Image.new("P", (900, 900), 0)
    art.putpalette([255, 255, 255, 0, 0, 0, 9, 9, 9])
    for place in range(0, 900, 30):
        art.paste(1, (place, 0, place + 7, 900))
    results = [processed(tmp_path, encoded(art, "GIF", **extra)) for extra in ({}, {"transparency": 2})]
    assert [len(shown(result.thumb).convert("L").getcolors() or []) > 4 for result in results] == [True, True]
    picture = Image.new("RGBA", (40, 40), (200, 10, 10, 0))
    with Outbox(str(tmp_path)).create()[1]:
        assert shown(Outbox(str(tmp_path)).encode(picture, save_gif, 90)).convert("RGBA").getpixel((3, 3))[3] == 0  # type: ignore[index]


def test_profiles_stay_only_where_they_fit(tmp_path: Path) -> None:
    """Large, foreign and broken profiles are converted or dropped; the pixels stay right."""
    large = SRGB[:128] + SRGB[128:] + b"\0" * 70_000
    cmyk = b"\0" * 16 + b"CMYK" + b"\0" * 108
    foreign = b"\0" * 16 + b"GRAY" + b"\0" * 108
    for mode, profile in (("RGB", large), ("CMYK", cmyk), ("RGB", foreign), ("L", SRGB)):
        result = processed(tmp_path, encoded(photo((700, 500), mode), "JPEG", icc_profile=profile))
        thumb = shown(result.thumb)
        assert "icc_profile" not in thumb.info
        expected = photo((700, 500), "L" if mode == "L" else "RGB").resize((320, 320), box=(100, 0, 600, 500))
        assert psnr(thumb, expected) > 24
