"""Where the samples of one track lie in a film's fragment.

Source: ISO/IEC 14496-12, movie fragments: each tells of each track where its samples lie, from the fragment's own
beginning or the file's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from chevupload.errors import BrokenImage
from chevupload.media.containers.isobmff import Box, Boxes

_OFFSET, _DESCRIPTION, _DURATION, _SIZE, _FROM_FRAGMENT = 0x1, 0x2, 0x8, 0x10, 0x20000
"""What a track's header in a fragment tells, by its flags."""
_RUN_OFFSET, _RUN_FIRST, _RUN_FIELDS, _RUN_SIZES = 0x1, 0x4, (0x100, 0x200, 0x400, 0x800), 0x200


def track_of(boxes: Boxes, part: Box) -> int | None:
    """Return the number of the track that a ``traf`` box belongs to."""
    header = boxes.find(part, b"tfhd")
    return None if header is None else int.from_bytes(boxes.head(header, 8)[4:], "big")


def runs(boxes: Boxes, fragment: Box, part: Box) -> Iterator[tuple[int, int]]:
    """Yield where each run of samples of a ``traf`` box starts and ends; ``fragment`` is the ``moof`` around it.

    Raises:
        BrokenImage: it does not say so.
        IndexError: a table ends early; so does ``struct.error``.
    """
    header = boxes.find(part, b"tfhd")
    base, size = _defaults(b"" if header is None else boxes.table(header))
    for run in boxes.between(part.body, part.end):
        if run.kind == b"trun":
            place, length = _run(boxes.table(run), size)
            start = (fragment.start if base is None else base) + place
            yield start, start + length


def _defaults(header: bytes) -> tuple[int | None, int | None]:
    """Return what a track's places are counted from, None for the fragment, and how long a sample is that says none."""
    (flags,) = struct.unpack_from(">I", header)
    at, base, size = 8, None, None
    if flags & _OFFSET:
        (base,) = struct.unpack_from(">Q", header, at)
        at += 8
    elif not flags & _FROM_FRAGMENT:
        # The old way counts from where the samples of the track before end, which nothing else here needs to know.
        raise BrokenImage
    at += 4 * bool(flags & _DESCRIPTION) + 4 * bool(flags & _DURATION)
    if flags & _SIZE:
        (size,) = struct.unpack_from(">I", header, at)
    return base, size


def _run(table: bytes, size: int | None) -> tuple[int, int]:
    """Return where a run starts, and how long it is."""
    flags, count = struct.unpack_from(">II", table)
    if not flags & _RUN_OFFSET:
        raise BrokenImage
    (place,) = struct.unpack_from(">i", table, 8)
    at = 16 if flags & _RUN_FIRST else 12
    if not flags & _RUN_SIZES:
        if size is None:
            raise BrokenImage
        return place, size * count
    fields = [field for field in _RUN_FIELDS if flags & field]
    at, step = at + 4 * fields.index(_RUN_SIZES), 4 * len(fields)
    return place, sum(struct.unpack_from(">I", table, at + step * number)[0] for number in range(count))
