"""Sizes of pictures that are scaled, by the same rounding wherever one is made, shown or described.

Sizes are width and height in pixels. A side that follows is rounded half up, and has at least one pixel. Source:
Chevereto V4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

from chevupload.errors import ConfigError
from chevupload.validation import FLAG, check, optional, setting, whole

Size: TypeAlias = tuple[int, int]
Side: TypeAlias = Literal["width", "height"]

_SIDE = optional(whole("a whole number of pixels from 1 to 10,000", most=10_000))
_SPELLED = re.compile(r"([0-9]*)x([0-9]*)(\^?)\Z")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RenditionSize:
    """The size of an additional rendition: as large as fits into ``width`` and ``height``, and never enlarged.

    Attributes:
        width: pixels; None is no limit, and so it is for ``height``.
        height: pixels.
        crop: fill both instead, with the middle of the picture.

    Raises:
        ConfigError: a side that is not from 1 to 10,000 pixels, no side at all, or one side alone with ``crop``.
    """

    width: int | None = setting(None, _SIDE)
    height: int | None = setting(None, _SIDE)
    crop: bool = setting(False, FLAG)

    def __post_init__(self) -> None:
        """Check sides."""
        check(self)
        given = [side for side in (self.width, self.height) if side is not None]
        if len(given) < 1 + self.crop:
            raise ConfigError("a RenditionSize needs a width or a height, and both to crop")

    def __str__(self) -> str:
        """Return the text that is read as this size."""
        return f"{self.width or ''}x{self.height or ''}{'^' if self.crop else ''}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Read ``800x``, ``x600`` or ``800x600``; cropped it is ``400x400^``. Source: ImageMagick's geometry.

        Raises:
            ValueError: it is spelled otherwise.
        """
        if (found := _SPELLED.match(text)) is None:
            raise ValueError(text)
        width, height = (int(side) if side else None for side in found.groups()[:2])
        return cls(width=width, height=height, crop=bool(found[3]))

    def of(self, size: Size) -> Size | None:
        """Return the size of the rendition of a picture of ``size``; None where that is not larger, so has none."""
        made = boxed(size, self.width, self.height)
        if self.crop and self.width is not None and self.height is not None:
            made = self.width, self.height
        return made if made != size and made[0] <= size[0] and made[1] <= size[1] else None


ExtraRenditions: TypeAlias = Mapping[str, RenditionSize] | tuple[tuple[str, RenditionSize], ...]
"""Sizes by their names, as a mapping or as pairs."""
