"""Reads the segments of a JPEG as libjpeg does, which is in every browser: what stands between them is passed over.

Sources: ITU T.81; CIPA DC-007 and DC-008 (Exif), ICC.1 annex B.4, Adobe's XMP part 3, IPTC in Photoshop's resources.
Pillow's own reader refuses a picture for metadata that it cannot read.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from chevupload.errors import BrokenImage, TooManyPixels, UnavailableFormat
from chevupload.media.containers import exif
from chevupload.media.containers.pieces import Pieces

MAX_SEGMENTS = 10_000
"""Segments of one file. Pictures have about ten; those whose metadata fill megabytes, one for each 64 KB."""
MAX_METADATA_BYTES = 4_194_304
"""Longest Exif block that is put together from several segments."""
_PIECE = 65_536
SOI, EOI, SOS, COM, SCAN_DATA = b"\xff\xd8", 0xD9, 0xDA, 0xFE, 0
END = b"\xff\xd9"
_XMP, _ICC, _PHOTOSHOP = b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0", b"Photoshop 3.0\0"
_MARKER = re.compile(rb"\xff([^\x00\xff])")
_MARKER_IN_SCAN = re.compile(rb"\xff([^\x00\xff\xd0-\xd7])")
_ALONE = (0x01, *range(0xD0, 0xDA))
"""Markers without a segment."""
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
"""Headers of a frame, one for each process of coding; the last is JPEG-LS'."""
_SEQUENTIAL = (0xC0, 0xC1, 0xC9)
_SHOWN = (0xC0, 0xC1, 0xC2)
_SUBSTITUTES = {0xC3: "PNG", 0xC9: "JPEG", 0xCA: "JPEG"}
"""What is stored instead where few browsers or none show the process: lossless and arithmetic coding."""
_KEPT = (*_FRAMES, 0xC4, 0xCC, *range(0xDA, 0xE0))
"""What decodes a JPEG; besides, :data:`_KEPT_APPLICATIONS` and color profiles are kept."""
_KEPT_APPLICATIONS = {(0xE0, b"JFIF\0"): 14, (0xEE, b"Adobe"): 12}
"""What tells a JPEG's colors and pixels' shape, by marker and name, and its length: a thumbnail may stand behind."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A marker, and where it, what it holds, and what follows it begin.

    The data of a scan, which follow its header, are a segment with :data:`SCAN_DATA` for a marker.
    """

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
        has_one_scan: whether the first scan has every component, so that a decoder looks at no other.
    """

    decoded: bytes
    metadata: dict[str, Any]
    substitute: str | None
    has_one_scan: bool


def segments(file: BinaryIO) -> Iterator[Segment]:
    """Read the segments up to the picture's end, or as far as there is a file; no further than somebody asks.

    What stands between them is passed over.

    Raises:
        TooManyPixels: there are more than :data:`MAX_SEGMENTS`.
    """
    at, count = len(SOI), 0
    while True:
        file.seek(at)
        head = file.read(4)
        if _MARKER.match(head) is None:
            at = _next_marker(file, at, _MARKER)
            file.seek(at)
            head = file.read(4)
        if len(head) < 2 or head[1] == EOI:
            return
        count += 1
        if count > MAX_SEGMENTS:
            raise TooManyPixels(f"Image has too many segments - max {MAX_SEGMENTS}")
        marker = head[1]
        if marker in _ALONE:
            yield Segment(marker, at, at + 2, at + 2)
            at += 2
            continue
        if len(head) < 4:
            return
        # A length that does not even count itself holds nothing.
        end = at + 2 + max(int.from_bytes(head[2:], "big"), 2)
        yield Segment(marker, at, at + 4, end)
        at = end
        if marker == SOS:
            at = _next_marker(file, end, _MARKER_IN_SCAN)
            yield Segment(SCAN_DATA, end, end, at)


def _next_marker(file: BinaryIO, at: int, marker: re.Pattern[bytes]) -> int:
    """Return where the next marker begins, or where the file ends."""
    while True:
        file.seek(at)
        piece = file.read(_PIECE)
        if found := marker.search(piece):
            return at + found.start()
        if len(piece) < 2:
            return file.seek(0, io.SEEK_END)
        # It may be that only the next byte tells which marker this is.
        at += len(piece) - piece.endswith(b"\xff")


def check_scans(file: BinaryIO, *, max_scans: int) -> None:
    """Refuse a JPEG of too many scans or segments, before anything is decoded.

    Each scan of a progressive picture makes a decoder go through all of its pixels again, and may be ten bytes long;
    each segment costs Pillow some microseconds, and may be four. What is odd is left to the decoder.

    Raises:
        TooManyPixels: it has more than ``max_scans`` scans, or more segments than :data:`MAX_SEGMENTS`.
    """
    scans, components = 0, 0
    for segment in segments(file):
        if segment.marker in _FRAMES:
            components = _sequential_components(segment.marker, data(file, segment))
        elif segment.marker == SOS:
            scans += 1
            if scans > max_scans:
                raise TooManyPixels(f"Image has too many scans - max {max_scans}")
            if data(file, segment)[:1] == bytes((components,)):
                return  # the only scan that a decoder looks at


def _sequential_components(marker: int, frame: bytes) -> int:
    """Return how many components a sequential picture has; 0 for another, or a header that is cut off."""
    return frame[5] if marker in _SEQUENTIAL and len(frame) > 5 else 0


def data(file: BinaryIO, segment: Segment) -> bytes:
    """Read what a segment holds, as far as there is a file."""
    file.seek(segment.body)
    return file.read(segment.end - segment.body)


def read_head(file: BinaryIO) -> Head:
    """Read up to the first scan.

    Raises:
        BrokenImage: there is none.
        TooManyPixels: more than :data:`MAX_SEGMENTS` come before it.
        UnavailableFormat: nothing at hand decodes this kind of JPEG, and no browser shows it.
    """
    decoded, substitute, components = SOI, None, 0
    found: list[Segment] = []
    for segment in segments(file):
        found.append(segment)
        if segment.marker in _FRAMES:
            told = data(file, segment)
            decoded += _written(segment.marker, told)
            components = _sequential_components(segment.marker, told)
            substitute = _substitute(segment.marker, told)
        elif segment.marker == SOS:
            told = data(file, segment)
            decoded += _written(SOS, told)
            return Head(decoded, _metadata(file, found), substitute, told[:1] == bytes((components,)))
    raise BrokenImage


def _written(marker: int, told: bytes) -> bytes:
    """Return a segment that holds ``told``."""
    return bytes((0xFF, marker)) + (len(told) + 2).to_bytes(2, "big") + told


def _substitute(marker: int, frame: bytes) -> str | None:
    bits = frame[0] if frame else 0
    if bits == 8 and marker in _SHOWN:
        return None
    if bits == 8 and marker in _SUBSTITUTES:
        return _SUBSTITUTES[marker]
    raise UnavailableFormat(f"Unavailable image format (JPEG, process {marker - 0xC0}, {bits} bits)")


def _metadata(file: BinaryIO, found: list[Segment]) -> dict[str, Any]:
    """Return what the segments tell; what is broken is left out, and a profile of which a part is missing is none."""
    metadata: dict[str, Any] = {}
    block, profile, parts = bytearray(), dict[int, bytes](), 0
    for segment in found:
        if segment.marker == COM:
            metadata["comment"] = data(file, segment)
        if not 0xE1 <= segment.marker <= 0xED:
            continue
        told = data(file, segment)
        if segment.marker == 0xE1 and told.startswith(exif.HEADER):
            # A block that is longer than a segment goes on in the next.
            if len(block) + len(told) <= MAX_METADATA_BYTES:
                block += told.removeprefix(exif.HEADER)
        elif segment.marker == 0xE1 and told.startswith(_XMP):
            metadata["xmp"] = told.removeprefix(_XMP)
        elif segment.marker == 0xE2 and told.startswith(_ICC) and len(told) >= len(_ICC) + 2:
            number, parts = told[len(_ICC) : len(_ICC) + 2]
            profile.setdefault(number, told[len(_ICC) + 2 :])
        elif segment.marker == 0xED and told.startswith(_PHOTOSHOP):
            metadata.setdefault("photoshop", {}).update(_resources(told.removeprefix(_PHOTOSHOP)))
    if block:
        metadata["exif"] = exif.HEADER + bytes(block)
    if profile and all(number in profile for number in range(1, parts + 1)):
        metadata["icc_profile"] = b"".join(profile[number] for number in range(1, parts + 1))
    return metadata


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
    for segment in segments(file):
        told = data(file, segment)
        if segment.marker in _FRAMES:
            components = told[6::3]
        elif segment.marker == SOS and len(told) >= 4 + 2 * told[0]:
            count = told[0]
            first, last, bits = told[1 + 2 * count : 4 + 2 * count]
            for component in told[1 : 1 + 2 * count : 2]:
                lowest_bit.update({(component, number): bits & 15 for number in range(first, last + 1)})
    return bool(components) and not any(lowest_bit.get((name, n), 1) for name in components for n in range(64))


def strip(file: BinaryIO, target: BinaryIO) -> bool:
    """Copy a JPEG without its metadata; see :data:`~chevupload.media.codecs.STRIP`."""
    copy, has_scan = Pieces(file), False
    copy.insert(SOI)
    for segment in segments(file):
        if segment.marker == SCAN_DATA:
            copy.add(segment.start, segment.end)
            continue
        has_scan |= segment.marker == SOS
        told = data(file, segment)
        if len(told) < segment.end - segment.body:
            raise BrokenImage
        kept = _kept(segment.marker, told)
        if kept and kept == told:
            copy.add(segment.start, segment.end)
        elif kept is not None:
            copy.insert(_written(segment.marker, kept))
    if not has_scan:
        raise BrokenImage
    copy.insert(END)  # decoders forgive a missing end, and so do we
    return copy.copied(target)


def _kept(marker: int, told: bytes) -> bytes | None:
    """Return what is kept of what a segment holds, None where all of it goes."""
    if marker in _KEPT or (marker == 0xE2 and told.startswith(_ICC)):
        return told
    length = _KEPT_APPLICATIONS.get((marker, told[:5]))
    if length is None or len(told) < length:
        return None
    return told[:12] + bytes(length - 12)
