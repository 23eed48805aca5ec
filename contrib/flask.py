"""Uploads in a Flask application: an extension with one blueprint, a group of commands, and the proxy ``uploads``.

Source: Flask's guide to extensions; Flask-WTF's, Flask-Login's and Flask-SQLAlchemy's documentation.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Unpack, cast

try:
    import flask
except ImportError as error:
    raise ImportError("chevupload.contrib.flask needs Flask: pip install 'chevupload[flask]'", name="flask") from error

from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy
from werkzeug.test import run_wsgi_app

from chevupload import app as core
from chevupload.config import Routes
from chevupload.contrib.flask_commands import Commands
from chevupload.contrib.flask_site import derived_secrets, engine_of, environ_of, signed_in, tables_of
from chevupload.db import Tables
from chevupload.errors import ConfigError, TooLarge
from chevupload.filesystem import local_path
from chevupload.integration import METHODS, RequestUploads, checked_prefix, host_routes
from chevupload.site.factory import StoreParts, component_from

_NAME = "chevupload"
_UPLOADS = (f"{_NAME}.upload", f"{_NAME}.imgbb")
_FORM_BYTES = 16_777_216
"""Text of a form that the host reads itself, and holds in memory: base64 of 12 MB. Flask's own 500 kB refuse most."""


def _component() -> core.ChevUpload:
    return cast(core.ChevUpload, flask.current_app.extensions[_NAME])


def _prefix() -> str:
    return flask.current_app.blueprints[_NAME].url_prefix or ""


uploads = cast(
    RequestUploads,
    LocalProxy(lambda: RequestUploads(_component(), flask.request.environ, prefix=_prefix())),
)
"""The current application's uploads, for the code that answers a request: save, get, list, delete, and links.

Where there is no request, ``current_app.extensions["chevupload"].uploads`` has the same verbs, but no links.
"""


class ChevUpload:
    """The extension: ``ChevUpload(app, ...)``, or ``init_app(app)`` for applications made later.

    Its settings are ``CHEVUPLOAD_*``, as :func:`chevupload.component_from` lists them in lower case, and
    ``CHEVUPLOAD_URL_PREFIX``. Without others, everything is in the folder ``chevupload`` of the instance folder and
    signed with the application's secret key. The component is the application's extension ``chevupload``.
    """

    def __init__(
        self,
        app: flask.Flask | None = None,
        *,
        db: Any = None,
        users: Any = None,
        login: bool = False,
        url_prefix: str | None = None,
        tables: Tables | None = None,
        **parts: Unpack[StoreParts],
    ) -> None:
        """Remember what the host has of its own, and use it for ``app`` if there is one already.

        Args:
            app: the application.
            db: Flask-SQLAlchemy's object: records and keys are in the application's own database, in tables that
                ``db.create_all()`` makes with the others.
            users: the mapped class of the host's users, or :class:`~chevupload.db.UserColumns`: keys are
                theirs. An ``is_admin`` or ``is_active`` that is mapped counts.
            login: True asks Flask-Login who is signed in, and gives users a page for their keys.
            url_prefix: where to mount everything; ``CHEVUPLOAD_URL_PREFIX`` wins.
            tables: tables of the host's own.
            parts: other keywords of :func:`~chevupload.component_from` or
                :class:`~chevupload.app.ChevUpload`.
        """
        if login and users is None and "key_store" not in parts:
            raise ConfigError("login=True needs users, whose keys the page makes")
        if db is not None:
            # Now, and not with an application: db.create_all() and migrations have to know them.
            tables = tables_of(db, tables)
        self._db = db
        self._login = login
        self._url_prefix = url_prefix
        self._parts = {"tables": tables, "users": users, **parts}
        if app is not None:
            self.init_app(app)

    def init_app(self, app: flask.Flask) -> None:
        """Make a component from the application's configuration, and mount it.

        Raises:
            ConfigError: the configuration does not fit together, or the application has one already.
        """
        if _NAME in app.extensions:
            raise ConfigError("this application has chevupload already")
        settings: dict[str, Any] = app.config.get_namespace("CHEVUPLOAD_")
        prefix = checked_prefix(settings.pop("url_prefix", None) or self._url_prefix)
        if folder := settings.get("folder", _NAME):
            settings["folder"] = local_path(folder, below=app.instance_path)
        if app.secret_key:
            settings.setdefault("secret_keys", derived_secrets(app))
        parts: dict[str, Any] = dict(self._parts)
        if self._login:
            parts["current_user"] = signed_in(parts["users"])
        if self._db is not None:
            parts["database"] = engine_of(self._db, app)
        app.extensions[_NAME] = component = component_from(settings, **parts)
        app.register_blueprint(_blueprint(component.routes, prefix, _keys_page if self._login else _answer))
        app.cli.add_command(Commands(_NAME, help="Look after the uploads of this application."))


def _blueprint(routes: Routes, prefix: str, keys_page: Callable[..., Any]) -> flask.Blueprint:
    blueprint = flask.Blueprint(_NAME, __name__, url_prefix=prefix or None)
    blueprint.url_value_preprocessor(_prepare)
    blueprint.register_error_handler(413, _too_large)
    for name, _, path in host_routes(routes, rest="<path:rest>"):
        view = keys_page if name == "keys" else _answer
        blueprint.add_url_rule(path, name, view, provide_automatic_options=False, methods=METHODS)
    return blueprint


class _Answer(flask.Response):
    default_mimetype = None
    """Nothing that the component did not say: a cache would take Flask's default for the type of an unchanged file."""


def _answer(rest: str = "") -> _Answer:
    """Answer a request to any of the routes."""
    environ = environ_of(flask.request, _prefix())
    response = _component().respond(environ)
    if response is None:
        flask.abort(404)
    return _Answer(*run_wsgi_app(response, environ))


def _keys_page() -> Any:
    response = _answer()
    # Where to sign in, the host has told Flask-Login.
    return response if response.status_code != 401 else cast(Any, flask.current_app).login_manager.unauthorized()


def _prepare(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Come before every function that the host runs before a request."""
    app, request = flask.current_app, flask.request
    if "csrf" in app.extensions:
        # Keys are no cookies, and the page of keys has tokens of its own.
        app.extensions["csrf"].exempt(app.blueprints[_NAME])
    if endpoint in _UPLOADS and request.max_form_memory_size is not None:
        request.max_form_memory_size = max(request.max_form_memory_size, _FORM_BYTES)


def _too_large(error: HTTPException) -> Any:
    """Tell a program in its own words when a limit of the host is in the way, before this component saw anything."""
    if flask.request.endpoint not in _UPLOADS:
        return error
    return _component().refuse(flask.request.environ, TooLarge("Request too big - more than this site takes at once"))
