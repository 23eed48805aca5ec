"""What other sites show of an upload: the oEmbed document.

Source: oEmbed 1.0. The markup of a video is a plain ``video`` element: it runs nothing, and the viewer itself cannot
be framed.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from chevupload.config import Renditions
from chevupload.model import Upload
from chevupload.scaling import Size, fitted
from chevupload.web.pages import Pages
from chevupload.web.previews import medium_box
from chevupload.web.urls import Links
from chevupload.wsgi.responses import Document

_BOUNDLESS = 10**9


def oembed_document(
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
    is_medium_enough = upload.medium_path and width <= medium_box(upload, renditions)[0]
    path = upload.medium_path if is_medium_enough else upload.frame_path or upload.path
    return {"type": "photo", "url": links.file(upload, path or upload.path), "width": width, "height": height}


def _video(upload: Upload, links: Links, pages: Pages, box: Size) -> Document:
    width, height = fitted((upload.width, upload.height), box)
    values = {"upload": upload, "links": links, "title": upload.title or upload.name, "width": width, "height": height}
    html = pages.render("video_code.html", **values).strip()
    return {"type": "video", "html": html, "width": width, "height": height}
