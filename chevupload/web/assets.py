"""The style sheet, the scripts and the icons of the pages, as the files beside this module.

Their URL holds a digest of them all, so that browsers keep what they have until it changes, and a script finds those
that it imports beside itself.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from chevupload.errors import NotFound

STYLE = "style.css"
"""Our own style sheet."""

TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


class Assets:
    """Those files, read when they are first asked for."""

    def __init__(self, route: str | None) -> None:
        """Serve them at ``route`` below the mount point; None serves none."""
        self._route = route

    def folder(self, mount: str) -> str | None:
        """Return the path of their folder where the mount point is ``mount``; None when they are not served."""
        return None if self._route is None else f"{mount}/{self._route}/{self._version}"

    def read(self, name: str) -> bytes:
        """Return what a file holds.

        Raises:
            NotFound: there is no such file.
        """
        if name not in self._files:
            raise NotFound
        return self._files[name]

    def is_current(self, version: str) -> bool:
        """Whether a folder of ``version`` is the one there is now."""
        return version == self._version

    @cached_property
    def _files(self) -> dict[str, bytes]:
        folder = Path(__file__).parent / "static"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in TYPES}

    @cached_property
    def _version(self) -> str:
        return hashlib.sha256(b"\0".join(self._files.values())).hexdigest()[:16]
