"""The start page: where the site's other pages are."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from chevupload.config import Routes
from chevupload.web.page import Page
from chevupload.web.page_answers import PageAnswers
from chevupload.wsgi.responses import answered
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_METHODS = "GET, HEAD"


class Home:
    """Answers the start page."""

    def __init__(self, *, routes: Routes, answers: PageAnswers, mount: Callable[[WSGIEnvironment], str]) -> None:
        """Lead to those of the ``routes`` that are on; ``mount`` returns the path of a request's mount point."""
        self._routes = routes
        self._answers = answers
        self._mount = mount

    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer the page."""
        return answered(environ, _METHODS, lambda: self._page(environ), refuse=partial(self._answers.refusal, environ))

    def _page(self, environ: WSGIEnvironment) -> Response:
        values = {"routes": self._routes, "mount": self._mount(environ)}
        page = Page(name="home", title=self._answers.pages.site_name or "Pictures", values=values)
        return self._answers.page(environ, page)
