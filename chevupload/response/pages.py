"""The pages that people see: viewer, delete question, and refusals.

May know: WebOb, markupsafe, the model and links. Every value goes through :meth:`Markup.format`, which escapes it. The
pages work without JavaScript, and their policy allows none.
"""

from __future__ import annotations

from markupsafe import Markup
from webob import Response

from chevupload.errors import Refusal
from chevupload.model import Upload
from chevupload.response.documents import duration_time, reason
from chevupload.response.links import Links
from chevupload.response.page import NOTHING, page
from chevupload.spool import format_bytes

_META = Markup('<meta {kind}="{name}" content="{value}">\n')
_VIEWER = Markup("""<article>
<h1>{title}</h1>
<p class="facts">{facts}</p>
{picture}
{description}{tags}<h2>Links to copy</h2>
<dl>
{links}</dl>
</article>""")
_COPY = Markup('<dt><label for="{id}">{label}</label></dt><dd><input id="{id}" readonly value="{value}"></dd>\n')
_FIGURE = Markup(
    '<figure><a href="{original}"><img src="{shown}" width="{width}" height="{height}" alt="{alt}"></a></figure>'
)
_VIDEO = Markup(
    '<figure><video src="{original}" poster="{shown}" width="{width}" height="{height}" controls preload="none">'
    '<a href="{original}">{alt}</a></video></figure>'
)
_HIDDEN = Markup("<details><summary>This may not be safe for work. Show it</summary>{picture}</details>")
_DELETE = Markup("""<h1>Delete “{title}”?</h1>
<p>The {kind}, its thumbnails and its links will be gone for good. Nothing has been deleted yet.</p>
<figure><img src="{shown}" alt="{title}"></figure>
<form method="post"><button type="submit">Delete it</button> <a href="{viewer}">Keep it</a></form>""")


def viewer_page(upload: Upload, links: Links) -> Response:
    """Show an upload with its links to copy."""
    title = _title(upload)
    facts = [f"{upload.width} × {upload.height}", format_bytes(upload.size), upload.mime]
    if upload.duration:
        facts.insert(1, duration_time(upload))
    facts.append(f"{upload.created_at:%d %B %Y}".lstrip("0"))
    if upload.expires_at:
        facts.append(f"expires {upload.expires_at:%d %B %Y, %H:%M} UTC".replace("expires 0", "expires "))
    picture = _picture(upload, links, title)
    body = _VIEWER.format(
        title=title,
        facts=" · ".join(facts),
        picture=_HIDDEN.format(picture=picture) if upload.nsfw else picture,
        description=Markup('<p class="description">{}</p>\n').format(upload.description) if upload.description else "",
        tags=_tags(upload),
        links=_copies(upload, links, title),
    )
    response = page(title, body, head=_meta(upload, links, title), images=links.file(upload, upload.path))
    if upload.nsfw:
        response.headers["X-Robots-Tag"] = "noindex"
    return response


def delete_page(upload: Upload, links: Links) -> Response:
    """Ask whether to delete an upload."""
    title = _title(upload)
    shown = links.file(upload, upload.medium_path or upload.thumb_path or upload.path)
    kind = "video" if upload.type == "video" else "picture"
    body = _DELETE.format(title=title, kind=kind, shown=shown, viewer=links.viewer_path(upload))
    response = page(f"Delete “{title}”?", body, images=shown)
    # The address holds the token; it must not travel on.
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def deleted_page() -> Response:
    """Say that an upload is deleted."""
    return page("Deleted", Markup("<h1>Deleted</h1>\n<p>The upload and its links are gone.</p>"))


def refusal_page(refusal: Refusal) -> Response:
    """Tell a person why there is nothing to see."""
    body = Markup("<h1>{}</h1>\n<p>{}</p>").format(f"{refusal.status} {reason(refusal.status)}", refusal.message)
    response = page(reason(refusal.status), body, status=refusal.status)
    response.headers.extend(refusal.headers)
    return response


def _title(upload: Upload) -> str:
    return upload.title or f"{upload.name}.{upload.extension}"


def _picture(upload: Upload, links: Links, title: str) -> Markup:
    template = _VIDEO if upload.type == "video" else _FIGURE
    return template.format(
        original=links.file(upload, upload.path),
        shown=links.file(upload, upload.frame_path or upload.path),
        width=upload.width,
        height=upload.height,
        alt=title,
    )


def _tags(upload: Upload) -> Markup:
    if not upload.tags:
        return NOTHING
    items = NOTHING.join(Markup("<li>{}</li>").format(name) for name in upload.tags)
    return Markup('<ul class="tags">{}</ul>\n').format(items)


def _meta(upload: Upload, links: Links, title: str) -> Markup:
    shown = links.file(upload, upload.frame_path or upload.medium_path or upload.path)
    description = upload.description or f"{upload.width} × {upload.height}, {format_bytes(upload.size)}"
    properties = {
        "og:type": "video.other" if upload.type == "video" else "website",
        "og:title": title,
        "og:description": description[:300],
        "og:url": links.viewer(upload),
        "og:image": shown,
        "og:image:alt": title,
    }
    names = {
        "twitter:card": "summary_large_image",
        "twitter:title": title,
        "twitter:description": description[:200],
        "twitter:image": shown,
    }
    canonical = Markup('<link rel="canonical" href="{}">\n').format(links.viewer(upload))
    return canonical + NOTHING.join(
        _META.format(kind=kind, name=name, value=value)
        for kind, values in (("property", properties), ("name", names))
        for name, value in values.items()
    )


def _copies(upload: Upload, links: Links, title: str) -> Markup:
    direct, viewer = links.file(upload, upload.path), links.viewer(upload)
    shown = links.file(upload, upload.medium_path or upload.frame_path or upload.path)
    plain = title.translate(str.maketrans("[]()\n", "     "))
    rows = {
        "viewer": ("Viewer", viewer),
        "short": ("Short link", links.short(upload)),
        "direct": ("Direct link", direct),
        "medium": ("Medium", links.file(upload, upload.medium_path) if upload.medium_path else ""),
        "thumb": ("Thumbnail", links.file(upload, upload.thumb_path) if upload.thumb_path else ""),
        "html": ("HTML", Markup('<a href="{}"><img src="{}" alt="{}"></a>').format(viewer, shown, title)),
        "markdown": ("Markdown", f"[![{plain}]({shown})]({viewer})"),
        "bbcode": ("BBCode", f"[url={viewer}][img]{shown}[/img][/url]"),
    }
    # The HTML row is code to be shown, so it is a plain string here and escaped like every other value.
    return NOTHING.join(
        _COPY.format(id=name, label=label, value=str.__str__(value)) for name, (label, value) in rows.items() if value
    )
