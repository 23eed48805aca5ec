"""Where a page leads: the site's other pages, who is signed in, and the files that every page loads."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING

from chevupload.config import Routes
from chevupload.keys import SignedIn
from chevupload.uploads.hooks import DisplayName
from chevupload.wsgi.routing import login_address

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")


class SiteLinks:
    """What layouts and pages show of the site around them, as one request sees it.

    Addresses of pages are paths on the same host; None where there is no such page.

    Attributes:
        home: the start page.
        upload: the upload page.
        keys: the page of keys.
        api: the page that sets programs up.
    """

    def __init__(
        self,
        environ: WSGIEnvironment,
        *,
        mount: str,
        routes: Routes,
        assets: str | None,
        login_url: str | None,
        signed_in: SignedIn | None,
        display_name: DisplayName | None = None,
    ) -> None:
        """Lead to those of the ``routes`` below ``mount`` that are on; ``assets`` is the path of our files' folder."""
        self._environ = environ
        self._login_url = login_url
        self._signed_in = signed_in
        self._display_name = display_name
        self._assets = assets
        self.home = f"{mount}/{routes.home.strip('/')}" if routes.home else None
        self.upload = f"{mount}/{routes.upload_page}" if routes.upload_page else None
        self.keys = f"{mount}/{routes.keys}" if routes.keys else None
        self.api = f"{mount}/{routes.api_page}" if routes.api_page else None

    def asset(self, name: str) -> str | None:
        """Return the path of a style sheet, a script or an image of ours; None where they are not served."""
        return None if self._assets is None else f"{self._assets}/{name}"

    @cached_property
    def user_id(self) -> str | None:
        """Who is signed in and may upload; the host is asked when a page first wants to know."""
        if self._signed_in is None:
            return None
        try:
            principal = self._signed_in(self._environ)
            return None if principal is None else principal.user_id
        except Exception:
            # The page that says what is wrong is shown all the same.
            logger.exception("the host could not tell a page who is signed in")
            return None

    @cached_property
    def user_name(self) -> str | None:
        """The name of who is signed in, where the site tells names."""
        return None if self.user_id is None else self.name_of(self.user_id)

    @property
    def login(self) -> str | None:
        """Where to sign in; None where nobody does, or somebody has."""
        if self._login_url is None or self.user_id is not None:
            return None
        return login_address(self._login_url, self._environ)

    @property
    def has_names(self) -> bool:
        """Whether the site tells the names of its users."""
        return self._display_name is not None

    def name_of(self, user_id: str) -> str | None:
        """Return the name of a user, as the site tells it to everybody; None without one."""
        if self._display_name is None:
            return None
        try:
            return self._display_name(user_id)
        except Exception:
            logger.exception("display_name failed for %s", user_id)
            return None
