"""Writes ICC profiles for color spaces that a file names in another way.

Every format that is written here carries a profile, and browsers honour it; code points and gamma only fit into some.
Source: ICC.1:2022.
"""

from __future__ import annotations

import struct

from chevupload.media.color_space import D50, ColorSpace, rgb_to_xyz

_NAME = "Colors of the original"


def profile(space: ColorSpace, *, is_gray: bool) -> bytes:
    """Write the profile of ``space``, for pictures of three colors or of gray."""
    curve = b"para" + bytes(4) + struct.pack(">HH", 4, 0) + _fixed(*space.curve)
    tags = {b"desc": _text(_NAME), b"cprt": _text("CC0"), b"wtpt": _xyz(*D50)}
    if is_gray:
        tags[b"kTRC"] = curve
    else:
        columns = zip(*rgb_to_xyz(space.chromaticities), strict=True)
        for name, column in zip((b"r", b"g", b"b"), columns, strict=True):
            tags |= {name + b"XYZ": _xyz(*column), name + b"TRC": curve}
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


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(x, y, z)


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc" + bytes(4) + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data
