"""oEmbed: other sites ask what to show of a viewer link.

Source: oEmbed 1.0, section 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chevupload.errors import Gone, InvalidParameter, NotFound, UnsupportedFormat
from chevupload.uploads.parameters import whole_number
from chevupload.web.feature import Feature, route
from chevupload.web.oembed_document import oembed_document
from chevupload.wsgi.form import Form
from chevupload.wsgi.responses import json_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NAMES = ("url", "maxwidth", "maxheight", "format")
_MAX_WIDTH, _MAX_HEIGHT = whole_number("maxwidth"), whole_number("maxheight")


class OEmbed(Feature):
    """Answers the route of oEmbed."""

    @route("oembed", "GET, HEAD, OPTIONS", refusals="json", is_shared=True, needs=("viewer", "video"))
    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer in JSON."""
        form = Form(self._config.limits, field_names=_NAMES)
        form.read_query(environ, None)
        if (wanted := form.fields.get("format")) == "xml":
            raise UnsupportedFormat
        if wanted not in (None, "json"):
            raise InvalidParameter("Invalid format, expected json")
        if (url := form.fields.get("url")) is None:
            raise InvalidParameter("Missing url, expected a viewer link of this site")
        links, now = self._context.links(environ), self._context.clock()
        upload_id = links.viewed_id(url)
        upload = self._context.catalog.get(upload_id) if upload_id else None
        if upload is None:
            raise NotFound
        if upload.is_expired(now):
            raise Gone
        document = oembed_document(
            upload,
            links,
            self._config.renditions,
            self._context.pages,
            max_width=_MAX_WIDTH.value_of(form.fields.get("maxwidth")),
            max_height=_MAX_HEIGHT.value_of(form.fields.get("maxheight")),
            now=now,
        )
        return json_answer(document)
