"""Every page that people see, in one object that a host can replace piece by piece.

A host that wants them in its own layout overrides :meth:`Pages.layout`; one that wants another viewer overrides
:meth:`Pages.viewer`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chevupload.config import Renditions
from chevupload.errors import Refusal
from chevupload.model import ApiKey, NewKey, Upload
from chevupload.validation import PAGE_URL, TEXT, Kind, check, each, optional, setting
from chevupload.web.api_docs.api_page import api_page
from chevupload.web.api_docs.client_configs import Account
from chevupload.web.api_docs.reference import Service
from chevupload.web.assets import STYLE
from chevupload.web.home_page import Start, home_page
from chevupload.web.key_pages import keys_page, sign_in_page
from chevupload.web.page import Page, default_layout
from chevupload.web.upload_pages import UploadForm, upload_page, uploaded_page
from chevupload.web.urls import Links
from chevupload.web.viewer_pages import delete_page, deleted_page, refusal_page, viewer_page

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_STYLE_SHEET = Kind(
    f"{STYLE!r}, or {PAGE_URL.expected}", lambda value: value if value == STYLE else PAGE_URL.take(value)
)


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages, and what a site changes about them. What a method returns is a page before it has a layout.

    Raises:
        ConfigError: an address that is neither a path nor at http or https.
    """

    site_name: str | None = setting(None, optional(TEXT))
    """Stands at the head of each page."""
    home_url: str | None = setting(None, optional(PAGE_URL))
    """Where that name leads: a path on the same host, or a URL."""
    stylesheets: tuple[str, ...] = setting((STYLE,), each("style sheets", _STYLE_SHEET))
    """Style sheets in their order: ``pages.css`` is our own, every other is a URL. One behind ours changes what it
    likes; without ours, a site has a style all of its own."""

    def __post_init__(self) -> None:
        """Check the addresses."""
        check(self)

    def layout(self, page: Page, environ: WSGIEnvironment) -> str:
        """Return the whole document around ``page``, whose ``head`` and ``body`` are complete.

        ``environ`` is the request's, for layouts that say who is signed in.
        """
        return default_layout(page, site_name=self.site_name, home_url=self.home_url)

    def policy(self, page: Page) -> str | None:
        """Return the Content-Security-Policy of ``page``; None sends none, for hosts that send their own."""
        images = " ".join(("'self'", "data:", "blob:", *_origins(page.images or "")))
        styles = " ".join(dict.fromkeys(("'self'", *_origins(*self.stylesheets))))
        return (
            f"default-src 'self'; img-src {images}; media-src {images}; style-src {styles}; object-src 'none'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )

    def viewer(self, upload: Upload, links: Links, renditions: Renditions) -> Page:
        """Show an upload with its links to copy; ``renditions`` says how large its pictures are."""
        return viewer_page(upload, links, renditions)

    def delete(self, upload: Upload, links: Links) -> Page:
        """Ask whether to delete an upload, by a form that is posted to the page's own address."""
        return delete_page(upload, links)

    def deleted(self) -> Page:
        """Say that an upload is deleted."""
        return deleted_page()

    def refusal(self, refusal: Refusal) -> Page:
        """Tell a person why there is nothing to see."""
        return refusal_page(refusal)

    def keys(
        self,
        keys: Sequence[ApiKey],
        *,
        upload_url: str,
        clients_url: str | None,
        token: str,
        now: datetime,
        max_label: int,
        made: NewKey | None,
    ) -> Page:
        """Show a user's keys, and the one just made; ``token`` goes with every form.

        ``clients_url`` is the page that makes settings for clients with a key, if there is one.
        """
        return keys_page(
            keys,
            upload_url=upload_url,
            clients_url=clients_url,
            token=token,
            now=now,
            max_label=max_label,
            made=made,
        )

    def sign_in(self) -> Page:
        """Say that the page of keys is for users."""
        return sign_in_page()

    def home(self, starts: Sequence[Start]) -> Page:
        """Lead to the pages that are there."""
        return home_page(starts, site_name=self.site_name)

    def upload(self, form: UploadForm) -> Page:
        """Take uploads, by a form that is posted to the page's own address."""
        return upload_page(form)

    def uploaded(self, upload: Upload, links: Links) -> Page:
        """Show the links of an upload just taken, in a browser without scripts."""
        return uploaded_page(upload, links)

    def api(self, service: Service, account: Account, *, problem: str | None) -> Page:
        """Describe the API, with settings for clients that hold the key of ``account``.

        By a form that is posted to the page's own address; ``problem`` is what is wrong with the key that was sent.
        """
        return api_page(service, account, problem=problem)


def _origins(*urls: str) -> Sequence[str]:
    parts = (urlsplit(url) for url in urls)
    return [f"{part.scheme}://{part.netloc}" for part in parts if part.netloc]
