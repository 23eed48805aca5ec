"""The mount: a WSGI application that answers its own routes, alone or around a host.

Each request is one call of the component or, around a host, of :meth:`ChevUpload.respond`; neither keeps state between
calls. Source: docs/api.md, Routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

from chevupload.audit import HOST, Actor
from chevupload.clock import Clock, utc_now
from chevupload.config import Config
from chevupload.errors import ConfigError, NotFound, Refusal
from chevupload.fetch.fetcher import HttpFetcher
from chevupload.keys import CurrentUser, KeyFunction, as_key_backend
from chevupload.media.optional import check_usable
from chevupload.media.sandbox.inline import InlineRenderer
from chevupload.media.sandbox.pool import WorkerPool
from chevupload.model import Owner, Upload, as_principal
from chevupload.protocols import Fetcher, KeyBackend, KeyStore, Renderer, Storage, UploadRecords
from chevupload.signing import DeleteTokens
from chevupload.storage.registry import Storages
from chevupload.uploads.erasing import Erase
from chevupload.uploads.events import Events
from chevupload.uploads.hooks import Hooks
from chevupload.uploads.jobs import Jobs
from chevupload.uploads.maintenance import Maintenance
from chevupload.uploads.moving import MoveUploads
from chevupload.uploads.rendering import Render, Rendering
from chevupload.uploads.verifying import Verify
from chevupload.validation import Kind, function_of, instance_of, optional
from chevupload.web.account_api import AccountApi
from chevupload.web.albums_api import AlbumsApi
from chevupload.web.api import UploadApi
from chevupload.web.api_docs.api_page import ApiDocs
from chevupload.web.api_json import upload_document
from chevupload.web.asset_routes import AssetRoutes
from chevupload.web.context import WebContext
from chevupload.web.feature import Feature, with_served_routes
from chevupload.web.health import Health
from chevupload.web.home import Home
from chevupload.web.keys_page import KeysPage
from chevupload.web.oembed import OEmbed
from chevupload.web.pages import Pages
from chevupload.web.ticket_api import TicketApi
from chevupload.web.upload_page import UploadPage
from chevupload.web.uploads_api import UploadsApi
from chevupload.web.urls import Links
from chevupload.web.viewer import Viewer
from chevupload.wsgi.responses import Document
from chevupload.wsgi.routing import RouteTable, mounted_path, trust_proxies
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FEATURES: tuple[type[Feature], ...] = (
    UploadApi,
    TicketApi,
    UploadsApi,
    AlbumsApi,
    AccountApi,
    Viewer,
    AssetRoutes,
    Health,
    UploadPage,
    KeysPage,
    ApiDocs,
    OEmbed,
    Home,
)
"""What answers requests. Each says itself which routes are its own."""


class ChevUpload:
    """A Chevereto-compatible upload API as a WSGI application.

    Call it as an application of its own, or put it around a host with :meth:`wrap`. It may be called from many threads
    and in processes forked after its construction.

    Attributes:
        config: what the site chooses.
        routes: where the component answers, below its mount point: those of the config that have something to answer.
        catalog: where records stay.
        context: its parts, and what is made of them.
        own_database: the :class:`~chevupload.db.Database` that was opened for this component alone, if one was.
        renderer: inspects and renders pictures.
        uploads: takes uploads in and away, for a host's own code.
        albums: makes, lists, renames and deletes albums, for a host's own code.
        tickets: makes keys for a few uploads within minutes.
        maintenance: sweeps and checks.
        jobs: works on many uploads.
        events: tells what happened to uploads to the handlers in ``hooks``.
        views: counts the views of this process, which are written every few seconds.
    """

    own_database: Any = None

    def __init__(
        self,
        *,
        keys: KeyBackend | KeyFunction,
        catalog: UploadRecords,
        storage: Storage | Mapping[str, Storage] | Storages,
        secret_keys: Sequence[str],
        config: Config = Config(),
        hooks: Hooks = Hooks(),
        pages: Pages = Pages(),
        fetcher: Fetcher | None = None,
        renderer: Literal["worker", "inline"] | Renderer = "worker",
        current_user: CurrentUser | None = None,
        key_store: KeyStore | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Put a component together.

        Args:
            keys: whose key is this? An object, or a plain function of key and environ.
            catalog: where records stay.
            storage: where files stay: one place; several by name, the first being where files go; or ``Storages``.
            secret_keys: sign delete links; oldest first, the last one signs. Each has 16 characters or more.
            config: everything else that the site chooses.
            hooks: the host's functions that are asked before an upload is stored, and told of it afterwards.
            pages: what people see; a subclass puts it into the host's own layout.
            fetcher: brings URL sources; by default over http and https, from public addresses only.
            renderer: decodes pictures: ``worker`` in killable child processes; ``inline`` in the server's own, for
                hosts that cannot start any; or a renderer of your own.
            current_user: who is signed in at the host, for the pages; see :data:`~chevupload.keys.CurrentUser`.
            key_store: the keys that users make on a page, which ``keys`` has to know; it needs ``current_user``, too.
            clock: returns an aware UTC time.

        Raises:
            ConfigError: the parts do not fit together.
        """
        # Secrets that are too short are refused here, and not with the first upload.
        DeleteTokens(secret_keys)
        _check_parts(config=config, hooks=hooks, pages=pages, catalog=catalog, clock=clock)
        _check_parts(fetcher=fetcher, key_store=key_store, current_user=current_user)
        storages = _storages(storage, config)
        context = WebContext(
            config=config,
            keys=as_key_backend(keys),
            catalog=catalog,
            storages=storages,
            secret_keys=secret_keys,
            hooks=hooks,
            pages=pages,
            fetcher=fetcher or HttpFetcher(),
            renderer=_renderer(renderer, config),
            current_user=current_user,
            key_store=key_store,
            clock=clock,
        )
        self.use(context)

    def use(self, context: WebContext) -> None:
        """Answer with the parts of ``context``. A host's tests put others into it for a while."""
        self.config, self.catalog, self.renderer = context.config, context.catalog, context.renderer
        features = [feature for feature in FEATURES if feature.is_possible(context)]
        self.context = context = with_served_routes(features, context)
        self.routes, self.views = context.config.routes, context.views
        self.tickets, self.albums = context.tickets, context.albums
        self.uploads, rendering = context.uploads, Rendering(context, context.creation)
        self.maintenance = Maintenance(context, context.uploads, rendering)
        self._erase = Erase(context, context.uploads, context.key_store)
        kinds = (Render(context, rendering), MoveUploads(context), Verify(context), self._erase)
        self.jobs = Jobs(context, kinds)
        self.events = Events(context, self.links().cached if context.config.base_url is not None else None)
        answering = [feature(context) for feature in features]
        self._api = next(feature for feature in answering if isinstance(feature, UploadApi))
        self._table = RouteTable(handler for feature in answering for handler in feature.handlers())

    @property
    def key_store(self) -> KeyStore:
        """The keys that users make for themselves.

        Raises:
            ConfigError: keys are made elsewhere.
        """
        if self.context.key_store is None:
            raise ConfigError("this application makes its keys elsewhere")
        return self.context.key_store

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as a WSGI application of its own.

        A path that begins with several slashes is one with one slash, as nginx has it. Around a host it is the host's,
        whose own rules may not know it.
        """
        if (path := environ.get("PATH_INFO", "")).startswith("//"):
            environ = {**environ, "PATH_INFO": f"/{path.lstrip('/')}"}
        handler, rest = self._table.find(mounted_path(environ)) or (self._unknown, ())
        response = handler(trust_proxies(environ, self.config.trusted_proxies), *rest)
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
        if (found := self._table.find(mounted_path(environ))) is None:
            return None
        handler, rest = found
        return handler(trust_proxies(environ, self.config.trusted_proxies), *rest)

    def forget(self, owner: Owner, *, by: Actor = HOST) -> None:
        """Take the keys, uploads and albums of a user away who is being deleted.

        Databases give the id of a deleted row to another one sooner or later, and whoever gets it would find what is
        left.

        Args:
            owner: the user's id, or Principal. What is on its way in at this moment may be missed: once the user is
                gone, nothing follows.
            by: who erases it, for the audit log.

        Raises:
            BackendError: a part is away; asking again goes on where it ended.
            ConfigError: the catalog cannot list the uploads of a user.
        """
        user_id = as_principal(owner).user_id
        if user_id is not None:
            self._erase.begin({"owner_id": user_id})
        self.uploads.delete_all(owner, by=None)
        if user_id is not None:
            self._erase.finish(user_id, by)

    def refuse(self, environ: WSGIEnvironment, refusal: Refusal) -> Response:
        """Answer an upload that the host itself refuses, so that its client reads why, in the format it asked for.

        The refusal loses its traceback, which would keep the request as long as somebody keeps the refusal.
        """
        return self._api.refuse(environ, refusal)

    def warm(self) -> None:
        """Start the worker processes now, so that the first upload does not wait for them."""
        self.renderer.warm()

    def close(self) -> None:
        """Write the views that were counted, and end regular sweeps and the worker processes.

        New ones of these start if the component is used again.
        """
        self.views.close()
        self.context.rate_limits.close()
        self.maintenance.close()
        self.renderer.close()

    def links(self, environ: WSGIEnvironment | None = None) -> Links:
        """Return what builds URLs of uploads, for a host's own pages.

        ``SCRIPT_NAME`` of ``environ`` must be this component's mount point. Without a request, ``base_url`` has to be
        set.

        Raises:
            ConfigError: it is not.
            MalformedRequest: the request's Host header is no host.
        """
        if self.config.base_url is None and environ is None:
            raise ConfigError("links without a request need base_url")
        return self.context.links(trust_proxies(environ or {}, self.config.trusted_proxies))

    def document(self, upload: Upload, environ: WSGIEnvironment | None = None) -> Document:
        """Return what the API answers an upload with, its delete link included, for a host's own answer in JSON.

        What describes the upload itself is under ``image``. The links are those of :meth:`links`.

        Raises:
            ConfigError: neither a request nor ``base_url`` says where this is.
            MalformedRequest: the request's Host header is no host.
        """
        return upload_document(upload, self.links(environ), self.config, "chevereto")

    def _unknown(self, environ: WSGIEnvironment) -> Response:
        """Answer a path that is none of ours, standing alone: in JSON below ``/api`` and ``/1``, where programs ask."""
        first, version, action = (*mounted_path(environ).lower().removeprefix("/").split("/"), "", "")[:3]
        if first == "api":
            return self._api.unknown(environ, version, action)
        if first == "1":
            return self._api.refuse(environ, NotFound())
        return self.context.answers.refusal(environ, NotFound())


_KINDS: Mapping[str, Kind] = {
    "config": instance_of(Config, "Config(limits=Limits(max_bytes=5_000_000))"),
    "hooks": instance_of(Hooks, "Hooks(on_upload=tell)"),
    "pages": instance_of(Pages, "Pages(site_name='Pictures')"),
    "catalog": instance_of(UploadRecords, "SqlCatalog(Database(engine))"),
    "fetcher": optional(instance_of(Fetcher, "HttpFetcher()")),
    "key_store": optional(instance_of(KeyStore, "SqlKeys(database)")),
    "current_user": optional(function_of("environ")),
    "clock": function_of(),
}
"""What each part has to be."""


def _check_parts(**parts: object) -> None:
    for name, part in parts.items():
        _KINDS[name].checked(name, part)


def _storages(given: Storage | Mapping[str, Storage] | Storages, config: Config) -> Storages:
    storages = given if isinstance(given, Storages) else Storages(given)
    if config.routes.files is None and any(one.url("0.png") is None for one in storages.by_name.values()):
        raise ConfigError("without a route for files, the storage needs a public URL")
    return storages


def _renderer(chosen: str | Renderer, config: Config) -> Renderer:
    if chosen in ("worker", "inline"):
        check_usable("Policy.formats", config.policy.formats)
        return WorkerPool(config.limits) if chosen == "worker" else InlineRenderer(config.limits)
    return cast(Renderer, instance_of(Renderer, "'worker', 'inline' or a renderer").checked("renderer", chosen))
