"""Pages as answers: with their style, their scripts and a layout, and the headers that make them safe."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from chevupload.errors import Refusal, ServerFault
from chevupload.web.assets import STYLE
from chevupload.web.page import Page
from chevupload.web.pages import Pages
from chevupload.web.refusal_words import words_of
from chevupload.web.site_links import SiteLinks
from chevupload.wsgi.responses import text_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")


class PageAnswers:
    """Makes answers of pages.

    Attributes:
        pages: how they look.
    """

    def __init__(self, pages: Pages, *, site: Callable[[WSGIEnvironment], SiteLinks]) -> None:
        """Use these parts; ``site`` tells where the pages lead that answer a request."""
        self.pages = pages
        self._site = site

    def page(self, environ: WSGIEnvironment, page: Page) -> Response:
        """Answer with a page."""
        page = replace(page, site=(site := self._site(environ)))
        styles = [site.asset(name) if name == STYLE else name for name in self.pages.stylesheets]
        scripts = [site.asset(name) for name in page.scripts]
        # Nothing is served by a route that is switched off.
        loaded = {"styles": list(filter(None, styles)), "scripts": list(filter(None, scripts))}
        whole = replace(
            page,
            head=self.pages.render("head.html", page=page, **loaded, **page.values),
            body=self.pages.render("page.html", page=page, **page.values),
        )
        text = self.pages.layout(whole, environ)
        headers = {
            "Content-Type": "text/html; charset=utf-8",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-store",
        }
        if (policy := self.pages.policy(page)) is not None:
            headers["Content-Security-Policy"] = policy
        response = Response(body=text.encode(), status=page.status, headerlist=list(headers.items()))
        if page.headers:
            response.headers.update(page.headers)
        return response

    def refusal(self, environ: WSGIEnvironment, refusal: Refusal) -> Response:
        """Answer with a refusal; in plain text where a host's own page for it fails, too."""
        try:
            return self.page(environ, _refusal_page(refusal))
        except Exception:
            logger.exception("the page of a refusal failed")
            return text_answer(ServerFault.text, status=ServerFault.status)


def _refusal_page(refusal: Refusal) -> Page:
    """Tell a person why there is nothing to see."""
    return Page(
        name="refusal",
        title=(words := words_of(refusal)).title,
        values={"refusal": refusal, "words": words},
        status=refusal.status,
        headers=refusal.headers,
    )
