"""Uploads in a Bottle application: a plugin that mounts the component and hands it to the routes that ask for it.

Source: Bottle's guide to plugins, API version 2; its own mounts, for how an answer of WSGI becomes one of Bottle.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Unpack

try:
    import bottle
except ImportError as error:
    raise ImportError(
        "chevupload.contrib.bottle needs Bottle: pip install 'chevupload[bottle]'", name="bottle"
    ) from error

from chevupload.app import ChevUpload
from chevupload.errors import TooLarge
from chevupload.integration import RequestUploads, below, checked_prefix, host_routes
from chevupload.site.factory import AllParts, component_from
from chevupload.wsgi.webob import Request, Response

_NAME = "chevupload"


class ChevUploadPlugin:
    """The plugin: ``app.install(ChevUploadPlugin(...))``, before the application's own hooks are added.

    Its settings are ``chevupload.*`` of ``app.config``, as :func:`chevupload.component_from` lists them, and
    ``chevupload.prefix``. A second plugin has a keyword of its own, which names its settings, too.

    Attributes:
        name: the keyword, which skips this plugin for a route.
        component: the component itself, once the plugin is installed.
    """

    name = _NAME
    api = 2
    component: ChevUpload

    def __init__(self, *, keyword: str = _NAME, prefix: str | None = None, **parts: Unpack[AllParts]) -> None:
        """Remember what the host has of its own.

        Args:
            keyword: argument of those callbacks that want the uploads.
            prefix: where to mount everything; ``chevupload.prefix`` wins.
            parts: keywords of :func:`chevupload.component_from`, and of
                :class:`~chevupload.app.ChevUpload`.
        """
        self.name = keyword
        self._prefix = prefix
        self._parts = parts

    def setup(self, app: bottle.Bottle) -> None:
        """Make a component from the application's configuration, and mount it: Bottle calls this.

        Raises:
            bottle.PluginError: another plugin has the same keyword.
            ConfigError: the configuration does not fit together.
        """
        if any(isinstance(other, ChevUploadPlugin) and other.name == self.name for other in app.plugins):
            raise bottle.PluginError(f"another chevupload has the keyword {self.name!r}: give this one its own")
        start = f"{self.name}."
        settings = {name.removeprefix(start): value for name, value in app.config.items() if name.startswith(start)}
        self._prefix = checked_prefix(settings.pop("prefix", None) or self._prefix)
        self.component = component_from(settings, **self._parts)
        app.add_hook("before_request", functools.partial(self._keep_body, app))
        app.add_hook("after_request", functools.partial(self._explain, app))
        for _, _, path in host_routes(self.component.routes, rest="<rest:path>"):
            # As Bottle's own mounts: before every route of the host, whatever the method; without its plugins.
            rule = self._prefix + path
            app.route(rule, method="PROXY", callback=functools.partial(self._answer, app), skip=True)

    def apply(self, callback: Callable[..., Any], route: bottle.Route) -> Callable[..., Any]:
        """Give ``callback`` the uploads if it asks for them: Bottle calls this for each of its routes."""
        if not _asks_for(self.name, route):
            return callback

        def with_uploads(*values: Any, **named: Any) -> Any:
            named[self.name] = RequestUploads(
                self.component, bottle.request.environ, prefix=_spelled(self._mount(route.app))
            )
            return callback(*values, **named)

        return with_uploads

    def close(self) -> None:
        """End the worker processes: Bottle calls this when the plugin is taken off, or the application is closed."""
        self.component.close()

    def _mount(self, app: bottle.Bottle) -> str:
        """Return the path of the mount point, also where ``app`` itself is mounted in other applications of Bottle."""
        mount = self._prefix or ""
        while "_mount.app" in app.config:
            # Its routes then stand among the other's, whose requests know nothing of a mount.
            mount = app.config["_mount.prefix"].rstrip("/") + mount
            app = app.config["_mount.app"]
        return mount

    def _answer(self, app: bottle.Bottle, rest: str = "") -> bottle.HTTPResponse:
        environ = bottle.request.environ
        mount = self._mount(app)
        environ = below(environ, _spelled(mount), _spelled(environ["PATH_INFO"].removeprefix(mount)))
        response = self.component.respond(environ)
        if response is None:
            bottle.abort(404)
        return _of_bottle(response, environ)

    def _is_upload(self, app: bottle.Bottle) -> bool:
        routes = self.component.routes
        path = bottle.request.environ["PATH_INFO"].removesuffix("/")
        return path in {f"{self._mount(app)}/{route}" for route in (routes.upload, routes.imgbb) if route is not None}

    def _keep_body(self, app: bottle.Bottle) -> None:
        """Show an empty form to hooks that look into every one; the body stays, and streams into the component.

        What Bottle reads, it keeps; of a form without parts, or of JSON, it refuses more than 100 kB.
        """
        if self._is_upload(app):
            bottle.request.environ |= {"bottle.request.post": bottle.FormsDict(), "bottle.request.json": None}

    def _explain(self, app: bottle.Bottle) -> None:
        """Tell a program in its own words when a hook that came first found its form too large."""
        is_early = "bottle.route" not in bottle.request.environ
        if is_early and bottle.response.status_code == 413 and self._is_upload(app):
            refusal = TooLarge("Request too big for the host, which reads forms itself")
            environ = bottle.request.environ
            raise _of_bottle(self.component.refuse(environ, refusal), environ)


def _asks_for(keyword: str, route: bottle.Route) -> bool:
    parameters = inspect.signature(route.callback).parameters
    if keyword in parameters:
        return True
    # Bottle's own search looks into closures, too, where a callback has helpers of its own; it is asked for decorators
    # only that do not say what they wrap.
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return takes_any and keyword in route.get_callback_args()


def _spelled(path: str) -> str:
    """Spell a path as WSGI does; Bottle has decoded it."""
    return path.encode().decode("latin-1")


def _of_bottle(response: Response, environ: dict[str, Any]) -> bottle.HTTPResponse:
    status, headers, body = Request(environ).call_application(response)
    if not body:
        # Bottle forgets to close what is empty, as the body of an answer to HEAD is, with an open file behind it.
        getattr(body, "close", list)()
        body = ""
    decoded = [(name, value.encode("latin-1").decode()) for name, value in headers]
    return bottle.HTTPResponse(body, status, decoded)
