"""oEmbed: other sites ask what to show of a viewer link.

Source: oEmbed 1.0, section 2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from chevupload.clock import Clock
from chevupload.config import Limits, Policy, Renditions
from chevupload.errors import Gone, InvalidParameter, NotFound, UnsupportedFormat
from chevupload.protocols import UploadRecords
from chevupload.uploads.parameters import whole_number
from chevupload.web.oembed_document import oembed_document
from chevupload.web.pages import Pages
from chevupload.web.urls import Links
from chevupload.wsgi.form import Form
from chevupload.wsgi.responses import allow_origin, answered, json_answer, refusal_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_METHODS = "GET, HEAD, OPTIONS"
_NAMES = ("url", "maxwidth", "maxheight", "format")
_MAX_WIDTH, _MAX_HEIGHT = whole_number("maxwidth"), whole_number("maxheight")


class Embeds:
    """Answers the route of oEmbed."""

    def __init__(
        self,
        *,
        catalog: UploadRecords,
        limits: Limits,
        renditions: Renditions,
        policy: Policy,
        pages: Pages,
        links: Callable[[WSGIEnvironment], Links],
        clock: Clock,
    ) -> None:
        """Use these parts; ``links`` builds URLs as a request's sender sees them."""
        self._catalog = catalog
        self._limits = limits
        self._renditions = renditions
        self._policy = policy
        self._pages = pages
        self._links = links
        self._clock = clock

    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer in JSON, which pages of other origins may read."""
        response = answered(environ, _METHODS, lambda: self._describe(environ), refuse=partial(refusal_answer, "json"))
        allow_origin(response, self._policy.cors_origins, environ.get("HTTP_ORIGIN"))
        return response

    def _describe(self, environ: WSGIEnvironment) -> Response:
        form = Form(self._limits, text_names=_NAMES)
        form.read_query(environ, None)
        if (wanted := form.fields.get("format")) == "xml":
            raise UnsupportedFormat
        if wanted not in (None, "json"):
            raise InvalidParameter("Invalid format, expected json")
        if (url := form.fields.get("url")) is None:
            raise InvalidParameter("Missing url, expected a viewer link of this site")
        links, now = self._links(environ), self._clock()
        upload_id = links.viewed_id(url)
        upload = self._catalog.get(upload_id) if upload_id else None
        if upload is None:
            raise NotFound
        if upload.is_expired(now):
            raise Gone
        document = oembed_document(
            upload,
            links,
            self._renditions,
            self._pages,
            max_width=_MAX_WIDTH.value_of(form.fields.get("maxwidth")),
            max_height=_MAX_HEIGHT.value_of(form.fields.get("maxheight")),
            now=now,
        )
        return json_answer(document)
