"""Bodies in chunks, read in one pass, and at a cost that their data justifies.

Source: RFC 9112, section 7.1, of which nothing is read generously: what two servers read in two ways lets requests be
smuggled. waitress's own reader copies all that is left for every chunk, in the one thread that serves all
connections, and lets the lines between chunks grow without end.
"""

from __future__ import annotations

import re

from waitress.buffers import OverflowableBuffer
from waitress.utilities import BadRequest

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_LINE_BYTES = 1_024
"""Longest line of a chunk's size, with the extensions, which nobody uses."""
_TRAILER_BYTES = 8_192
"""Longest trailer. What it says is ignored."""
_CHUNK_BYTES = 64
"""What a chunk should hold in the mean. Clients send kilobytes; reading a chunk costs as much as reading those."""
_MISSING_BYTES = 262_144
"""How far a body may fall behind that: four thousand chunks of nearly nothing cost as much as one request."""


class ChunkedBody:
    """Takes a chunked body piece by piece, and writes its data to a buffer.

    Attributes:
        completed: whether the end was read.
        error: what is wrong with the body; nothing after it is read.
    """

    completed = False
    error: BadRequest | None = None

    def __init__(self, buffer: OverflowableBuffer) -> None:
        """Write to ``buffer``, which the caller closes."""
        self._buffer = buffer
        self._rest = b""
        self._left = 0
        self._is_in_chunk = False
        self._is_in_trailer = False
        self._missing = 0

    def __len__(self) -> int:
        """Return how many bytes of data there are so far."""
        return len(self._buffer)

    def getbuf(self) -> OverflowableBuffer:
        """Return the buffer."""
        return self._buffer

    def getfile(self) -> object:
        """Return the data as a file."""
        return self._buffer.getfile()

    def received(self, piece: bytes) -> int:
        """Take a piece of the body, and return how many bytes of it belong to the body."""
        data = self._rest + piece
        pieces: list[bytes] = []
        position = 0
        while not (self.completed or self.error):
            follows = self._next(data, position, pieces)
            if follows is None:
                break
            position = follows
        if pieces:
            self._buffer.append(b"".join(pieces))
        if self.error:
            return len(piece)
        used = position - len(self._rest)
        self._rest = b"" if self.completed else data[position:]
        return used if self.completed else len(piece)

    def _next(self, data: bytes, position: int, pieces: list[bytes]) -> int | None:
        """Read on at ``position``: a size, data or the trailer. Return what follows, or None if too little is there."""
        if self._is_in_chunk:
            return self._read_chunk(data, position, pieces)
        if self._is_in_trailer:
            return self._read_trailer(data, position)
        return self._read_size(data, position, pieces)

    def _read_size(self, data: bytes, position: int, pieces: list[bytes]) -> int | None:
        """Read the line before a chunk, and the chunk with it if all of it is there."""
        line = _SIZE_LINE.match(data, position, position + _LINE_BYTES)
        if line is None:
            if len(data) - position >= _LINE_BYTES or data.find(b"\r\n", position) >= 0:
                self.error = BadRequest("malformed chunk")
            return None
        size, start = int(line[1], 16), line.end()
        self._missing = max(0, self._missing + _CHUNK_BYTES - size)
        if self._missing > _MISSING_BYTES:
            self.error = BadRequest("the chunks hold too little")
        stop = start + size
        if size and data.startswith(b"\r\n", stop):
            pieces.append(data[start:stop])
            return stop + 2
        self._left, self._is_in_chunk, self._is_in_trailer = size, size > 0, size == 0
        return start

    def _read_chunk(self, data: bytes, position: int, pieces: list[bytes]) -> int | None:
        """Read what is there of a chunk's data, or the end of line behind it."""
        if self._left:
            found = data[position : position + self._left]
            if not found:
                return None
            pieces.append(found)
            self._left -= len(found)
            return position + len(found)
        end = data[position : position + 2]
        if end == b"\r\n":
            self._is_in_chunk = False
            return position + 2
        if not b"\r\n".startswith(end):
            self.error = BadRequest("a chunk is longer than it says")
        return None

    def _read_trailer(self, data: bytes, position: int) -> int | None:
        """Read the trailer, all of it or nothing."""
        if data.startswith(b"\r\n", position):
            self.completed = True
            return position + 2
        end = data.find(b"\r\n\r\n", position)
        if max(end, len(data)) - position > _TRAILER_BYTES and not 0 <= end - position <= _TRAILER_BYTES:
            self.error = BadRequest("the trailer is too long")
        elif end >= 0:
            self.completed = True
            return end + 4
        return None
