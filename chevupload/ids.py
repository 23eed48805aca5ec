"""Random ids.

May know: nothing of the package.
"""

from __future__ import annotations

import secrets
import string

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
"""Alphabet of ids: every character is itself in a URL, a file name and a double click."""


def random_id(length: int, alphabet: str = BASE62) -> str:
    """Return ``length`` unpredictable characters of ``alphabet``."""
    return "".join(secrets.choice(alphabet) for _ in range(length))
