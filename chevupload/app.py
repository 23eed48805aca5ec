"""The mount: a WSGI application that answers its own routes, alone or around a host.

May know: every floor below. Each request is one call of :meth:`ChevUpload.respond`, which holds no state between calls.
Source: the contract of this API, sections 1, 5 and 6.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from webob import Response

from chevupload.clock import Clock, utc_now
from chevupload.config import Limits, Policy, Renditions, Routes
from chevupload.errors import (
    BackendError,
    Busy,
    ConfigError,
    FileMissing,
    Gone,
    InvalidAction,
    InvalidKey,
    InvalidVersion,
    MethodNotAllowed,
    MissingAction,
    MissingKey,
    MissingVersion,
    NotFound,
    Refusal,
    RequestDenied,
    ServerFault,
    TooLarge,
)
from chevupload.interfaces import AdoptingStorage, Catalog, Fetcher, KeyBackend, Storage
from chevupload.keys import KeyFunction, as_key_backend
from chevupload.media.inline import InlineRenderer
from chevupload.media.pool import WorkerPool
from chevupload.model import Principal, Upload
from chevupload.request.fetching import DisabledFetcher
from chevupload.request.forms import Form, Spools
from chevupload.request.parameters import parse_parameters
from chevupload.request.proxies import request_base_url, trust_proxies
from chevupload.request.sources import pick_source
from chevupload.response.answers import (
    allow_origin,
    answer_format,
    json_answer,
    preflight_answer,
    redirect_answer,
    refusal_answer,
    upload_answer,
)
from chevupload.response.documents import deleted_document, image_document, success_document
from chevupload.response.files import file_answer
from chevupload.response.links import Links
from chevupload.response.pages import delete_page, deleted_page, refusal_page, viewer_page
from chevupload.spool import format_bytes
from chevupload.tokens import DeleteTokens
from chevupload.upkeep import Upkeep
from chevupload.uploads import Uploads

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger("chevupload")

_MAX_KEY_LENGTH = 512
_RETRY_SECONDS = "10"
_VIEWER = re.compile(r"(?:[^/]*\.)?([A-Za-z0-9]{1,32})(?:/delete/([^/]{1,200}))?\Z")
_FILE = re.compile(r"([A-Za-z0-9_./-]{1,400}?)(?:\.(?:th|md|fr))?\.[a-z0-9]{3,4}\Z")


class ChevUpload:
    """A Chevereto-compatible upload API as a WSGI application.

    Call it as an application of its own, or put it around a host with :meth:`wrap`. It may be called from many threads
    and in processes forked after its construction.

    Attributes:
        uploads: takes uploads in and away, for a host's own code.
        upkeep: sweeps and checks.
    """

    def __init__(
        self,
        *,
        keys: KeyBackend | KeyFunction,
        catalog: Catalog,
        storage: Storage,
        secret_keys: Sequence[str],
        limits: Limits | None = None,
        renditions: Renditions | None = None,
        policy: Policy | None = None,
        routes: Routes | None = None,
        base_url: str | None = None,
        trusted_proxies: int = 0,
        fetcher: Fetcher | None = None,
        decode: Literal["worker", "inline"] = "worker",
        spool_folder: str | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Put a component together.

        Args:
            keys: whose key is this? An object, or a plain function of key and environ.
            catalog: where records stay.
            storage: where files stay.
            secret_keys: sign delete links; oldest first, the last one signs. Each has 16 characters or more.
            limits: what one request may cost.
            renditions: sides and quality of the derived pictures.
            policy: what the site chooses.
            routes: where the component answers.
            base_url: URL of the mount point as clients see it; by default each request's own.
            trusted_proxies: how many proxies in front set X-Forwarded headers; 0 ignores these headers.
            fetcher: brings URL sources; by default they are refused.
            decode: ``worker`` decodes pictures in killable child processes; ``inline`` in the server's own process,
                for hosts that cannot start any.
            spool_folder: for temporary files; by default the storage's own incoming folder, or the system's.
            clock: returns an aware UTC time.

        Raises:
            ConfigError: the parts do not fit together.
        """
        if base_url is not None and urlsplit(base_url).scheme not in ("http", "https"):
            raise ConfigError("base_url must start with http:// or https://")
        if trusted_proxies < 0:
            raise ConfigError("trusted_proxies must not be negative")
        if decode not in ("worker", "inline"):
            raise ConfigError(f"unknown decode: {decode!r}")
        self._keys = as_key_backend(keys)
        self._catalog = catalog
        self._storage = storage
        self._tokens = DeleteTokens(secret_keys)
        self._limits = limits or Limits()
        self._renditions = renditions or Renditions()
        self._policy = policy or Policy()
        self._routes = routes or Routes()
        self._base_url = base_url
        self._trusted_proxies = trusted_proxies
        self._fetcher = fetcher or DisabledFetcher()
        self._clock = clock
        self._spool_folder = spool_folder or _default_spool_folder(storage)
        self._renderer = WorkerPool(self._limits) if decode == "worker" else InlineRenderer()
        self.uploads = Uploads(
            catalog=catalog,
            storage=storage,
            renderer=self._renderer,
            limits=self._limits,
            renditions=self._renditions,
            policy=self._policy,
            spool_folder=self._spool_folder,
            clock=clock,
        )
        self.upkeep = Upkeep(
            uploads=self.uploads, catalog=catalog, storage=storage, spool_folder=self._spool_folder, clock=clock
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as a WSGI application of its own."""
        response = self.respond(environ) or self._unknown(environ)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def wrap(self, host: WSGIApplication) -> WSGIApplication:
        """Return an application that answers the component's routes and hands everything else to ``host`` untouched."""

        def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            response = self.respond(environ)
            if response is None:
                return host(environ, start_response)
            answer: Iterable[bytes] = response(environ, start_response)
            return answer

        return application

    def respond(self, environ: WSGIEnvironment) -> Response | None:
        """Answer one request, or return None when its path is none of the component's routes."""
        path = _path(environ)
        if self._trusted_proxies:
            environ = trust_proxies(environ, self._trusted_proxies)
        if self._routes.upload and path.removesuffix("/") == f"/{self._routes.upload}":
            return self._answer_api(environ, self._upload)
        for route in (self._routes.viewer, self._routes.video):
            if (found := _VIEWER.match(_below(route, path))) is not None:
                return self._answer_viewer(environ, path, *found.groups())
        if file := _below(self._routes.files, path):
            response = self._answer_page(environ, lambda: self._file(file), "GET, HEAD, OPTIONS")
            allow_origin(response, self._policy.cors_origins, environ.get("HTTP_ORIGIN"))
            return response
        return None

    def close(self) -> None:
        """End the worker processes; the component starts new ones if it is used again."""
        self._renderer.close()

    # The API

    def _answer_api(self, environ: WSGIEnvironment, handler: Callable[[WSGIEnvironment, Form], Response]) -> Response:
        """Answer in the requested format, whatever goes wrong, and let pages of other origins read it."""
        form = Form(self._limits)
        try:
            response = handler(environ, form)
        except Exception as error:
            response = refusal_answer(answer_format(form.get("format")), _as_refusal(error), imgbb=form.has_image)
        allow_origin(response, self._policy.cors_origins, environ.get("HTTP_ORIGIN"))
        return response

    def _upload(self, environ: WSGIEnvironment, form: Form) -> Response:
        methods = "POST, GET, OPTIONS"
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return preflight_answer(methods)
        form.read_query(environ, None)
        if method not in ("POST", "GET"):
            raise MethodNotAllowed(headers=(("Allow", methods),))
        with ExitStack() as stack:
            upload, links = self._receive(environ, form, Spools(self._spool_folder, stack))
        document = image_document(
            upload,
            links,
            timezone=self._policy.timezone,
            thumb_side=self._renditions.thumb_side,
            medium_width=self._renditions.medium_width,
            imgbb=form.has_image,
        )
        wanted = answer_format(form.get("format"))
        return upload_answer(wanted, success_document(document, imgbb=form.has_image), upload, links)

    def _receive(self, environ: WSGIEnvironment, form: Form, spools: Spools) -> tuple[Upload, Links]:
        """Read the request, identify its sender and take its source in."""
        header_key = environ.get("HTTP_X_API_KEY", "").strip()
        early_key = header_key or form.get("key")
        principal = self._identify_early(early_key, environ, form) if early_key else None
        max_bytes = self._max_bytes(principal) if principal else self._limits.max_bytes
        open_spool = spools.opener(max_bytes)
        method = environ["REQUEST_METHOD"]
        links = self._links(environ)
        form.read_query(environ, open_spool)
        if method == "POST":
            form.read_body(environ, max_bytes=max_bytes, open_spool=open_spool)
        key = header_key or form.get("key")
        if not key:
            raise MissingKey
        if principal is None or key != early_key:
            principal = self._identify(key, environ)
        parameters = parse_parameters(form.get, is_admin=principal.is_admin, is_guest=principal.is_guest)
        fetcher = DisabledFetcher() if principal.is_guest else self._fetcher
        source = pick_source(form, method=method, fetcher=fetcher, open_spool=open_spool)
        if source.spool.size > self._max_bytes(principal):
            raise TooLarge(f"File too big - max {format_bytes(self._max_bytes(principal))}")
        return self.uploads.create(source, parameters, principal), links

    def _identify_early(self, key: str, environ: WSGIEnvironment, form: Form) -> Principal:
        """Identify the sender before the body is read; a refused one's body is skimmed for ``format`` alone."""
        try:
            return self._identify(key, environ)
        except Refusal as refusal:
            if environ["REQUEST_METHOD"] == "POST":
                try:
                    form.read_body(environ, max_bytes=self._limits.refusal_scan_bytes, open_spool=None)
                except Refusal:
                    # Whatever is wrong with the body, the key is what the client must mend first.
                    raise refusal from None
            raise

    def _identify(self, key: str, environ: WSGIEnvironment) -> Principal:
        principal = self._keys.authenticate(key, environ) if len(key) <= _MAX_KEY_LENGTH else None
        if principal is None:
            raise InvalidKey
        if principal.is_guest and not self._policy.guests:
            raise RequestDenied
        return principal

    def _max_bytes(self, principal: Principal) -> int:
        if principal.max_bytes is not None:
            return principal.max_bytes
        return self._limits.max_guest_bytes if principal.is_guest else self._limits.max_bytes

    # Pages and files

    def _answer_viewer(self, environ: WSGIEnvironment, path: str, upload_id: str, token: str | None) -> Response:
        if token is None:
            return self._answer_page(environ, lambda: self._show(environ, path, upload_id), "GET, HEAD, OPTIONS")
        return self._answer_page(
            environ, lambda: self._delete(environ, upload_id, token), "GET, HEAD, POST, DELETE, OPTIONS"
        )

    def _answer_page(self, environ: WSGIEnvironment, handler: Callable[[], Response], methods: str) -> Response:
        """Answer a person, or a tool that asks for JSON."""
        try:
            if environ["REQUEST_METHOD"] == "OPTIONS":
                return preflight_answer(methods)
            if environ["REQUEST_METHOD"] not in methods.split(", "):
                raise MethodNotAllowed(headers=(("Allow", methods),))
            return handler()
        except Exception as error:
            refusal = _as_refusal(error)
            return refusal_answer("json", refusal) if _wants_json(environ) else refusal_page(refusal)

    def _show(self, environ: WSGIEnvironment, path: str, upload_id: str) -> Response:
        upload = self._live(self._catalog.get(upload_id))
        links = self._links(environ)
        below_mount = len(links.base_url)
        canonical = unquote(links.viewer(upload)[below_mount:])
        if path not in (canonical, links.short(upload)[below_mount:]):
            return redirect_answer(links.viewer_path(upload))
        if environ["REQUEST_METHOD"] == "GET":
            self._catalog.count_view(upload.id)
        return viewer_page(upload, links)

    def _delete(self, environ: WSGIEnvironment, upload_id: str, token: str) -> Response:
        if not self._tokens.verify(upload_id, token):
            raise NotFound
        upload = self._live(self._catalog.get(upload_id))
        method = environ["REQUEST_METHOD"]
        if method == "HEAD" or (method == "GET" and not self._policy.delete_on_get):
            return delete_page(upload, self._links(environ))
        if not self.uploads.delete(upload):
            raise NotFound
        return json_answer(deleted_document()) if _wants_json(environ) else deleted_page()

    def _file(self, path: str) -> Response:
        found = _FILE.match(path)
        upload = self._catalog.find(found.group(1)) if found else None
        if upload is None or path not in upload.paths:
            raise NotFound
        self._live(upload)
        if (url := self._storage.url(path)) is not None:
            return redirect_answer(url)
        try:
            return file_answer(upload, path, self._storage, now=self._clock())
        except FileMissing as error:
            # Deleted since the record was read; or lost, which a check would find, too.
            logger.warning("there is a record and no file at %s", path)
            raise NotFound from error

    def _live(self, upload: Upload | None) -> Upload:
        if upload is None:
            raise NotFound
        if upload.is_expired(self._clock()):
            raise Gone
        return upload

    def _links(self, environ: WSGIEnvironment) -> Links:
        base_url = self._base_url or request_base_url(environ)
        return Links(base_url, routes=self._routes, storage=self._storage, sign=self._tokens.sign)

    def _unknown(self, environ: WSGIEnvironment) -> Response:
        """Answer a path that is none of ours, standing alone: in JSON below ``/api`` and ``/1``, where programs ask."""
        first, version, action = (*_path(environ).lower().removeprefix("/").split("/"), "", "")[:3]
        if first not in ("api", "1"):
            return refusal_page(NotFound())

        def refuse(environ: WSGIEnvironment, form: Form) -> Response:
            form.read_query(environ, None)
            if first == "1":
                raise NotFound
            if not version:
                raise MissingVersion
            if not action:
                raise MissingAction
            raise InvalidAction if version == "1" else InvalidVersion

        return self._answer_api(environ, refuse)


def _as_refusal(error: Exception) -> Refusal:
    """Turn whatever happened into what a client may read."""
    if isinstance(error, Busy | BackendError):
        logger.error("a request was answered with 503", exc_info=error)
        return Busy(headers=(("Retry-After", _RETRY_SECONDS),))
    if isinstance(error, Refusal):
        return error
    logger.error("a request was answered with 500", exc_info=error)
    return ServerFault()


def _path(environ: WSGIEnvironment) -> str:
    """Return the path below the mount point, decoded."""
    path: str = environ.get("PATH_INFO", "") or "/"
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def _below(route: str | None, path: str) -> str:
    """Return the part of ``path`` below ``route``, empty when it is elsewhere."""
    return path[len(route) + 2 :] if route and path.startswith(f"/{route}/") else ""


def _wants_json(environ: WSGIEnvironment) -> bool:
    accepted = environ.get("HTTP_ACCEPT", "")
    return "application/json" in accepted and "text/html" not in accepted


def _default_spool_folder(storage: Storage) -> str:
    return str(storage.incoming) if isinstance(storage, AdoptingStorage) else tempfile.gettempdir()
