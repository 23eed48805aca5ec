"""Tickets: keys for a few uploads within minutes, made without a statement and without a row.

A ticket is signed, and says all that is known of it; only what is uploaded with it takes a row, see
:class:`~chevupload.protocols.TicketRecords`. Rules: docs/tickets.md.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from chevupload.errors import ConfigError, ForeignAlbum, InvalidParameter, RequestDenied
from chevupload.keys import checked_principal, knows_users
from chevupload.model import MAX_KEY_LENGTH, Owner, Principal, as_principal
from chevupload.policy.restrictions import KeyRestrictions, narrower
from chevupload.protocols import TicketRecords, UserKeyBackend
from chevupload.records.ticket import Ticket, TicketClaims
from chevupload.signing import TicketSigner
from chevupload.uploads.context import UploadContext
from chevupload.uploads.parameters import check_parameters, parse_expiration

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

TICKET_PREFIX = "chvt_"
"""Of every ticket, and of no key."""
MAX_SECONDS = 604_800
"""A week: a ticket cannot be revoked by itself."""
MAX_USES = 100
"""All of a ticket's uses are looked up with each upload."""
CLOCK_SKEW = timedelta(seconds=60)
"""For how long a ticket is taken after its end: clocks of several servers differ."""

TICKET_PARAMETERS = ("title", "description", "tags", "category_id", "width", "nsfw")
"""Those that a ticket may set."""

_ID_BYTES = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tickets:
    """Makes tickets, and tells whose they are."""

    def __init__(self, context: UploadContext) -> None:
        """Sign with the secrets of ``context``, and ask its key backend for owners."""
        self._context, self._config, self._clock = context, context.config, context.clock
        self._signer = TicketSigner(context.secret_keys)
        self._keeps_uses = isinstance(context.catalog, TicketRecords)
        self._users = context.keys if isinstance(context.keys, UserKeyBackend) and knows_users(context.keys) else None

    def mint(
        self,
        owner: Owner,
        *,
        seconds: int = 600,
        uses: int = 1,
        max_bytes: int | None = None,
        formats: Iterable[str] | None = None,
        album_id: str | None = None,
        expiration: timedelta | str | None = None,
        origin: str | None = None,
        parameters: Mapping[str, Any] | None = None,
        base_url: str | None = None,
        ticket_id: str | None = None,
        environ: WSGIEnvironment | None = None,
    ) -> Ticket:
        """Return a new ticket. Nothing is looked up; whether the owner may upload is seen when it is used.

        It is written into the audit log, and by the site's choice into its table; nothing else is stored.

        Args:
            owner: whose the uploads will be: a user's id; a Principal, whose restrictions the ticket has, too; or None
                for a guest.
            seconds: how long it is valid, a week at most.
            uses: how many uploads it takes, 100 at most.
            max_bytes: largest file.
            formats: those that are accepted, such as ``PNG``.
            album_id: the album that uploads go to.
            expiration: the longest life of an upload: a timedelta, or a text as in the API.
            origin: that of the pages which may send it, such as ``https://app.example``.
            parameters: values of ``title``, ``description``, ``tags``, ``category_id``, ``width`` and ``nsfw``, that
                clients cannot change.
            base_url: of the mount point, for ``page_url``; by default that of the config.
            ticket_id: that of an earlier ticket which this one repeats; by default a new one.
            environ: the request that asks for it, for the audit log.

        Raises:
            InvalidParameter: a value that cannot be meant, or more than fits into a ticket.
            RequestDenied: the owner may make no tickets.
            ForeignAlbum: the owner's key is for another album.
            ConfigError: the key backend cannot look a user up, or the catalog cannot keep what is used.
        """
        principal = as_principal(owner)
        self.check_site(of_users=not principal.is_guest)
        self._check_owner(principal, album_id)
        restrictions = _restrictions(
            principal, max_bytes=max_bytes, formats=formats, album_id=album_id, origins=origin and (origin,)
        )
        if origin is not None:
            self._check_origin(origin)
        moment = self._clock() + timedelta(seconds=_count("seconds", seconds, MAX_SECONDS))
        claims = TicketClaims(
            id=ticket_id or secrets.token_urlsafe(_ID_BYTES),
            user_id=principal.user_id,
            expires_at=moment.replace(microsecond=0),
            uses=_count("uses", uses, MAX_USES),
            restrictions=restrictions,
            expiration=_duration(expiration),
            parameters=dict(parameters or {}),
        )
        self._check_parameters(principal, claims)
        key = self._key(claims)
        detail = f"{claims.uses} {'use' if claims.uses == 1 else 'uses'} until {claims.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        self._context.audit.record(
            "ticket_minted", user_id=principal.user_id, key_id=principal.key_id, environ=environ, detail=detail
        )
        page, base = self._config.routes.upload_page, base_url or self._config.base_url
        page_url = None if page is None or base is None else f"{base}/{page}#ticket={key}"
        return Ticket(key=key, page_url=page_url, expires_at=claims.expires_at)

    def principal(self, key: str) -> Principal | None:
        """Return its owner with what the ticket takes away taken away; None for one that is false, too old or nobody's.

        Raises:
            BackendError: the owner cannot be looked up.
        """
        said = self._signer.read(key.removeprefix(TICKET_PREFIX))
        if said is None or not self._keeps_uses:
            return None
        claims = _claims(said)
        if claims.expires_at + CLOCK_SKEW < self._clock():
            return None
        owner = self._owner(claims.user_id)
        # An admin's ticket is no admin: who holds it is somebody else.
        return owner and replace(owner.narrowed(claims.restrictions), is_admin=False, ticket=claims)

    def _owner(self, user_id: str | None) -> Principal | None:
        if user_id is None:
            return Principal()
        if self._users is None:
            return None
        owner = checked_principal("keys.principal", self._users.principal(user_id))
        return owner if owner is not None and owner.user_id == user_id else None

    def check_site(self, *, of_users: bool) -> None:
        """Check that there can be tickets here.

        Raises:
            ConfigError: the key backend cannot look a user up, or the catalog cannot keep what is used.
        """
        if not self._keeps_uses:
            raise ConfigError("tickets need a catalog with the methods uses and free, see TicketRecords")
        if of_users and self._users is None:
            raise ConfigError("tickets of users need a key backend with the method principal, see UserKeyBackend")

    def _check_owner(self, owner: Principal, album_id: str | None) -> None:
        if album_id is not None and owner.album_id not in (None, album_id):
            raise ForeignAlbum
        # A key for tickets alone gives away what it does not do itself; a ticket gives nothing away.
        may_mint = owner.ticket is None and (owner.may("upload") or owner.may("ticket"))
        if not may_mint or (owner.is_guest and not self._config.policy.guests):
            raise RequestDenied

    def _check_origin(self, origin: str) -> None:
        """Refuse a page whose browser would not be allowed to send anything: it asks before it sends the ticket."""
        allowed = self._config.policy.cors_origins
        base_url = self._config.base_url or ""
        if allowed != "*" and origin not in allowed and not f"{base_url}/".startswith(f"{origin}/"):
            raise InvalidParameter("Invalid origin, this site takes no uploads from there")

    def _check_parameters(self, owner: Principal, claims: TicketClaims) -> None:
        """Refuse what could have no effect, now rather than with each upload."""
        if not claims.parameters:
            return
        holder = replace(owner, is_admin=False, album_id=None, ticket=None)
        found = check_parameters(claims.parameters.get, holder, max_tags=self._config.limits.max_tags)
        kept = {name for name in TICKET_PARAMETERS if getattr(found, name) not in (None, ())} & claims.parameters.keys()
        if unknown := claims.parameters.keys() - kept:
            raise InvalidParameter(f"Invalid {min(unknown)}, a ticket cannot set it")

    def _key(self, claims: TicketClaims) -> str:
        limits = claims.restrictions
        said = {
            "i": claims.id,
            "u": claims.user_id,
            "x": int((claims.expires_at - _EPOCH).total_seconds()),
            "n": claims.uses,
            "e": claims.expiration,
            "p": claims.parameters or None,
            "a": limits.album_id,
            "b": limits.max_bytes,
            "f": limits.formats and sorted(limits.formats),
            "o": limits.origins and sorted(limits.origins),
        }
        try:
            key = TICKET_PREFIX + self._signer.sign({name: value for name, value in said.items() if value is not None})
        except (TypeError, ValueError):
            raise InvalidParameter("Invalid ticket, a value of it is no text, number or list") from None
        if len(key) > MAX_KEY_LENGTH:
            raise InvalidParameter(f"Too much for a ticket: it would have {len(key)} characters, max {MAX_KEY_LENGTH}")
        return key


def _restrictions(owner: Principal, **given: Any) -> KeyRestrictions:
    """Return what is given for a ticket, and what the key of its owner is restricted to.

    Raises:
        InvalidParameter: a value that cannot be meant.
    """
    try:
        wanted = _for_uploads(**given)
    except ConfigError as error:
        raise InvalidParameter(f"Invalid ticket, {error}") from None
    formats = narrower(owner.formats, wanted.formats, frozenset.intersection)
    origins = narrower(owner.origins, wanted.origins, frozenset.intersection)
    for name, allowed in (("formats", formats), ("origin", origins)):
        if allowed is not None and not allowed:
            raise InvalidParameter(f"Invalid {name}, the key of the owner is for others")
    max_bytes = narrower(narrower(owner.max_bytes, owner.key_max_bytes, min), wanted.max_bytes, min)
    return _for_uploads(
        album_id=wanted.album_id or owner.album_id, max_bytes=max_bytes, formats=formats, origins=origins
    )


def _for_uploads(**limits: Any) -> KeyRestrictions:
    """Return these restrictions of a ticket, which is for uploads alone."""
    if all(limit is None for limit in limits.values()):
        return _UPLOADS_ALONE
    return KeyRestrictions(scopes=_UPLOADS_ALONE.scopes, **limits)


_UPLOADS_ALONE = KeyRestrictions(scopes=frozenset({"upload"}))


def _claims(said: Mapping[str, Any]) -> TicketClaims:
    """Read what was signed here."""
    get = said.get
    return TicketClaims(
        id=said["i"],
        user_id=get("u"),
        expires_at=_EPOCH + timedelta(seconds=said["x"]),
        uses=said["n"],
        restrictions=_for_uploads(album_id=get("a"), max_bytes=get("b"), formats=get("f"), origins=get("o")),
        expiration=get("e"),
        parameters=get("p") or {},
    )


def _count(name: str, value: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= most:
        raise InvalidParameter(f"Invalid {name}, expected a whole number from 1 to {most}")
    return value


def _duration(given: timedelta | str | None) -> str | None:
    """Return a lifetime as text, checked; None is no limit."""
    if isinstance(given, timedelta):
        given = str(math.ceil(given.total_seconds()))
    if given is not None and parse_expiration(given) is None:
        raise InvalidParameter("Invalid expiration, expected a time to come")
    return given
