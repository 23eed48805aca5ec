"""Every pair of code points that a file may have for high dynamic range is mapped."""

from __future__ import annotations

from typing import Literal

import pytest
from PIL import Image

from chevupload.media.color_space import HighDynamicRange, coded
from chevupload.media.tone_mapping import tone_mapped


@pytest.mark.slow
@pytest.mark.parametrize("transfer", [16, 18])
@pytest.mark.parametrize("primaries", [1, 4, 5, 6, 7, 8, 9, 10, 11, 12, 22])
def test_any_primaries_are_mapped(primaries: int, transfer: Literal[16, 18]) -> None:
    """Gray stays some gray; with primaries that nobody sees, CIE XYZ's, some light would be less than none."""
    space = coded(primaries, transfer)
    assert isinstance(space, HighDynamicRange)
    mapped = tone_mapped(Image.new("RGB", (2, 2), (120, 120, 120)), space)
    assert mapped.convert("L").getpixel((0, 0)) == pytest.approx(115, abs=25)
