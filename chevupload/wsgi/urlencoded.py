"""``application/x-www-form-urlencoded``, read in a stream: a base64 field is never whole in memory.

Source: WHATWG URL standard, section 5.1, except that a source keeps its ``+``: base64 needs it, and a client that
forgot to encode it is understood all the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Protocol

from chevupload.errors import TooLarge
from chevupload.wsgi.decoders import UNFINISHED_PERCENT, EscapeDecoder, Sink, unquote, unquote_plus

_MAX_NAME_BYTES = 1024
_EMPTY_FIELDS = re.compile(rb"&&+")


class FieldSink(Sink, Protocol):
    """Takes the value of a field in any kind of body."""

    keeps_plus: bool
    """Whether ``+`` in an urlencoded value is a plus sign, and not a space."""


OpenField = Callable[[str], FieldSink | None]
"""Opens a sink for the field of a name; None when nobody reads it."""


def read_urlencoded(chunks: Iterable[bytes], open_field: OpenField) -> None:
    """Split ``chunks`` into fields and write each value to what ``open_field`` returns for its name.

    Raises:
        TooLarge: a field's name is longer than 1,024 bytes.
    """
    field = _Field(open_field)
    for chunk in chunks:
        first, *others = _EMPTY_FIELDS.sub(b"&", chunk).split(b"&")
        field.write(first)
        for piece in others:
            field.finish()
            field = _Field(open_field)
            field.write(piece)
    field.finish()


class _Field:
    """Reads one field: its name, and its value once there is an equals sign."""

    def __init__(self, open_field: OpenField) -> None:
        self._open_field = open_field
        self._name = b""
        self._is_open = False
        self._decoder: EscapeDecoder | None = None

    def write(self, piece: bytes) -> None:
        if not self._is_open:
            start, equals, piece = piece.partition(b"=")
            self._name += start
            if len(self._name) > _MAX_NAME_BYTES:
                raise TooLarge("Field name too long")
            if not equals:
                return
            self._open()
        if self._decoder is not None:
            self._decoder.write(piece)

    def finish(self) -> None:
        if self._name and not self._is_open:
            self._open()
        if self._decoder is not None:
            self._decoder.finish()

    def _open(self) -> None:
        self._is_open = True
        sink = self._open_field(unquote_plus(self._name).decode("utf-8", "replace"))
        if sink is not None:
            decode = unquote if sink.keeps_plus else unquote_plus
            self._decoder = EscapeDecoder(sink, UNFINISHED_PERCENT, decode)
