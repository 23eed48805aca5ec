"""Sizes that pictures are scaled to."""

from __future__ import annotations

import pytest

from chevupload.scaling import fitted, shrunk_to_side, to_side


@pytest.mark.parametrize(
    ("size", "box", "expected"),
    [
        ((600, 400), (500, 400), (500, 333)),
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
