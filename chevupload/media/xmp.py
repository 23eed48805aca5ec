"""Reads and edits an XMP packet: bounded, tolerant, and without ever looking at anything outside of it.

Properties are told by their names with the customary prefixes, as every writer spells them; a document type, which XMP
has none of, ends the reading, so that nothing is expanded. Sources: ISO 16684-1, and of what a packet says of a gain
map or a film of the moment behind its picture: Ultra HDR image format 1.1 and Adobe's gain map specification
(``hdrgm``), Google's motion photo format 1.0 (``Container``, ``MotionPhoto``, and ``MicroVideo`` before it).
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from xml.parsers import expat

MAX_BYTES = 1_048_576
"""How much of a packet is read."""
MAX_TEXT = 2_048
"""Characters kept of one property; the rest is dropped."""

TITLE, DESCRIPTION = "dc:title", "dc:description"
MAKER, MODEL = "tiff:Make", "tiff:Model"
DATES = ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")
"""The date taken, by its likelihood to be one."""
PROJECTION = "GPano:ProjectionType"
_READ = frozenset((TITLE, DESCRIPTION, MAKER, MODEL, *DATES, PROJECTION))
_TRAILER = re.compile(rb"hdrgm:|MicroVideo|MotionPhoto|Container:Directory")
_ELEMENT = re.compile(r"(?:hdrgm|G?Container|GContainerItem|Item):|\w+:(?:MicroVideo|MotionPhoto)")
_ATTRIBUTE = re.compile(
    rb"(?<!\s)\s+(?:xmlns:(?:hdrgm|G?Container|GContainerItem|Item)|(?:hdrgm|G?Container|GContainerItem|Item):\w+"
    rb"|\w+:(?:MicroVideo|MotionPhoto)\w*)\s*=\s*(?:\"[^\"]*\"|'[^']*')"
)


def read(packet: bytes) -> dict[str, str]:
    """Return the properties that matter here, by name: what was read until something was broken."""
    reading = _Reading()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reading.start
    parser.EndElementHandler = reading.end
    parser.CharacterDataHandler = reading.text
    parser.StartDoctypeDeclHandler = reading.refuse
    # Anything that is no XML, or in an encoding that nobody knows.
    with suppress(expat.ExpatError, ValueError, LookupError):
        parser.Parse(packet[:MAX_BYTES], True)
    return reading.found


class _Reading:
    """The properties found so far, and the one that the parser is in."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._name: str | None = None
        self._pieces: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        for key in _READ.intersection(attributes):
            self._keep(key, attributes[key])
        if name in _READ:
            self._name = name
        # Of several languages the first counts, which is the default one.
        self._pieces = []

    def text(self, data: str) -> None:
        if self._name is not None:
            self._pieces.append(data)

    def end(self, name: str) -> None:
        if self._name is None:
            return
        self._keep(self._name, "".join(self._pieces))
        self._pieces = []
        if name == self._name:
            self._name = None

    def refuse(self, *declaration: Any) -> None:
        raise ValueError("a document type")

    def _keep(self, name: str, value: str) -> None:
        if value := value.strip()[:MAX_TEXT]:
            self.found.setdefault(name, value)


def has_trailer(packet: object) -> bool:
    """Whether a gain map or a film stands behind the picture, as its packet says."""
    return isinstance(packet, bytes) and _TRAILER.search(packet) is not None


def without_trailer(packet: bytes) -> bytes:
    """Return ``packet`` without what it says of them; nothing is left of one that cannot be read."""
    if not has_trailer(packet):
        return packet
    reading = _TrailerReading()
    try:
        packet.decode("utf-8")
        reading.parse(packet)
    except (expat.ExpatError, ValueError, LookupError):
        return b""
    kept, at = [], 0
    for start, end in reading.gone:
        kept.append(packet[at:start])
        at = end
    return _ATTRIBUTE.sub(b"", b"".join((*kept, packet[at:])))


class _TrailerReading:
    """Where the elements stand that describe what is behind the picture."""

    def __init__(self) -> None:
        self.gone: list[tuple[int, int]] = []
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        # An element ends where the next thing begins, whatever it is.
        self._parser.DefaultHandler = self._other
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._depth, self._start_at, self._is_ending = 0, 0, False

    def parse(self, packet: bytes) -> None:
        self._parser.Parse(packet, True)
        if self._depth or self._is_ending:
            raise ValueError("it is the whole packet")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._other()
        if self._depth or _ELEMENT.match(name):
            self._start_at = self._start_at if self._depth else self._parser.CurrentByteIndex
            self._depth += 1

    def _end(self, name: str) -> None:
        self._other()
        if self._depth:
            self._depth -= 1
            self._is_ending = not self._depth

    def _other(self, data: str = "") -> None:
        if self._is_ending:
            self.gone.append((self._start_at, self._parser.CurrentByteIndex))
            self._is_ending = False

    def _refuse(self, *declaration: object) -> None:
        raise ValueError("a document type")
