"""The start page: where the site's other pages are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from chevupload.config import Routes
from chevupload.web.home_page import Start
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
        starts = tuple(self._starts(self._mount(environ)))
        return self._answers.page(environ, self._answers.pages.home(starts))

    def _starts(self, mount: str) -> Iterator[Start]:
        routes = self._routes
        if routes.upload_page:
            yield Start(f"{mount}/{routes.upload_page}", "Upload", "Choose, drop or paste files, and copy their links.")
        if routes.keys:
            yield Start(f"{mount}/{routes.keys}", "Your keys", "Make keys for programs that upload in your name.")
        if routes.api_page:
            yield Start(f"{mount}/{routes.api_page}", "The API", "Upload from ShareX, a script or a program of yours.")
