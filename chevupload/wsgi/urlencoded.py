"""``application/x-www-form-urlencoded``, read in a stream: a base64 field is never whole in memory.

Source: WHATWG URL standard, section 5.1, except that a source keeps its ``+``: base64 needs it, and a client that
forgot to encode it is understood all the same.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterable
from typing import Protocol

from chevupload.errors import TooLarge

_MAX_NAME_BYTES = 1024
_ESCAPES = bytes.maketrans(b"%", b"=")
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_EMPTY_FIELDS = re.compile(rb"&&+")
_UNFINISHED = re.compile(rb"%[0-9A-Fa-f]?\Z")


class Field(Protocol):
    """Takes one field's value, in pieces."""

    keeps_plus: bool
    is_wanted: bool

    def write(self, data: bytes) -> None:
        """Take the next piece."""

    def finish(self) -> None:
        """Take the end."""


class _Unquoting:
    """Percent-decodes pieces that may end inside an escape, and hands them to a field."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._rest = b""

    def write(self, data: bytes) -> None:
        data = self._rest + data
        unfinished = _UNFINISHED.search(data)
        end = unfinished.start() if unfinished else len(data)
        self._rest = data[end:]
        self._field.write(unquote(data[:end], keeps_plus=self._field.keeps_plus))

    def finish(self) -> None:
        if self._rest:
            self._field.write(self._rest)
        self._field.finish()


def unquote(data: bytes, *, keeps_plus: bool = False) -> bytes:
    """Decode percent escapes, and ``+`` as a space unless ``keeps_plus``; what only looks like an escape stays.

    Quoted-printable differs from percent-encoding by its escape character only, and the standard library decodes it
    in C: a quarter of the time of its URL decoder.
    """
    if not keeps_plus:
        data = data.replace(b"+", b" ")
    if b"%" not in data:
        return data
    return binascii.a2b_qp(_BROKEN.sub(b"%25", data).replace(b"=", b"%3D").translate(_ESCAPES))


def read_urlencoded(chunks: Iterable[bytes], open_field: Callable[[str], Field]) -> None:
    """Split ``chunks`` into fields and write each value to what ``open_field`` returns for its name.

    Raises:
        TooLarge: a field's name is longer than 1,024 bytes.
    """
    name, field = b"", None
    for chunk in chunks:
        *pieces, last = _EMPTY_FIELDS.sub(b"&", chunk).split(b"&")
        for piece in pieces:
            name, field = _feed(piece, name, field, open_field)
            _end(name, field, open_field)
            name, field = b"", None
        name, field = _feed(last, name, field, open_field)
    _end(name, field, open_field)


def _feed(
    piece: bytes, name: bytes, field: _Unquoting | None, open_field: Callable[[str], Field]
) -> tuple[bytes, _Unquoting | None]:
    if field is None:
        start, equals, piece = piece.partition(b"=")
        name += start
        if len(name) > _MAX_NAME_BYTES:
            raise TooLarge("Field name too long")
        if not equals:
            return name, None
        field = _Unquoting(open_field(unquote(name).decode("utf-8", "replace")))
    field.write(piece)
    return name, field


def _end(name: bytes, field: _Unquoting | None, open_field: Callable[[str], Field]) -> None:
    if field is not None:
        field.finish()
    elif name:
        open_field(unquote(name).decode("utf-8", "replace")).finish()
