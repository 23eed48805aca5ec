"""A request that was read, and what it brings: one source, as clients of the API send, or several files of a form.

Source: docs/api.md, Parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chevupload.errors import Base64NeedsPost, Busy, EmptySource, MissingSource, QuotaExceeded, Refusal, TooLarge
from chevupload.fetch.fetcher import DisabledFetcher
from chevupload.model import Principal, Upload
from chevupload.protocols import Fetcher
from chevupload.spool import format_bytes
from chevupload.uploads.idempotency import request_digest
from chevupload.uploads.parameters import SOURCE_NAMES, Parameters
from chevupload.uploads.record import Source, Stored
from chevupload.uploads.upload_log import UploadLog
from chevupload.web.rate_limits import UploadSlot
from chevupload.web.urls import Links
from chevupload.wsgi.form import Form, Opener, UploadedFile
from chevupload.wsgi.proxies import client_network
from chevupload.wsgi.responses import as_refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from chevupload.web.context import WebContext

SESSION = "chevupload.session"
"""Where the environ may hold the host's session, in whose transaction an upload is then published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A request that was read, from a sender who may upload.

    Attributes:
        context: what stores it.
        environ: the request.
        form: what it says.
        principal: who sends it.
        parameters: those of the form, checked.
        links: builds the URLs of what is stored.
        open_spool: makes a spool for a file that has to be fetched.
        log: of the request.
        slot: of its upload.
    """

    context: WebContext
    environ: WSGIEnvironment
    form: Form
    principal: Principal
    parameters: Parameters
    links: Links
    open_spool: Opener
    log: UploadLog
    slot: UploadSlot

    def store(self) -> tuple[Upload, Links]:
        """Store the one source of the request, and return its record and what builds its URLs.

        Raises:
            Refusal: nothing was stored.
            BackendError: nothing was stored, or the sweep will remove it.
        """
        digest = self._digest(0)
        method, fetcher = self.environ["REQUEST_METHOD"], self._fetcher()
        source = pick_source(self.form, method=method, fetcher=fetcher, open_spool=self.open_spool)
        return self._store(source, digest, self.log, self.slot)

    @property
    def files(self) -> list[UploadedFile]:
        """The files in their order; an empty field of a form is none."""
        files = [*self.form.earlier_files, *self.form.files.values()]
        return [file for file in files if file.filename or file.spool.size]

    def store_each(self) -> list[tuple[str, tuple[Upload, Links] | Refusal]]:
        """Store every file on its own, and return the name of each with what came of it.

        Once the site is busy, the other files are not tried.
        """
        # Each takes its own.
        self.slot.give_back()
        limits, creation = self.context.rate_limits, self.context.creation
        outcomes: list[tuple[str, tuple[Upload, Links] | Refusal]] = []
        outcome: tuple[Upload, Links] | Refusal | None = None
        for place, file in enumerate(self.files):
            try:
                with file.spool, UploadLog() as log, UploadSlot(limits, creation, log) as slot:
                    log.owner = self.principal.user_id
                    if isinstance(outcome, Busy):
                        raise outcome
                    if file.refusal is not None:
                        raise file.refusal
                    if not file.spool.size:
                        raise EmptySource
                    slot.take(self.principal, self.environ, place)
                    source = Source(file.spool, file.filename or None)
                    outcome = self._store(source, self._digest(place), log, slot)
            except Exception as error:
                outcome = as_refusal(error)
            outcomes.append((file.filename, outcome))
        return outcomes

    def _store(self, source: Source, digest: str | None, log: UploadLog, slot: UploadSlot) -> tuple[Upload, Links]:
        creation, principal = self.context.creation, self.principal
        if source.spool.size > (max_bytes := creation.max_bytes(principal)):
            raise TooLarge(f"File too big - max {format_bytes(max_bytes)}")
        try:
            stored = log.stored = creation.create(
                source,
                self.parameters,
                principal,
                log=log,
                client=principal.user_id or client_network(self.environ.get("REMOTE_ADDR", "")),
                session=self.environ.get(SESSION),
                request_digest=digest,
                refusal=slot.refusal,
            )
        except QuotaExceeded as refusal:
            self.context.rate_limits.tell_quota(principal, self.environ, refusal)
            raise
        return stored.upload, self.links if self._is_given_delete_link(stored) else self.links.without_delete()

    def _is_given_delete_link(self, stored: Stored) -> bool:
        if stored.is_duplicate:
            # It may have come with another key of the owner's, long ago, and anybody can fetch its bytes.
            return self.principal.may("delete")
        # All guests are one sender: this one may be another than the first, whose own the delete link is.
        return not (stored.is_repeated and self.principal.is_guest)

    def _digest(self, place: int) -> str | None:
        key = self.environ.get("HTTP_IDEMPOTENCY_KEY")
        if key is None or not self.context.creation.is_idempotent:
            return None
        digest = request_digest(key, self.principal, place)
        # A ticket knows a repeated request by the file.
        return digest if self.principal.ticket is None else None

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
