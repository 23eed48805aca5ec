"""The start page: the form of the upload page, the last uploads of who is signed in, and links to the other pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chevupload.model import Principal, Upload
from chevupload.protocols import OwnedRecords
from chevupload.web.context import WebContext
from chevupload.web.feature import Feature, route
from chevupload.web.page import Page
from chevupload.web.upload_form import UploadForm
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_RECENT = 6
"""Uploads that are shown: one row."""


class Home(Feature):
    """Answers the start page."""

    def __init__(self, context: WebContext) -> None:
        """Use these parts."""
        super().__init__(context)
        self._form = UploadForm(context)

    @route("home", "GET, HEAD")
    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer the page."""
        title = self._context.pages.site_name or "Pictures"
        if self._config.routes.upload_page is None:
            return self._context.answers.page(environ, Page(name="home", title=title))
        sender = self._form.sender(environ)
        values = self._form.values(environ, sender)
        recent = {"recent": self._recent(sender), "links": self._context.links(environ)}
        images = self._context.deliverer.sources()
        page = Page(
            name="home", title=title, values={**values, **recent}, scripts=self._form.scripts(sender), images=images
        )
        return self._context.answers.page(environ, page)

    def _recent(self, sender: Principal | None) -> Sequence[Upload]:
        if sender is None or sender.is_guest or not isinstance(self._context.catalog, OwnedRecords):
            return ()
        return self._context.uploads.list(sender, limit=_RECENT)
