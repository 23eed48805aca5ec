"""The formats of uploads, one row each. ``media.decode`` and ``media.codecs`` say what is done with each of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal


@dataclass(frozen=True, slots=True)
class Extra:
    """What a site installs to have a decoder: the name of the extra, and the module that it brings."""

    name: str
    module: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format that can be accepted.

    Attributes:
        name: in settings, logs and refusals; of a picture, Pillow's name.
        label: the name as people read it.
        mime: its content type.
        kind: Chevereto's word for it.
        extensions: of stored files, the preferred one first. Nothing is stored where there are none.
        chosen_by: extensions that a file chooser is told besides the content type, which not every system knows.
        extra: what decodes it, None where Pillow does.
        is_framed: no picture on a page can have it, so a JPEG that can is stored beside it, and its thumbnail and
            medium picture are JPEG, too.
        turns_itself: its container says how it is turned, not its Exif, so it stays upright without that.
        is_target: a still picture can be converted to it. AVIF is no target: its encoder takes more memory than a
            worker has from 30 megapixels on, and seconds for each ten of them.
        stored_as: the format that its pictures are stored in, because few browsers show it; None is itself.
    """

    name: str
    label: str
    mime: str
    kind: Literal["image", "video"] = "image"
    extensions: tuple[str, ...] = ()
    chosen_by: tuple[str, ...] = ()
    extra: Extra | None = None
    is_framed: bool = False
    turns_itself: bool = False
    is_target: bool = False
    stored_as: str | None = None


_video = partial(Format, kind="video", extra=Extra("video", "av"), is_framed=True)

_ROWS = (
    Format(name="JPEG", label="JPEG", mime="image/jpeg", extensions=("jpeg", "jpg"), is_target=True),
    Format(name="PNG", label="PNG", mime="image/png", extensions=("png",), is_target=True),
    Format(name="GIF", label="GIF", mime="image/gif", extensions=("gif",)),
    Format(name="WEBP", label="WebP", mime="image/webp", extensions=("webp",), is_target=True),
    Format(name="AVIF", label="AVIF", mime="image/avif", extensions=("avif",), turns_itself=True),
    Format(name="BMP", label="BMP", mime="image/bmp", stored_as="PNG"),
    Format(
        name="HEIC",
        label="HEIC",
        mime="image/heic",
        extensions=("heic",),
        chosen_by=(".heic", ".heif"),
        extra=Extra("heic", "pi_heif"),
        is_framed=True,
        turns_itself=True,
    ),
    _video(name="MP4", label="MP4", mime="video/mp4", extensions=("mp4",)),
    _video(name="MOV", label="MOV", mime="video/quicktime", extensions=("mov",)),
    _video(name="WEBM", label="WebM", mime="video/webm", extensions=("webm",)),
)

FORMATS = {row.name: row for row in _ROWS}
"""Every format, by its name."""
NAMES = tuple(FORMATS)
STILLS = tuple(row.name for row in _ROWS if row.kind == "image")
"""Formats that a still picture can be converted from."""
TARGETS = tuple(row.name for row in _ROWS if row.is_target)
"""Formats that it can be converted to."""
BY_EXTENSION = {extension: row for row in _ROWS for extension in row.extensions}
MIME_TYPES = {extension: row.mime for extension, row in BY_EXTENSION.items()}
"""Content type of each stored extension. Source: Chevereto V4, field ``mime``."""
