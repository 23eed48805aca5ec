"""The medium picture by the side that a site fixes."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from tests.media.films import film, inspected
from tests.media.heics import heic
from tests.media.pictures import encoded, photo, processed, sizes

pytestmark = pytest.mark.usefixtures("_each_resizer")

Size = tuple[int, int]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "medium"),
    [
        ((640, 480), None),
        ((600, 800), (375, 500)),
        ((480, 502), (478, 500)),
        ((64, 900), (36, 500)),
        ((900, 500), None),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIC", "MP4"])
def test_by_its_height(tmp_path: Path, kind: str, size: Size, medium: Size | None) -> None:
    """The width follows; there is none where the original is no higher. Of pictures and of films."""
    fixed = {"medium_fixed": "height"}
    if kind == "MP4":
        result = inspected(tmp_path, film("mp4", size), **fixed)
    else:
        data = heic(photo(size)) if kind == "HEIC" else encoded(photo(size), kind)
        result = processed(tmp_path, data, **fixed)
    assert sizes(result) == (size, (320, 320), medium)


def test_an_animation_has_one_no_higher_than_itself(tmp_path: Path) -> None:
    """As it has by its width."""
    file = io.BytesIO()
    frames = [Image.new("RGB", (90, 40), (number, 0, 0)) for number in (0, 90)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    assert sizes(processed(tmp_path, file.getvalue(), medium_fixed="height"))[2] == (90, 40)
    assert sizes(processed(tmp_path, file.getvalue(), medium_fixed="height", medium_side=20))[2] == (45, 20)
