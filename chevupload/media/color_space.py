"""Color spaces as files name them, by code points or by the numbers of primaries and a curve, and their ICC profiles.

Every format that is written here carries a profile, and browsers honour it; code points and gamma only fit into some.
Sources: ITU-T H.273 (tables 2 and 3), PNG third edition (``cHRM``, ``gAMA``), ICC.1 (the curve's seven parameters,
Bradford's adaptation to D50, and the profile), ITU-R BT.2408 (reference white).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal, TypeAlias

Chromaticities: TypeAlias = tuple[float, float, float, float, float, float, float, float]
"""CIE x and y of white, red, green and blue, in the order of PNG's ``cHRM``."""
Curve: TypeAlias = tuple[float, float, float, float, float, float, float]
"""ICC's parametric curve of type 4, from an encoded value X to light: g, a, b, c, d, e, f of (aX + b)^g + e where X is
at least d, and of cX + f below."""
Matrix: TypeAlias = tuple[tuple[float, float, float], ...]
"""Three rows."""

_D65 = (0.3127, 0.329)
_C = (0.310, 0.316)
_PRIMARIES: dict[int, Chromaticities] = {
    1: (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    10: (1 / 3, 1 / 3, 1, 0, 0, 1, 0, 0),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    22: (*_D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
_DISPLAYED: Curve = (2.4, 1, 0, 0, 0, 0, 0)
"""Of what cameras' curves mean on a screen (ITU-R BT.1886), which is what browsers make of them in a PNG."""
_SRGB: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0, 0)
_CURVES: dict[int, Curve] = {
    4: (2.2, 1, 0, 0, 0, 0, 0),
    5: (2.8, 1, 0, 0, 0, 0, 0),
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4, 0.0912, 0, 0),
    8: (1, 1, 0, 0, 0, 0, 0),
    13: _SRGB,
    17: (2.6, (52.37 / 48) ** (1 / 2.6), 0, 0, 0, 0, 0),
} | dict.fromkeys((1, 6, 11, 14, 15), _DISPLAYED)
_RANGES: dict[int, Literal["PQ", "HLG"]] = {16: "PQ", 18: "HLG"}
_UNSPECIFIED = 2
_SHOWN_AS_SRGB = (0, _UNSPECIFIED, 1, 6, 9, 10, 11, 12, 14, 15)
"""Curves of cameras, and none: in films, AVIF and HEIC browsers take them for the curve of sRGB."""

_SRGB_LIKE = 0.05
"""How far an exponent may be from 1 / 2.2 to be taken for the curve of sRGB, as a part of it."""

REFERENCE_WHITE = 203.0
"""Luminance of a white page beside a picture of high dynamic range, in cd/m²."""
USUAL_PEAK = 1000.0
"""Luminance of the brightest pixel where a file does not say it, in cd/m²."""


@dataclass(frozen=True, slots=True)
class ColorSpace:
    """Primaries and one curve for all three of them."""

    chromaticities: Chromaticities = _PRIMARIES[1]
    curve: Curve = _SRGB


@dataclass(frozen=True, slots=True)
class HighDynamicRange:
    """A color space that holds more light than a white page has.

    Attributes:
        transfer: PQ (SMPTE ST 2084) or HLG (ITU-R BT.2100).
        peak: luminance of the brightest pixel, in cd/m².
    """

    chromaticities: Chromaticities
    transfer: Literal["PQ", "HLG"]
    peak: float = USUAL_PEAK


SRGB = ColorSpace()
BT2020 = _PRIMARIES[9]


def coded(primaries: int, transfer: int, peak: float = USUAL_PEAK) -> ColorSpace | HighDynamicRange | None:
    """Return the color space of two code points, None where one of them names nothing that browsers know."""
    chromaticities = _PRIMARIES.get(primaries)
    if chromaticities is None:
        return None
    if transfer in _RANGES:
        return HighDynamicRange(chromaticities, _RANGES[transfer], peak)
    curve = _CURVES.get(transfer)
    return None if curve is None else ColorSpace(chromaticities, curve)


def shown(primaries: int, transfer: int, peak: float = USUAL_PEAK) -> ColorSpace | HighDynamicRange:
    """Return the color space that browsers take for that of a film, an AVIF or a HEIC with these code points."""
    primaries = primaries if primaries in _PRIMARIES else 1
    transfer = 13 if transfer in _SHOWN_AS_SRGB else transfer
    return coded(primaries, transfer, peak) or SRGB


def numbered(gamma: float, chromaticities: Chromaticities | None) -> ColorSpace | None:
    """Return the color space of PNG's numbers, None where they make no sense.

    Args:
        gamma: the exponent from light to encoded values, 1 / 2.2 for most.
        chromaticities: of the primaries; without them, sRGB's.
    """
    if gamma <= 0:
        return None
    if chromaticities is None and abs(gamma * 2.2 - 1) < _SRGB_LIKE:
        return SRGB
    space = ColorSpace(chromaticities or SRGB.chromaticities, (1 / gamma, 1, 0, 0, 0, 0, 0))
    try:
        rgb_to_xyz(space.chromaticities)
    except ZeroDivisionError:
        return None
    return space


def rgb_to_xyz(chromaticities: Chromaticities) -> Matrix:
    """Return the matrix from light of these primaries to CIE XYZ, adapted to D50.

    Raises:
        ZeroDivisionError: the primaries span no colors.
    """
    white, *primaries = (_xyz(chromaticities[at], chromaticities[at + 1]) for at in (0, 2, 4, 6))
    columns = _transposed(tuple(primaries))
    amounts = applied(inverse(columns), white)
    scaled = tuple(tuple(value * amount for value, amount in zip(row, amounts, strict=True)) for row in columns)
    return product(_adaptation(white), scaled)  # type: ignore[arg-type]


def _xyz(x: float, y: float) -> tuple[float, float, float]:
    return x / y if y else x / 1e-9, 1.0, (1 - x - y) / (y or 1e-9)


_BRADFORD: Matrix = ((0.8951, 0.2664, -0.1614), (-0.7502, 1.7135, 0.0367), (0.0389, -0.0685, 1.0296))
D50 = (0.9642, 1.0, 0.8249)
"""The white of ICC's connection space, as XYZ."""


def _adaptation(white: tuple[float, float, float]) -> Matrix:
    before, after = applied(_BRADFORD, white), applied(_BRADFORD, D50)
    first, second, third = (new / old for new, old in zip(after, before, strict=True))
    return product(inverse(_BRADFORD), product(((first, 0, 0), (0, second, 0), (0, 0, third)), _BRADFORD))


def applied(matrix: Matrix, vector: tuple[float, float, float]) -> tuple[float, float, float]:
    """Multiply a matrix by a column."""
    x, y, z = vector
    (a, b, c), (d, e, f), (g, h, i) = matrix
    return a * x + b * y + c * z, d * x + e * y + f * z, g * x + h * y + i * z


def product(left: Matrix, right: Matrix) -> Matrix:
    """Multiply two matrices."""
    return _transposed(tuple(applied(left, column) for column in _transposed(right)))


def inverse(matrix: Matrix) -> Matrix:
    """Return the inverse of a matrix.

    Raises:
        ZeroDivisionError: it has none.
    """
    (a, b, c), (d, e, f), (g, h, i) = matrix
    cofactors = (
        (e * i - f * h, c * h - b * i, b * f - c * e),
        (f * g - d * i, a * i - c * g, c * d - a * f),
        (d * h - e * g, b * g - a * h, a * e - b * d),
    )
    determinant = a * cofactors[0][0] + b * cofactors[1][0] + c * cofactors[2][0]
    return tuple(tuple(value / determinant for value in row) for row in cofactors)  # type: ignore[misc]


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))


def icc_profile(space: ColorSpace, *, is_gray: bool) -> bytes:
    """Write the ICC profile of ``space``, for pictures of three colors or of gray."""
    curve = b"para" + bytes(4) + struct.pack(">HH", 4, 0) + _fixed(*space.curve)
    tags = {b"desc": _text("Colors of the original"), b"cprt": _text("CC0"), b"wtpt": _xyz_value(*D50)}
    if is_gray:
        tags[b"kTRC"] = curve
    else:
        columns = zip(*rgb_to_xyz(space.chromaticities), strict=True)
        for name, column in zip((b"r", b"g", b"b"), columns, strict=True):
            tags |= {name + b"XYZ": _xyz_value(*column), name + b"TRC": curve}
    return _written(tags, b"GRAY" if is_gray else b"RGB ")


def _written(tags: dict[bytes, bytes], colors: bytes) -> bytes:
    directory, data, places = struct.pack(">I", len(tags)), b"", dict[bytes, int]()
    start = 128 + len(directory) + 12 * len(tags)
    for name, value in tags.items():
        if value not in places:
            places[value] = start + len(data)
            data += value + bytes(-len(value) % 4)
        directory += name + struct.pack(">II", places[value], len(value))
    head = struct.pack(">I4xI4s4s4s", start + len(data), 0x04300000, b"mntr", colors, b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + _fixed(*D50)
    return head.ljust(128, b"\0") + directory + data


def _fixed(*values: float) -> bytes:
    """Write numbers with 16 bits behind the point."""
    return struct.pack(f">{len(values)}i", *(max(-(2**31), min(2**31 - 1, round(value * 65_536))) for value in values))


def _xyz_value(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(x, y, z)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data
