"""The start page: where the site's other pages are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chevupload.web.feature import Feature, route
from chevupload.web.page import Page
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Home(Feature):
    """Answers the start page."""

    @route("home", "GET, HEAD")
    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer the page."""
        page = Page(name="home", title=self._context.pages.site_name or "Pictures")
        return self._context.answers.page(environ, page)
