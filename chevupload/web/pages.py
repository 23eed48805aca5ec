"""How pages look: the site's name and style, the folder of its own templates, and the layout around every page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from markupsafe import Markup

from chevupload.validation import COUNT, FOLDER, PAGE_URL, TEXT, Kind, check, choice, each, optional, setting
from chevupload.web.assets import STYLE
from chevupload.web.page import Page

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_STYLE_SHEET = Kind(
    f"{STYLE!r}, or {PAGE_URL.expected}", lambda value: value if value == STYLE else PAGE_URL.take(value)
)


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What a site changes about its pages.

    Raises:
        ConfigError: an address that is neither a path nor at http or https, or a folder that is not there.
    """

    site_name: str | None = setting(None, optional(TEXT))
    """Stands at the head of each page."""
    home_url: str | None = setting(None, optional(PAGE_URL))
    """Where that name leads: a path on the same host, or a URL."""
    stylesheets: tuple[str, ...] = setting((STYLE,), each("style sheets", _STYLE_SHEET))
    """Style sheets in their order: ``style.css`` is our own, every other is a URL. One behind ours changes what it
    likes; without ours, a site has a style all of its own."""
    templates: str | None = setting(None, optional(FOLDER))
    """A folder with Jinja2 templates, each of which stands in for ours of the same name."""
    uploads_at_a_time: int = setting(3, COUNT)
    """How many files the upload page sends at a time."""
    upload_history: Literal["nothing", "links", "delete_links"] = setting(
        "delete_links", choice("nothing", "links", "delete_links")
    )
    """What a browser keeps for a day of the uploads that its user made on the upload page, so that a refresh loses
    nothing: the links with those that delete, the links without them, or nothing."""

    def __post_init__(self) -> None:
        """Check the settings."""
        check(self)

    def layout(self, page: Page, environ: WSGIEnvironment) -> str:
        """Return the whole document around ``page``, whose ``head`` and ``body`` are complete.

        ``environ`` is the request's, for layouts that say who is signed in.
        """
        return self.render("layout.html", page=page)

    def policy(self, page: Page) -> str | None:
        """Return the Content-Security-Policy of ``page``; None sends none, for hosts that send their own."""
        images = " ".join(("'self'", "data:", "blob:", *_origins(*page.images)))
        styles = " ".join(("'self'", *_origins(*self.stylesheets)))
        return (
            f"default-src 'self'; img-src {images}; media-src {images}; style-src {styles}; object-src 'none'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )

    def render(self, template: str, **values: object) -> Markup:
        """Return the HTML that a template makes of these values, which it escapes."""
        from chevupload.web.templating import environment  # noqa: PLC0415 - Jinja2 comes with it

        found = environment(self.templates).get_template(template)
        return Markup(found.render(values, site_name=self.site_name, home_url=self.home_url))  # noqa: S704


def _origins(*urls: str) -> Iterable[str]:
    parts = (urlsplit(url) for url in urls)
    return dict.fromkeys(f"{part.scheme}://{part.netloc}" for part in parts if part.netloc)
