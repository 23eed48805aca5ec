"""The style sheet, the scripts and the icons of the pages, as the files beside this module.

Their URL holds a digest of them all, so that browsers keep what they have until it changes, and a script finds those
that it imports beside itself.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from chevupload.errors import MethodNotAllowed, NotFound
from chevupload.wsgi.webob import Response

STYLE = "style.css"
"""Our own style sheet."""

PUP = "pup.js"
"""The script that other sites load, by a route of its own."""

_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_YEAR = 31_536_000


class Assets:
    """Those files, read when they are first asked for."""

    def __init__(self, route: str | None) -> None:
        """Serve them at ``route`` below the mount point; None serves none."""
        self._route = route

    def folder(self, mount: str) -> str | None:
        """Return the path of their folder where the mount point is ``mount``; None when they are not served."""
        return None if self._route is None else f"{mount}/{self._route}/{self._version}"

    def answer(self, method: str, path: str) -> Response:
        """Send the file at ``path`` below the route.

        Of another version, such as of a page that is open since before an update, what there is now is sent, uncached.

        Raises:
            NotFound: there is no such file.
            MethodNotAllowed: it is to be anything but read.
        """
        version, _, name = path.partition("/")
        if name not in self._files:
            raise NotFound
        if method not in ("GET", "HEAD"):
            raise MethodNotAllowed(headers=(("Allow", "GET, HEAD"),))
        response = Response(body=self._files[name], content_type=_TYPES[Path(name).suffix], charset="utf-8")
        is_current = version == self._version
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if is_current else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def pup_answer(self) -> Response:
        """Send the script for other sites, whose address stays the same: kept for an hour, then asked for again."""
        response = Response(
            body=self._files[PUP], content_type="text/javascript", charset="utf-8", conditional_response=True
        )
        response.etag = hashlib.sha256(self._files[PUP]).hexdigest()[:16]
        response.headers["Cache-Control"] = "public, max-age=3600"
        response.headers["X-Content-Type-Options"] = "nosniff"
        # Other sites load it, those that isolate themselves from other origins, too.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response

    @cached_property
    def _files(self) -> dict[str, bytes]:
        folder = Path(__file__).parent / "static"
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in _TYPES}

    @cached_property
    def _version(self) -> str:
        return hashlib.sha256(b"\0".join(self._files.values())).hexdigest()[:16]
