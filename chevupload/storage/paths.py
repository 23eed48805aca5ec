"""The one rule for storage paths.

Paths are made from our own safe alphabet; this check is the second line, so that no mistake above can traverse
folders, name a glob that a file system would expand, or reach ``~`` and URL chains.
"""

from __future__ import annotations

import re

from chevupload.errors import StorageError

_PATH = re.compile(r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.-]+(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9_.-]+)*\Z")


def checked_path(path: str) -> str:
    """Return ``path`` when it is relative, in ``[A-Za-z0-9_./-]``, and without empty, ``.`` or ``..`` segments.

    Raises:
        StorageError: it is anything else.
    """
    if not _PATH.match(path):
        raise StorageError("not a storage path")
    return path


def joined_url(public_url: str | None, path: str) -> str | None:
    """Return the URL of ``path`` below ``public_url``, or None without one. A checked path has nothing to quote."""
    return None if public_url is None else f"{public_url.rstrip('/')}/{checked_path(path)}"
