"""One page before it is set into a layout, and the layout that it gets when the host has none of its own.

Every value goes through :meth:`Markup.format`, which escapes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

NOTHING = Markup("")

_HEADER = Markup("<header>{link}</header>\n")
_HOME = Markup('<a href="{url}">{name}</a>')
_LAYOUT = Markup("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{icon}">
{head}</head>
<body class="chevupload-layout">
{header}<main>
{body}
</main>
</body>
</html>
""")

_ICON = "data:image/svg+xml," + quote(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b57a4"/>'
    '<path d="M16 6l7 8h-4v7h-6v-7H9zM8 24h16v3H8z" fill="#fff"/></svg>'
)
"""A picture in the browser's tab: an arrow that goes up. In the page itself, since browsers ask for it with each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page.

    Attributes:
        name: which page it is, such as ``viewer``; its outermost element has the class ``chevupload-viewer``.
        title: what stands in the browser's tab, as plain text.
        body: the page itself, in one element of class ``chevupload`` once it comes to a layout.
        head: what belongs into the document's head: style sheets, scripts, and what others may know of the page.
        scripts: files of ours that the page runs, by name; it works without them.
        images: a URL from whose origin pictures come, besides the page's own.
        status: HTTP status of the answer.
        headers: further headers of the answer.
    """

    name: str
    title: str
    body: Markup
    head: Markup = NOTHING
    scripts: tuple[str, ...] = ()
    images: str | None = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def default_layout(page: Page, *, site_name: str | None, home_url: str | None) -> str:
    """Return the whole document, with the site's name at its head, or a link home."""
    link = _HOME.format(url=home_url, name=site_name or "Home") if home_url else site_name
    header = _HEADER.format(link=link) if link else NOTHING
    return _LAYOUT.format(title=page.title, head=page.head, header=header, body=page.body, icon=_ICON)
