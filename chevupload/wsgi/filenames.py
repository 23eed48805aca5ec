"""The client's name of a file, as the many kinds of clients spell it in the Content-Disposition of a part.

Sources: RFC 7578, section 4.2; RFC 6266, section 4.3, and RFC 8187, section 3.2, for ``filename*``, which .NET and
others send in forms, too; RFC 2047 for encoded words, which .NET sends alone.
"""

from __future__ import annotations

import re
from email.errors import MessageError
from email.header import decode_header
from urllib.parse import unquote_to_bytes

from werkzeug.http import parse_options_header

from chevupload.errors import UnsupportedBody
from chevupload.wsgi.charsets import codec_of

_PARAMETER = re.compile(r";[ \t]*([^\s;=\"]+)[ \t]*=[ \t]*(\"(?:[^\"\\]|\\.)*\"|[^\s;\"]*)")
_EXTENDED = re.compile(r"\"?([A-Za-z0-9-]*)'[^']*'([^\"]*)\"?")
_ESCAPES = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")
_WINDOWS_PATH = re.compile(r';[ \t]*filename="((?:[A-Za-z]:\\|\\\\)[^"]*)"[ \t]*(?:;|\Z)', re.IGNORECASE)
"""A file name with its folders on a drive or a share, as old browsers write it: no backslash in it escapes anything."""
_ENCODED_WORDS = re.compile(r"=\?[^?]+\?[BbQq]\?[^?]*\?=(?:\s*=\?[^?]+\?[BbQq]\?[^?]*\?=)*")


def part_filename(disposition: str, plain: str) -> str:
    """Return the file name in a Content-Disposition header, perhaps with folders; empty when it is unreadable.

    ``filename*`` wins in any order, unless it is malformed or in a charset that is not read here. ``plain`` is what
    werkzeug reads, which takes the last of both, and the backslashes out of Windows paths.
    """
    values = _PARAMETER.findall(disposition) if "*" in disposition else ()
    named = {name.lower(): value for name, value in values}
    extended = named.get("filename*")
    if extended is not None:
        if (name := _extended(extended)) is not None:
            return name
        plain = parse_options_header(f"form-data; filename={named.get('filename', '')}")[1].get("filename", "")
    path = _WINDOWS_PATH.search(disposition) if "\\" in disposition else None
    return path[1] if path else _without_encoded_words(plain)


def _extended(value: str) -> str | None:
    """Decode the value of ``filename*``: charset, language and percent-encoded bytes."""
    found = _EXTENDED.fullmatch(value)
    if found is None or not _ESCAPES.fullmatch(found[2]):
        return None
    try:
        return unquote_to_bytes(found[2]).decode(codec_of(found[1]) or "utf-8") or None
    except (UnsupportedBody, UnicodeDecodeError):
        return None


def _without_encoded_words(name: str) -> str:
    """Decode a name that consists of encoded words, which no file is called."""
    if not _ENCODED_WORDS.fullmatch(name):
        return name
    try:
        words = [(word, codec_of(charset)) for word, charset in decode_header(name) if isinstance(word, bytes)]
        return "".join(word.decode(codec or "ascii") for word, codec in words) or name
    except (MessageError, UnsupportedBody, ValueError):
        return name
