"""Sizes that pictures are scaled to."""

from __future__ import annotations

import re

import pytest

from chevupload.scaling import RenditionSize, boxed, fitted, medium_size, shrunk_to_side, to_side


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((600, 400), (500, 400), (500, 333)),
        ((600, 400), (500, 100), (150, 100)),
        ((8, 6), (500, 6), (8, 6)),
        ((400, 600), (300, 300), (200, 300)),
        ((10_000, 1), (10, 10), (10, 1)),
        ((1, 10_000), (10, 10), (1, 10)),
    ],
)
def test_what_is_fitted_keeps_its_shape(size, box, expected):
    """Never larger than it is, nor than the box, nor without a pixel."""
    assert fitted(size, box) == expected


@pytest.mark.parametrize(
    ("size", "side", "larger", "shrunk"),
    [
        ((300, 400), "width", (500, 667), (300, 400)),
        ((300, 400), "height", (375, 500), (300, 400)),
        ((801, 600), "height", (668, 500), (668, 500)),
        ((1, 9_999), "height", (1, 500), (1, 500)),
    ],
)
def test_one_side_is_fixed_and_the_other_follows(size, side, larger, shrunk):
    """Rounded half up; to a length, or to that length at most."""
    assert (to_side(size, 500, side), shrunk_to_side(size, 500, side)) == (larger, shrunk)


@pytest.mark.parametrize(
    ("size", "medium", "always"),
    [
        ((501, 100), (500, 100), (500, 100)),
        ((500, 100), None, (500, 100)),
        ((8, 6), None, (8, 6)),
        ((1_000, 333), (500, 167), (500, 167)),
    ],
)
def test_a_medium_picture_is_made_of_a_larger_one(size, medium, always):
    """Of others only where a site wants it of each."""
    assert (medium_size(size, 500, "width"), medium_size(size, 500, "width", always=True)) == (medium, always)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (None, None, (600, 400)),
        (600, 400, (600, 400)),
        (300, None, (300, 200)),
        (None, 100, (150, 100)),
        (300, 100, (150, 100)),
        (100, 300, (100, 67)),
    ],
)
def test_no_side_is_longer_than_it_may_be(width, height, expected):
    """And no limit is none."""
    assert boxed((600, 400), width, height) == expected


@pytest.mark.parametrize(
    ("spelled", "size", "made"),
    [
        ("800x", (1600, 1201), (800, 601)),
        ("800x", (801, 9), (800, 9)),
        ("800x", (800, 900), None),
        ("x600", (1601, 1200), (801, 600)),
        ("x600", (900, 600), None),
        ("800x600", (1600, 1000), (800, 500)),
        ("800x600", (1000, 1600), (375, 600)),
        ("400x300^", (400, 301), (400, 300)),
        ("400x300^", (401, 300), (400, 300)),
        ("400x300^", (400, 300), None),
        ("400x300^", (399, 900), None),
        ("400x300^", (900, 299), None),
    ],
)
def test_a_rendition_is_smaller_than_its_picture(spelled, size, made):
    """As its size is spelled: within a width, a height or both, or cropped to both."""
    rendition = RenditionSize.read(spelled)
    assert (str(rendition), rendition.of(size)) == (spelled, made)


@pytest.mark.parametrize("text", ["", "800", "800x600^^", "a800x", "800x\n", "-8x", "8.5x"])
def test_a_size_that_is_spelled_otherwise_is_refused(text):
    """Whoever reads settings tells what was read."""
    with pytest.raises(ValueError, match=rf"\A{re.escape(text)}\Z"):
        RenditionSize.read(text)
