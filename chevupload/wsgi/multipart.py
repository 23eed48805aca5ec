"""``multipart/form-data``, read in a stream: the headers of each part, and its content in pieces.

werkzeug finds the parts. Sources: RFC 7578, with sections 4.2 on file names, 4.5 on charsets and 4.7 on
Content-Transfer-Encoding, which RFC 2045, section 6, defines; RFC 9110, section 8.4, for Content-Encoding.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable
from itertools import chain
from typing import Literal, Protocol

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio import multipart

from chevupload.errors import EncodedBody, MalformedRequest, Refusal, TooLarge, UnsupportedBody
from chevupload.wsgi.body import check_content_encoding, parse_content_type
from chevupload.wsgi.decoders import UNFINISHED_QUOTED, Base64Part, EscapeDecoder, Sink
from chevupload.wsgi.filenames import part_filename

_PIECE_BYTES = 131_072
"""What the parser gets at a time. A photograph costs 5 % less than with 64 KB; with 256 KB, small ones cost more."""
_HEADER_BYTES = 16_384
"""Headers of one part; browsers and clients send some hundred bytes."""
_CUT_BYTES = 64
"""How far from the end of a piece a cut boundary is looked for."""
_MAX_BOUNDARY = 200
_AROUND = rb"(?:\r\n|\n|\r)?+.{%d}(--[^\S\n\r]*(?:\r\n|\n|\r)?|[^\S\n\r]*(?:\r\n|\n|\r))"
"""A line between two parts, with the break before it; behind the last part its end begins with two hyphens."""
_RARE_FILENAME = re.compile(r"[*\\]|=\?")
"""``filename*``, a Windows path or encoded words."""


class OpenPart(Protocol):
    """Returns what takes the content of a part; None when nobody reads it."""

    def __call__(self, name: str, *, filename: str | None, content_type: str, charset: str | None) -> Sink | None:
        """Open the part ``name``, empty without a name.

        Args:
            name: of the field.
            filename: the client's name of the file, perhaps with folders; None when the part names no file.
            content_type: the media type in lower case; empty without one.
            charset: the charset of a text, if it is declared.
        """


def read_multipart(
    chunks: Iterable[bytes], boundary: str, open_part: OpenPart, *, max_parts: int, problems: list[Refusal]
) -> None:
    """Write the content of each part to what ``open_part`` returns for it; none of the ``chunks`` is empty.

    A part in a charset or an encoding that is not read here is skipped and added to ``problems``, so that the rest of
    the form is still read.

    Raises:
        MalformedRequest: the body is no form with this boundary.
        TooLarge: there are too many parts, or too large headers of one.
    """
    if not boundary or len(boundary) > _MAX_BOUNDARY:
        raise MalformedRequest("Missing or unusable multipart boundary")
    decoder = _Decoder(boundary.encode("latin-1", "replace"), max_parts=max_parts)
    pieces = chain.from_iterable(map(decoder.pieces, chain(chunks, [b""])))
    part: multipart.File | multipart.Field | None = None
    sink: Sink | None = None
    try:
        for piece in pieces:
            decoder.receive_data(piece)
            while not isinstance(event := decoder.next_event(), multipart.NeedData | multipart.Epilogue):
                if isinstance(event, multipart.File | multipart.Field):
                    # Its content, if only an empty one, is the next event.
                    part = event
                elif isinstance(event, multipart.Data):
                    if part is not None:
                        sink = _open(part, open_part, problems)
                        part = None
                    if sink is not None:
                        sink.write(event.data)
                        if not event.more_data:
                            sink.finish()
    except RequestEntityTooLarge:
        raise TooLarge("Too many or too large form parts") from None
    except ValueError:
        raise MalformedRequest("Malformed multipart body") from None


class _Delimiter:
    """Finds the lines between the parts, in the place of a compiled expression of werkzeug's.

    Each body has a boundary of its own, and to compile it costs more than to read a form of a few fields. So it is
    compiled only where a body holds what begins as such a line, and is none.
    """

    def __init__(self, boundary: bytes, expression: Literal["preamble_re", "boundary_re"]) -> None:
        self._boundary = boundary
        self._line = b"--" + boundary
        self._expression = expression
        # Alike for all boundaries of one length, and so compiled once.
        self._around = re.compile(_AROUND % len(self._line), re.DOTALL)

    def search(self, data: bytearray, start: int = 0) -> re.Match[bytes] | None:
        at = data.find(self._line, start)
        if at < 0:
            return None
        before = data[max(start, at - 2) : at]
        breaks = 2 if before == b"\r\n" else before.endswith((b"\r", b"\n"))
        if (breaks or self._expression == "preamble_re") and (found := self._around.match(data, at - breaks)):
            return found
        expression: re.Pattern[bytes] = getattr(multipart.MultipartDecoder(self._boundary), self._expression)
        return expression.search(data, start)


_HAS_EXPRESSIONS = {"boundary", "preamble_re", "boundary_re"} <= vars(multipart.MultipartDecoder(b"")).keys()
"""They are no public part of werkzeug: a later one that looks for boundaries in another way does it alone."""


class _Decoder(multipart.MultipartDecoder):
    def __init__(self, boundary: bytes, *, max_parts: int) -> None:
        self._held = b""
        # Without a boundary, its expressions are compiled once for all.
        super().__init__(b"" if _HAS_EXPRESSIONS else boundary, _PIECE_BYTES + _HEADER_BYTES, max_parts=max_parts)
        if _HAS_EXPRESSIONS:
            self.boundary = boundary
            self.preamble_re = _Delimiter(boundary, "preamble_re")  # type: ignore[assignment]
            self.boundary_re = _Delimiter(boundary, "boundary_re")  # type: ignore[assignment]

    def pieces(self, chunk: bytes) -> list[bytes | None]:
        """Return a chunk of the body in pieces for the parser; an empty one is its end, which is None.

        No piece ends with what may stand between a boundary and the end of its line: werkzeug 3.1.9 then takes the line
        break before the boundary for content, and a file grows by one byte.
        """
        if not chunk:
            return [self._held, None]
        pieces: list[bytes | None] = []
        for start in range(0, len(chunk), _PIECE_BYTES):
            piece = self._held + chunk[start : start + _PIECE_BYTES]
            tail = piece[-_CUT_BYTES:]
            end = len(piece) - len(tail) + len(tail.rstrip(b"- \t"))
            self._held = piece[end:]
            pieces.append(piece[:end])
        return pieces

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        """Bound the headers of a part, and take them in any encoding.

        Reading a flood of headers costs more than anything else in a form. Old clients write file names in the
        encoding of their system, most often a Western one, and any reading of a name is better than none.
        """
        if len(data) > _HEADER_BYTES:
            raise TooLarge("Too large headers of a form part")
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("cp1252", "replace").encode()
        return super()._parse_headers(data)


def _open(event: multipart.File | multipart.Field, open_part: OpenPart, problems: list[Refusal]) -> Sink | None:
    # werkzeug makes an exception for each header that it is asked for in vain, which costs more than all of this.
    headers = {}
    for name, value in event.headers:
        headers[name.lower()] = value
    content_type, charset, filename = "", None, None
    if isinstance(event, multipart.File):
        filename, disposition = event.filename, headers["content-disposition"]
        if _RARE_FILENAME.search(disposition):
            filename = part_filename(disposition, filename)
    elif "content-type" in headers:
        content_type, options = parse_content_type(headers["content-type"])
        charset = options.get("charset")
    try:
        sink = open_part(event.name or "", filename=filename, content_type=content_type, charset=charset)
        if sink is None:
            return None
        if "content-encoding" in headers:
            check_content_encoding(headers["content-encoding"])
        if "content-transfer-encoding" in headers:
            return _decoded(sink, headers["content-transfer-encoding"], problems)
    except (UnsupportedBody, EncodedBody) as refusal:
        problems.append(refusal)
        return None
    return sink


def _decoded(sink: Sink, encoding: str, problems: list[Refusal]) -> Sink:
    """Return what decodes the content of a part for ``sink``.

    Raises:
        UnsupportedBody: this Content-Transfer-Encoding is not known.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "7bit", "8bit", "binary"):
        return sink
    if encoding == "base64":
        return Base64Part(sink, problems)
    if encoding == "quoted-printable":
        return EscapeDecoder(sink, UNFINISHED_QUOTED, binascii.a2b_qp)
    raise UnsupportedBody("Unsupported Content-Transfer-Encoding of a form part: send it as binary, without any")
