"""Shows pictures of high dynamic range on a white page, as Chromium does.

Sources: SMPTE ST 2084 and ITU-R BT.2100 (PQ, HLG), and the reference white tone mapping of SMPTE ST 2094-50, which
Chromium's Skia applies: light up to the reference white is dimmed by one factor, and what is brighter is bent to fit.
Colors are mapped by a table, between whose entries Pillow interpolates.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image, ImageFilter

from chevupload.media.color_space import (
    BT2020,
    REFERENCE_WHITE,
    SRGB,
    USUAL_PEAK,
    HighDynamicRange,
    applied,
    inverse,
    product,
    rgb_to_xyz,
)

TABLE_SIDE = 25
"""Entries of the table for each color. Means are right within 3 of 255; making it takes as long as decoding half a
megapixel."""
_HLG_PEAK = 1000.0
"""Luminance of HLG's white on the display that its system gamma of 1.2 belongs to, in cd/m²."""
_BEND = 0.65
"""How sharply the curve of bright light bends."""


def tone_mapped(image: Image.Image, space: HighDynamicRange) -> Image.Image:
    """Return ``image``, which may be gray or have an alpha channel, as sRGB."""
    colors = image.convert("RGB") if image.mode in ("L", "LA") else image
    mapped = colors.filter(ImageFilter.Color3DLUT.generate(TABLE_SIDE, _mapping(space)))
    if image.mode == "LA":
        mapped.putalpha(image.getchannel("A"))
    return mapped


def _mapping(space: HighDynamicRange) -> Callable[[float, float, float], tuple[float, float, float]]:
    light = {value / (TABLE_SIDE - 1): _light(value / (TABLE_SIDE - 1), space) for value in range(TABLE_SIDE)}
    source, wide, narrow = map(rgb_to_xyz, (space.chromaticities, BT2020, SRGB.chromaticities))
    to_wide, to_narrow = product(inverse(wide), source), product(inverse(narrow), wide)
    luminances = source[1]
    curve = _curve(max(1.0, space.peak / REFERENCE_WHITE))

    def mapped(red: float, green: float, blue: float) -> tuple[float, float, float]:
        seen = light[red], light[green], light[blue]
        if space.transfer == "HLG":
            brightness = luminances[0] * seen[0] + luminances[1] * seen[1] + luminances[2] * seen[2]
            factor = max(0.0, brightness) ** 0.2 * _HLG_PEAK / REFERENCE_WHITE
            seen = seen[0] * factor, seen[1] * factor, seen[2] * factor
        colors = applied(to_wide, seen)
        highest = max(colors)
        gain = curve(highest) / highest if highest > 0 else 0.0
        red, green, blue = applied(to_narrow, colors)
        return _encoded(red * gain), _encoded(green * gain), _encoded(blue * gain)

    return mapped


def _light(value: float, space: HighDynamicRange) -> float:
    """Return the light of an encoded value: of PQ as a multiple of the reference white, of HLG's scene up to 1."""
    if space.transfer == "HLG":
        return value * value / 3 if value <= 0.5 else (math.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12
    root = value ** (32 / 2523)
    return float(
        10_000 / REFERENCE_WHITE * (max(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (16384 / 2610)
    )


def _encoded(light: float) -> float:
    """Return the value of sRGB for light.

    It goes on below black and above white, since what is cut off there before interpolating ends up within.
    """
    amount = min(abs(light), 2.0)
    value = amount * 12.92 if amount <= 0.0031308 else 1.055 * amount ** (1 / 2.4) - 0.055
    return value if light >= 0 else -value


def _curve(peak: float) -> Callable[[float], float]:
    """Return what becomes of light up to ``peak``, in multiples of the reference white: a line, and a parabola to 1."""
    if peak <= 1:
        return lambda light: light
    factor = 1 - 0.5 * min(1.0, math.log(peak) / math.log(USUAL_PEAK / REFERENCE_WHITE))
    # The parabola leaves the line at white, where it still has the line's direction, and ends at the peak.
    middle = (1 - _BEND) + _BEND / factor
    height = (1 - _BEND) * factor + _BEND
    ax, ay = 1 - 2 * middle + peak, factor - 2 * height + 1
    bx, by = 2 * (middle - 1), 2 * (height - factor)

    def bent(light: float) -> float:
        if light <= 1:
            return light * factor
        if light >= peak:
            return 1.0
        root = math.sqrt(bx * bx + 4 * ax * (light - 1))
        place = 2 * (light - 1) / (bx + root)
        return factor + place * (by + place * ay)

    return bent
