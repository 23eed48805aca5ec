"""What an operator chooses about stored originals, for a whole site or for one sender.

May know: :mod:`chevupload.errors`. One value goes the whole way, from the settings or a sender's
:class:`~chevupload.model.Principal` to the worker that renders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from chevupload.errors import ConfigError

STILLS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP", "HEIC")
"""Formats that a still picture can be converted from."""
TARGETS = ("JPEG", "PNG", "WEBP")
"""Formats that it can be converted to. AVIF is none: its encoder takes more memory than a worker has from 30 megapixels
on, and seconds for each ten of them."""

Conversions: TypeAlias = Mapping[str, str] | tuple[tuple[str, str], ...]
"""From format to format, as a mapping or as pairs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Originals:
    """How originals are stored. Animations and videos keep their size and format, whatever is chosen.

    Raises:
        ConfigError: a side that is not positive, or a conversion that cannot be meant.
    """

    max_width: int | None = None
    """Pixels. A wider picture is stored scaled down to it, its ratio kept; nothing is enlarged. None is no limit."""
    max_height: int | None = None
    """Likewise; with both a picture is made to fit into the box."""
    convert: Conversions = ()
    """From one of :data:`STILLS` to one of :data:`TARGETS`, such as ``{"PNG": "WEBP"}``; kept as pairs. Holes of a
    picture become white where the target has none. One too large for the target stays what it is."""
    keep_exif: bool = True
    """Keep Exif, XMP, IPTC, and what films have instead, in the stored original. Derived pictures never carry them."""
    camera_tag: bool = False
    """Add the camera's maker and model to a user's tags, where they are a valid one. Needs ``keep_exif``."""

    def __post_init__(self) -> None:
        """Check sides and conversions."""
        for name in ("max_width", "max_height"):
            side = getattr(self, name)
            if side is not None and side <= 0:
                raise ConfigError(f"Originals.{name} must be positive, or None")
        object.__setattr__(self, "convert", _checked(self.convert))

    def target(self, name: str) -> str | None:
        """Return the format that a still picture of format ``name`` is converted to, or None."""
        return dict(self.convert).get(name)


def _checked(convert: Conversions) -> tuple[tuple[str, str], ...]:
    try:
        found = tuple(sorted(dict(convert).items()))
    except (TypeError, ValueError):
        raise ConfigError("Originals.convert is a mapping from format to format") from None
    for source, target in found:
        if source not in STILLS or target not in TARGETS or source == target:
            raise ConfigError(f"Originals.convert cannot turn {source!r} into {target!r}")
    if len(found) < len(convert):
        raise ConfigError("Originals.convert names a format twice")
    return found
