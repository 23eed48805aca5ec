"""Reads an XMP packet: bounded, tolerant, and without ever looking at anything outside of it.

Source: ISO 16684-1. Properties are told by their names with the customary prefixes, as every writer spells them; a
document type, which XMP has none of, ends the reading, so that nothing is expanded.
"""

from __future__ import annotations

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
