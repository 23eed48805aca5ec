"""The pages of one upload: viewer, delete question, and what is said when it is gone.

Every value goes through :meth:`Markup.format`, which escapes it. The pages work without JavaScript.
"""

from __future__ import annotations

from markupsafe import Markup, escape

from chevupload.config import Renditions
from chevupload.errors import Refusal
from chevupload.model import Upload
from chevupload.spool import format_bytes
from chevupload.web.api_json import duration_time
from chevupload.web.copies import SCRIPT, copies, link_rows, shown_title
from chevupload.web.page import NOTHING, Page
from chevupload.web.previews import preview_tags
from chevupload.web.urls import Links
from chevupload.wsgi.responses import reason

_VIEWER = Markup("""<article>
<h1>{title}</h1>
<p class="facts">{facts}</p>
{picture}
{description}{tags}<h2>Links to copy</h2>
{links}
</article>""")
_FIGURE = Markup(
    '<figure{shape}><a href="{shown}"><img src="{shown}" width="{width}" height="{height}" alt="{alt}"></a>'
    '<figcaption><a href="{shown}">Full size</a></figcaption></figure>'
)
_TALL = Markup(' class="tall"')
_TALL_FROM = 2
"""Height by width from which a picture, such as a screenshot of a whole page, is shown by its width: fitted into the
window by its height, nobody could read it."""
_VIDEO = Markup(
    '<figure><video src="{original}" poster="{shown}" width="{width}" height="{height}" controls preload="none">'
    '<a href="{original}">{alt}</a></video></figure>'
)
_HIDDEN = Markup(
    '<details><summary><span class="closed">This may not be safe for work. Show it</span>'
    '<span class="opened">Hide it</span></summary>{picture}</details>'
)
_TAGS = Markup('<ul class="tags">{}</ul>\n')
_TAG = Markup("<li>{}</li>")
_TAG_LINK = Markup('<a href="{url}">{name}</a>')
_DELETE = Markup("""<h1>Delete “{title}”?</h1>
<p>The {kind}, its thumbnails and its links will be gone for good. Nothing has been deleted yet.</p>
{picture}
<form method="post"><button type="submit" class="danger">Delete it</button> <a href="{viewer}">Keep it</a></form>""")
_STILL = Markup('<figure><img src="{shown}" alt="{title}"></figure>')
_NOINDEX = ("X-Robots-Tag", "noindex")


def viewer_page(upload: Upload, links: Links, renditions: Renditions) -> Page:
    """Show an upload with its links to copy; ``renditions`` says how large its pictures are."""
    title = shown_title(upload)
    facts = [f"{upload.width} × {upload.height}", format_bytes(upload.size), upload.mime]
    if upload.duration:
        facts.insert(1, duration_time(upload))
    facts.append(f"{upload.created_at:%d %B %Y}".lstrip("0"))
    if upload.expires_at:
        facts.append(f"expires {upload.expires_at:%d %B %Y, %H:%M} UTC".replace("expires 0", "expires "))
    body = _VIEWER.format(
        title=title,
        facts=" · ".join(facts),
        picture=_veiled(upload, _picture(upload, links, title)),
        description=Markup('<p class="description">{}</p>\n').format(upload.description) if upload.description else "",
        tags=_tags(upload, links),
        links=copies(link_rows(upload, links)),
    )
    return Page(
        name="viewer",
        title=title,
        body=body,
        head=preview_tags(upload, links, title, renditions),
        scripts=(SCRIPT,),
        images=links.source(upload, upload.path),
        headers=(_NOINDEX,) if upload.nsfw else (),
    )


def delete_page(upload: Upload, links: Links) -> Page:
    """Ask whether to delete an upload."""
    title = shown_title(upload)
    shown = links.file(upload, upload.medium_path or upload.thumb_path or upload.path)
    body = _DELETE.format(
        title=title,
        kind="video" if upload.type == "video" else "picture",
        picture=_veiled(upload, _STILL.format(shown=shown, title=title)),
        viewer=links.viewer_path(upload),
    )
    # The address holds the token; it must not travel on.
    headers = (("Referrer-Policy", "no-referrer"), _NOINDEX)
    return Page(
        name="delete", title=f"Delete “{title}”?", body=body, images=links.source(upload, upload.path), headers=headers
    )


def deleted_page() -> Page:
    """Say that an upload is deleted."""
    return Page(
        name="deleted", title="Deleted", body=Markup("<h1>Deleted</h1>\n<p>The upload and its links are gone.</p>")
    )


def refusal_page(refusal: Refusal) -> Page:
    """Tell a person why there is nothing to see."""
    phrase = reason(refusal.status)
    body = Markup("<h1>{}</h1>\n<p>{}</p>").format(f"{refusal.status} {phrase}", refusal.message)
    return Page(name="refusal", title=phrase, body=body, status=refusal.status, headers=refusal.headers)


def _veiled(upload: Upload, picture: Markup) -> Markup:
    """Hide what may not be safe for work until somebody asks for it."""
    return _HIDDEN.format(picture=picture) if upload.nsfw else picture


def _picture(upload: Upload, links: Links, title: str) -> Markup:
    template = _VIDEO if upload.type == "video" else _FIGURE
    return template.format(
        original=links.file(upload, upload.path),
        shown=links.file(upload, upload.frame_path or upload.path),
        shape=_TALL if upload.height > _TALL_FROM * upload.width else NOTHING,
        width=upload.width,
        height=upload.height,
        alt=title,
    )


def _tags(upload: Upload, links: Links) -> Markup:
    if not upload.tags:
        return NOTHING
    return _TAGS.format(NOTHING.join(_TAG.format(_tag(name, links.tag(name))) for name in upload.tags))


def _tag(name: str, url: str | None) -> Markup:
    return escape(name) if url is None else _TAG_LINK.format(url=url, name=name)
