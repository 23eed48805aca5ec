"""Uploads in a Pyramid application: ``config.include("chevupload.contrib.pyramid")``.

Source: Pyramid's chapters on extending its configuration and on security; pyramid_tm's and zope.sqlalchemy's
documentation.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import click

try:
    from pyramid.exceptions import ConfigurationError
    from pyramid.httpexceptions import HTTPNotFound
    from pyramid.interfaces import PHASE1_CONFIG, ISecurityPolicy
    from pyramid.paster import bootstrap, setup_logging
    from pyramid.security import NO_PERMISSION_REQUIRED
except ImportError as error:
    message = "chevupload.contrib.pyramid needs Pyramid: pip install 'chevupload[pyramid]'"
    raise ImportError(message, name="pyramid") from error

from sqlalchemy.exc import UnboundExecutionError

from chevupload.cli import host_commands, hosted
from chevupload.cli.command_line import CommandLine
from chevupload.config import ROUTE_SETTING, Config, Routes
from chevupload.config_reader import read_settings
from chevupload.db import Tables
from chevupload.integration import RequestUploads, below, checked_prefix, host_routes
from chevupload.site.factory import AllParts, component_from
from chevupload.web.receiver import SESSION

_NAME = "chevupload"
_REQUEST = "chevupload.request"
"""Where the environ holds Pyramid's request, for the function that knows who is signed in."""


def includeme(config: Any) -> None:
    """Mount a component below the include's ``route_prefix``.

    Its settings are ``chevupload.*``, as :func:`chevupload.component_from` lists them, and
    ``chevupload.route_prefix``, for ini files. What no text can say, ``config.set_chevupload`` takes. The component is
    made when the configuration is committed; it is ``config.registry["chevupload"]`` and ``request.chevupload``.
    """
    head = f"{_NAME}."
    every = config.registry.settings.items()
    settings = {name.removeprefix(head): value for name, value in every if name.startswith(head)}
    with config.route_prefix_context(settings.pop("route_prefix", None)):
        mount = _Mount(config.route_prefix)
        routes = read_settings(Routes(), settings, named=ROUTE_SETTING)
        for _, name, path in host_routes(routes, rest="{rest:.*}"):
            route = f"{_NAME}.{name}"
            config.add_route(route, path)
            # Keys are no cookies, and the page of keys has tokens of its own. Whether a key, a link or a user is good
            # enough, the component knows.
            config.add_view(mount.answer, route_name=route, require_csrf=False, permission=NO_PERMISSION_REQUIRED)
    config.add_directive("set_chevupload", mount.set_parts)
    config.add_request_method(mount.uploads, _NAME, reify=True)
    # In the last phase: the parts, and whether there is a security policy, are known before.
    config.action(_NAME, mount.make, args=(config.registry, settings))


class _Mount:
    """The component as one application has it."""

    def __init__(self, route_prefix: str | None) -> None:
        self._prefix = checked_prefix(route_prefix)
        self._parts: dict[str, Any] = {}

    def set_parts(self, config: Any, **parts: Any) -> None:
        """Take parts that the host has of its own; each conflicts with itself only, as views and routes do.

        Args:
            config: the configurator.
            parts: any keyword of :func:`~chevupload.component_from` or :class:`~chevupload.app.ChevUpload`.
                ``database`` may be an engine, ``users`` a mapped class; ``current_user`` gets the request. The routes
                are settings: their place among the host's is that of the include, before ``config`` is known.

        Raises:
            ConfigurationError: there is no such part, it is a config with routes, or the component is made already.
        """
        for name, part in parts.items():
            if name not in AllParts.__optional_keys__:
                raise ConfigurationError(f"chevupload has no part {name!r}")
            if isinstance(part, Config) and part.routes != Routes():
                raise ConfigurationError("chevupload's routes are settings, such as chevupload.viewer_route")
            if _NAME in config.registry:
                raise ConfigurationError("chevupload is made already: call set_chevupload before the commit")
            config.action((_NAME, name), self._parts.__setitem__, args=(name, part), order=PHASE1_CONFIG)

    def make(self, registry: Any, settings: Mapping[str, Any]) -> None:
        """Make the component of these settings and the parts."""
        parts = self._parts
        # Keys of users that nobody has named would open nothing.
        has_keys = parts.get("users") or parts.get("key_store")
        if has_keys and registry.queryUtility(ISecurityPolicy) is not None:
            parts.setdefault("current_user", _authenticated)
        if find_user := parts.get("current_user"):
            parts = {**parts, "current_user": lambda environ: find_user(environ[_REQUEST])}
        registry[_NAME] = component_from(settings, **parts)

    def answer(self, request: Any) -> Any:
        """Answer the component's routes."""
        path = request.environ["PATH_INFO"].removeprefix(self._prefix)
        more = {_REQUEST: request, SESSION: self._session(request)}
        response = request.registry[_NAME].respond(below(request.environ, self._prefix, path, **more))
        if response is None:
            raise HTTPNotFound
        return response

    def uploads(self, request: Any) -> RequestUploads:
        """Return the uploads for a request: ``save``, ``get``, ``list``, ``delete``, ``forget``, ``links``."""
        component = request.registry[_NAME]
        return RequestUploads(component, request.environ, prefix=self._prefix, session=self._session(request))

    def _session(self, request: Any) -> Any:
        """Return the host's session, if it is on the catalog's database and its transaction ends with the request."""
        database = None if "catalog" in self._parts else self._parts.get("database")
        if database is None or not request.environ.get("tm.active"):
            return None
        session: Any = getattr(request, "dbsession", None)
        tables = self._parts.get("tables") or Tables.default()
        with contextlib.suppress(AttributeError, UnboundExecutionError):
            if session.get_bind(clause=tables.uploads).engine.pool is database.engine.pool:
                return session
        return None


def _authenticated(request: Any) -> str | None:
    user_id = request.authenticated_userid
    return None if user_id is None else str(user_id)


@click.group(cls=CommandLine, commands=host_commands.commands, help=f"{host_commands.help} INI describes it.")
@click.argument("ini")
@click.pass_context
def main(ctx: click.Context, ini: str) -> None:
    """Have the component of the application at hand that an ini file, or a section ``production.ini#name``, makes."""
    setup_logging(ini)
    ctx.obj = hosted(ctx.with_resource(bootstrap(ini))["registry"][_NAME])


if __name__ == "__main__":
    main()
