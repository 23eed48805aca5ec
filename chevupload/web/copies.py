"""Links and codes of an upload in fields to copy from, with a button beside each once the script runs."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from chevupload.model import Upload
from chevupload.scaling import Size
from chevupload.web.page import NOTHING
from chevupload.web.urls import Links

SCRIPT = "copy.js"
"""Adds the buttons."""

_LINKED_PICTURE = Markup('<a href="{}"><img src="{}" alt="{}"></a>')
_VIDEO = Markup(
    '<video src="{url}" poster="{poster}" width="{width}" height="{height}" controls preload="none">'
    '<a href="{viewer}">{title}</a></video>'
)
_LIST = Markup('<dl class="copies">\n{rows}</dl>')
_ROW = Markup('<dt><label for="{id}">{label}</label></dt><dd><input id="{id}" readonly value="{value}"></dd>\n')


def video_code(upload: Upload, links: Links, title: str, size: Size | None = None) -> Markup:
    """Return the element that plays a video on any page, in its own size or in another."""
    width, height = size or (upload.width, upload.height)
    return _VIDEO.format(
        url=links.file(upload, upload.path),
        poster=links.file(upload, upload.frame_path or upload.thumb_path or upload.path),
        width=width,
        height=height,
        viewer=links.viewer(upload),
        title=title,
    )


def shown_title(upload: Upload) -> str:
    """Return what a page calls an upload: its title, or else its file's name."""
    return upload.title or f"{upload.name}.{upload.extension}"


def link_rows(upload: Upload, links: Links) -> Mapping[str, tuple[str, str]]:
    """Return what there is to copy: id, label and text."""
    title, direct, viewer = shown_title(upload), links.file(upload, upload.path), links.viewer(upload)
    shown = links.file(upload, upload.medium_path or upload.frame_path or upload.path)
    plain = title.translate(str.maketrans("[]()\n", "     "))
    is_video = upload.type == "video"
    html = video_code(upload, links, title) if is_video else _LINKED_PICTURE.format(viewer, shown, title)
    rows = {
        "viewer": ("Viewer", viewer),
        "short": ("Short link", links.short(upload)),
        "direct": ("Direct link", direct),
        "medium": ("Medium", links.file(upload, upload.medium_path) if upload.medium_path else ""),
        "thumb": ("Thumbnail", links.file(upload, upload.thumb_path) if upload.thumb_path else ""),
        # Code to be shown: a plain text from here on, which is escaped like every other.
        "html": ("HTML", str.__str__(html)),
        # Markdown has no films: a frame of one leads to its page.
        "markdown": ("Markdown", f"[![{plain}]({shown})]({viewer})"),
        "bbcode": ("BBCode", f"[video]{direct}[/video]" if is_video else f"[url={viewer}][img]{shown}[/img][/url]"),
    }
    return {name: (label, value) for name, (label, value) in rows.items() if value}


def copies(rows: Mapping[str, tuple[str, str]]) -> Markup:
    """Return a field for each row."""
    fields = (_ROW.format(id=name, label=label, value=value) for name, (label, value) in rows.items())
    return _LIST.format(rows=NOTHING.join(fields))
