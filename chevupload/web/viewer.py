"""What people and their programs see of an upload: viewer page, delete link and files.

Source: docs/api.md, Delete links and Files.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import unquote

from chevupload.audit import Actor
from chevupload.errors import FileMissing, NotFound
from chevupload.model import Upload
from chevupload.records.files import upload_with_file
from chevupload.web.api_json import deleted_document
from chevupload.web.context import WebContext
from chevupload.web.exif_details import exif_details
from chevupload.web.feature import BELOW, Feature, route
from chevupload.web.page import Page
from chevupload.web.previews import preview_picture
from chevupload.web.qr_code import qr_code
from chevupload.web.urls import DELETE_LINK, QR_CODE, VIEWER, Links
from chevupload.wsgi.responses import (
    json_answer,
    redirect_answer,
    wants_json,
)
from chevupload.wsgi.routing import mounted_path
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")

_READ = "GET, HEAD, OPTIONS"
_DELETE = "GET, HEAD, POST, DELETE, OPTIONS"
_NOINDEX = ("X-Robots-Tag", "noindex")


class Viewer(Feature):
    """Answers the routes of viewer, delete link and files."""

    def __init__(self, context: WebContext) -> None:
        """Take the parts of ``context``.

        Raises:
            ConfigError: a delivery that the storages cannot do.
        """
        super().__init__(context)
        self._deliverer = context.deliverer

    @route("viewer", _READ, patterns=BELOW, rest=VIEWER, refusals="either")
    @route("video", _READ, patterns=BELOW, rest=VIEWER, refusals="either")
    def show(self, environ: WSGIEnvironment, upload_id: str) -> Response:
        """Answer the viewer of an upload."""
        upload = self._context.live(self._context.catalog.get(upload_id))
        links = self._context.links(environ)
        below_mount = len(links.base_url)
        canonical = unquote(links.viewer(upload)[below_mount:])
        if mounted_path(environ) not in (canonical, links.short(upload)[below_mount:]):
            return redirect_answer(links.viewer_path(upload))
        if environ["REQUEST_METHOD"] == "GET":
            self._context.views.add(upload.id)
        return self._context.answers.page(environ, self._viewer_page(upload, links))

    def _viewer_page(self, upload: Upload, links: Links) -> Page:
        return Page(
            name="viewer",
            title=upload.display_title,
            values={
                "upload": upload,
                "links": links,
                "preview": preview_picture(upload, self._config.renditions),
                "exif": exif_details(upload),
                "now": self._context.clock(),
            },
            scripts=("page.js",),
            images=(links.source(upload, upload.path),),
            headers=(_NOINDEX,) if upload.nsfw else (),
        )

    @route("viewer", _READ, patterns=BELOW, rest=QR_CODE, refusals="either")
    @route("video", _READ, patterns=BELOW, rest=QR_CODE, refusals="either")
    def qr(self, environ: WSGIEnvironment, upload_id: str) -> Response:
        """Answer the QR code of an upload's short link."""
        upload = self._context.live(self._context.catalog.get(upload_id))
        response = Response(
            body=qr_code(self._context.links(environ).short(upload)), content_type="image/svg+xml", charset=None
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "private, max-age=3600"
        return response

    @route("viewer", _DELETE, patterns=BELOW, rest=DELETE_LINK, refusals="either", is_shared=True)
    @route("video", _DELETE, patterns=BELOW, rest=DELETE_LINK, refusals="either", is_shared=True)
    def delete(self, environ: WSGIEnvironment, upload_id: str, token: str) -> Response:
        """Answer the delete link of an upload."""
        if not self._context.delete_tokens.verify(upload_id, token):
            raise NotFound
        upload = self._context.live(self._context.catalog.get(upload_id))
        method = environ["REQUEST_METHOD"]
        if method == "HEAD" or (method == "GET" and not self._config.policy.delete_on_get):
            return self._context.answers.page(environ, _delete_page(upload, self._context.links(environ)))
        if not self._context.uploads.delete(upload, by=Actor(environ=environ, note="delete link")):
            raise NotFound
        if wants_json(environ):
            return json_answer(deleted_document())
        return self._context.answers.page(environ, Page(name="deleted", title="Deleted", values={"upload": upload}))

    @route("files", _READ, patterns=BELOW, refusals="either", is_shared=True)
    def file(self, environ: WSGIEnvironment, path: str) -> Response:
        """Answer the file at the storage's ``path``."""
        upload = self._holder(path)
        try:
            return self._deliverer.answer(upload, path, environ)
        except FileMissing as error:
            # Deleted or moved since the record was read; or lost, which a check would find, too.
            if (now := self._holder(path)).storage != upload.storage:
                return self._deliverer.answer(now, path, environ)
            logger.warning("there is a record and no file at %s", path)
            raise NotFound from error

    def _holder(self, path: str) -> Upload:
        """Return the upload that has a file at ``path``."""
        return self._context.live(upload_with_file(self._context.catalog, path))


def _delete_page(upload: Upload, links: Links) -> Page:
    """Ask whether to delete an upload."""
    return Page(
        name="delete",
        title=f"Delete “{upload.display_title}”?",
        values={"upload": upload, "links": links},
        scripts=("page.js",),
        images=(links.source(upload, upload.path),),
        # The address holds the token; it must not travel on.
        headers=(("Referrer-Policy", "no-referrer"), _NOINDEX),
    )
