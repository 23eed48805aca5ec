"""A color profile for CMYK, made by hand: nothing that is installed everywhere brings one."""

from __future__ import annotations

import struct


def _table() -> bytes:
    """Make a table that leads from every ink to gray, so that it shows whether a profile was asked."""
    identity = bytes(range(256))
    matrix = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x10000)
    corners = b""
    for number in range(16):
        inks = number.bit_count()
        # Lightness, and neither of the two color axes of Lab.
        corners += bytes((255 - 60 * inks, 128, 128))
    return b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + matrix + identity * 4 + corners + identity * 3


def _profile() -> bytes:
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"gray\0" + bytes(78),
        b"cprt": b"text" + bytes(4) + b"none\0",
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D),
        b"A2B0": _table(),
    }
    directory, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, value in tags.items():
        directory += name + struct.pack(">II", start + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size = start + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + directory + data


GRAY_CMYK = _profile()
"""A profile by which every ink is gray."""
