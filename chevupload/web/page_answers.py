"""Pages as answers: with their style, their scripts and a layout, and the headers that make them safe."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from markupsafe import Markup

from chevupload.errors import Refusal, ServerFault
from chevupload.web.assets import STYLE, Assets
from chevupload.web.page import NOTHING, Page
from chevupload.web.pages import Pages
from chevupload.wsgi.responses import text_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")

_STYLE = Markup('<link rel="stylesheet" href="{}">\n')
_SCRIPT = Markup('<script type="module" src="{}"></script>\n')
_BODY = Markup('<div class="chevupload chevupload-{name}">\n{body}\n</div>')


class PageAnswers:
    """Makes answers of pages.

    Attributes:
        pages: the pages themselves.
    """

    def __init__(self, pages: Pages, assets: Assets, *, mount: Callable[[WSGIEnvironment], str]) -> None:
        """Use these parts; ``mount`` returns the path of a request's mount point, without a slash behind it."""
        self.pages = pages
        self._assets = assets
        self._mount = mount

    def page(self, environ: WSGIEnvironment, page: Page) -> Response:
        """Answer with a page."""
        whole = replace(
            page,
            head=self._links(self._mount(environ), page) + page.head,
            body=_BODY.format(name=page.name, body=page.body),
        )
        text = self.pages.layout(whole, environ)
        response = Response(body=text.encode(), status=page.status, content_type="text/html", charset="utf-8")
        if (policy := self.pages.policy(page)) is not None:
            response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cache-Control"] = "no-store"
        response.headers.update(page.headers)
        return response

    def refusal(self, environ: WSGIEnvironment, refusal: Refusal) -> Response:
        """Answer with a refusal; in plain text where a host's own page for it fails, too."""
        try:
            return self.page(environ, self.pages.refusal(refusal))
        except Exception:
            logger.exception("the page of a refusal failed")
            return text_answer(ServerFault.text, status=ServerFault.status)

    def _links(self, mount: str, page: Page) -> Markup:
        """Return what loads style sheets and scripts."""
        styles = (self._assets.url(mount, name) if name == STYLE else name for name in self.pages.stylesheets)
        scripts = (self._assets.url(mount, name) for name in page.scripts)
        loaded = [_STYLE.format(url) for url in styles if url] + [_SCRIPT.format(url) for url in scripts if url]
        return NOTHING.join(loaded)
