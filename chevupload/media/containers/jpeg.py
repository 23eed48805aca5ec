"""Reads the segments of a JPEG as libjpeg does, which is in every browser: what stands between them is passed over.

Sources: ITU T.81; CIPA DC-007 and DC-008 (Exif), ICC.1 annex B.4, Adobe's XMP part 3, IPTC in Photoshop's resources.
Pillow's own reader refuses a picture for metadata that it cannot read.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

from chevupload.errors import BrokenImage, TooManyPixels, UnavailableFormat
from chevupload.media.containers import exif
from chevupload.media.containers.pieces import Pieces

MAX_SEGMENTS = 10_000
"""Segments of one file. Pictures have about ten; those whose metadata fill megabytes, one for each 64 KB."""
MAX_METADATA_BYTES = 4_194_304
"""Longest Exif block that is put together from several segments."""
SOI, EOI, SOS, COM = b"\xff\xd8", 0xD9, 0xDA, 0xFE
END = b"\xff\xd9"
_XMP, _ICC, _PHOTOSHOP = b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0"
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
ALONE = (0x01, *range(0xD0, 0xDA))
"""Markers without a segment."""
FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""Headers of a frame, one for each process of coding; the last is JPEG-LS'."""
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
_SHOWN = (0xC0, 0xC1, 0xC2)
_SUBSTITUTES = {0xC3: "PNG", 0xC9: "JPEG", 0xCA: "JPEG"}
"""What is stored instead where few browsers or none show the process: lossless and arithmetic coding."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker, and where it, what it holds, and what follows it begin."""

    marker: int
    start: int
    body: int
    end: int


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the pixels.

    Attributes:
        decoded: the least that tells a decoder size and components.
        metadata: Exif, XMP, color profile, comment and Photoshop's IPTC, by Pillow's names.
        substitute: the format to store the picture in, where browsers do not show it as it is.
    """

    decoded: bytes
    metadata: dict[str, Any]
    substitute: str | None


def segment_after(file: BinaryIO, at: int) -> Segment | None:
    """Return the next segment from ``at`` on, whatever stands before it; None where the file ends before."""
    found = _found(file, at, _MARKER, 512)
    if found is None:
        return None
    kind, body = found
    if kind in ALONE:
        return Segment(kind, body - 2, body, body)
    file.seek(body)
    head = file.read(2)
    if len(head) < 2:
        return None
    # A length that does not even count itself holds nothing.
    return Segment(kind, body - 2, body + 2, body + max(int.from_bytes(head, "big"), 2))


def scan_end(file: BinaryIO, at: int) -> int:
    """Return where a scan's data end that begin at ``at``: at a marker that is none of their own, or with the file."""
    found = _found(file, at, _MARKER_IN_SCAN, 65_536)
    return file.seek(0, io.SEEK_END) if found is None else found[1] - 2


def _found(file: BinaryIO, at: int, marker: re.Pattern[bytes], size: int) -> tuple[int, int] | None:
    """Return the next marker and where it ends; ``size`` is how much is read at once."""
    while True:
        file.seek(at)
        piece = file.read(size)
        if found := marker.search(piece):
            return found[1][0], at + found.end()
        if len(piece) < 2:
            return None
        # It may be that only the next byte tells which marker this is.
        at += len(piece) - piece.endswith(b"\xff")


def check_segments(file: BinaryIO, *, max_scans: int) -> None:
    """Refuse a JPEG of too many scans or segments, before anything is decoded.

    Each scan of a progressive picture makes a decoder go through all of its pixels again, and may be ten bytes long;
    each segment costs Pillow some microseconds, and may be four. What is odd is left to the decoder.

    Raises:
        TooManyPixels: it has more than ``max_scans`` scans, or more segments than :data:`MAX_SEGMENTS`.
    """
    at, segments, scans, components = len(SOI), 0, 0, 0
    while (segment := segment_after(file, at)) is not None and segment.marker != EOI:
        at = segment.end
        segments += 1
        if segments > MAX_SEGMENTS:
            raise TooManyPixels(f"Image has too many segments - max {MAX_SEGMENTS}")
        if segment.marker in FRAMES:
            file.seek(segment.body)
            frame = file.read(6)
            components = frame[5] if segment.marker in _SEQUENTIAL and len(frame) == 6 else 0
        elif segment.marker == SOS:
            scans += 1
            if scans > max_scans:
                raise TooManyPixels(f"Image has too many scans - max {max_scans}")
            file.seek(segment.body)
            if file.read(1) == bytes((components,)):
                return  # the only scan that a decoder looks at
            at = scan_end(file, segment.end)


def data(file: BinaryIO, segment: Segment) -> bytes:
    """Read what a segment holds, as far as there is a file."""
    file.seek(segment.body)
    return file.read(segment.end - segment.body)


def read_head(file: BinaryIO) -> Head:
    """Read up to the first scan.

    Raises:
        BrokenImage: there is none, or more than :data:`MAX_SEGMENTS` come before it.
        UnavailableFormat: nothing at hand decodes this kind of JPEG, and no browser shows it.
    """
    frame, substitute, at = b"", None, len(SOI)
    metadata = _Metadata()
    for _ in range(MAX_SEGMENTS):
        segment = segment_after(file, at)
        if segment is None or segment.marker == EOI:
            break
        at = segment.end
        if segment.marker == SOS:
            return Head(SOI + frame + written(SOS, data(file, segment)), metadata.found(), substitute)
        if segment.marker in FRAMES:
            told = data(file, segment)
            frame += written(segment.marker, told)
            substitute = _substitute(segment.marker, told)
        elif segment.marker == COM or 0xE1 <= segment.marker <= 0xED:
            metadata.take(segment.marker, data(file, segment))
    raise BrokenImage


def written(marker: int, told: bytes) -> bytes:
    """Return a segment that holds ``told``."""
    return bytes((0xFF, marker)) + (len(told) + 2).to_bytes(2, "big") + told


def _substitute(marker: int, frame: bytes) -> str | None:
    bits = frame[0] if frame else 0
    if bits == 8 and marker in _SHOWN:
        return None
    if bits == 8 and marker in _SUBSTITUTES:
        return _SUBSTITUTES[marker]
    raise UnavailableFormat(f"Unavailable image format (JPEG, process {marker - 0xC0}, {bits} bits)")


class _Metadata:
    """Collects what the segments tell; what is broken is left out."""

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}
        self._exif = bytearray()
        self._profile: dict[int, bytes] = {}
        self._profile_parts = 0

    def take(self, marker: int, told: bytes) -> None:
        if marker == COM:
            self._found["comment"] = told
        elif marker == 0xE1 and told.startswith(exif.HEADER):
            # A block that is longer than a segment goes on in the next.
            if len(self._exif) + len(told) <= MAX_METADATA_BYTES:
                self._exif += told.removeprefix(exif.HEADER)
        elif marker == 0xE1 and told.startswith(_XMP):
            self._found["xmp"] = told.removeprefix(_XMP)
        elif marker == 0xE2 and told.startswith(_ICC) and len(told) >= len(_ICC) + 2:
            number, self._profile_parts = told[len(_ICC) : len(_ICC) + 2]
            self._profile.setdefault(number, told[len(_ICC) + 2 :])
        elif marker == 0xED and told.startswith(_PHOTOSHOP):
            self._found.setdefault("photoshop", {}).update(_resources(told.removeprefix(_PHOTOSHOP)))

    def found(self) -> dict[str, Any]:
        """Return what is whole; a profile of which a part is missing is none."""
        if self._exif:
            self._found["exif"] = exif.HEADER + bytes(self._exif)
        parts = range(1, self._profile_parts + 1)
        if self._profile and all(number in self._profile for number in parts):
            self._found["icc_profile"] = b"".join(self._profile[number] for number in parts)
        return self._found


def _resources(told: bytes) -> dict[int, bytes]:
    """Read Photoshop's resources, by their numbers, up to what is cut off."""
    found, at = {}, 0
    while told.startswith(b"8BIM", at) and at + 7 <= len(told):
        number = int.from_bytes(told[at + 4 : at + 6], "big")
        # The name, whose length comes first, and the data are padded to even lengths.
        at += 6 + (told[at + 6] + 2 & ~1)
        start, size = at + 4, int.from_bytes(told[at : at + 4], "big")
        if start + size > len(told):
            break
        found[number] = told[start : start + size]
        at = start + size + size % 2
    return found


def ended(file: BinaryIO, tail: bytes) -> BinaryIO:
    """Return ``file`` with ``tail`` behind it, in place of half a marker that may stand there."""
    pieces, size = Pieces(file), file.seek(0, io.SEEK_END)
    file.seek(-1, io.SEEK_END)
    pieces.add(0, size - (file.read() == b"\xff"))
    pieces.insert(tail)
    return pieces.opened()


def has_every_scan(file: BinaryIO) -> bool:
    """Whether each coefficient of each component is sent to its last bit, in as many scans as it may take."""
    components, lowest_bit = b"", {}
    at = len(SOI)
    for _ in range(MAX_SEGMENTS):
        segment = segment_after(file, at)
        if segment is None:
            break
        at = scan_end(file, segment.end) if segment.marker == SOS else segment.end
        told = data(file, segment)
        if segment.marker in FRAMES:
            components = told[6::3]
        elif segment.marker == SOS and len(told) >= 4 + 2 * told[0]:
            count = told[0]
            first, last, bits = told[1 + 2 * count : 4 + 2 * count]
            for component in told[1 : 1 + 2 * count : 2]:
                lowest_bit.update({(component, number): bits & 15 for number in range(first, last + 1)})
    return bool(components) and not any(lowest_bit.get((name, n), 1) for name in components for n in range(64))
