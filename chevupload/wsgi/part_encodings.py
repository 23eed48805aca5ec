"""Content-Transfer-Encoding of the parts of a form: undone while a part arrives, or refused.

Sources: RFC 7578, section 4.7, which deprecates it; RFC 2045, section 6, which defines it; RFC 9110, section 8.4, for
Content-Encoding.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping

from chevupload.errors import EncodedBody, InvalidBase64, Refusal, UnsupportedBody
from chevupload.wsgi.text_source import Base64Writer
from chevupload.wsgi.urlencoded import Field

_PLAIN = ("", "7bit", "8bit", "binary")
_UNFINISHED = re.compile(rb"=(?:[0-9A-Fa-f]|\r)?\Z")


class _Base64Part:
    """Decodes base64, and passes what it meant on to a field."""

    keeps_plus = True
    is_wanted = True

    def __init__(self, field: Field, problems: list[Refusal]) -> None:
        self._field = field
        self._decoder = Base64Writer(field)
        self._problems = problems
        self._is_broken = False

    def write(self, data: bytes) -> None:
        if not self._is_broken:
            try:
                self._decoder.write(data)
            except InvalidBase64 as refusal:
                self._fail(refusal)

    def finish(self) -> None:
        if not self._is_broken:
            try:
                self._decoder.finish()
            except InvalidBase64 as refusal:
                self._fail(refusal)
        self._field.finish()

    def _fail(self, refusal: Refusal) -> None:
        self._is_broken = True
        self._problems.append(refusal)


class _QuotedPrintablePart:
    """Decodes quoted-printable, and passes what it meant on to a field; what only looks like an escape stays."""

    keeps_plus = True
    is_wanted = True

    def __init__(self, field: Field) -> None:
        self._field = field
        self._rest = b""

    def write(self, data: bytes) -> None:
        data = self._rest + data
        unfinished = _UNFINISHED.search(data)
        end = unfinished.start() if unfinished else len(data)
        self._rest = data[end:]
        self._field.write(binascii.a2b_qp(data[:end]))

    def finish(self) -> None:
        self._field.write(binascii.a2b_qp(self._rest))
        self._field.finish()


def decoded_part(field: Field, headers: Mapping[str, str], problems: list[Refusal]) -> Field:
    """Return what takes the content of a part, and writes to ``field`` what it encodes.

    The names of its ``headers`` are in lower case. Base64 that is none is added to ``problems`` and not raised, so that
    the rest of the form is still read.

    Raises:
        UnsupportedBody: its Content-Transfer-Encoding is not known.
        EncodedBody: it has a Content-Encoding.
    """
    check_coding(headers.get("content-encoding", ""))
    encoding = headers.get("content-transfer-encoding", "").strip().lower()
    if encoding in _PLAIN:
        return field
    if encoding == "base64":
        return _Base64Part(field, problems)
    if encoding == "quoted-printable":
        return _QuotedPrintablePart(field)
    raise UnsupportedBody("Unsupported Content-Transfer-Encoding of a form part: send it as binary, without any")


def check_coding(header: str) -> None:
    """Look at the value of a Content-Encoding header.

    Raises:
        EncodedBody: it names a coding. RFC 9110, section 15.5.16.
    """
    if any(coding.strip().lower() not in ("", "identity") for coding in header.split(",")):
        raise EncodedBody(headers=(("Accept-Encoding", "identity"),))
