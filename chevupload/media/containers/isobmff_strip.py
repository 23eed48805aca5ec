"""Copies a film, or a HEIC or AVIF picture, without its metadata and without moving a byte: what goes becomes zeros.

The places of pixels and sound are told as distances from the file's beginning, so nothing is cut out of its middle: a
box becomes a ``free`` one. What shows and sounds stays; everything else goes, known or not. Sources: ISO/IEC
14496-12, ISO/IEC 23008-12 (HEIF), AV1 Image File Format, the QuickTime file format.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import BinaryIO, TypeAlias

from chevupload.errors import BrokenImage
from chevupload.media.containers.heif_items import FREE, clear_items
from chevupload.media.containers.isobmff import Box, Boxes
from chevupload.media.containers.patches import Patches
from chevupload.media.containers.sample_tables import chunks, runs, track_of

Kept: TypeAlias = Mapping[bytes, tuple[bytes, ...]]
"""The boxes that stay, by the box that they are in. Of those without a line of their own, all stays."""

_MOVIE: Kept = {
    b"moov": (b"mvhd", b"trak", b"mvex", b"iods"),
    b"mdia": (b"mdhd", b"hdlr", b"minf", b"elng"),
    b"minf": (b"vmhd", b"smhd", b"nmhd", b"gmhd", b"hdlr", b"dinf", b"stbl"),
    b"stbl": tuple(
        b"stsd stts ctts cslg stss stps stsc stsz stz2 stco co64 padb stdp sdtp sbgp sgpd subs saiz saio".split()
    ),
}
_PROPERTIES = b"ispe pixi av1C hvcC auxC irot imir clap colr pasp clli mdcv cclv amve reve a1op a1lx lsel"
PICTURE: Kept = {
    **_MOVIE,
    b"": (b"ftyp", b"meta", b"moov", b"mdat"),
    b"trak": (b"tkhd", b"tref", b"edts", b"mdia", b"meta"),
    b"meta": (b"hdlr", b"pitm", b"iinf", b"iloc", b"iprp", b"iref", b"idat", b"grpl", b"dinf"),
    b"iprp": (b"ipco", b"ipma"),
    b"ipco": tuple(_PROPERTIES.split()),
}
"""What shows a picture, or a sequence of them."""
FILM: Kept = {
    **_MOVIE,
    b"": (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"sidx", b"ssix", b"mfra", b"pdin"),
    b"trak": (b"tkhd", b"tref", b"edts", b"mdia", b"tapt", b"clip", b"matt", b"load"),
    b"moof": (b"mfhd", b"traf", b"pssh"),
    b"traf": tuple(b"tfhd tfdt trun sdtp sbgp sgpd subs saiz saio senc".split()),
}
"""What plays a film."""
_HANDLERS = (b"vide", b"soun", b"pict", b"auxv")
"""The tracks that stay: pictures, sound, and transparency. In all others cameras note places: phones in one of timed
metadata, drones in subtitles."""
_TIMED = (b"mvhd", b"tkhd", b"mdhd")
"""The boxes that begin with the moments of creation and change."""
_HANDLER_NAME_AT = 24


def strip(source: BinaryIO, target: BinaryIO, kept: Kept) -> bool:
    """Copy a file of boxes without its metadata; see :data:`~chevupload.media.codecs.STRIP`."""
    size = source.seek(0, 2)
    walk = _Walk(Boxes(source), kept, Patches(size))
    try:
        end = walk.inside(Box(b"", 0, 0, size))
    except (struct.error, IndexError, KeyError) as error:
        raise BrokenImage from error
    return walk.patches.copied(source, target, end)


class _Walk:
    """One way through the boxes that stay, planning for those that go."""

    def __init__(self, boxes: Boxes, kept: Kept, patches: Patches) -> None:
        self._boxes, self._kept, self.patches = boxes, kept, patches
        self._gone_tracks: set[int] = set()

    def inside(self, parent: Box) -> int:
        """Plan for the boxes inside of ``parent``, and return where the last of them ends."""
        found: dict[bytes, Box] = {}
        at = parent.body + (4 if parent.kind == b"meta" else 0)
        for box in self._boxes.between(at, parent.end):
            if box.kind == b"ftyp" and box.start:
                break  # another file behind this one
            at = box.end
            if box.kind == b"cmov":
                raise BrokenImage  # a header of the nineties, compressed whole
            if box.kind not in self._kept[parent.kind]:
                self._free(box)
            elif box.kind == b"trak" and self._handler(box) not in _HANDLERS:
                self._clear_track(box)
            elif box.kind == b"traf" and track_of(self._boxes, box) in self._gone_tracks:
                self._clear(box, runs(self._boxes, parent, box))
            else:
                found[box.kind] = box
                self._keep(box)
        if parent.kind == b"meta":
            clear_items(self._boxes, found, self.patches)
        return at

    def _keep(self, box: Box) -> None:
        if box.kind in _TIMED:
            wide = self._boxes.head(box, 1)[0]
            self.patches.clear(box.body + 4, min(box.body + (20 if wide else 12), box.end))
        elif box.kind == b"hdlr":
            self.patches.clear(box.body + _HANDLER_NAME_AT, box.end)
        if box.kind in self._kept:
            last = self.inside(box)
            self.patches.clear(last, box.end)

    def _handler(self, track: Box) -> bytes:
        """Return what kind of track it is."""
        handler = self._boxes.find(track, b"mdia", b"hdlr")
        return self._boxes.head(handler, 12)[8:] if handler else b""

    def _clear_track(self, track: Box) -> None:
        if header := self._boxes.find(track, b"tkhd"):
            table = self._boxes.head(header, 24)
            self._gone_tracks.add(int.from_bytes(table[20:24] if table[0] else table[12:16], "big"))
        self._clear(track, chunks(self._boxes, track))

    def _clear(self, box: Box, places: Iterable[tuple[int, int]]) -> None:
        for start, end in places:
            self.patches.clear(start, end)
        self._free(box)

    def _free(self, box: Box) -> None:
        self.patches.write(box.start + 4, FREE)
        self.patches.clear(box.body, box.end)
