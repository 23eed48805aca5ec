"""What a Flask application has already: its secrets, Flask-SQLAlchemy's database, Flask-Login's user, and a request.

Source: the documentation of Flask-SQLAlchemy, Flask-Migrate and Flask-Login.
"""

from __future__ import annotations

import io
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

import flask

from chevupload.db import Tables, UserColumns
from chevupload.db.columns import tell_alembic
from chevupload.errors import ConfigError
from chevupload.integration import ParsedForm, below, set_parsed_form
from chevupload.keys import CurrentUser

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def derived_secrets(app: flask.Flask) -> list[str]:
    """Derive what signs delete links, oldest first: Flask takes keys of bytes, and short ones in a site being made."""
    secrets = (*(app.config.get("SECRET_KEY_FALLBACKS") or ()), app.secret_key or "")
    return [sha256(one.encode() if isinstance(one, str) else one).hexdigest() for one in secrets]


def tables_of(db: Any, tables: Tables | None) -> Tables:
    """Return ``tables``, or the usual ones, among those of Flask-SQLAlchemy's object ``db``.

    Raises:
        ConfigError: ``db`` is something else.
    """
    if not hasattr(getattr(db, "metadata", None), "tables") or not hasattr(db, "init_app"):
        raise ConfigError(f"db must be Flask-SQLAlchemy's object, such as SQLAlchemy(): {db!r:.80}")
    return (tables or Tables.default()).in_metadata(db.metadata)


def engine_of(db: Any, app: flask.Flask) -> Any:
    """Return the engine that ``db`` has for ``app``.

    Raises:
        ConfigError: ``db`` does not know this application yet.
    """
    if app.extensions.get("sqlalchemy") is not db:
        raise ConfigError("db.init_app(app) has to come before chevupload's")
    # Flask-Migrate may have been loaded since the tables were made.
    tell_alembic()
    with app.app_context():
        return app.extensions["sqlalchemy"].engine


def signed_in(users: Any) -> CurrentUser:
    """Return a function that asks Flask-Login who is signed in."""
    try:
        from flask_login import current_user  # noqa: PLC0415  # only hosts that ask for it have it
    except ImportError as error:
        raise ConfigError("login=True needs Flask-Login") from error

    column = None if users is None else UserColumns.of(users).id.key

    def user_id(environ: WSGIEnvironment) -> str | None:
        if not current_user.is_authenticated or not current_user.is_active:
            return None
        return str(current_user.get_id() if column is None else getattr(current_user, column))

    return user_id


def environ_of(request: flask.Request, prefix: str) -> WSGIEnvironment:
    """Return the environ as the component at ``prefix`` sees it.

    It has what the host has made of the body, if the host looked into it.
    """
    environ = below(request.environ, prefix, request.environ["PATH_INFO"].removeprefix(prefix))
    read = vars(request)
    if data := read.get("_cached_data"):
        environ["wsgi.input"] = io.BytesIO(data)
    elif "form" in read and (request.form or request.files):
        files = [(name, file.filename or "", cast(Any, file.stream)) for name, file in request.files.items(multi=True)]
        set_parsed_form(environ, ParsedForm(fields=list(request.form.items(multi=True)), files=files))
    elif request.max_content_length is not None:
        # The host's own limit counts here, too.
        environ["wsgi.input"] = request.stream
    return environ
