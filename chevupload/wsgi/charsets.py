"""The charsets in which the texts of a request may come.

Sources: RFC 7578, sections 4.5, 4.6 and 5.1.2 (forms); RFC 8259, section 8.1 (JSON); WHATWG's Encoding standard,
section 4.2, where iso-8859-1 is a label of windows-1252.
"""

from __future__ import annotations

from chevupload.errors import UnsupportedBody

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
