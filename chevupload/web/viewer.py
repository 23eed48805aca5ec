"""What people and their programs see of an upload: viewer page, delete link and files.

Source: the contract of this API, sections 6 and 7.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import unquote

from chevupload.clock import Clock
from chevupload.config import Policy, Renditions
from chevupload.errors import BackendError, FileMissing, Gone, NotFound, Refusal
from chevupload.model import Upload
from chevupload.protocols import UploadRecords, ViewedRecords
from chevupload.signing import DeleteTokens
from chevupload.uploads.service import Uploads
from chevupload.web.api_json import deleted_document
from chevupload.web.exif_details import exif_details
from chevupload.web.files import Deliverer
from chevupload.web.page import Page
from chevupload.web.page_answers import PageAnswers
from chevupload.web.previews import preview_picture
from chevupload.web.qr_code import qr_code
from chevupload.web.urls import Links
from chevupload.wsgi.responses import (
    allow_origin,
    answered,
    json_answer,
    redirect_answer,
    refusal_answer,
    wants_json,
)
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")

_READ = "GET, HEAD, OPTIONS"
_DELETE = "GET, HEAD, POST, DELETE, OPTIONS"
_NOINDEX = ("X-Robots-Tag", "noindex")
_FILE = re.compile(r"([A-Za-z0-9_./-]{1,400}?)(?:\.(?:th|md|fr))?\.[a-z0-9]{3,4}\Z")


class Viewing:
    """Answers the routes of viewer, delete link and files."""

    def __init__(
        self,
        *,
        catalog: UploadRecords,
        deliverer: Deliverer,
        uploads: Uploads,
        tokens: DeleteTokens,
        policy: Policy,
        renditions: Renditions,
        answers: PageAnswers,
        links: Callable[[WSGIEnvironment], Links],
        clock: Clock,
    ) -> None:
        """Use these parts; ``links`` builds URLs as a request's sender sees them."""
        self._catalog = catalog
        self._views = catalog if isinstance(catalog, ViewedRecords) else None
        self._deliverer = deliverer
        self._uploads = uploads
        self._tokens = tokens
        self._policy = policy
        self._renditions = renditions
        self._answers = answers
        self._links = links
        self._clock = clock

    def viewer(self, environ: WSGIEnvironment, path: str, upload_id: str) -> Response:
        """Answer the viewer at ``path``, which is decoded and begins below the mount point."""
        return self._answer(environ, lambda: self._show(environ, path, upload_id), _READ)

    def qr(self, environ: WSGIEnvironment, upload_id: str) -> Response:
        """Answer the QR code of an upload's short link."""
        return self._answer(environ, lambda: self._qr(environ, upload_id), _READ)

    def delete(self, environ: WSGIEnvironment, upload_id: str, token: str) -> Response:
        """Answer a delete link."""
        response = self._answer(environ, lambda: self._delete(environ, upload_id, token), _DELETE)
        return self._shared(response, environ)

    def file(self, environ: WSGIEnvironment, path: str) -> Response:
        """Answer the file at the storage's ``path``."""
        return self._shared(self._answer(environ, lambda: self._file(environ, path), _READ), environ)

    def _shared(self, response: Response, environ: WSGIEnvironment) -> Response:
        """Let pages of other origins read the answer: whoever has the address may have what it holds."""
        allow_origin(response, self._policy.cors_origins, environ.get("HTTP_ORIGIN"))
        return response

    def _answer(self, environ: WSGIEnvironment, handler: Callable[[], Response], methods: str) -> Response:
        """Answer a person, or a tool that asks for JSON."""

        def refuse(refusal: Refusal) -> Response:
            return refusal_answer("json", refusal) if wants_json(environ) else self._answers.refusal(environ, refusal)

        return answered(environ, methods, handler, refuse=refuse)

    def _show(self, environ: WSGIEnvironment, path: str, upload_id: str) -> Response:
        upload = self._live(self._catalog.get(upload_id))
        links = self._links(environ)
        below_mount = len(links.base_url)
        canonical = unquote(links.viewer(upload)[below_mount:])
        if path not in (canonical, links.short(upload)[below_mount:]):
            return redirect_answer(links.viewer_path(upload))
        if environ["REQUEST_METHOD"] == "GET" and self._views is not None:
            self._count_view(self._views, upload)
        return self._answers.page(environ, self._viewer_page(upload, links))

    def _viewer_page(self, upload: Upload, links: Links) -> Page:
        return Page(
            name="viewer",
            title=upload.display_title,
            values={
                "upload": upload,
                "links": links,
                "preview": preview_picture(upload, self._renditions),
                "exif": exif_details(upload),
                "now": self._clock(),
            },
            scripts=("page.js",),
            images=links.source(upload, upload.path),
            headers=(_NOINDEX,) if upload.nsfw else (),
        )

    def _qr(self, environ: WSGIEnvironment, upload_id: str) -> Response:
        upload = self._live(self._catalog.get(upload_id))
        response = Response(
            body=qr_code(self._links(environ).short(upload)), content_type="image/svg+xml", charset=None
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "private, max-age=3600"
        return response

    @staticmethod
    def _count_view(records: ViewedRecords, upload: Upload) -> None:
        try:
            records.count_view(upload.id)
        except BackendError:
            logger.warning("a view could not be counted", exc_info=True)

    def _delete(self, environ: WSGIEnvironment, upload_id: str, token: str) -> Response:
        if not self._tokens.verify(upload_id, token):
            raise NotFound
        upload = self._live(self._catalog.get(upload_id))
        method = environ["REQUEST_METHOD"]
        if method == "HEAD" or (method == "GET" and not self._policy.delete_on_get):
            return self._answers.page(environ, _delete_page(upload, self._links(environ)))
        if not self._uploads.delete(upload):
            raise NotFound
        if wants_json(environ):
            return json_answer(deleted_document())
        return self._answers.page(environ, Page(name="deleted", title="Deleted", values={"upload": upload}))

    def _file(self, environ: WSGIEnvironment, path: str) -> Response:
        found = _FILE.match(path)
        upload = self._catalog.find(found.group(1)) if found else None
        if upload is None or path not in upload.paths:
            raise NotFound
        self._live(upload)
        try:
            return self._deliverer.answer(upload, path, method=environ["REQUEST_METHOD"])
        except FileMissing as error:
            # Deleted since the record was read; or lost, which a check would find, too.
            logger.warning("there is a record and no file at %s", path)
            raise NotFound from error

    def _live(self, upload: Upload | None) -> Upload:
        if upload is None:
            raise NotFound
        if upload.is_expired(self._clock()):
            raise Gone
        return upload


def _delete_page(upload: Upload, links: Links) -> Page:
    """Ask whether to delete an upload."""
    return Page(
        name="delete",
        title=f"Delete “{upload.display_title}”?",
        values={"upload": upload, "links": links},
        scripts=("page.js",),
        images=links.source(upload, upload.path),
        # The address holds the token; it must not travel on.
        headers=(("Referrer-Policy", "no-referrer"), _NOINDEX),
    )
