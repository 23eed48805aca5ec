"""Sizes of pictures that are scaled, by the same rounding wherever one is made, shown or described.

Sizes are width and height in pixels. A side that follows is rounded half up, and has at least one pixel. Source:
Chevereto V4.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Size: TypeAlias = tuple[int, int]
Side: TypeAlias = Literal["width", "height"]


def to_width(size: Size, width: int) -> Size:
    """Return ``size`` scaled to this width."""
    return width, max(1, (2 * size[1] * width + size[0]) // (2 * size[0]))


def to_height(size: Size, height: int) -> Size:
    """Return ``size`` scaled to this height."""
    return max(1, (2 * size[0] * height + size[1]) // (2 * size[1])), height


def to_side(size: Size, pixels: int, side: Side) -> Size:
    """Return ``size`` scaled so that the named side has this many pixels."""
    return to_width(size, pixels) if side == "width" else to_height(size, pixels)


def shrunk_to_side(size: Size, pixels: int, side: Side) -> Size:
    """Return the same, but never enlarged."""
    return to_width(size, min(pixels, size[0])) if side == "width" else to_height(size, min(pixels, size[1]))


def medium_size(size: Size, pixels: int, side: Side, *, always: bool = False) -> Size | None:
    """Return the size of the medium picture; None when that is no larger than ``pixels``, unless ``always``."""
    shrunk = shrunk_to_side(size, pixels, side)
    return shrunk if always or shrunk != size else None


def fitted(size: Size, box: Size) -> Size:
    """Return ``size`` shrunk into ``box``, never enlarged."""
    is_wider = size[0] * box[1] >= size[1] * box[0]
    return shrunk_to_side(size, box[0], "width") if is_wider else shrunk_to_side(size, box[1], "height")


def boxed(size: Size, max_width: int | None, max_height: int | None) -> Size:
    """Return ``size`` shrunk so that no side is longer than it may be; None is no limit."""
    width, height = size
    if max_width is not None and width > max_width:
        width, height = to_width(size, max_width)
    if max_height is not None and height > max_height:
        width, height = to_height(size, max_height)
    return width, height
