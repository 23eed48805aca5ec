"""Additional renditions: by their names, in the sizes that a site chooses, and never larger than the picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from chevupload.media import render, renditions
from chevupload.model import MediaResult
from chevupload.scaling import RenditionSize
from tests.media.films import film, inspected
from tests.media.heics import heic
from tests.media.pictures import (
    NAMES,
    animation,
    encoded,
    frames,
    job,
    left,
    oriented,
    photo,
    processed,
    psnr,
    shown,
    stored,
)
from tests.media.pools import pool

pytestmark = pytest.mark.usefixtures("_each_resizer")

EXTRA = {
    "w300": RenditionSize(width=300),
    "s99": RenditionSize(height=99),
    "s200": RenditionSize(width=200, height=200),
    "s120": RenditionSize(width=120, height=60, crop=True),
    "w800": RenditionSize(width=800),
}


def extras(result: MediaResult) -> dict[str, tuple[int, int]]:
    """Return the sizes of the additional renditions, which are as large as they say."""
    for file in result.extras:
        assert shown(file).size == (file.width, file.height)
    return {file.name: (file.width, file.height) for file in result.extras}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_as_large_as_fits(tmp_path: Path, name: str) -> None:
    """In the format of the other derived pictures, in the order of the settings, and none that would be enlarged."""
    result = processed(tmp_path, encoded(photo((700, 500)), name), extra=EXTRA)
    assert list(extras(result).items()) == [
        ("w300", (300, 214)),
        ("s99", (139, 99)),
        ("s200", (200, 143)),
        ("s120", (120, 60)),
    ]
    assert {shown(file).format for file in result.extras} == {shown(result.thumb).format}
    assert len(left(tmp_path)) == len(result.files)
    middle = photo((700, 500)).resize((120, 60), box=(0, 75, 700, 425))
    for file, expected in zip(result.extras, (photo((700, 500)),) * 3 + (middle,), strict=True):
        assert psnr(shown(file), expected.resize((file.width, file.height))) > (20 if name == "GIF" else 28)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((300, 99), {"s120": (120, 60)}),
        ((301, 98), {"w300": (300, 98), "s120": (120, 60)}),
        ((119, 98), {}),
        ((120, 60), {}),
        ((60, 400), {"s99": (15, 99)}),
    ],
)
def test_a_picture_that_is_no_larger_has_none(tmp_path: Path, size: tuple[int, int], expected: dict[str, Any]) -> None:
    """It would be the original once more."""
    wanted = {name: EXTRA[name] for name in ("w300", "s99", "s120")} | {"w800": EXTRA["w800"]}
    assert extras(processed(tmp_path, encoded(photo(size), "PNG"), extra=wanted)) == expected


def test_a_transparent_picture_stays_so(tmp_path: Path) -> None:
    """In every size."""
    picture = photo((400, 300)).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((400, 300)))
    result = processed(tmp_path, encoded(picture, "PNG"), extra=EXTRA)
    for file in result.extras[:3]:
        assert shown(file).convert("RGBA").getchannel("A").getextrema()[0] < 5


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG"])
def test_an_animation_has_its_first_frame(tmp_path: Path, name: str) -> None:
    """As its medium picture has; one that is no smaller than the animation is left out."""
    result = processed(tmp_path, animation(name), extra=EXTRA)
    assert extras(result)["w300"] == (300, 200)
    assert "w800" not in extras(result)
    assert [frames(file) for file in result.extras] == [1] * 4


@pytest.mark.parametrize("turn", [3, 6])
@pytest.mark.parametrize("keep_exif", [True, False])
def test_a_turned_picture_is_upright(tmp_path: Path, turn: int, keep_exif: bool) -> None:
    """The sizes are those that are seen, whether the original is turned or only said to be."""
    data = encoded(photo((700, 500)), "JPEG", exif=oriented(turn), quality=95)
    result = processed(tmp_path, data, extra=EXTRA, keep_exif=keep_exif)
    upright = renditions.upright(photo((700, 500)), turn)
    assert extras(result)["w300"] == ((300, 214) if turn == 3 else (300, 420))
    assert extras(result)["s120"] == (120, 60)
    assert psnr(shown(result.extras[0]), upright.resize(extras(result)["w300"])) > 28


def test_a_resized_original_is_what_counts(tmp_path: Path) -> None:
    """No rendition is larger than what is stored."""
    assert set(extras(processed(tmp_path, encoded(photo((900, 600)), "JPEG"), extra=EXTRA, width=250))) == {
        "s99",
        "s200",
        "s120",
    }


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["HEIC", "MP4"])
def test_of_a_framed_format_they_are_jpegs(tmp_path: Path, kind: str) -> None:
    """Made of what pages show instead of it."""
    if kind == "MP4":
        result = inspected(tmp_path, film("mp4", (640, 360)), extra=EXTRA)
    else:
        result = processed(tmp_path, heic(photo((640, 360))), extra=EXTRA)
    assert extras(result) == {"w300": (300, 169), "s99": (176, 99), "s200": (200, 113), "s120": (120, 60)}
    assert {shown(file).format for file in result.extras} == {"JPEG"}


def test_the_picture_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many renditions there are."""
    calls = []
    decode = render.decoded
    monkeypatch.setattr(render, "decoded", lambda *arguments: calls.append(arguments) or decode(*arguments))
    processed(tmp_path, encoded(photo((900, 600)), "JPEG"), extra=EXTRA)
    assert len(calls) == 1


def test_a_worker_makes_them(tmp_path: Path) -> None:
    """Sizes cross the pipe, and files are named by the job's prefix."""
    with pool() as renderer:
        result = renderer.process(job(stored(tmp_path / "a", encoded(photo((700, 500)), "JPEG")), extra=EXTRA))
    assert set(extras(result)) == {"w300", "s99", "s200", "s120"}
