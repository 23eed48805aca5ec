"""One spelling for texts that look alike: Unicode's normalization form C.

May know: nothing of the package. Source: Unicode Standard Annex #15; 30 marks are its limit for text in a stream.
"""

from __future__ import annotations

import unicodedata

_MAX_MARKS = 30


def normalized(text: str) -> str:
    """Return ``text`` in form C, where a letter and its accents are one character if there is such a character.

    macOS spells file names with the accents apart, and most else does not. A text with more than 30 accents on one
    letter, which no language has, stays as it is: putting them into order takes time by the square of their number.
    """
    if text.isascii():
        return text
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MAX_MARKS:
            return text
    return unicodedata.normalize("NFC", text)
