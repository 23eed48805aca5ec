"""The start page: where the site's other pages are."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from chevupload.web.page import Page
from chevupload.web.page_answers import PageAnswers
from chevupload.wsgi.responses import answered
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_METHODS = "GET, HEAD"


class Home:
    """Answers the start page."""

    def __init__(self, answers: PageAnswers) -> None:
        """Use these answers."""
        self._answers = answers

    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer the page."""
        return answered(environ, _METHODS, lambda: self._page(environ), refuse=partial(self._answers.refusal, environ))

    def _page(self, environ: WSGIEnvironment) -> Response:
        return self._answers.page(environ, Page(name="home", title=self._answers.pages.site_name or "Pictures"))
