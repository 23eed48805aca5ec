"""The mount: a WSGI application that answers its own routes, alone or around a host.

Each request is one call of :meth:`ChevUpload.respond`, which holds no state between calls. Source: the contract of
this API, section 1.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import urlsplit

from chevupload.clock import Clock, utc_now
from chevupload.config import Config, Limits, Routes
from chevupload.errors import ConfigError, NotFound, Refusal
from chevupload.fetch.fetcher import HttpFetcher
from chevupload.keys import CurrentUser, KeyFunction, as_key_backend, signed_in
from chevupload.media.optional import check_usable
from chevupload.media.sandbox.inline import InlineRenderer
from chevupload.media.sandbox.pool import WorkerPool
from chevupload.model import Owner, as_principal
from chevupload.protocols import AlbumRecords, Fetcher, KeyBackend, KeyStore, Renderer, Storage, UploadRecords
from chevupload.signing import DeleteTokens, FormTokens
from chevupload.spool import SpoolFolder
from chevupload.storage.registry import Storages
from chevupload.uploads.consistency import ConsistencyCheck
from chevupload.uploads.hooks import Hooks
from chevupload.uploads.host_transactions import HostTransactions
from chevupload.uploads.intent_log import IntentLog
from chevupload.uploads.maintenance import Maintenance
from chevupload.uploads.persist import Writer
from chevupload.uploads.service import Uploads
from chevupload.validation import check_function, check_instance
from chevupload.web.api import UploadApi
from chevupload.web.api_docs.api_page import Describing
from chevupload.web.assets import Assets
from chevupload.web.files import Deliverer
from chevupload.web.health import Health
from chevupload.web.home import Home
from chevupload.web.keys_page import KeySettings
from chevupload.web.oembed import Embeds
from chevupload.web.page_answers import PageAnswers
from chevupload.web.pages import Pages
from chevupload.web.receiver import Receiver
from chevupload.web.site_links import SiteLinks
from chevupload.web.upload_page import UploadPage
from chevupload.web.urls import VIEWER, Links
from chevupload.web.viewer import Viewing
from chevupload.wsgi.proxies import mount_path, request_base_url, trust_proxies
from chevupload.wsgi.responses import answered
from chevupload.wsgi.routing import Exact, RouteTable
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class ChevUpload:
    """A Chevereto-compatible upload API as a WSGI application.

    Call it as an application of its own, or put it around a host with :meth:`wrap`. It may be called from many threads
    and in processes forked after its construction.

    Attributes:
        config: what the site chooses.
        routes: where the component answers, below its mount point: those of the config that have something to answer.
        catalog: where records stay.
        parts: what it was made of, by the names of its keywords.
        own_database: the :class:`~chevupload.db.Database` that was opened for this component alone, if one was.
        renderer: inspects and renders pictures.
        uploads: takes uploads in and away, for a host's own code.
        maintenance: sweeps and checks.
    """

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
            storage: where files stay; or several such places by name, the first being where files go; or
                :class:`~chevupload.storage.registry.Storages` that choose among them.
            secret_keys: sign delete links; oldest first, the last one signs. Each has 16 characters or more.
            config: everything else that the site chooses.
            hooks: the host's functions that are asked before an upload is stored, and told of it afterwards.
            pages: what people see; a subclass puts it into the host's own layout.
            fetcher: brings URL sources, for those whom the policy lets name some; by default over http and https, from
                public addresses only.
            renderer: ``worker`` decodes pictures in killable child processes; ``inline`` in the server's own process,
                for hosts that cannot start any. A renderer of your own may stand here, too.
            current_user: who is signed in at the host, for the page of keys and the upload page: a user's id, of whom
                ``keys`` tell the rest if they can, as :class:`~chevupload.protocols.UserKeyBackend` does; or a
                Principal, which is taken as it is.
            key_store: the keys that users make on that page, which ``keys`` has to know. There is a page with both.
            clock: returns an aware UTC time.

        Raises:
            ConfigError: the parts do not fit together.
        """
        # What a twin of this component is made of, in a host's tests.
        self.parts = {name: part for name, part in locals().items() if name != "self"}
        self.own_database: Any = None
        self.config = config
        _check_parts(config=config, hooks=hooks, pages=pages, catalog=catalog, fetcher=fetcher, key_store=key_store)
        if current_user is not None:
            check_function("current_user", current_user, "environ")
        check_function("clock", clock)
        limits, policy, renditions = config.limits, config.policy, config.renditions
        storages = storage if isinstance(storage, Storages) else Storages(storage)
        if config.routes.files is None and any(one.url("0.png") is None for one in storages.by_name.values()):
            raise ConfigError("without a route for files, the storage needs a public URL")
        if renderer in ("worker", "inline"):
            check_usable("Policy.formats", policy.formats)
        spools = SpoolFolder(config.spool_folder or _spool_folder(storages), limits.spool_bytes)
        key_backend = as_key_backend(keys)
        visitor = None if current_user is None else signed_in(key_backend, current_user)
        tokens = DeleteTokens(secret_keys)
        has_page = key_store is not None and current_user is not None
        self.routes = _served(config.routes, has_keys_page=has_page)
        self.catalog = catalog
        self._key_store = key_store
        self._storages = storages
        self._sign = tokens.sign
        self._tag_url = policy.tag_url
        self._deliverer = Deliverer(storages, config.delivery, clock=clock)
        self._base_url = config.base_url
        self._trusted_proxies = config.trusted_proxies
        self._assets = Assets(self.routes.assets)
        self._answers = PageAnswers(
            pages,
            site=partial(
                self._site_links,
                login_url=policy.login_url,
                current_user=current_user,
                display_name=hooks.display_name,
            ),
        )
        self.renderer = _renderer(renderer, limits)
        writer = Writer(catalog, storages, hooks)
        transactions = HostTransactions(
            catalog=catalog, storages=storages, writer=writer, hooks=hooks, intents=IntentLog(spools.path, secret_keys)
        )
        self.uploads = Uploads(
            keys=key_backend,
            catalog=catalog,
            storages=storages,
            writer=writer,
            transactions=transactions,
            renderer=self.renderer,
            limits=limits,
            renditions=renditions,
            originals=config.originals,
            policy=policy,
            hooks=hooks,
            spools=spools,
            clock=clock,
        )
        dated = policy.storage_mode == "datefolder"
        consistency = ConsistencyCheck(uploads=self.uploads, catalog=catalog, storages=storages, dated=dated)
        self.maintenance = Maintenance(
            catalog=catalog,
            storages=storages,
            writer=writer,
            transactions=transactions,
            consistency=consistency,
            spool_folder=spools.path,
            pending_grace=policy.pending_grace,
            clock=clock,
        )
        receiver = Receiver(
            keys=key_backend,
            uploads=self.uploads,
            fetcher=fetcher or HttpFetcher(),
            limits=limits,
            policy=policy,
            spools=spools,
            links=self._links,
        )
        self._api = UploadApi(
            receiver=receiver, uploads=self.uploads, limits=limits, renditions=renditions, policy=policy
        )
        self._viewing = Viewing(
            catalog=catalog,
            deliverer=self._deliverer,
            uploads=self.uploads,
            tokens=tokens,
            policy=policy,
            renditions=renditions,
            answers=self._answers,
            links=self._links,
            clock=clock,
        )
        embeds = Embeds(
            catalog=catalog,
            limits=limits,
            renditions=renditions,
            policy=policy,
            pages=self._answers.pages,
            links=self._links,
            clock=clock,
        )
        describing = Describing(
            routes=self.routes,
            limits=limits,
            policy=policy,
            renditions=renditions,
            answers=self._answers,
            links=self._links,
        )
        upload_page = UploadPage(
            api=self._api,
            receiver=receiver,
            uploads=self.uploads,
            current_user=visitor,
            tokens=FormTokens(secret_keys),
            limits=limits,
            policy=policy,
            answers=self._answers,
        )
        health = Health(catalog=catalog, storages=storages, keys=as_key_backend(keys))
        exact: dict[str, Exact] = {
            "upload": self._api.upload,
            "imgbb": self._api.upload_imgbb,
            "health": health.answer,
            "liveness": health.live,
            "upload_page": upload_page.answer,
            "api_page": describing.page,
            "openapi": describing.openapi,
            "oembed": embeds.answer,
            "pup": self._pup,
            "home": Home(self._answers).answer,
        }
        if key_store is not None and visitor is not None:
            self._key_settings = KeySettings(
                current_user=visitor,
                keys=key_store,
                tokens=FormTokens(secret_keys),
                limits=limits,
                login_url=policy.login_url,
                upload_url=lambda environ: f"{self._links(environ).base_url}/{self.routes.upload}",
                clients_url=self._api_page_path,
                answers=self._answers,
                clock=clock,
            )
            exact["keys"] = self._key_settings.answer
        below = {"viewer": self._upload, "video": self._upload, "assets": self._asset, "files": self._viewing.file}
        self._table = RouteTable(self.routes, exact=exact, below=below)

    @property
    def key_store(self) -> KeyStore:
        """The keys that users make for themselves.

        Raises:
            ConfigError: keys are made elsewhere.
        """
        if self._key_store is None:
            raise ConfigError("this application makes its keys elsewhere")
        return self._key_store

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as a WSGI application of its own.

        A path that begins with several slashes is one with one slash, as nginx has it. Around a host it is the host's,
        whose own rules may not know it.
        """
        environ = _with_one_slash(environ)
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
        return self._table.respond(trust_proxies(environ, self._trusted_proxies), _path(environ))

    def forget(self, owner: Owner) -> None:
        """Take the keys, uploads and albums of a user away who is being deleted.

        Databases give the id of a deleted row to another one sooner or later, and whoever gets it would find what is
        left.

        Args:
            owner: the user's id, or Principal. What is on its way in at this moment may be missed: once the user is
                gone, nothing follows.

        Raises:
            BackendError: a part is away; asking again goes on where it ended.
            ConfigError: the catalog cannot list the uploads of a user.
        """
        user_id = as_principal(owner).user_id
        if self._key_store is not None and user_id is not None:
            self._key_store.forget_keys(user_id)
        self.uploads.delete_all(owner)
        if user_id is not None and isinstance(self.catalog, AlbumRecords):
            self.catalog.forget_albums(user_id)

    def refuse(self, environ: WSGIEnvironment, refusal: Refusal) -> Response:
        """Answer an upload that the host itself refuses, so that its client reads why, in the format it asked for."""
        speaks_imgbb = self.routes.imgbb is not None and _path(environ).rstrip("/").endswith(f"/{self.routes.imgbb}")
        return self._api.refuse(environ, refusal, imgbb=speaks_imgbb)

    def warm(self) -> None:
        """Start the worker processes now, so that the first upload does not wait for them."""
        self.renderer.warm()

    def close(self) -> None:
        """End regular sweeps and the worker processes; new ones of these start if the component is used again."""
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
        if self._base_url is None and environ is None:
            raise ConfigError("links without a request need base_url")
        return self._links(trust_proxies(environ or {}, self._trusted_proxies))

    def _links(self, environ: WSGIEnvironment) -> Links:
        base_url = self._base_url or request_base_url(environ)
        return Links(
            base_url,
            routes=self.routes,
            storages=self._storages,
            sign=self._sign,
            signed_url=self._deliverer.signed_url,
            tag_url=self._tag_url,
        )

    def _mount(self, environ: WSGIEnvironment) -> str:
        return mount_path(environ) if self._base_url is None else urlsplit(self._base_url).path.rstrip("/")

    def _site_links(self, environ: WSGIEnvironment, **known: Any) -> SiteLinks:
        mount = self._mount(environ)
        return SiteLinks(environ, mount=mount, routes=self.routes, assets=self._assets.folder(mount), **known)

    def _upload(self, environ: WSGIEnvironment, rest: str) -> Response | None:
        """Answer what is below the viewers' routes: a viewer, its QR code, or a delete link."""
        if (found := VIEWER.match(rest)) is None:
            return None
        upload_id, token, qr = found.groups()
        if qr is not None:
            return self._viewing.qr(environ, upload_id)
        if token is None:
            return self._viewing.viewer(environ, _path(environ), upload_id)
        return self._viewing.delete(environ, upload_id, token)

    def _asset(self, environ: WSGIEnvironment, path: str) -> Response:
        try:
            return self._assets.answer(environ["REQUEST_METHOD"], path)
        except Refusal as refusal:
            return self._answers.refusal(environ, refusal)

    def _pup(self, environ: WSGIEnvironment) -> Response:
        refuse = partial(self._answers.refusal, environ)
        return answered(environ, "GET, HEAD", self._assets.pup_answer, refuse=refuse)

    def _api_page_path(self, environ: WSGIEnvironment) -> str | None:
        """Return the path of the page that makes settings for clients, for a form on another page."""
        return f"{self._mount(environ)}/{self.routes.api_page}" if self.routes.api_page else None

    def _unknown(self, environ: WSGIEnvironment) -> Response:
        """Answer a path that is none of ours, standing alone: in JSON below ``/api`` and ``/1``, where programs ask."""
        first, version, action = (*_path(environ).lower().removeprefix("/").split("/"), "", "")[:3]
        if first == "api":
            return self._api.unknown(environ, version, action)
        return self._api.missing(environ) if first == "1" else self._answers.refusal(environ, NotFound())


def _with_one_slash(environ: WSGIEnvironment) -> WSGIEnvironment:
    path = environ.get("PATH_INFO", "")
    return {**environ, "PATH_INFO": f"/{path.lstrip('/')}"} if path.startswith("//") else environ


def _path(environ: WSGIEnvironment) -> str:
    """Return the path below the mount point, decoded."""
    path: str = environ.get("PATH_INFO", "") or "/"
    return path.encode("latin-1", "replace").decode("utf-8", "replace")


def _served(routes: Routes, *, has_keys_page: bool) -> Routes:
    """Return the routes that have something to answer with; the others' paths are the host's."""
    off = []
    if not has_keys_page:
        off.append("keys")
    if not routes.viewer and not routes.video:
        off.append("oembed")
    if not routes.upload_page:
        off.append("pup")
    if not routes.upload and not routes.imgbb:
        off += ["api_page", "openapi"]
    return replace(routes, **dict.fromkeys(off))


_PARTS: Mapping[str, tuple[type, str]] = {
    "config": (Config, "Config(limits=Limits(max_bytes=5_000_000))"),
    "hooks": (Hooks, "Hooks(on_upload=tell)"),
    "pages": (Pages, "Pages(site_name='Pictures')"),
    "catalog": (UploadRecords, "SqlCatalog(Database(engine))"),
    "fetcher": (Fetcher, "HttpFetcher()"),
    "key_store": (KeyStore, "SqlKeys(database)"),
}
"""What each part has to be, and an example of it."""


def _check_parts(**parts: object) -> None:
    for name, part in parts.items():
        if part is not None:
            check_instance(name, part, *_PARTS[name])


def _renderer(chosen: str | Renderer, limits: Limits) -> Renderer:
    if chosen == "worker":
        return WorkerPool(limits)
    if chosen == "inline":
        return InlineRenderer(limits)
    check_instance("renderer", chosen, Renderer, "'worker', 'inline' or a renderer")
    return cast(Renderer, chosen)


def _spool_folder(storages: Storages) -> str:
    return str(storages.adopting[0].incoming) if storages.adopting else tempfile.gettempdir()
