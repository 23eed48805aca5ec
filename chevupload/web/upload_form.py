"""The form with which people upload, as the upload page and the start page show it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from chevupload.formats import FORMATS
from chevupload.media.optional import usable
from chevupload.model import Album, Principal
from chevupload.protocols import OwnedAlbumRecords
from chevupload.web.context import WebContext
from chevupload.wsgi.routing import login_address

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_MOST_ALBUMS = 500
"""That are shown; more are no choice any more."""


class UploadForm:
    """Knows who sends the form, and what it offers to them."""

    def __init__(self, context: WebContext) -> None:
        """Use these parts."""
        self._context, self._config, self._tokens = context, context.config, context.form_tokens

    def sender(self, environ: WSGIEnvironment) -> Principal | None:
        """Return who needs no key: who is signed in, or a guest; None is nobody."""
        user = None if self._context.signed_in is None else self._context.signed_in(environ)
        if user is not None and not user.is_guest:
            return user
        return Principal() if self._config.policy.guests and self._config.policy.guest_page else None

    def scripts(self, sender: Principal | None) -> tuple[str, ...]:
        """Return the scripts of a page with the form; that of a key's field is there as soon as the page is."""
        return ("upload.js",) if _is_user(sender) else ("key.js", "upload.js")

    def values(
        self, environ: WSGIEnvironment, sender: Principal | None, *, problem: str | None = None
    ) -> Mapping[str, object]:
        """Return the variables of the form's template; ``problem`` is what was wrong with the form before."""
        is_guest = sender is not None and sender.is_guest
        is_user = _is_user(sender)
        key_max_bytes = self._config.limits.max_bytes
        max_bytes = key_max_bytes if sender is None else sender.largest_file(self._context.config.limits)
        login_url = None if is_user else self._config.policy.login_url
        return {
            "token": "" if sender is None else self._tokens.sign(sender.user_id),
            "is_user": is_user,
            "takes_urls": self._takes_urls(sender),
            "max_bytes": max_bytes,
            "albums": self._albums(sender),
            "names_albums": is_user and self._config.policy.album_names,
            "max_files": self._config.limits.max_files,
            "key_max_bytes": key_max_bytes if is_guest and key_max_bytes != max_bytes else None,
            "lifetime": sender.lifetime if is_user and sender is not None else None,
            "guest_lifetime": self._config.policy.guest_lifetime if is_guest else None,
            "formats": [FORMATS[name] for name in usable(self._config.policy.formats)],
            "origins": self._config.policy.popup_origins,
            "login_url": login_url and login_address(login_url, environ),
            "problem": problem,
            "user": _pseudonym(sender),
            "at_a_time": self._context.pages.uploads_at_a_time,
            "history": self._context.pages.upload_history,
        }

    def _albums(self, sender: Principal | None) -> Sequence[Album]:
        """Return the albums that who is signed in chooses from."""
        catalog = self._context.catalog
        if sender is None or sender.user_id is None or not isinstance(catalog, OwnedAlbumRecords):
            return ()
        return catalog.owned_albums(sender.user_id, limit=_MOST_ALBUMS)

    def _takes_urls(self, sender: Principal | None) -> Literal["always", "with a key", "never"]:
        """Return when an address is fetched for who sends the form; nobody's form always has a key."""
        if self._config.policy.url_sources == "nobody":
            return "never"
        is_guest = sender is not None and sender.is_guest
        return "with a key" if is_guest and self._config.policy.url_sources == "users" else "always"


def _is_user(sender: Principal | None) -> bool:
    return sender is not None and not sender.is_guest


def _pseudonym(sender: Principal | None) -> str:
    """Return what a browser may keep a user's list under; empty for who is not signed in."""
    if sender is None or sender.user_id is None:
        return ""
    return hashlib.sha256(sender.user_id.encode("utf-8", "surrogatepass")).hexdigest()[:16]
