"""What every web feature works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from chevupload.errors import Gone, NotFound
from chevupload.keys import CurrentUser, SignedIn, signed_in
from chevupload.model import Upload
from chevupload.protocols import Fetcher, KeyStore
from chevupload.signing import DeleteTokens, FormTokens
from chevupload.uploads.albums import Albums
from chevupload.uploads.context import UploadContext
from chevupload.uploads.creation import Creation
from chevupload.uploads.service import Uploads
from chevupload.uploads.tickets import Tickets
from chevupload.uploads.views import ViewCounter
from chevupload.web.assets import Assets
from chevupload.web.files import Deliverer
from chevupload.web.page_answers import PageAnswers
from chevupload.web.pages import Pages
from chevupload.web.rate_limits import RateLimits
from chevupload.web.receiver import Receiver
from chevupload.web.site_links import SiteLinks
from chevupload.web.urls import Links
from chevupload.wsgi.routing import mount_path

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


@dataclass(frozen=True, kw_only=True)
class WebContext(UploadContext):
    """The parts of a component, and what is made of them for requests.

    Attributes:
        config: what the site chooses; its routes are those that have something to answer.
        pages: how pages look.
        fetcher: brings URL sources.
        current_user: who is signed in at the host.
        key_store: the keys that users make for themselves.
    """

    pages: Pages
    fetcher: Fetcher
    current_user: CurrentUser | None
    key_store: KeyStore | None

    @cached_property
    def albums(self) -> Albums:
        """What makes and changes albums."""
        return Albums(self)

    @cached_property
    def creation(self) -> Creation:
        """What makes uploads."""
        return Creation(self, self.albums)

    @cached_property
    def uploads(self) -> Uploads:
        """What finds, changes and takes away uploads, for hosts and pages."""
        return Uploads(self, self.creation)

    @cached_property
    def rate_limits(self) -> RateLimits:
        """What counts uploads and wrong keys."""
        return RateLimits(self.config, self.clock, self.audit)

    @cached_property
    def tickets(self) -> Tickets:
        """What makes tickets, and tells whose they are."""
        return Tickets(self)

    @cached_property
    def receiver(self) -> Receiver:
        """What takes in the upload of a request."""
        return Receiver(self)

    @cached_property
    def views(self) -> ViewCounter:
        """What counts the views of this process."""
        return ViewCounter(self.catalog)

    @cached_property
    def deliverer(self) -> Deliverer:
        """What sends stored files."""
        return Deliverer(self.storages, self.config.delivery, clock=self.clock)

    @cached_property
    def assets(self) -> Assets:
        """The files that pages load."""
        return Assets(self.config.routes.assets)

    @cached_property
    def answers(self) -> PageAnswers:
        """What makes answers of pages."""
        return PageAnswers(self.pages, site=self.site)

    @cached_property
    def signed_in(self) -> SignedIn | None:
        """Who is signed in, as a Principal; None where nobody ever is."""
        return None if self.current_user is None else signed_in(self.keys, self.current_user)

    @cached_property
    def delete_tokens(self) -> DeleteTokens:
        """What signs delete links."""
        return DeleteTokens(self.secret_keys)

    @cached_property
    def form_tokens(self) -> FormTokens:
        """What signs forms."""
        return FormTokens(self.secret_keys)

    @cached_property
    def links(self) -> Callable[[WSGIEnvironment], Links]:
        """What builds URLs as the sender of a request sees them, given its environ."""
        sign, signed_url = self.delete_tokens.sign, self.deliverer.signed_url
        return partial(Links, config=self.config, storages=self.storages, sign=sign, signed_url=signed_url)

    def live(self, upload: Upload | None) -> Upload:
        """Return an upload that the catalog has found, if readers may see it.

        Raises:
            NotFound: there is none.
            Gone: it has expired.
        """
        if upload is None:
            raise NotFound
        if upload.is_expired(self.clock()):
            raise Gone
        return upload

    def mount(self, environ: WSGIEnvironment) -> str:
        """Return the path of a request's mount point, without a slash behind it."""
        base_url = self.config.base_url
        return mount_path(environ) if base_url is None else urlsplit(base_url).path.rstrip("/")

    def site(self, environ: WSGIEnvironment) -> SiteLinks:
        """Return where the pages lead that answer a request."""
        mount = self.mount(environ)
        return SiteLinks(
            environ,
            mount=mount,
            routes=self.config.routes,
            assets=self.assets.folder(mount),
            login_url=self.config.policy.login_url,
            signed_in=self.signed_in,
            display_name=self.hooks.display_name,
        )
