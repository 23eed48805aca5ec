"""What an XMP packet promises besides the picture that it is in: a gain map, or a film of the moment, behind its end.

Sources: Ultra HDR image format 1.1 and Adobe's gain map specification (``hdrgm``), Google's motion photo format 1.0
(``Container``, ``MotionPhoto``, and ``MicroVideo`` before it). Properties are told by their names with the customary
prefixes, as every writer spells them.
"""

from __future__ import annotations

import re
from xml.parsers import expat

_KEPT_BEHIND = re.compile(rb"hdrgm:|MicroVideo|MotionPhoto|Container:Directory")
_ELEMENT = re.compile(r"(?:hdrgm|G?Container|GContainerItem|Item):|\w+:(?:MicroVideo|MotionPhoto)")
_ATTRIBUTE = re.compile(
    rb"(?<!\s)\s+(?:xmlns:(?:hdrgm|G?Container|GContainerItem|Item)|(?:hdrgm|G?Container|GContainerItem|Item):\w+"
    rb"|\w+:(?:MicroVideo|MotionPhoto)\w*)\s*=\s*(?:\"[^\"]*\"|'[^']*')"
)


def has_promises(packet: object) -> bool:
    """Whether something stands behind the picture, as its packet says."""
    return isinstance(packet, bytes) and _KEPT_BEHIND.search(packet) is not None


def without_promises(packet: bytes) -> bytes:
    """Return ``packet`` without them; nothing is left of one that cannot be read."""
    if not has_promises(packet):
        return packet
    reading = _Reading()
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


class _Reading:
    """Notes where the elements stand that promise something."""

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
