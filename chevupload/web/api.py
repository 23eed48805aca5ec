"""The upload endpoint: one request in, one answer in the requested format out, whatever goes wrong.

Source: the contract of this API, sections 2 to 5.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING

from chevupload.config import Limits, Policy, Renditions
from chevupload.errors import (
    Base64NeedsPost,
    EmptySource,
    InvalidAction,
    InvalidKey,
    InvalidParameter,
    InvalidVersion,
    MethodNotAllowed,
    MissingAction,
    MissingKey,
    MissingSource,
    MissingVersion,
    NotFound,
    Refusal,
    RequestDenied,
    TooLarge,
)
from chevupload.fetch.fetcher import DisabledFetcher
from chevupload.keys import checked_principal
from chevupload.model import MAX_KEY_LENGTH, Principal, Upload
from chevupload.protocols import Fetcher, KeyBackend
from chevupload.spool import Spool, SpoolFolder, format_bytes
from chevupload.uploads.idempotency import request_digest
from chevupload.uploads.parameters import SOURCE_NAMES, TEXT_NAMES, check_parameters
from chevupload.uploads.record import Source
from chevupload.uploads.service import Uploads
from chevupload.uploads.upload_log import UploadLog
from chevupload.web.api_json import image_document, imgbb_document, success_document
from chevupload.web.sender import Sender, Visitor, key_of
from chevupload.web.urls import Links
from chevupload.wsgi.form import Form, Opener
from chevupload.wsgi.proxies import client_network
from chevupload.wsgi.responses import (
    Document,
    Format,
    allow_origin,
    answer_format,
    as_refusal,
    json_answer,
    preflight_answer,
    redirect_answer,
    refusal_answer,
    text_answer,
)
from chevupload.wsgi.text_source import TextSource
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SESSION = "chevupload.session"
"""Where the environ may hold the host's session, in whose transaction an upload is then published."""

_METHODS = "POST, GET, OPTIONS"


class UploadApi:
    """Answers the API's routes."""

    def __init__(
        self,
        *,
        keys: KeyBackend,
        uploads: Uploads,
        fetcher: Fetcher,
        limits: Limits,
        renditions: Renditions,
        policy: Policy,
        spools: SpoolFolder,
        links: Callable[[WSGIEnvironment], Links],
    ) -> None:
        """Use these parts; ``links`` builds URLs as a request's sender sees them."""
        self._keys = keys
        self._uploads = uploads
        self._fetcher = fetcher
        self._limits = limits
        self._renditions = renditions
        self._policy = policy
        self._spools = spools
        self._links = links

    def upload(self, environ: WSGIEnvironment) -> Response:
        """Answer the upload route of Chevereto's dialect."""
        return self._answer(environ, partial(self._upload, self.document))

    def upload_imgbb(self, environ: WSGIEnvironment) -> Response:
        """Answer the upload route of ImgBB's dialect."""
        return self._answer(environ, partial(self._upload, self._imgbb_document), imgbb=True)

    def unknown(self, environ: WSGIEnvironment, version: str, action: str) -> Response:
        """Answer another path below ``/api``: what is missing, the version, the key and the action, in this order.

        Source: Chevereto V4, whose recorded answers come in the same order.
        """

        def refuse(environ: WSGIEnvironment, form: Form) -> Response:
            # What is wrong in the query or the body is not what the client has to mend first.
            with suppress(Refusal):
                form.read_query(environ, None)
            self._skim(environ, form)
            if not version:
                raise MissingVersion
            if not action:
                raise MissingAction
            if not (key := key_of(environ, form)):
                raise MissingKey
            if version != "1":
                raise InvalidVersion
            self._identify(key, environ)
            raise InvalidAction

        return self._answer(environ, refuse)

    def missing(self, environ: WSGIEnvironment) -> Response:
        """Answer a path where a program looks for an API that is not there."""

        return self.refuse(environ, NotFound())

    def refuse(self, environ: WSGIEnvironment, refusal: Refusal, *, imgbb: bool = False) -> Response:
        """Answer with ``refusal``, in the format that the query asks for, to a client of ImgBB's if it is one."""

        def handler(environ: WSGIEnvironment, form: Form) -> Response:
            with suppress(Refusal):
                # For the format alone; what is wrong in it is not what the client has to mend first.
                form.read_query(environ, None)
            raise refusal

        return self._answer(environ, handler, imgbb=imgbb)

    def _answer(
        self, environ: WSGIEnvironment, handler: Callable[[WSGIEnvironment, Form], Response], *, imgbb: bool = False
    ) -> Response:
        """Answer in the requested format, whatever goes wrong, and let pages of other origins read it."""
        form = Form(self._limits, text_names=TEXT_NAMES, file_names=SOURCE_NAMES)
        try:
            response = handler(environ, form)
        except Exception as error:
            imgbb = imgbb or "image" in form.names
            response = refusal_answer(answer_format(form.fields.get("format")), as_refusal(error), imgbb=imgbb)
        allow_origin(response, self._policy.cors_origins, environ.get("HTTP_ORIGIN"))
        return response

    def _upload(
        self, describe: Callable[[Form, Upload, Links], Document], environ: WSGIEnvironment, form: Form
    ) -> Response:
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return preflight_answer(environ, _METHODS)
        form.read_query(environ, None)
        if method not in ("POST", "GET"):
            raise MethodNotAllowed(headers=(("Allow", _METHODS),))
        if "HTTP_IDEMPOTENCY_KEY" in environ and not self._uploads.is_idempotent:
            raise InvalidParameter("Idempotency-Key is not supported by this site")
        upload, links = self.receive(environ, form)
        return _upload_answer(answer_format(form.fields.get("format")), describe(form, upload, links), upload, links)

    def document(self, form: Form, upload: Upload, links: Links) -> Document:
        """Describe an upload in Chevereto's dialect, as the sender of ``form`` expects it."""
        document = image_document(
            upload,
            links,
            timezone=self._policy.timezone,
            renditions=self._renditions,
            imgbb="image" in form.names,
        )
        return success_document(document, imgbb="image" in form.names)

    def _imgbb_document(self, form: Form, upload: Upload, links: Links) -> Document:
        return imgbb_document(upload, links)

    def receive(self, environ: WSGIEnvironment, form: Form, visitor: Visitor | None = None) -> tuple[Upload, Links]:
        """Read the request into ``form``, identify its sender and take its source in.

        Args:
            environ: the request; the form has its query already.
            form: what is read of it, also when it is refused.
            visitor: whom it is from if it has no key.

        Raises:
            Refusal: nothing was stored.
            BackendError: likewise, or the sweep will remove it.
        """
        with UploadLog() as log, ExitStack() as stack:
            return self._receive(environ, form, stack, log, visitor)

    def _receive(
        self, environ: WSGIEnvironment, form: Form, stack: ExitStack, log: UploadLog, visitor: Visitor | None
    ) -> tuple[Upload, Links]:
        sender = Sender(environ, form, self._identify, visitor)
        stack.callback(sender.close)
        if sender.key:
            self._check_early(sender, environ, form)

        def open_spool() -> Spool:
            return stack.enter_context(self._spool(sender))

        method = environ["REQUEST_METHOD"]
        links = self._links(environ)
        form.read_query(environ, open_spool)
        if method == "POST":
            self._read_body(environ, form, sender, open_spool)
        principal = sender.identified()
        log.owner = principal.user_id
        digest = request_digest(environ, principal) if self._uploads.is_idempotent else None
        parameters = check_parameters(form.fields.get, principal, max_tags=self._limits.max_tags)
        source = pick_source(form, method=method, fetcher=self._fetcher_for(principal), open_spool=open_spool)
        if source.spool.size > self._uploads.max_bytes(principal):
            raise TooLarge(f"File too big - max {format_bytes(self._uploads.max_bytes(principal))}")
        upload = self._uploads.create(
            source,
            parameters,
            principal,
            log=log,
            client=principal.user_id or client_network(environ.get("REMOTE_ADDR", "")),
            session=environ.get(SESSION),
            request_digest=digest,
        )
        if log.is_repeated and principal.is_guest:
            # All guests are one sender: this one may be another than the first, whose delete link is the first's own.
            links = links.without_delete()
        return upload, links

    def _read_body(self, environ: WSGIEnvironment, form: Form, sender: Sender, open_spool: Opener) -> None:
        try:
            form.read_body(environ, max_bytes=self._max_bytes(sender), open_spool=open_spool)
        except TooLarge:
            # Whatever is wrong with the body, the key is what the client must mend first.
            if sender.key:
                sender.identified()
            raise

    def _spool(self, sender: Sender) -> Spool:
        """Return a spool for a source that begins now: what came before it may have told who the sender is."""
        budget = self._spools.for_unknown if sender.known() is None else self._spools.for_all
        return Spool(self._spools.path, self._max_bytes(sender), budget=budget)

    def _max_bytes(self, sender: Sender) -> int:
        """Return how large a file may be, by what is known of its sender so far."""
        principal = sender.known()
        if principal is not None:
            return self._uploads.max_bytes(principal)
        if sender.key:
            return self._limits.refusal_scan_bytes
        # A key may follow, and be anybody's; or none, where the visitor needs none.
        visitor = sender.visitor
        return max(self._limits.max_bytes, 0 if visitor is None else self._uploads.max_bytes(visitor.principal))

    def _fetcher_for(self, principal: Principal) -> Fetcher:
        who = self._policy.url_sources
        return self._fetcher if who == "everybody" or (who == "users" and not principal.is_guest) else DisabledFetcher()

    def _check_early(self, sender: Sender, environ: WSGIEnvironment, form: Form) -> None:
        """Identify the sender before the body is read; a refused one's body is skimmed for ``format`` alone."""
        try:
            sender.identified()
        except Refusal:
            self._skim(environ, form)
            raise

    def _skim(self, environ: WSGIEnvironment, form: Form) -> None:
        """Read the fields of a body that is refused anyhow; what is wrong with it, its client mends later."""
        if environ["REQUEST_METHOD"] != "POST":
            return
        with suppress(Refusal):
            form.read_body(environ, max_bytes=self._limits.refusal_scan_bytes, open_spool=None)

    def _identify(self, key: str, environ: WSGIEnvironment) -> Principal:
        found = self._keys.authenticate(key, environ) if len(key) <= MAX_KEY_LENGTH else None
        principal = checked_principal("keys", found)
        if principal is None:
            raise InvalidKey
        if principal.is_guest and not self._policy.guests:
            raise RequestDenied
        return principal


def _upload_answer(form: Format, document: Document, upload: Upload, links: Links) -> Response:
    """Send the outcome of an upload: the document, its direct URL, or a redirect to its viewer."""
    if form == "txt":
        return text_answer(links.file(upload, upload.path))
    if form == "redirect":
        return redirect_answer(links.viewer_path(upload))
    return json_answer(document)


def pick_source(form: Form, *, method: str, fetcher: Fetcher, open_spool: Opener) -> Source:
    """Return the source of ``form``.

    Raises:
        MissingSource: there is none.
        EmptySource: it holds nothing.
        Base64NeedsPost: text other than a URL came in a GET request.
        Refusal: the text is neither base64 nor a URL, or the fetcher refused.
    """
    files = [form.files[name] for name in SOURCE_NAMES if name in form.files]
    if chosen := next((file for file in files if file.spool.size), None):
        return Source(chosen.spool, chosen.filename or None)
    texts = [form.texts[name] for name in SOURCE_NAMES if name in form.texts]
    if texts:
        # An empty value is an absent one: the next name's counts.
        text = next((text for text in texts if not text.is_empty), texts[0])
        return _from_text(text, method=method, fetcher=fetcher, open_spool=open_spool)
    raise EmptySource if files else MissingSource


def _from_text(text: TextSource, *, method: str, fetcher: Fetcher, open_spool: Opener) -> Source:
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
