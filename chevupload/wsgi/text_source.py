"""A source without a file name: base64, a data URI, a URL or the file's own bytes, told apart by how it begins.

Rules: docs/api.md, Parameters. A bad text is remembered, not raised, so that the rest of the form is
still read: an unknown key is the better refusal, and ``format`` may come last.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from chevupload.errors import Busy, EmptySource, InvalidBase64, InvalidUrl, Refusal, TooLarge
from chevupload.spool import Spool
from chevupload.wsgi.decoders import WHITE_SPACE, Base64Decoder

_HEAD_BYTES = 32
"""Enough to recognise ``data:`` and every URL scheme; shorter texts are recognised at their end."""
_MAX_DATA_HEADER = 1024
_MAX_URL = 8192
_URL = re.compile(rb"[a-z][a-z0-9+.-]{0,19}://", re.IGNORECASE)
_DATA = re.compile(rb"data:[^,]*;base64\Z", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f]")
"""No text holds any of these; every format that is taken has one within its first 32 bytes."""


class TextSource:
    """One text source while it arrives, and what became of it.

    Attributes:
        url: the URL, if it is one.
        spool: the file's bytes, if it is anything else.
    """

    def __init__(self, open_spool: Callable[[], Spool], *, is_raw: bool = False) -> None:
        """Decode into what ``open_spool`` makes, should it be base64.

        With ``is_raw``, the bytes come as they were sent, and may be those of a file. RFC 7578, section 4.2, asks for
        a file name only where there is one.
        """
        self._open_spool = open_spool
        self._is_raw = is_raw
        self._head = b""
        # A function, and no method of this text, which would then be gone with the next garbage collection only.
        self._collect: Callable[[TextSource, bytes], None] = TextSource._collect_head
        self._sink: Callable[[bytes], object] | None = None
        self._decoder: Base64Decoder | None = None
        self._error: Refusal | None = None
        self.url: str | None = None
        self.spool: Spool | None = None

    def write(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            TooLarge: the decoded bytes are more than the spool takes.
            Busy: they are more than all spools may hold now.
        """
        if self._error is None:
            self._guarded(self._take, data)

    def finish(self) -> None:
        """Take the end of the text."""
        if self._error is None:
            self._guarded(self._end)

    def check(self) -> None:
        """Raise what was wrong with the text.

        Raises:
            EmptySource: it was empty, or white space.
            InvalidBase64: it was nothing else either.
        """
        if self._error is not None:
            raise self._error

    @property
    def is_empty(self) -> bool:
        """Whether the text held nothing but white space."""
        return isinstance(self._error, EmptySource)

    def _guarded(self, step: Callable[..., object], *arguments: bytes) -> None:
        try:
            step(*arguments)
        except (Busy, TooLarge):
            raise
        except Refusal as refusal:
            self._error = refusal

    def _take(self, data: bytes) -> None:
        if self._sink is None:
            self._collect(self, data)
        else:
            self._sink(data)

    def _collect_head(self, data: bytes) -> None:
        # A form may have spelled leading spaces as plus signs; no picture's base64 starts with one.
        self._head = (self._head + data).lstrip(WHITE_SPACE + b"+")
        if len(self._head) >= _HEAD_BYTES:
            self._recognise()

    def _recognise(self) -> None:
        head, self._head = self._head, b""
        if _URL.match(head):
            self._collect = TextSource._collect_url
        elif head[:5].lower() == b"data:":
            self._collect = TextSource._collect_data_header
        elif self._is_raw and _CONTROL.search(head):
            self.spool = self._open_spool()
            self._sink = self.spool.write
        else:
            self._start_base64()
        self._take(head)

    def _start_base64(self) -> None:
        self.spool = self._open_spool()
        self._decoder = Base64Decoder(self.spool.write)
        self._sink = self._decoder.write

    def _collect_url(self, data: bytes) -> None:
        self._head += data
        if len(self._head) > _MAX_URL:
            raise InvalidBase64("URL too long")

    def _collect_data_header(self, data: bytes) -> None:
        self._head += data
        header, comma, content = self._head.partition(b",")
        if len(header) > _MAX_DATA_HEADER or (comma and not _DATA.match(header)):
            raise InvalidBase64
        if comma:
            self._head = b""
            self._start_base64()
            self._take(content)

    def _end(self) -> None:
        if self._sink is None and self._collect is TextSource._collect_head:
            if not self._head:
                raise EmptySource
            self._recognise()
        if self._decoder is not None:
            self._decoder.finish()
        elif self._collect is TextSource._collect_url:
            self.url = self._text_url()
        elif self.spool is None:
            raise InvalidBase64

    def _text_url(self) -> str:
        try:
            return self._head.strip(WHITE_SPACE).decode()
        except UnicodeDecodeError:
            raise InvalidUrl("Malformed URL: it is not UTF-8") from None
