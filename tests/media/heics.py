"""HEIC pictures made for the tests: one HEVC frame in the boxes that a telephone puts around it."""

from __future__ import annotations

import io
import struct
from typing import Any

import av
from PIL import Image


def box(kind: bytes, *parts: bytes, version: int | None = None) -> bytes:
    """Make a box, or a full one with a version."""
    data = b"".join(parts) if version is None else struct.pack(">I", version << 24) + b"".join(parts)
    return struct.pack(">I4s", len(data) + 8, kind) + data


def heic(
    picture: Image.Image,
    *,
    turns: int = 0,
    exif: bytes = b"",
    xmp: bytes = b"",
    profile: bytes = b"",
    code: tuple[int, int, int] | None = None,
    brands: bytes = b"heicmif1heic",
) -> bytes:
    """Encode ``picture``, shown after as many quarter turns counter-clockwise; ``code`` tells its colors by H.273."""
    configuration, frame = _hevc(picture)
    properties = [(0x80, configuration), (0, box(b"ispe", struct.pack(">II", *picture.size), version=0))]
    if turns:
        properties.append((0x80, box(b"irot", bytes([turns]))))
    if profile:
        properties.append((0, box(b"colr", b"prof", profile)))
    if code:
        properties.append((0, box(b"colr", b"nclx", struct.pack(">HHHB", *code, 0))))
    items = [(b"hvc1", frame)]
    items += [(b"Exif", struct.pack(">I", 6) + exif)] if exif else []
    items += [(b"mime", xmp)] if xmp else []
    head = box(b"ftyp", brands[:4], bytes(4), brands[4:])
    # The places of the items are only known with the size of the box that tells them.
    at = len(head) + len(_meta(properties, items, 0)) + 8
    return head + _meta(properties, items, at) + box(b"mdat", *(item for _, item in items))


def tiled(
    picture: Image.Image,
    side: int,
    *,
    turns: int = 0,
    code: tuple[int, int, int, int] | None = None,
    tile_code: tuple[int, int, int, int] | None = None,
    more: bytes = b"",
    times: int = 1,
    is_divided: bool = False,
) -> bytes:
    """Encode ``picture`` in square tiles, as telephones do; ``code`` tells colors and range of it, or of its tiles.

    ``more`` is another property of the picture; each tile's size is told ``times``, and each item may lie in two parts.
    """
    columns, rows = -(-picture.width // side), -(-picture.height // side)
    corners = [(side * (number % columns), side * (number // columns)) for number in range(columns * rows)]
    crops = [picture.crop((left, top, left + side, top + side)) for left, top in corners]
    encoded = {data: _hevc(crop) for data, crop in {crop.tobytes(): crop for crop in crops}.items()}
    tiles = [encoded[crop.tobytes()] for crop in crops]
    count = len(tiles)
    grid = struct.pack(">4B2H", 0, 0, rows - 1, columns - 1, *picture.size)
    items = [*((b"hvc1", frame) for _, frame in tiles), (b"grid", grid)]
    sizes = [box(b"ispe", struct.pack(">II", *size), version=0) for size in ((side, side), picture.size)]
    codes = [box(b"colr", b"nclx", struct.pack(">HHHB", *told[:3], told[3] << 7)) for told in (tile_code, code) if told]
    turned = [box(b"irot", bytes([turns]))] if turns else []
    contents = [tiles[0][0], *sizes, *codes, *turned, *([more] if more else [])]
    of_tile = [1, *[2] * times, *([4] if tile_code else [])]
    of_all = [3, *(number for number in range(4, len(contents) + 1) if number not in of_tile)]
    links = struct.pack(">I", count + 1)
    for number in range(1, count + 2):
        linked = of_tile if number <= count else of_all
        links += struct.pack(">HB", number, len(linked)) + bytes(linked)
    properties = box(b"iprp", box(b"ipco", *contents), box(b"ipma", links, version=0))
    made_of = box(b"dimg", struct.pack(f">HH{count}H", count + 1, count, *range(1, count + 1)))
    parts = [properties, box(b"iref", made_of, version=0)]
    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    at = len(head) + len(_items(items, count + 1, parts, 0, is_divided=is_divided)) + 8
    data = box(b"mdat", *(item for _, item in items))
    return head + _items(items, count + 1, parts, at, is_divided=is_divided) + data


def _hevc(picture: Image.Image) -> tuple[bytes, bytes]:
    """Return how the decoder is to be set up, and the frame."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx265", rate=1, options={"x265-params": "log-level=none"})
        stream.width, stream.height = picture.size
        stream.pix_fmt = "yuv420p"
        for packet in (*stream.encode(av.VideoFrame.from_image(picture)), *stream.encode(None)):
            packet.pts = packet.dts = 0
            container.mux(packet)
    film = file.getvalue()
    at = film.index(b"hvcC")
    (length,) = struct.unpack_from(">I", film, at - 4)
    at_sample = film.index(b"stco")
    (offset,) = struct.unpack_from(">I", film, at_sample + 12)
    (size,) = struct.unpack_from(">I", film, film.index(b"stsz") + 8)
    return film[at - 4 : at - 4 + length], film[offset : offset + size]


def _meta(properties: list[tuple[int, bytes]], items: list[tuple[bytes, bytes]], at: int) -> bytes:
    """Make the box that tells where the items are, and the picture's properties, each with its flag of being vital."""
    links = [flag | number for number, (flag, _) in enumerate(properties, 1)]
    contents = box(b"ipco", *(part for _, part in properties))
    parts = [box(b"iprp", contents, box(b"ipma", struct.pack(">IHB", 1, 1, len(links)), bytes(links), version=0))]
    if len(items) > 1:
        described = [box(b"cdsc", struct.pack(">HHH", number, 1, 1)) for number in range(2, len(items) + 1)]
        parts.append(box(b"iref", *described, version=0))
    return _items(items, 1, parts, at)


def _items(
    items: list[tuple[bytes, bytes]], primary: int, parts: list[bytes], at: int, *, is_divided: bool = False
) -> bytes:
    """Make the box that tells where the items are and which is the picture, with other parts."""
    names = [
        box(b"infe", struct.pack(">HH4sx", n, 0, kind), b"application/rdf+xml\0" * (kind == b"mime"), version=2)
        for n, (kind, _) in enumerate(items, 1)
    ]
    places = b""
    for number, (_, item) in enumerate(items, 1):
        extents = [item[:5], item[5:]] if is_divided else [item]
        places += struct.pack(">HHH", number, 0, len(extents))
        for extent in extents:
            places += struct.pack(">II", at, len(extent))
            at += len(extent)
    return box(
        b"meta",
        box(b"hdlr", bytes(4), b"pict", bytes(13), version=0),
        box(b"pitm", struct.pack(">H", primary), version=0),
        box(b"iloc", b"\x44\0", struct.pack(">H", len(items)), places, version=0),
        box(b"iinf", struct.pack(">H", len(items)), *names, version=0),
        *parts,
        version=0,
    )
