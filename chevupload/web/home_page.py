"""The start page of a site: where its other pages are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from chevupload.web.page import NOTHING, Page

_PAGE = Markup("""<h1>{title}</h1>
{links}""")
_LINKS = Markup('<ul class="starts">\n{items}</ul>')
_LINK = Markup('<li><a href="{url}">{label}</a><small>{about}</small></li>\n')
_NO_LINKS = Markup("<p>Pictures that are uploaded here are shown at their own addresses.</p>")


@dataclass(frozen=True, slots=True)
class Start:
    """One thing to do on a site.

    Attributes:
        url: where; a path from the root of the host.
        label: what, in two words.
        about: the same in a sentence.
    """

    url: str
    label: str
    about: str


def home_page(starts: Sequence[Start], *, site_name: str | None) -> Page:
    """Lead to the pages that are there."""
    title = site_name or "Pictures"
    items = NOTHING.join(_LINK.format(url=start.url, label=start.label, about=start.about) for start in starts)
    return Page(
        name="home",
        title=title,
        body=_PAGE.format(title=title, links=_LINKS.format(items=items) if starts else _NO_LINKS),
    )
