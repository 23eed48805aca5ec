"""Decodes a field's value while it arrives: base64, quoted-printable and percent-encoding.

A reader opens a sink for each field, writes the pieces of the value to it and finishes it. A decoder stands between
the two where the value is encoded.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from typing import Protocol

from pybase64 import b64decode

from chevupload.errors import InvalidBase64, Refusal

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
WHITE_SPACE = b" \t\r\n\v\f"
_BROKEN_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_PERCENT_TO_EQUALS = bytes.maketrans(b"%", b"=")
UNFINISHED_PERCENT = re.compile(rb"%[0-9A-Fa-f]?\Z")
UNFINISHED_QUOTED = re.compile(rb"=(?:[0-9A-Fa-f]|\r)?\Z")


class Sink(Protocol):
    """Takes one field's value, in pieces."""

    def write(self, data: bytes) -> object:
        """Take the next piece."""

    def finish(self) -> None:
        """Take the end."""


class Base64Decoder:
    """Decodes base64 piece by piece: either alphabet, white space ignored, padding optional."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """Pass what is decoded to ``write``."""
        self._write = write
        self._rest = b""
        self._padding = 0

    def write(self, data: bytes) -> None:
        """Decode what is complete of ``data``.

        Raises:
            InvalidBase64: a character outside the alphabets, or text behind the padding.
        """
        text = self._rest + data
        if self._padding or b"=" in data or not self._decode(text):
            text, pad, behind = text.translate(_URL_SAFE, WHITE_SPACE).partition(b"=")
            if (self._padding and text != self._rest) or behind.strip(b"=") or not self._decode(text):
                raise InvalidBase64
            self._padding += len(pad) + len(behind)

    def finish(self) -> None:
        """Decode the last, unpadded group.

        Raises:
            InvalidBase64: it is one character long, or there is more padding than base64 knows.
        """
        text = self._rest.translate(_URL_SAFE, WHITE_SPACE)
        if self._padding > 2 or len(text) == 1 or not self._decode(text + b"=" * (-len(text) % 4)):
            raise InvalidBase64

    def _decode(self, text: bytes) -> bool:
        """Decode groups of four characters, and keep what follows them; False if one is not in the first alphabet."""
        whole = len(text) - len(text) % 4
        try:
            decoded = b64decode(text[:whole], validate=True)
        except binascii.Error:
            return False
        self._write(decoded)
        self._rest = text[whole:]
        return True


class Base64Part:
    """Decodes a part of a form in base64 for a sink. What is invalid becomes a problem, so that the form is read on."""

    def __init__(self, sink: Sink, problems: list[Refusal]) -> None:
        """Write to ``sink``; add what is wrong to ``problems``."""
        self._sink = sink
        self._decoder = Base64Decoder(sink.write)
        self._problems = problems
        self._is_broken = False

    def write(self, data: bytes) -> None:
        """See Sink."""
        if not self._is_broken:
            try:
                self._decoder.write(data)
            except InvalidBase64 as refusal:
                self._fail(refusal)

    def finish(self) -> None:
        """See Sink."""
        if not self._is_broken:
            try:
                self._decoder.finish()
            except InvalidBase64 as refusal:
                self._fail(refusal)
        self._sink.finish()

    def _fail(self, refusal: Refusal) -> None:
        self._is_broken = True
        self._problems.append(refusal)


class EscapeDecoder:
    """Decodes escapes for a sink, in pieces that may end inside an escape."""

    def __init__(self, sink: Sink, unfinished: re.Pattern[bytes], decode: Callable[[bytes], bytes]) -> None:
        """Use ``decode`` on whole escapes; ``unfinished`` finds one that the end of a piece has cut."""
        self._sink = sink
        self._unfinished = unfinished
        self._decode = decode
        self._rest = b""

    def write(self, data: bytes) -> None:
        """See Sink."""
        data = self._rest + data
        unfinished = self._unfinished.search(data, max(0, len(data) - 2))
        end = unfinished.start() if unfinished else len(data)
        self._rest = data[end:]
        self._sink.write(self._decode(data[:end]))

    def finish(self) -> None:
        """See Sink."""
        self._sink.write(self._decode(self._rest))
        self._sink.finish()


def unquote(data: bytes) -> bytes:
    """Decode percent escapes; what only looks like an escape stays.

    Quoted-printable differs from percent-encoding by its escape character only, and the standard library decodes it
    in C: a quarter of the time of its URL decoder.
    """
    if b"%" not in data:
        return data
    # A sign that begins no escape stays as "=", or goes with the end or the line break behind it. Without any of these,
    # which is so for all but the end of a picture in base64, nothing has to be searched for such signs.
    if b"\n" not in data and b"\r" not in data and not data.endswith(b"%"):
        decoded = _unquoted(data)
        if b"=" not in decoded:
            return decoded
    return _unquoted(_BROKEN_PERCENT.sub(b"%25", data))


def _unquoted(data: bytes) -> bytes:
    return binascii.a2b_qp(data.replace(b"=", b"%3D").translate(_PERCENT_TO_EQUALS))


def unquote_plus(data: bytes) -> bytes:
    """Decode percent escapes, and ``+`` as a space."""
    return unquote(data.replace(b"+", b" "))
