"""Reads what a file says of its colors besides an ICC profile: code points, gamma, primaries, and its brightest light.

Where a file says it in several ways, browsers go by the first of ``cICP``, ``iCCP``, ``sRGB``, ``gAMA`` with ``cHRM``
in PNG, and by the profile before code points in AVIF and HEIC. Sources: PNG third edition, ISO/IEC 14496-12
(``colr``, ``clli``, ``mdcv``), the header of BMP's fifth version.
"""

from __future__ import annotations

import struct
from typing import BinaryIO, TypeAlias

from chevupload.media.color_space import (
    SRGB,
    USUAL_PEAK,
    ColorSpace,
    HighDynamicRange,
    coded,
    icc_profile,
    numbered,
    shown,
)
from chevupload.media.containers import png
from chevupload.media.containers.heif_items import properties

Colors: TypeAlias = bytes | HighDynamicRange | None
"""What the values of pixels mean: an ICC profile tells it, or a range that is to be mapped to sRGB; None means sRGB."""

_PNG_CHUNKS = (b"cICP", b"sRGB", b"gAMA", b"cHRM", b"cLLI", b"mDCV")
_MAX_BMP_PROFILE_BYTES = 4_000_000
_GRAY = ("1", "L", "LA", "I;16", "I")


def of_png(file: BinaryIO, profile: bytes | None, mode: str) -> Colors:
    """See :data:`~chevupload.media.codecs.COLORS`."""
    return _told(_png(file, _is_profile(profile)), profile, mode)


def of_items(file: BinaryIO, profile: bytes | None, mode: str) -> Colors:
    """See :data:`~chevupload.media.codecs.COLORS`; of AVIF and HEIC."""
    return profile if _is_profile(profile) else _told(_items(file), profile, mode)


def of_bmp(file: BinaryIO, profile: bytes | None, mode: str) -> Colors:
    """See :data:`~chevupload.media.codecs.COLORS`; it is the header's fifth version that leads to a profile."""
    file.seek(0)
    header = file.read(14 + 124)
    if len(header) < 14 + 124 or header[14] < 124 or header[70:74] != b"DEBM":
        return None
    at, size = struct.unpack_from("<II", header, 126)
    file.seek(14 + at)
    profile = file.read(min(size, _MAX_BMP_PROFILE_BYTES))
    return profile if _is_profile(profile) else None


def _told(told: ColorSpace | HighDynamicRange | None, profile: bytes | None, mode: str) -> Colors:
    if isinstance(told, ColorSpace):
        return None if told == SRGB else icc_profile(told, is_gray=mode in _GRAY)
    return profile if told is None else told


def _is_profile(profile: bytes | None) -> bool:
    return profile is not None and profile[36:40] == b"acsp"


def _png(file: BinaryIO, has_profile: bool) -> ColorSpace | HighDynamicRange | None:
    chunks = _png_chunks(file)
    if len(code := chunks.get(b"cICP", b"")) == 4:
        lights = (_png_light(chunks.get(b"cLLI", b""), 0), _png_light(chunks.get(b"mDCV", b""), 16))
        if space := coded(code[0], code[1], _peak(*lights)):
            return space
    if has_profile:
        return None
    if b"sRGB" in chunks or len(chunks.get(b"gAMA", b"")) != 4:
        return SRGB
    points = chunks.get(b"cHRM", b"")
    numbers = tuple(value / 100_000 for value in struct.unpack(">8I", points)) if len(points) == 32 else None
    return numbered(int.from_bytes(chunks[b"gAMA"], "big") / 100_000, numbers) or SRGB


def _png_chunks(file: BinaryIO) -> dict[bytes, bytes]:
    """Return the chunks about colors, which stand before the pixels."""
    found: dict[bytes, bytes] = {}
    for chunk in png.chunks(file):
        if chunk.kind == b"IDAT":
            break
        if chunk.kind in _PNG_CHUNKS and chunk.length <= 32:
            found.setdefault(chunk.kind, file.read(chunk.length))
    return found


def _png_light(chunk: bytes, at: int) -> float:
    return int.from_bytes(chunk[at : at + 4], "big") / 10_000


def _peak(of_content: float, of_display: float) -> float:
    """Return the luminance of the brightest pixel: of the content, or else of the display that it was made on."""
    return of_content or of_display or USUAL_PEAK


def _items(file: BinaryIO) -> ColorSpace | HighDynamicRange | None:
    """Return the color space of a picture in boxes, None where nothing tells it."""
    code, content, display = None, 0.0, 0.0
    for kind, head in properties(file):
        if kind == b"colr" and head[:4] == b"nclx" and len(head) >= 8 and code is None:
            code = int.from_bytes(head[4:6], "big"), int.from_bytes(head[6:8], "big")
        elif kind == b"clli":
            content = float(int.from_bytes(head[:2], "big"))
        elif kind == b"mdcv":
            display = int.from_bytes(head[16:20], "big") / 10_000
    return None if code is None else shown(*code, peak=_peak(content, display))
