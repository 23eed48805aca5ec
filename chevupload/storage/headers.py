"""The headers of a stored file: those that this server sends, and those that a store is given to send by itself.

Sources: RFC 6266 (disposition), RFC 8246 (immutable).
"""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import quote

from chevupload.formats import MIME_TYPES
from chevupload.model import FileHeaders, Upload
from chevupload.naming import split_extension

_YEAR = 31_536_000
_FOR_EVER = f"public, max-age={_YEAR}, immutable"
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ._()+,-]")

SAFETY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    # Opened by itself, a file runs nothing and loads nothing, also if a browser takes it for a page.
    # The style is what a browser itself puts around a picture that it shows alone.
    "Content-Security-Policy": (
        "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
    ),
    "Cross-Origin-Resource-Policy": "cross-origin",
}


def content_type(path: str) -> str:
    """Return the type that the extension at the end of a stored path stands for."""
    return MIME_TYPES[path.rpartition(".")[2]]


def cache_control(upload: Upload, now: datetime) -> str:
    """Let a file that is sent at ``now`` be kept for as long as it lives."""
    if upload.expires_at is None:
        return _FOR_EVER
    return f"public, max-age={max(0, int((upload.expires_at - now).total_seconds()))}"


def content_disposition(upload: Upload, path: str) -> str:
    """Show the file, and save it under the client's name for it, with the extension that its content has."""
    suffix = path[len(upload.stem) :]
    name = (split_extension(upload.original_filename)[0].strip(" .") or upload.name) + suffix
    plain = _NOT_PLAIN.sub("_", name)
    text = f'inline; filename="{plain}"'
    return text if plain == name else f"{text}; filename*=UTF-8''{quote(name, safe='')}"


def stored_headers(upload: Upload, path: str) -> FileHeaders:
    """Return what a storage should tell those who fetch the file at ``path`` from it.

    A store says the same to everybody, however late: what expires has to be asked for again each time.
    """
    is_lasting = upload.expires_at is None
    return FileHeaders(
        content_type=content_type(path),
        cache_control=_FOR_EVER if is_lasting else "public, max-age=0, must-revalidate",
        content_disposition=content_disposition(upload, path),
    )
