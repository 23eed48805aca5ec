"""One page that people see: the template that shows it, and what the template is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from chevupload.web.site_links import SiteLinks

_NOTHING = Markup("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page.

    Attributes:
        name: its template is ``<name>.html``, and its outermost element has the class ``chevupload-<name>``.
        title: what the browser's tab shows, as plain text.
        values: the variables of the template, besides the page itself.
        scripts: files of ours that the page runs, by name; it works without them.
        images: URLs from whose origins pictures come, besides the page's own.
        status: HTTP status of the answer.
        headers: further headers of the answer.
        head: HTML for the document's head: style sheets, scripts, and what others may know of the page. It is there
            once the page comes to a layout, and so is ``body``.
        body: HTML of the page itself, in one element of class ``chevupload``.
        site: where the page leads, and who is signed in; there as ``head`` is.
    """

    name: str
    title: str
    values: Mapping[str, object] = field(default_factory=dict)
    scripts: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    head: Markup = _NOTHING
    body: Markup = _NOTHING
    site: SiteLinks | None = None
