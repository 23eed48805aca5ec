"""Reads how a HEIC is made of tiles, and makes a file of each: telephones encode a picture in tiles of 512 pixels.

Decoded one at a time they take the memory of one beside the picture's own; a decoder that is given the whole file holds
the picture twice. Sources: ISO/IEC 14496-12 (items, their properties and places), ISO/IEC 23008-12 (HEIF, ``grid``).
"""

from __future__ import annotations

import io
import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from chevupload.errors import BrokenImage
from chevupload.media.containers.heif_items import entries, places
from chevupload.media.containers.isobmff import Boxes
from chevupload.scaling import Size

_GRID = (b"ispe", b"pixi", b"colr", b"irot", b"clli", b"mdcv")
_TILE = (b"hvcC", b"ispe", b"pixi", b"colr")
"""Properties of a picture and of its tiles that are understood here."""
_MAX_EXCESS = 2
"""How many times as many pixels as the picture its tiles may have together."""
_MIN_RATIO = 4
"""How many times as many pixels as a tile the picture has at least. Larger tiles would take what they are to save."""
_MIN_SIDE = 64
"""Pixels. Each tile is a file for the decoder, and many small ones would cost more than the picture."""
_MAX_EXTENTS = 16
"""Parts in which one item may lie in the file."""
_MAX_PROPERTIES = 127
"""Of a tile: as many as have numbers in the box that :func:`_meta` makes."""
_MAX_PROPERTY_BYTES = 65_536
"""All properties of the picture, or of a tile; telephones write some thousand."""

Property = tuple[bytes, bytes]
"""Name and content of a property."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A picture of tiles, row by row, the last of which may reach out of it.

    Attributes:
        size: of the picture before it is turned, and ``tile`` that of each tile.
        quarter_turns: how often the picture is to be turned counter-clockwise.
        properties: what the decoder has to know of each tile.
        extents: where the parts of each tile lie in the file, as place and length.
    """

    size: Size
    tile: Size
    columns: int
    quarter_turns: int
    properties: Sequence[Property]
    extents: Sequence[Sequence[tuple[int, int]]]

    @property
    def turned_size(self) -> Size:
        """The size of the picture as it is shown."""
        return self.size[::-1] if self.quarter_turns % 2 else self.size


def read(file: BinaryIO) -> Grid | None:
    """Return how the picture is made of tiles; None where it is not, or in another way than telephones do it."""
    try:
        return _Items(file).grid()
    except (BrokenImage, struct.error, IndexError, KeyError, StopIteration):
        return None  # a decoder that sees the whole file tells what is wrong with it


def tile_files(file: BinaryIO, grid: Grid) -> Iterator[bytes]:
    """Make a HEIC of each tile."""
    for extents in grid.extents:
        frame = _joined(file, extents)
        head = _box(b"ftyp", b"heic\0\0\0\0mif1heic")
        at = len(head) + len(_meta(grid.properties, 0, len(frame))) + 8
        yield head + _meta(grid.properties, at, len(frame)) + _box(b"mdat", frame)


class _Items:
    """The items of one file. What is wrong or not understood raises one of the errors that :func:`read` catches."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._boxes = file, Boxes(file)
        self._bytes = file.seek(0, io.SEEK_END)
        meta = next(box for box in self._boxes.between(0, self._bytes) if box.kind == b"meta")
        self._meta = {box.kind: box for box in self._boxes.between(meta.body + 4, meta.end)}
        contents = self._boxes.find(self._meta[b"iprp"], b"ipco")
        self._properties = [] if contents is None else list(self._boxes.between(contents.body, contents.end))

    def grid(self) -> Grid | None:
        """See :func:`read`."""
        table = self._boxes.table(self._meta[b"pitm"])
        primary = int.from_bytes(table[4:], "big")
        kinds = {number: kind for number, kind, _ in entries(self._boxes, self._meta[b"iinf"])}
        if kinds[primary] != b"grid":
            return None
        links, extents, tiles = self._links(), self._extents(), self._tiles(primary)
        rows, columns, size = self._layout(extents[primary])
        whole, one = self._of(links[primary], _GRID), self._of(links[tiles[0]], _TILE)
        wide, high = struct.unpack(">II", dict(one)[b"ispe"][4:])
        # The colors of the picture count before those of its tiles.
        codes = [(kind, content) for kind, content in (*whole, *one) if kind == b"colr" and content[:4] == b"nclx"]
        properties = *(part for part in one if part[0] != b"colr"), *codes[:1]
        is_plain = (
            len(tiles) == rows * columns
            and all(kinds[tile] == b"hvc1" and links[tile] == links[tiles[0]] for tile in tiles)
            and sum(length for tile in tiles for _, length in extents[tile]) <= self._bytes
            and min(wide, high) >= _MIN_SIDE
            and wide * (columns - 1) < size[0] <= wide * columns
            and high * (rows - 1) < size[1] <= high * rows
            and wide * columns * high * rows <= _MAX_EXCESS * size[0] * size[1]
            and _MIN_RATIO * wide * high <= size[0] * size[1]
            and [kind for kind, _ in whole].count(b"irot") <= 1
            and b"hvcC" in dict(one)
            and len(properties) <= _MAX_PROPERTIES
        )
        if not is_plain:
            return None
        return Grid(
            size=size,
            tile=(wide, high),
            columns=columns,
            quarter_turns=dict(whole).get(b"irot", b"\0")[0] & 3,
            properties=properties,
            extents=[extents[tile] for tile in tiles],
        )

    def _layout(self, extents: Sequence[tuple[int, int]]) -> tuple[int, int, Size]:
        """Return rows and columns of the grid, and the size of the picture."""
        table = _joined(self._file, [(start, min(length, 12)) for start, length in extents])[:12]
        rows, columns, width, height = struct.unpack(">xxBBII" if table[1] & 1 else ">xxBBHH", table)
        return rows + 1, columns + 1, (width, height)

    def _links(self) -> dict[int, list[int]]:
        """Return the numbers of each item's properties."""
        box = self._boxes.find(self._meta[b"iprp"], b"ipma")
        table, at, links = b"" if box is None else self._boxes.table(box), 8, {}
        wide, long = 4 if table[0] else 2, 2 if table[3] & 1 else 1
        for _ in range(int.from_bytes(table[4:8], "big")):
            count = table[at + wide]
            first, last = at + wide + 1, at + wide + 1 + count * long
            flag = 0x7FFF if long == 2 else 0x7F
            links[int.from_bytes(table[at : at + wide], "big")] = [
                int.from_bytes(table[place : place + long], "big") & flag for place in range(first, last, long)
            ]
            at = last
        return links

    def _extents(self) -> dict[int, list[tuple[int, int]]]:
        """Return where the parts of each item lie."""
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        inner = self._meta[b"idat"].body if b"idat" in self._meta else self._bytes
        for number, method, start, length in places(self._boxes.table(self._meta[b"iloc"])):
            start += inner if method else 0
            if method > 1 or not 0 < length <= self._bytes - start or len(found[number]) == _MAX_EXTENTS:
                raise BrokenImage
            found[number].append((start, length))
        return dict(found)

    def _tiles(self, primary: int) -> list[int]:
        """Return the numbers of the items that the picture is made of."""
        references = self._meta[b"iref"]
        wide = 4 if self._boxes.head(references, 1)[0] else 2
        for box in self._boxes.between(references.body + 4, references.end):
            table = self._boxes.table(box)
            if box.kind == b"dimg" and int.from_bytes(table[:wide], "big") == primary:
                count = int.from_bytes(table[wide : wide + 2], "big")
                numbers = range(wide + 2, wide + 2 + count * wide, wide)
                return [int.from_bytes(table[at : at + wide], "big") for at in numbers]
        raise BrokenImage

    def _of(self, links: Sequence[int], understood: Sequence[bytes]) -> list[Property]:
        """Return the properties of these numbers, of which 0 means none."""
        boxes = [self._properties[number - 1] for number in links if number]
        size = sum(box.end - box.body for box in boxes)
        if size > _MAX_PROPERTY_BYTES or not {box.kind for box in boxes} <= {*understood}:
            raise BrokenImage
        return [(box.kind, self._boxes.table(box)) for box in boxes]


def _joined(file: BinaryIO, extents: Sequence[tuple[int, int]]) -> bytes:
    """Read the parts of an item."""
    parts = []
    for start, length in extents:
        file.seek(start)
        parts.append(file.read(length))
    return b"".join(parts)


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def _meta(properties: Sequence[Property], at: int, length: int) -> bytes:
    """Make the box that tells of one picture, which lies at a place."""
    links = bytes(range(1, len(properties) + 1))
    return _box(
        b"meta",
        bytes(4),
        _box(b"hdlr", bytes(8), b"pict", bytes(13)),
        _box(b"pitm", bytes(4), b"\0\1"),
        _box(b"iloc", bytes(4), struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, at, length)),
        _box(b"iinf", bytes(4), b"\0\1", _box(b"infe", b"\2\0\0\0\0\1\0\0hvc1\0")),
        _box(
            b"iprp",
            _box(b"ipco", *(_box(kind, content) for kind, content in properties)),
            _box(b"ipma", bytes(4), struct.pack(">IHB", 1, 1, len(links)), links),
        ),
    )
