"""oEmbed: other sites ask what to show of a viewer link.

Source: oEmbed 1.0, section 2. The markup of a video is a plain ``video`` element: it runs nothing, and the viewer
itself cannot be framed.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chevupload.config import Renditions
from chevupload.errors import InvalidParameter, UnsupportedFormat
from chevupload.model import Upload
from chevupload.scaling import Size, fitted
from chevupload.uploads.parameters import whole_number
from chevupload.web.feature import Feature, route
from chevupload.web.pages import Pages
from chevupload.web.previews import whole_pictures
from chevupload.web.urls import Links
from chevupload.wsgi.form import Form
from chevupload.wsgi.responses import Document, json_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_BOUNDLESS = 10**9
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
        links = self._context.links(environ)
        upload_id = links.viewed_id(url)
        upload = self._context.live(self._context.catalog.get(upload_id) if upload_id else None)
        document = _document(
            upload,
            links,
            self._config.renditions,
            self._context.pages,
            max_width=_MAX_WIDTH.value_of(form.fields.get("maxwidth")),
            max_height=_MAX_HEIGHT.value_of(form.fields.get("maxheight")),
            now=self._context.clock(),
        )
        return json_answer(document)


def _document(
    upload: Upload,
    links: Links,
    renditions: Renditions,
    pages: Pages,
    *,
    max_width: int | None,
    max_height: int | None,
    now: datetime,
) -> Document:
    """Describe an upload no larger than the box. What may not be safe for work is a link, without any picture."""
    box = (max_width or _BOUNDLESS, max_height or _BOUNDLESS)
    document: Document = {
        "version": "1.0",
        "type": "link",
        "title": upload.display_title,
        "provider_name": urlsplit(links.base_url).netloc,
        "provider_url": f"{links.base_url}/",
    }
    if upload.expires_at is not None:
        document["cache_age"] = max(0, int((upload.expires_at - now).total_seconds()))
    if upload.nsfw:
        return document
    document |= _video(upload, links, pages, box) if upload.type == "video" else _photo(upload, links, renditions, box)
    side = renditions.thumb_side
    if upload.thumb_path and side <= min(box):
        document |= {"thumbnail_url": links.thumb(upload), "thumbnail_width": side, "thumbnail_height": side}
    return document


def _photo(upload: Upload, links: Links, renditions: Renditions, box: Size) -> Document:
    width, height = fitted((upload.width, upload.height), box)
    path = next(path for path, size in whole_pictures(upload, renditions).items() if width <= size[0])
    return {"type": "photo", "url": links.file(upload, path), "width": width, "height": height}


def _video(upload: Upload, links: Links, pages: Pages, box: Size) -> Document:
    width, height = fitted((upload.width, upload.height), box)
    values = {"upload": upload, "links": links, "title": upload.title or upload.name, "width": width, "height": height}
    html = pages.render("video_code.html", **values).strip()
    return {"type": "video", "html": html, "width": width, "height": height}
