"""Reads an Exif block: bounded, tolerant, and without changing a byte of what it keeps.

Sources: TIFF 6.0 and CIPA DC-008 (Exif 2.32). Pillow's own reader copies every value, so that 64 KB of overlapping
values become hundreds of megabytes, and it forgets raw values that PHP shows.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

ORIENTATION = 0x0112
MAX_TAGS = 200
"""Tags read of one block; cameras write fewer than a hundred."""
MAX_VALUE_BYTES = 2_048
"""Larger values are skipped."""

HEADER = b"Exif\0\0"
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_POINTERS = {0x8769: "EXIF", 0x8825: "GPS", 0xA005: "INTEROP"}
_LAYOUTS = {3: "H", 4: "I", 5: "I", 6: "b", 8: "h", 9: "i", 10: "i", 11: "f", 12: "d"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag as it is stored: the directory it stands in, its number, its TIFF type, its bytes."""

    directory: str
    tag: int
    kind: int
    data: bytes
    order: str

    def numbers(self) -> tuple[int | float, ...]:
        """Return the value as numbers; a rational is two of them."""
        if self.kind in (1, 2, 7):
            return tuple(self.data)
        letter = _LAYOUTS[self.kind]
        return struct.unpack(f"{self.order}{len(self.data) // struct.calcsize(letter)}{letter}", self.data)


@dataclass(frozen=True, slots=True)
class Exif:
    """What was read of a block.

    Attributes:
        entries: in the order of the block: IFD0, then EXIF, GPS, INTEROP, THUMBNAIL.
        is_motorola: whether the byte order is big-endian; None without a readable block.
        orientation: 1 to 8; 1 when absent or senseless, or of another type than browsers read.
    """

    entries: tuple[Entry, ...] = ()
    is_motorola: bool | None = None
    orientation: int = 1

    def find(self, directory: str, tag: int) -> Entry | None:
        """Return a tag of a directory."""
        return next((entry for entry in self.entries if entry.tag == tag and entry.directory == directory), None)


def read(block: bytes) -> Exif:
    """Read a block, with or without its ``Exif`` header; whatever is broken is left out."""
    tiff = block.removeprefix(HEADER)
    order, start = _first_directory(tiff)
    if not order:
        return Exif()
    entries: list[Entry] = []
    waiting = [("IFD0", start)]
    seen = set()
    while waiting:
        name, at = waiting.pop(0)
        if at in seen:
            continue
        seen.add(at)
        found = _directory(tiff, at, name, order, MAX_TAGS - len(entries))
        entries += found
        if name == "THUMBNAIL":
            continue
        waiting += [(_POINTERS[e.tag], int(e.numbers()[0])) for e in found if e.tag in _POINTERS and e.kind == 4]
        if name == "IFD0" and (following := _next(tiff, at, order)):
            waiting.append(("THUMBNAIL", following))
    return Exif(tuple(entries), order == ">", _orientation(entries))


def _first_directory(tiff: bytes) -> tuple[str, int]:
    """Return the byte order in the letters of ``struct``, empty where there is none, and where IFD0 begins."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4], "")
    if not order or len(tiff) < 8:
        return "", 0
    return order, struct.unpack_from(f"{order}I", tiff, 4)[0]


def _orientation(entries: list[Entry]) -> int:
    told = next((entry for entry in entries if entry.tag == ORIENTATION and entry.directory == "IFD0"), None)
    value = told.numbers()[0] if told is not None and told.kind == 3 else 1
    return int(value) if 1 <= value <= 8 else 1


def _directory(tiff: bytes, at: int, name: str, order: str, room: int) -> list[Entry]:
    entries: list[Entry] = []
    if at + 2 > len(tiff):
        return entries
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    for place in range(at + 2, at + 2 + 12 * min(count, room), 12):
        if place + 12 > len(tiff):
            break
        tag, kind, values = struct.unpack_from(f"{order}HHI", tiff, place)
        size = _SIZES.get(kind, 0) * values
        if not 0 < size <= MAX_VALUE_BYTES:
            continue
        start = place + 8 if size <= 4 else struct.unpack_from(f"{order}I", tiff, place + 8)[0]
        if start + size <= len(tiff):
            entries.append(Entry(name, tag, kind, tiff[start : start + size], order))
    return entries


def _next(tiff: bytes, at: int, order: str) -> int:
    if at + 2 > len(tiff):
        return 0
    place = at + 2 + 12 * struct.unpack_from(f"{order}H", tiff, at)[0]
    return int(struct.unpack_from(f"{order}I", tiff, place)[0]) if place + 4 <= len(tiff) else 0


def without_orientation(block: bytes) -> bytes:
    """Return ``block`` without IFD0's orientation. Every other byte that an offset points to stays where it is."""
    header = len(block) - len(block.removeprefix(HEADER))
    tiff = block[header:]
    order, at = _first_directory(tiff)
    if not order or at + 2 > len(tiff):
        return b""
    (count,) = struct.unpack_from(f"{order}H", tiff, at)
    end = at + 2 + 12 * count + 4
    if end > len(tiff):
        return b""
    places = range(at + 2, end - 4, 12)
    kept = [tiff[p : p + 12] for p in places if struct.unpack_from(f"{order}H", tiff, p)[0] != ORIENTATION]
    directory = struct.pack(f"{order}H", len(kept)) + b"".join(kept) + tiff[end - 4 : end]
    return block[:header] + tiff[:at] + directory.ljust(end - at, b"\0") + tiff[end:]
