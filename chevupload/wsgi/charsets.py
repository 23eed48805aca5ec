"""The charsets in which the texts of a request may come.

Sources: RFC 7578, sections 4.5, 4.6 and 5.1.2 (forms); RFC 8259, section 8.1 (JSON); WHATWG's Encoding standard,
section 4.2, where iso-8859-1 is a label of windows-1252.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from chevupload.errors import MalformedRequest, Refusal, UnsupportedBody

UTF_8 = "utf-8"
_CODECS = {
    **dict.fromkeys(("utf-8", "utf8"), UTF_8),
    **dict.fromkeys(("us-ascii", "ascii"), "ascii"),
    # Both differ by control characters only, which no text means. Browsers say windows-1252 for either.
    **dict.fromkeys(("iso-8859-1", "latin1", "windows-1252", "cp1252"), "cp1252"),
}
"""Python's codec by label: what werkzeug reads in forms, and the name that browsers give to ISO-8859-1."""
NAMES = {UTF_8: "UTF-8", "ascii": "US-ASCII", "cp1252": "windows-1252"}
"""What a codec is called in a refusal."""


def codec_of(charset: str | None) -> str | None:
    """Return Python's codec for the label of a charset; None without one.

    Raises:
        UnsupportedBody: texts in this charset are not read here.
    """
    label = (charset or "").strip().lower()
    if not label:
        return None
    if label not in _CODECS:
        raise UnsupportedBody("Unsupported charset: texts are read in UTF-8, US-ASCII, ISO-8859-1 or windows-1252")
    return _CODECS[label]


def json_in_utf_8(chunks: Iterable[bytes], codec: str, problems: list[Refusal]) -> Iterator[bytes]:
    """Yield a JSON text of the charset of ``codec`` in UTF-8; what is in none stays as it is, and is a problem."""
    chunks = iter(chunks)
    decoder = codecs.getincrementaldecoder(codec)()
    wrong = MalformedRequest(f"The JSON body is not {NAMES[codec]} text: send it in UTF-8")
    start = b""
    for chunk in chunks:
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError:
            problems.append(wrong)
            yield chunk
            yield from chunks
            return
        start += chunk[: 4 - len(start)]
        if b"\x00" in start:
            # UTF-16 or UTF-32, in which every character of JSON's own holds one. Source: RFC 4627, section 3.
            problems.append(wrong)
        yield chunk if codec == UTF_8 else text.encode()
    if decoder.getstate()[0]:
        problems.append(wrong)
