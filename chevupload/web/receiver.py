"""Takes a request in: reads it and identifies its sender.

A key comes in a header, in the query or in a field of the body, so that the sender may be known before the body is
read, in the middle of it, or at its end. Source: docs/api.md, Keys and Parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from chevupload.errors import (
    InvalidKey,
    MissingKey,
    Refusal,
    RequestDenied,
    TooLarge,
)
from chevupload.keys import checked_principal, key_id_of
from chevupload.model import MAX_KEY_LENGTH, Principal
from chevupload.policy.restrictions import Scope
from chevupload.spool import Spool
from chevupload.uploads.parameters import check_parameters
from chevupload.uploads.tickets import TICKET_PREFIX
from chevupload.uploads.upload_log import UploadLog
from chevupload.web.incoming import Incoming
from chevupload.web.rate_limits import UploadSlot
from chevupload.wsgi.form import Form

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from chevupload.web.context import WebContext


class Receiver:
    """Takes uploads in, as requests bring them."""

    def __init__(self, context: WebContext) -> None:
        """Use these parts."""
        self._context = context
        self._limits, self._creation, self._spools = context.config.limits, context.creation, context.spools
        self._tokens, self._rates = context.form_tokens, context.rate_limits

    @contextmanager
    def opened(self, environ: WSGIEnvironment, form: Form, user: Principal | None = None) -> Iterator[Incoming]:
        """Read the request into ``form``, identify its sender, and yield what it brings, which is gone afterwards.

        Args:
            environ: the request; the form has its query already.
            form: what is read of it, also when it is refused.
            user: who sends it if it has no key, but the token of a page of ours that was signed for this user.

        Raises:
            Refusal: nothing was stored.
            BackendError: nothing was stored, or the sweep will remove it.
        """
        with UploadLog() as log, UploadSlot(self._rates, self._creation, log) as slot, ExitStack() as stack:
            sender = _Sender(self, environ, form.fields, log, slot)
            stack.callback(sender.close)
            # The form keeps the next function. If that kept the form, the request would wait for garbage collection.
            takes_several = form.max_files > 1

            def open_spool() -> Spool:
                # What came before the source may have told who the sender is.
                known = sender.known()
                if takes_several and isinstance(known, Refusal):
                    raise known
                if known is None and user is not None:
                    slot.take(user, environ)
                budget = self._spools.for_all if isinstance(known, Principal) else self._spools.for_unknown
                return stack.enter_context(Spool(self._spools.path, self._max_bytes(known, user), budget=budget))

            if isinstance(known := sender.known(), Refusal):
                self.skim(environ, form)
                raise known
            links = self._context.links(environ)
            form.read_query(environ, open_spool)
            if environ["REQUEST_METHOD"] == "POST":
                max_bytes = self._max_form_bytes(form, self._max_bytes(known, user))
                try:
                    form.read_body(environ, max_bytes=max_bytes, open_spool=open_spool)
                except TooLarge:
                    # Whatever is wrong with the body, the key is what the client must mend first.
                    if isinstance(known := sender.known(), Refusal):
                        raise known from None
                    raise
            if (principal := sender.identified()) is None:
                if user is None:
                    raise MissingKey
                self._tokens.check(user.user_id, form.fields.get("token", ""))
                self._check(user, environ, "upload")
                principal = user
            log.owner = principal.user_id
            slot.take(principal, environ)
            yield Incoming(
                context=self._context,
                environ=environ,
                form=form,
                principal=principal,
                parameters=check_parameters(form.fields.get, principal, max_tags=self._limits.max_tags),
                links=links,
                open_spool=open_spool,
                log=log,
                slot=slot,
            )

    def skim(self, environ: WSGIEnvironment, form: Form) -> None:
        """Read the fields of a body that is refused anyhow, for ``format``; its client mends the rest later."""
        if environ["REQUEST_METHOD"] == "POST":
            with suppress(Refusal):
                form.read_body(environ, max_bytes=self._limits.refusal_scan_bytes, open_spool=None)

    def identify(self, key: str, environ: WSGIEnvironment, *, scope: Scope | None = None) -> Principal:
        """Return whose key this is, if it is for ``scope``.

        Raises:
            InvalidKey: nobody's.
            TooManyWrongKeys: the address has sent too many of these.
            RequestDenied: it is not for this, or not for pages of this origin; or a guest's, and guests may not upload.
        """
        self._rates.check_address(environ)
        principal = self._owner(key, environ) if len(key) <= MAX_KEY_LENGTH else None
        if principal is None:
            self._rates.count_wrong_key(environ)
            self._context.audit.record("key_refused", key_id=key_id_of(key), environ=environ)
            raise InvalidKey
        if principal.is_guest and not self._context.config.policy.guests:
            raise RequestDenied
        self._check(principal, environ, scope)
        return principal

    def _owner(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        if key.startswith(TICKET_PREFIX):
            return self._context.tickets.principal(key)
        return checked_principal("keys", self._context.keys.authenticate(key, environ))

    def _check(self, sender: Principal, environ: WSGIEnvironment, scope: Scope | None) -> None:
        if scope is not None and not sender.may(scope):
            raise RequestDenied(f"Request denied: this key is not for {scope}")
        if sender.origins is not None and environ.get("HTTP_ORIGIN") not in sender.origins:
            raise RequestDenied("Request denied: this key is not for pages of this origin")

    def _max_bytes(self, known: Principal | Refusal | None, user: Principal | None) -> int:
        """Return how large a file may be, by what is known of its sender so far."""
        if isinstance(known, Principal):
            return self._creation.max_bytes(known)
        if known is not None:
            return self._limits.refusal_scan_bytes
        # A key may follow, and be anybody's; or none, where a user needs none.
        return max(self._limits.max_bytes, 0 if user is None else self._creation.max_bytes(user))

    def _max_form_bytes(self, form: Form, max_bytes: int) -> int:
        """Return how large the files may be together: no more than half of the space for temporary files."""
        return max(max_bytes, min(max_bytes * form.max_files, self._limits.spool_bytes // 2))


class _Sender:
    """Who sends a request: known as soon as a key was read, which may be at the end of the body."""

    def __init__(
        self, receiver: Receiver, environ: WSGIEnvironment, fields: Mapping[str, str], log: UploadLog, slot: UploadSlot
    ) -> None:
        """Know nobody yet; who is found takes ``slot``, and is noted in ``log``."""
        self._receiver = receiver
        self._environ = environ
        self._fields = fields
        self._log, self._slot = log, slot
        self._found: dict[str, Principal | Refusal] = {}

    def known(self) -> Principal | Refusal | None:
        """Return whose key was read so far, or why it is refused; None without a key. Each key is asked for once."""
        key = key_of(self._environ, self._fields)
        if key and key not in self._found:
            try:
                principal = self._receiver.identify(key, self._environ, scope="upload")
                self._log.owner = principal.user_id
                self._slot.take(principal, self._environ)
                self._found[key] = principal
            except Refusal as refusal:
                self._found[key] = refusal
        return self._found[key] if key else None

    def identified(self) -> Principal | None:
        """Return whose key was read, by all that was read; None without a key.

        Raises:
            Refusal: it is nobody's who may upload.
        """
        if isinstance(known := self.known(), Refusal):
            raise known
        return known

    def close(self) -> None:
        """Let go of the request, whose environ may hold open files of its host.

        A refusal that is kept here knows this sender by its traceback: without this, only the garbage collector would
        find that nobody needs them any more.
        """
        self._environ = {}


def key_of(environ: WSGIEnvironment, fields: Mapping[str, str]) -> str:
    """Return the key of a request, the header's first, as far as it was read; empty without any."""
    key: str = environ.get("HTTP_X_API_KEY", "")
    return key.strip() or fields.get("key", "")
