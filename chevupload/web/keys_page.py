"""The page of keys: a signed-in user of the host sees, makes and revokes keys of their own.

Who is signed in, the host says. A form is taken only with the token that its page was given, signed for this user: no
other site can send one, whatever cookies a browser sends along.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, cast

from chevupload.errors import ConfigError, ForeignAlbum, InvalidParameter, NotFound, Refusal
from chevupload.formats import FORMATS
from chevupload.media.optional import usable
from chevupload.model import Album, KeyStyle, NewKey
from chevupload.policy.restrictions import KeyRestrictions, Scope
from chevupload.protocols import OwnedAlbumRecords
from chevupload.uploads.parameters import clean_text, parse_expiration, whole_number
from chevupload.validation import read_words
from chevupload.web.context import WebContext
from chevupload.web.feature import Feature, route
from chevupload.web.page import Page
from chevupload.wsgi.form import Form
from chevupload.wsgi.responses import redirect_answer
from chevupload.wsgi.routing import login_address, request_path
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

MAX_LABEL = 100
"""Characters."""
MAX_KEYS = 100
"""Usable keys of one user."""
LIFETIMES = {"": "Until revoked", "P7D": "1 week", "P1M": "1 month", "P3M": "3 months", "P1Y": "1 year"}
"""What may be chosen as a new key's lifetime, as durations."""

SCOPE_LABELS: Mapping[Scope, str] = {
    "upload": "Upload",
    "list": "List uploads",
    "edit": "Edit uploads",
    "delete": "Delete uploads",
    "ticket": "Make upload tickets",
}
"""What a key may be for, as people read it."""

_WORDS: Mapping[str, Collection[str]] = {"scope": SCOPE_LABELS, "format": FORMATS}
CHOICES = tuple(f"{kind}-{word}" for kind, words in _WORDS.items() for word in words)
"""Names of the fields that say what a key is for, each of which is chosen or not."""
_FIELDS = ("token", "action", "label", "style", "lifetime", "key", "album_id", "megabytes", "origins", *CHOICES)
_MEGABYTE = 1_000_000
_MOST_ALBUMS = 500
"""That are shown; more are no choice any more."""
_STYLES: dict[str, KeyStyle] = {"chevereto": "chevereto", "imgbb": "imgbb"}
_MAX_BODY = 16_384
_MEGABYTES = whole_number("largest file")


class TooManyKeys(Refusal):
    """There can be no more before one is revoked."""

    text = "Too many keys: revoke one that is not used any more"


class KeysPage(Feature):
    """Answers the page of keys."""

    def __init__(self, context: WebContext) -> None:
        """Show and change the keys in the context's store."""
        super().__init__(context)
        assert context.key_store is not None
        assert context.signed_in is not None
        self._keys, self._signed_in, self._tokens = context.key_store, context.signed_in, context.form_tokens

    @classmethod
    def is_possible(cls, context: WebContext) -> bool:
        """Whether there are such keys, and somebody can be signed in."""
        return context.key_store is not None and context.current_user is not None

    @route("keys", "GET, HEAD, POST")
    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer the page, or what one of its forms asks for."""
        principal = self._signed_in(environ)
        if principal is None or principal.user_id is None:
            return self._sign_in(environ)
        made = None
        if environ["REQUEST_METHOD"] == "POST":
            form = Form(self._config.limits, field_names=_FIELDS)
            form.read_body(environ, max_bytes=_MAX_BODY, open_spool=None)
            self._tokens.check(principal.user_id, form.fields.get("token", ""))
            if form.fields.get("action") == "revoke":
                return self._revoke(environ, principal.user_id, form.fields.get("key") or "")
            made = self._make(environ, principal.user_id, form)
        now, routes = self._context.clock(), self._config.routes
        keys = sorted(self._keys.keys_of(principal.user_id), key=lambda key: (not key.is_usable(now), key.created_at))
        albums = self._albums(principal.user_id)
        values = {
            "keys": keys,
            "albums": albums,
            "album_titles": {album.id: album.title for album in albums},
            "scopes": SCOPE_LABELS,
            "formats": [FORMATS[name] for name in usable(self._config.policy.formats)],
            "made": made,
            "now": now,
            "upload_url": f"{self._context.links(environ).base_url}/{routes.upload or routes.imgbb}",
            "clients_url": self._context.site(environ).api,
            "token": self._tokens.sign(principal.user_id),
            "max_label": MAX_LABEL,
            "lifetimes": LIFETIMES,
        }
        page = Page(
            name="keys",
            title="API keys",
            values=values,
            scripts=("page.js",),
            headers=(("X-Robots-Tag", "noindex"),),
        )
        return self._context.answers.page(environ, page)

    def _sign_in(self, environ: WSGIEnvironment) -> Response:
        if self._config.policy.login_url is None or environ["REQUEST_METHOD"] == "POST":
            return self._context.answers.page(environ, Page(name="sign-in", title="API keys", status=401))
        return redirect_answer(login_address(self._config.policy.login_url, environ))

    def _make(self, environ: WSGIEnvironment, user_id: str, form: Form) -> NewKey:
        now = self._context.clock()
        label = clean_text(form.fields.get("label") or "").strip()[:MAX_LABEL]
        style = _STYLES.get(form.fields.get("style") or "chevereto")
        if style is None or (form.fields.get("lifetime") or "") not in LIFETIMES:
            raise InvalidParameter("Unknown format or lifetime of a key")
        if sum(key.is_usable(now) for key in self._keys.keys_of(user_id)) >= MAX_KEYS:
            raise TooManyKeys
        lifetime = parse_expiration(form.fields.get("lifetime"))
        expires_at = None if lifetime is None else lifetime.after(now)
        restrictions = self._restrictions(user_id, form)
        made = self._keys.add_key(user_id, label=label, style=style, expires_at=expires_at, restrictions=restrictions)
        self._context.audit.record("key_made", user_id=user_id, key_id=made.id, environ=environ, detail=label)
        return made

    def _restrictions(self, user_id: str, form: Form) -> KeyRestrictions:
        """Return what a form says that a key is for; without a word of it, to upload."""
        chosen = {
            kind: frozenset(word for word in words if form.fields.get(f"{kind}-{word}"))
            for kind, words in _WORDS.items()
        }
        megabytes = _MEGABYTES.value_of(form.fields.get("megabytes"))
        album_id = form.fields.get("album_id")
        if album_id and album_id not in {album.id for album in self._albums(user_id)}:
            raise ForeignAlbum
        try:
            return KeyRestrictions(
                scopes=cast("frozenset[Scope]", chosen["scope"]) or frozenset({"upload"}),
                album_id=album_id,
                max_bytes=megabytes and megabytes * _MEGABYTE,
                formats=chosen["format"] or None,
                origins=frozenset(read_words(form.fields.get("origins") or "")) or None,
            )
        except ConfigError as error:
            raise InvalidParameter(f"{error}".replace("KeyRestrictions.", "")) from None

    def _albums(self, user_id: str) -> Sequence[Album]:
        """Return the albums that a key may be for."""
        catalog = self._context.catalog
        if not isinstance(catalog, OwnedAlbumRecords):
            return ()
        return catalog.owned_albums(user_id, limit=_MOST_ALBUMS)

    def _revoke(self, environ: WSGIEnvironment, user_id: str, key_id: str) -> Response:
        if not self._keys.revoke_key(key_id, user_id=user_id):
            raise NotFound("There is no such key of yours, or not any more")
        self._context.audit.record("key_revoked", user_id=user_id, key_id=key_id, environ=environ)
        response = redirect_answer(request_path(environ))
        # A reload of what follows must not send the form again.
        response.status = 303
        return response
