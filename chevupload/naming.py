"""Names: public ids, stored base names, storage paths and default titles.

Source: Chevereto V4's rules for file names and default titles.
"""

from __future__ import annotations

import re
import secrets
import string
import unicodedata

from chevupload.errors import StorageError

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
"""Alphabet of ids: every character is itself in a URL, a file name and a double click."""
_MAX_MARKS = 30

MAX_NAME = 200
"""Longest stored base name, in characters, before its extension."""
SUFFIX_LENGTH = 16
"""Hexadecimal digits that tell a name from the same one: 64 random bits."""

_CYRILLIC = dict(
    zip(
        "абвгдеёжзийклмнопрстуфхцчшщъыьэюя",
        "a b v g d e yo zh z i y k l m n o p r s t u f kh ts ch sh shch - y - e yu ya".replace("-", "").split(" "),
        strict=True,
    )
)
_LETTERS = str.maketrans(
    {
        **_CYRILLIC,
        **{upper.upper(): latin.capitalize() for upper, latin in _CYRILLIC.items()},
        **{"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "þ": "th"},
    }
)
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
STORAGE_PATH = re.compile(r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.-]+(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.-]+)*\Z")
"""Paths are made of safe characters already. This is the second line: no mistake above can traverse folders, name a
glob that a file system would expand, or reach ``~`` and URL chains."""
EXTRA_NAME = "[ws][1-9][0-9]{1,3}"
"""Names that additional renditions can have: a letter for a width or for any other size, and its pixels. Of all of them
no upload's name ends in one, because which of them a site will have is not known when a file is stored."""
DERIVED_SUFFIX = rf"\.(?:th|md|fr|{EXTRA_NAME})"
"""What the names of derived pictures have before their extension: a pattern."""
_OWN_SUFFIX = re.compile(rf"(?:{DERIVED_SUFFIX}|\.original|\.lg)$", re.IGNORECASE)


def client_filename(text: str) -> str:
    """Reduce what a client sent as file name to its last path segment, at most 255 characters, none for control.

    It is in Unicode's form C.
    """
    return _CONTROL.sub("\ufffd", normalized(re.split(r"[/\\]", text)[-1].strip())[:255])


def split_extension(filename: str) -> tuple[str, str]:
    """Split at the last dot: ``photo.final.JPG`` into ``photo.final`` and ``jpg``."""
    base, dot, extension = filename.rpartition(".")
    return (base, extension.lower()) if dot else (filename, "")


def default_title(filename: str) -> str | None:
    """Make a title of a file name: without extension, each run of ``-``, ``_`` and white space one space."""
    return re.sub(r"[-_\s]+", " ", split_extension(filename)[0].strip()) or None


def base_name(filename: str) -> str:
    """Make the stored base name of a client's file name: ASCII letters, digits, ``_``, ``-`` and inner dots.

    It is empty where nothing of the name can stay.
    """
    base, extension = split_extension(filename)
    base = base.lstrip(".")
    if extension and base.lower().endswith("." + extension):
        base = base[: -len(extension) - 1]
    base = _without_own_suffix(base)
    ascii_only = unicodedata.normalize("NFKD", base.translate(_LETTERS)).encode("ascii", "ignore").decode()
    safe = re.sub(r"[^A-Za-z0-9_.-]", "", re.sub(r"\s+", "-", ascii_only).strip("-"))
    return _without_own_suffix(safe[:MAX_NAME].strip("."))


def _without_own_suffix(name: str) -> str:
    """Cut what our own derivatives end in: another upload's name could otherwise meet them."""
    while (shorter := _OWN_SUFFIX.sub("", name).rstrip(".")) != name:
        name = shorter
    return name


def with_suffix(name: str, suffix: str) -> str:
    """Append ``suffix``, which has :data:`SUFFIX_LENGTH` characters, to a name that is cut to leave room for it."""
    return name[: MAX_NAME - SUFFIX_LENGTH] + suffix


def other_name(name: str, naming: str) -> str:
    """Draw a name to try where ``name`` is taken, as the policy's ``naming`` has it."""
    return secrets.token_hex(16) if naming == "random" else with_suffix(name, secrets.token_hex(8))


def checked_path(path: str) -> str:
    """Return ``path`` when it is relative, in ``[A-Za-z0-9_./-]``, and without empty, ``.`` or ``..`` segments.

    Raises:
        StorageError: it is anything else.
    """
    if not STORAGE_PATH.match(path):
        raise StorageError("not a storage path")
    return path


def joined_url(public_url: str, path: str) -> str:
    """Return the URL of ``path`` below ``public_url``. A checked path has nothing to quote."""
    return f"{public_url.rstrip('/')}/{checked_path(path)}"


def random_id(length: int, alphabet: str = BASE62) -> str:
    """Return ``length`` unpredictable characters of ``alphabet``."""
    return "".join(map(secrets.choice, [alphabet] * length))


def month_digits(year: int, month: int) -> str:
    """Return two characters that rise with the month, in the order of ASCII: from 1970, ``00``, to 2290, ``zz``."""
    number = min(max(0, (year - 1970) * 12 + month - 1), len(BASE62) ** 2 - 1)
    return "".join(BASE62[digit] for digit in divmod(number, len(BASE62)))


def normalized(text: str) -> str:
    """Return ``text`` in Unicode's normalization form C: a letter and its accents are one character if there is one.

    macOS spells file names with the accents apart, and most else does not. A text with more than 30 accents on one
    letter, which no language has, stays as it is: putting them into order takes time by the square of their number.

    Source: Unicode Standard Annex #15; 30 marks are its limit for text in a stream.
    """
    if text.isascii():
        return text
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MAX_MARKS:
            return text
    return unicodedata.normalize("NFC", text)
