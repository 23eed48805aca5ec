"""The tags of a viewer's head that make a preview where somebody pastes its link.

Sources: the Open Graph protocol, Twitter's cards, oEmbed's discovery. What may not be safe for work is offered
without picture or video: previews are shown to people who did not ask.
"""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from chevupload.config import Renditions
from chevupload.formats import MIME_TYPES
from chevupload.model import Upload
from chevupload.scaling import Size, shrunk_to_side
from chevupload.spool import format_bytes
from chevupload.web.urls import Links

_META = Markup('<meta {kind}="{name}" content="{value}">\n')
_CANONICAL = Markup('<link rel="canonical" href="{}">\n')
_OEMBED = Markup('<link rel="alternate" type="application/json+oembed" href="{url}" title="{title}">\n')


def preview_tags(upload: Upload, links: Links, title: str, renditions: Renditions) -> Markup:
    """Return the tags of an upload's page."""
    tags = _CANONICAL.format(links.viewer(upload))
    if url := links.oembed(upload):
        tags += _OEMBED.format(url=url, title=title)
    for name, value in _properties(upload, links, title, renditions):
        tags += _META.format(kind="name" if name.startswith("twitter:") else "property", name=name, value=value)
    return tags


def medium_box(upload: Upload, renditions: Renditions) -> Size:
    """Return width and height of the medium picture, as a renderer with these settings makes it."""
    return shrunk_to_side((upload.width, upload.height), renditions.medium_side, renditions.medium_fixed)


def _properties(upload: Upload, links: Links, title: str, renditions: Renditions) -> Iterator[tuple[str, object]]:
    description = upload.description or f"{upload.width} × {upload.height}, {format_bytes(upload.size)}"
    is_video = upload.type == "video"
    yield "og:type", _og_type(upload)
    yield "og:title", title
    yield "og:description", description[:300]
    yield "og:url", links.viewer(upload)
    yield "twitter:title", title
    yield "twitter:description", description[:200]
    if upload.nsfw:
        yield "twitter:card", "summary"
        return
    # A player's card would need a page that can be framed, and the network's approval.
    yield "twitter:card", "summary_large_image"
    path = upload.frame_path or upload.medium_path or (upload.thumb_path if is_video else upload.path)
    if path is not None:
        box = (upload.width, upload.height)
        if path == upload.medium_path:
            box = medium_box(upload, renditions)
        elif path == upload.thumb_path:
            box = (renditions.thumb_side, renditions.thumb_side)
        yield from _file("og:image", links.file(upload, path), MIME_TYPES[path.rpartition(".")[2]], box)
        yield "og:image:alt", title
        yield "twitter:image", links.file(upload, path)
        yield "twitter:image:alt", title
    if is_video:
        yield from _file("og:video", links.file(upload, upload.path), upload.mime, (upload.width, upload.height))


def _og_type(upload: Upload) -> str:
    """Return what embedders test before they show a picture or a film by itself, and not in a box with a title.

    Discourse asks for ``photo`` or ``image`` in the type of pictures, and for ``video.`` at the beginning of a film's;
    others take a type that they do not know for a page's. Source: its generic onebox; the Open Graph protocol.
    """
    if upload.nsfw:
        return "website"
    return "video.other" if upload.type == "video" else "photo"


def _file(name: str, url: str, mime: str, box: Size) -> Iterator[tuple[str, object]]:
    yield name, url
    if url.startswith("https://"):
        yield f"{name}:secure_url", url
    yield f"{name}:type", mime
    yield f"{name}:width", box[0]
    yield f"{name}:height", box[1]
