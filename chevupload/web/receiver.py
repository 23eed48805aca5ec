"""Takes a request in: reads it, identifies its sender, and stores what it brings.

A key comes in a header, in the query or in a field of the body, so that the sender may be known before the body is
read, in the middle of it, or at its end. What a request brings is one source, as clients of the API send, or several
files of a form. Source: docs/api.md, Keys and Parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chevupload.errors import (
    Base64NeedsPost,
    EmptySource,
    InvalidKey,
    MissingKey,
    MissingSource,
    QuotaExceeded,
    Refusal,
    RequestDenied,
    TooLarge,
)
from chevupload.fetch.fetcher import DisabledFetcher
from chevupload.keys import checked_principal, key_id_of
from chevupload.model import MAX_KEY_LENGTH, Principal, Upload
from chevupload.policy.restrictions import Scope
from chevupload.protocols import Fetcher
from chevupload.spool import Spool, format_bytes
from chevupload.uploads.idempotency import request_digest
from chevupload.uploads.parameters import SOURCE_NAMES, Parameters, check_parameters
from chevupload.uploads.record import Source, Stored
from chevupload.uploads.tickets import TICKET_PREFIX
from chevupload.uploads.upload_log import UploadLog
from chevupload.web.rate_limits import UploadSlot
from chevupload.web.urls import Links
from chevupload.wsgi.form import Form, Opener
from chevupload.wsgi.routing import client_network

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from chevupload.web.context import WebContext

SESSION = "chevupload.session"
"""Where the environ may hold the host's session, in whose transaction an upload is then published."""


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
            reader = _KeyReader(self, environ, form.fields, user, log, slot)
            # The form keeps the next function. If that kept the form, the request would wait for garbage collection.
            takes_several = form.max_files > 1

            def open_spool() -> Spool:
                # What came before the source may have told who the sender is.
                who, max_bytes = reader.identified()
                if takes_several and isinstance(who, Refusal):
                    raise who
                if who is None and user is not None:
                    slot.take(user, environ)
                budget = self._spools.for_all if isinstance(who, Principal) else self._spools.for_unknown
                spool = Spool(self._spools.path, max_bytes, budget=budget)
                stack.callback(spool.close)
                return spool

            who, max_bytes = reader.identified()
            if isinstance(who, Refusal):
                self.skim(environ, form)
                raise who
            links = self._context.links(environ)
            if not form.names.isdisjoint(SOURCE_NAMES):
                form.read_query(environ, open_spool)
            if environ["REQUEST_METHOD"] == "POST":
                # Several files: together no more than half of the space for temporary files.
                most = max(max_bytes, min(max_bytes * form.max_files, self._limits.spool_bytes // 2))
                try:
                    form.read_body(environ, max_bytes=most, open_spool=open_spool)
                except TooLarge:
                    # Whatever is wrong with the body, the key is what the client must mend first.
                    if isinstance(who := reader.identified()[0], Refusal):
                        raise who from None
                    raise
            who, max_bytes = reader.identified()
            if isinstance(who, Refusal):
                raise who
            if who is None:
                if user is None:
                    raise MissingKey
                self._tokens.check(user.user_id, form.fields.get("token", ""))
                _check_use(user, environ, "upload")
                who, max_bytes = user, user.largest_file(self._limits)
            log.owner = who.user_id
            # New only for a page's user; and for a key that came before another one, and again.
            slot.take(who, environ)
            yield Incoming(
                context=self._context,
                environ=environ,
                form=form,
                principal=who,
                max_bytes=max_bytes,
                parameters=check_parameters(form.fields.get, who, max_tags=self._limits.max_tags),
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
        context = self._context
        self._rates.check_address(environ)
        if len(key) > MAX_KEY_LENGTH:
            principal = None
        elif key.startswith(TICKET_PREFIX):
            principal = context.tickets.principal(key)
        else:
            principal = checked_principal("keys", context.keys.authenticate(key, environ))
        if principal is None:
            self._rates.count_wrong_key(environ)
            context.audit.record("key_refused", key_id=key_id_of(key), environ=environ)
            raise InvalidKey
        if principal.is_guest and not context.config.policy.guests:
            raise RequestDenied
        _check_use(principal, environ, scope)
        return principal


class _KeyReader:
    """Who sends a request: known as soon as a key was read, which may be at the end of the body."""

    def __init__(
        self,
        receiver: Receiver,
        environ: WSGIEnvironment,
        fields: Mapping[str, str],
        user: Principal | None,
        log: UploadLog,
        slot: UploadSlot,
    ) -> None:
        """Know nobody yet; who is found takes ``slot``, and is noted in ``log``. Without a key it may be ``user``."""
        self._receiver, self._limits = receiver, receiver._limits
        self._environ, self._fields = environ, fields
        self._log, self._slot = log, slot
        # A key may follow, and be anybody's; or none, where a user needs none.
        max_bytes = max(self._limits.max_bytes, 0 if user is None else user.largest_file(self._limits))
        self._found: dict[str, tuple[Principal | Refusal | None, int]] = {"": (None, max_bytes)}

    def identified(self) -> tuple[Principal | Refusal | None, int]:
        """Return whose key was read so far, and how large a file of theirs may be.

        A key that was not read before is asked for, and its sender takes the slot of the upload. Instead of a sender it
        is why the key or the upload is refused, or None without a key.
        """
        key = key_of(self._environ, self._fields)
        if key not in self._found:
            try:
                principal = self._receiver.identify(key, self._environ, scope="upload")
                max_bytes = principal.largest_file(self._limits)
                self._log.owner = principal.user_id
                self._slot.take(principal, self._environ)
                self._found[key] = principal, max_bytes
            except Refusal as refusal:
                # With its traceback, only the garbage collector would find that nobody needs the request any more.
                self._found[key] = refusal.with_traceback(None), self._limits.refusal_scan_bytes
        return self._found[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request that was read, from a sender who may upload.

    Attributes:
        context: what stores it.
        environ: the request.
        form: what it says.
        principal: who sends it.
        max_bytes: how large a file of theirs may be.
        parameters: those of the form, checked.
        links: builds the URLs of what is stored.
        open_spool: makes a spool for a file that has to be fetched.
        log: of the request.
        slot: of its upload.
        file: what is stored of several files, which stands in the form at this ``place``; None for its one source.
    """

    context: WebContext
    environ: WSGIEnvironment
    form: Form
    principal: Principal
    max_bytes: int
    parameters: Parameters
    links: Links
    open_spool: Opener
    log: UploadLog
    slot: UploadSlot
    file: Source | None = None
    place: int = 0

    def store(self) -> tuple[Upload, Links]:
        """Store the source of the request, and return its record and what builds its URLs.

        Raises:
            Refusal: nothing was stored.
            BackendError: nothing was stored, or the sweep will remove it.
        """
        creation, principal, environ, digest = self.context.creation, self.principal, self.environ, None
        if "HTTP_IDEMPOTENCY_KEY" in environ and creation.is_idempotent:
            digest = request_digest(environ["HTTP_IDEMPOTENCY_KEY"], principal, self.place)
        source = self.file or pick_source(
            self.form, method=environ["REQUEST_METHOD"], fetcher=self._fetcher(), open_spool=self.open_spool
        )
        if source.spool.size > self.max_bytes:
            raise TooLarge(f"File too big - max {format_bytes(self.max_bytes)}")
        try:
            stored = self.log.stored = creation.create(
                source,
                self.parameters,
                principal,
                log=self.log,
                client=principal.user_id or client_network(environ.get("REMOTE_ADDR", "")),
                session=environ.get(SESSION),
                request_digest=digest,
                refusal=self.slot.refusal,
            )
        except QuotaExceeded as refusal:
            self.context.rate_limits.tell_quota(principal, environ, refusal)
            raise
        return stored.upload, self.links if self._is_given_delete_link(stored) else self.links.without_delete()

    def _is_given_delete_link(self, stored: Stored) -> bool:
        if stored.is_duplicate:
            # It may have come with another key of the owner's, long ago, and anybody can fetch its bytes.
            return self.principal.may("delete")
        # All guests are one sender: this one may be another than the first, whose own the delete link is.
        return not (stored.is_repeated and self.principal.is_guest)

    def _fetcher(self) -> Fetcher:
        who = self.context.config.policy.url_sources
        may_fetch = who == "everybody" or (who == "users" and not self.principal.is_guest)
        return self.context.fetcher if may_fetch else DisabledFetcher()


def pick_source(form: Form, *, method: str, fetcher: Fetcher, open_spool: Opener) -> Source:
    """Return the source of ``form``: the first file that holds something, or else the first such text.

    Raises:
        MissingSource: there is none.
        EmptySource: it holds nothing.
        Base64NeedsPost: text other than a URL came in a GET request.
        Refusal: the text is neither base64 nor a URL, or the fetcher refused.
    """
    for name in SOURCE_NAMES:
        if name in form.files and form.files[name].spool.size:
            return Source(form.files[name].spool, form.files[name].filename or None)
    texts = [form.text_sources[name] for name in SOURCE_NAMES if name in form.text_sources]
    if not texts:
        raise EmptySource if form.files else MissingSource
    text = next((text for text in texts if not text.is_empty), texts[0])
    if method != "POST" and text.url is None:
        raise Base64NeedsPost
    text.check()
    if text.url is not None:
        spool = open_spool()
        filename = fetcher.fetch(text.url, spool)
    else:
        assert text.spool is not None
        spool, filename = text.spool, None
    if not spool.size:
        raise EmptySource
    return Source(spool, filename)


def key_of(environ: WSGIEnvironment, fields: Mapping[str, str]) -> str:
    """Return the key of a request, the header's first, as far as it was read; empty without any."""
    key: str = environ.get("HTTP_X_API_KEY", "")
    return key.strip() or fields.get("key", "")


def _check_use(sender: Principal, environ: WSGIEnvironment, scope: Scope | None) -> None:
    """Check that a key is for ``scope``, and for pages of the origin that a request comes from."""
    if scope is not None and not sender.may(scope):
        raise RequestDenied(f"Request denied: this key is not for {scope}")
    if sender.origins is not None and environ.get("HTTP_ORIGIN") not in sender.origins:
        raise RequestDenied("Request denied: this key is not for pages of this origin")
