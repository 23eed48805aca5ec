"""Uploads in a Flask application: an extension with one blueprint and a group of commands.

May know: Flask, and every floor below. Source: Flask's guide to extensions; Flask-WTF's, Flask-Login's and
Flask-SQLAlchemy's documentation.
"""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, cast

try:
    import flask
    from werkzeug.exceptions import HTTPException, abort
except ImportError as error:
    raise ImportError("chevupload.contrib.flask needs Flask: pip install 'chevupload[flask]'", name="flask") from error

from chevupload.contrib.flask_commands import commands

from chevupload import app as core
from chevupload.errors import ConfigError, TooLarge
from chevupload.key_settings import CurrentUser
from chevupload.model import Principal
from chevupload.mounting import METHODS, RequestUploads, below, checked_prefix, route_paths
from chevupload.request.handed import HandedForm, hand_on
from chevupload.settings import component_from
from chevupload.store.sql import Database, Tables, UserColumns

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_NAME = "chevupload"
_FORM_BYTES = 16_777_216
"""Text of a form that the host reads itself, and holds in memory: base64 of 12 MB. Flask's own 500 kB refuse most."""


class ChevUpload:
    """The extension: ``ChevUpload(app, ...)``, or ``init_app(app)`` for applications made later.

    Its settings are ``CHEVUPLOAD_*``, as :func:`chevupload.settings.component_from` lists them in lower case, and
    ``CHEVUPLOAD_URL_PREFIX``. Without others, everything is in the folder ``chevupload`` of the instance folder and
    signed with the application's secret key.
    """

    def __init__(
        self,
        app: flask.Flask | None = None,
        *,
        db: Any = None,
        users: Any = None,
        login: bool = False,
        url_prefix: str | None = None,
        **parts: Any,
    ) -> None:
        """Remember what the host has of its own, and use it for ``app`` if there is one already.

        Args:
            app: the application.
            db: Flask-SQLAlchemy's object: records and keys are in the application's own database, in tables that
                ``db.create_all()`` makes with the others.
            users: the mapped class of the host's users, or :class:`~chevupload.store.sql.UserColumns`: keys are
                theirs. An ``is_admin`` or ``is_active`` that is mapped counts.
            login: True asks Flask-Login who is signed in, and gives users a page for their keys.
            url_prefix: where to mount everything; ``CHEVUPLOAD_URL_PREFIX`` wins.
            parts: any field of :class:`~chevupload.settings.Parts`, or keyword of
                :class:`~chevupload.app.ChevUpload`.
        """
        self._db = db
        self._users = users
        self._login = login
        self._url_prefix = url_prefix
        self._parts = parts
        self._tables = parts.pop("tables", None)
        if db is not None and self._tables is None:
            self._tables = Tables.default().in_metadata(db.metadata)
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
        settings.setdefault("folder", os.path.join(app.instance_path, _NAME))
        if app.secret_key:
            fallbacks = app.config.get("SECRET_KEY_FALLBACKS") or ()
            settings.setdefault("secret_keys", [*map(_text, reversed(fallbacks)), _text(app.secret_key)])
        app.extensions[_NAME] = component = component_from(settings, **self._host_parts(app))
        app.register_blueprint(_blueprint(component, prefix, login=self._login))
        app.cli.add_command(commands(component))

    @property
    def component(self) -> core.ChevUpload:
        """The component of the current application."""
        return cast(core.ChevUpload, flask.current_app.extensions[_NAME])

    @property
    def uploads(self) -> RequestUploads:
        """The uploads, for the current request: ``save``, ``get``, ``list``, ``delete`` and ``links``."""
        prefix = flask.current_app.blueprints[_NAME].url_prefix or ""
        return RequestUploads(self.component, flask.request.environ, prefix=prefix)

    def _host_parts(self, app: flask.Flask) -> dict[str, Any]:
        parts = dict(self._parts)
        if self._users is not None:
            users = self._users if isinstance(self._users, UserColumns) else UserColumns.of(self._users)
            parts["users"] = users
        if self._db is not None:
            if "sqlalchemy" not in app.extensions:
                raise ConfigError("db.init_app(app) comes before chevupload's")
            with app.app_context():
                parts["database"] = Database(self._db.engine)
            parts["tables"] = self._tables
        if self._login:
            parts["current_user"] = _signed_in(parts.get("users"))
        return parts


def _text(secret: str | bytes) -> str:
    return secret if isinstance(secret, str) else secret.decode("latin-1")


def _signed_in(users: UserColumns | None) -> CurrentUser:
    """Return a function that asks Flask-Login who is signed in."""
    try:
        from flask_login import current_user  # noqa: PLC0415  # only hosts that ask for it have it
    except ImportError as error:
        raise ConfigError("login=True needs Flask-Login") from error

    def principal(environ: WSGIEnvironment) -> Principal | None:
        if not current_user.is_authenticated or not current_user.is_active:
            return None
        user_id = current_user.get_id() if users is None else getattr(current_user, users.id.key)
        return Principal(user_id=str(user_id), is_admin=bool(getattr(current_user, "is_admin", False)))

    return principal


def _blueprint(component: core.ChevUpload, prefix: str, *, login: bool) -> flask.Blueprint:
    blueprint = flask.Blueprint(_NAME, __name__, url_prefix=prefix or None)

    def answer(rest: str = "") -> flask.Response:
        request = flask.request
        environ = below(request.environ, prefix, request.environ["PATH_INFO"].removeprefix(prefix))
        _hand_on(environ, request)
        response = component.respond(environ)
        if response is None:
            abort(404)
        made = flask.make_response(response)
        if "Content-Type" not in response.headers:
            # Flask's default, for an answer without content.
            made.headers.pop("Content-Type", None)
        return made

    def keys() -> Any:
        response = answer()
        if login and response.status_code == 401:
            # Where to sign in, the host has told Flask-Login.
            return cast(Any, flask.current_app).login_manager.unauthorized()
        return response

    for name, paths in route_paths(component.routes).items():
        for path in paths:
            blueprint.add_url_rule(
                path.replace("{rest}", "<path:rest>"),
                endpoint=name,
                view_func=keys if name == "keys" else answer,
                methods=METHODS,
                provide_automatic_options=False,
            )

    @blueprint.url_value_preprocessor
    def prepare(endpoint: str | None, values: dict[str, Any] | None) -> None:
        """Come before every function that the host runs before a request."""
        csrf = flask.current_app.extensions.get("csrf")
        if csrf is not None:
            # Keys are no cookies, and the page of keys has tokens of its own.
            csrf.exempt(blueprint)
        flask.request.max_form_memory_size = _FORM_BYTES

    @blueprint.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Any:
        """Tell a program in its own words when the host finds its form too large, before this component saw it."""
        if error.code != 413 or flask.request.endpoint != f"{_NAME}.upload":
            return error
        return component.refuse(
            flask.request.environ, TooLarge("Request too big for the host, which reads forms itself")
        )

    return blueprint


def _hand_on(environ: WSGIEnvironment, request: flask.Request) -> None:
    """Hand on what the host has made of the body, if it looked into it."""
    read = vars(request)
    if read.get("_cached_data"):
        environ["wsgi.input"] = io.BytesIO(read["_cached_data"])
    elif "form" in read and request.mimetype in ("multipart/form-data", "application/x-www-form-urlencoded"):
        files = [(name, file.filename or "", cast(Any, file.stream)) for name, file in request.files.items(multi=True)]
        hand_on(environ, HandedForm(fields=list(request.form.items(multi=True)), files=files))
