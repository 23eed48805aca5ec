"""What an operator chooses about stored originals, for a whole site or for one sender.

May know: :mod:`chevupload.checks`. One value goes the whole way, from the settings or a sender's
:class:`~chevupload.model.Principal` to the worker that renders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from chevupload.checks import FLAG, PIXELS, Kind, check, optional, read_words, setting

STILLS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "HEIC")
"""Formats that a still picture can be converted from."""
TARGETS = ("JPEG", "PNG", "WEBP")
"""Formats that it can be converted to. AVIF is none: its encoder takes more memory than a worker has from 30 megapixels
on, and seconds for each ten of them."""

Conversions: TypeAlias = Mapping[str, str] | tuple[tuple[str, str], ...]
"""From format to format, as a mapping or as pairs."""


def _pairs(convert: Any) -> tuple[tuple[str, str], ...]:
    pairs = tuple(convert.items() if isinstance(convert, Mapping) else map(tuple, convert))
    targets = dict(pairs)
    if len(targets) < len(pairs):
        raise ValueError(convert)
    for source, target in targets.items():
        if source not in STILLS or target not in TARGETS or source == target:
            raise ValueError(convert)
    return tuple(sorted(targets.items()))


def _read_pairs(text: str) -> Conversions:
    """Read ``PNG:WEBP HEIC:JPEG``."""
    return tuple((source, target) for source, _, target in (word.partition(":") for word in read_words(text)))


CONVERSIONS = Kind(
    f"a mapping such as {{'PNG': 'WEBP'}} from formats of {', '.join(STILLS)} to others of {', '.join(TARGETS)}",
    _pairs,
    _read_pairs,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Originals:
    """How originals are stored. Animations and videos keep their size and format, whatever is chosen.

    Raises:
        ConfigError: a side that is not positive, or a conversion that cannot be meant.
    """

    max_width: int | None = setting(None, optional(PIXELS))
    """Pixels. A wider picture is stored scaled down to it, its ratio kept; nothing is enlarged. None is no limit."""
    max_height: int | None = setting(None, optional(PIXELS))
    """Likewise; with both a picture is made to fit into the box."""
    convert: Conversions = setting((), CONVERSIONS)
    """From one of :data:`STILLS` to one of :data:`TARGETS`, such as ``{"PNG": "WEBP"}``; kept as pairs. Holes of a
    picture become white where the target has none. One too large for the target stays what it is."""
    keep_exif: bool = setting(True, FLAG)
    """Keep Exif, XMP, IPTC, and what films have instead, in the stored original. Derived pictures never carry them."""
    camera_tag: bool = setting(False, FLAG)
    """Add the camera's maker and model to a user's tags, where they are a valid one. Needs ``keep_exif``."""

    def __post_init__(self) -> None:
        """Check sides and conversions."""
        check(self)

    def target(self, name: str) -> str | None:
        """Return the format that a still picture of format ``name`` is converted to, or None."""
        return dict(self.convert).get(name)
