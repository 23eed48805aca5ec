"""The routes of the files that pages load, and of the script that other sites do."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from chevupload.errors import MethodNotAllowed, NotFound, Refusal
from chevupload.web.assets import TYPES
from chevupload.web.feature import BELOW, Feature, route
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_METHODS = "GET, HEAD"
_PUP = "pup.js"
"""The script that other sites load."""
_MANIFEST = "manifest.webmanifest"
"""Tells the site's name and where it begins, so it is made for each site."""
_YEAR = 31_536_000


class AssetRoutes(Feature):
    """Sends those files."""

    @route("assets", None, patterns=BELOW)
    def asset(self, environ: WSGIEnvironment, path: str) -> Response:
        """Answer the file at ``path``, the version of our files and a name.

        Of another version, such as of a page that is open since before an update, what there is now is sent, uncached.
        """
        version, _, name = path.partition("/")
        is_manifest = name == _MANIFEST
        try:
            content = self._manifest(environ) if is_manifest else self._context.assets.read(name)
            if environ["REQUEST_METHOD"] not in _METHODS.split(", "):
                raise MethodNotAllowed(headers=(("Allow", _METHODS),))
        except Refusal as refusal:
            return self._context.answers.refusal(environ, refusal)
        response = Response(body=content, content_type=TYPES[Path(name).suffix], charset="utf-8")
        is_current = not is_manifest and self._context.assets.is_current(version)
        response.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable" if is_current else "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _manifest(self, environ: WSGIEnvironment) -> bytes:
        """Return what lets browsers put the site beside other programs. Source: W3C, Web Application Manifest."""
        site, name = self._context.site(environ), self._context.pages.site_name or "Pictures"
        if (start := site.home or site.upload) is None:
            raise NotFound
        icon = {"src": "favicon.svg", "sizes": "any", "type": "image/svg+xml"}
        colors = {"background_color": "#f6f7f9", "theme_color": "#ffffff"}
        scope = f"{self._context.mount(environ)}/"
        names = {"id": start, "name": name, "short_name": name}
        return json.dumps(
            {**names, "start_url": start, "scope": scope, "display": "standalone", **colors, "icons": [icon]}
        ).encode()

    @route("pup", _METHODS, needs=("upload_page",))
    def pup(self, environ: WSGIEnvironment) -> Response:
        """Answer the script for other sites, whose address stays the same: kept for an hour, then asked for again."""
        content = self._context.assets.read(_PUP)
        response = Response(body=content, content_type="text/javascript", charset="utf-8", conditional_response=True)
        response.etag = hashlib.sha256(content).hexdigest()[:16]
        response.headers["Cache-Control"] = "public, max-age=3600"
        response.headers["X-Content-Type-Options"] = "nosniff"
        # Other sites load it, those that isolate themselves from other origins, too.
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
        return response
