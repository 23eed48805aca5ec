"""A Pyramid application whose users upload: with pyramid_tm and zope.sqlalchemy.

Make an environment and start it; then register at http://127.0.0.1:6543 and make a key for your programs::

    python3 -m venv pyramid-env && . pyramid-env/bin/activate
    pip install 'chevupload[serve,pyramid]' pyramid_tm zope.sqlalchemy
    PYTHONPATH=examples pserve examples/pyramid_app/development.ini http_port=6543

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:6543/api/1/upload

In a checkout, install ``-e '.[serve,pyramid]'`` instead of ``'chevupload[serve,pyramid]'``. Everything that the
application keeps is in ``./pyramid-app-data``. From a timer, look after the uploads::

    PYTHONPATH=examples python -m chevupload.contrib.pyramid examples/pyramid_app/development.ini sweep
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.session import SignedCookieSessionFactory
from sqlalchemy.orm import Session

from chevupload.store.sql import sqlite_engine

from .models import Base, User, tables
from .security import SecurityPolicy

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def main(global_config: dict[str, str], **settings: Any) -> WSGIApplication:
    """Return the application that ``development.ini`` describes."""
    folder = Path(settings["site.folder"])
    folder.mkdir(parents=True, exist_ok=True)
    # Of your own, any engine will do: sqlalchemy.engine_from_config(settings).
    engine = sqlite_engine(folder / "site.db")
    Base.metadata.create_all(engine)

    def dbsession(request: Any) -> Session:
        session = Session(engine)
        zope.sqlalchemy.register(session, transaction_manager=request.tm)
        return session

    config = Configurator(settings=settings)
    config.set_session_factory(SignedCookieSessionFactory(_secret(folder / "secret"), httponly=True, samesite="Lax"))
    config.set_security_policy(SecurityPolicy())
    config.set_default_csrf_options(require_csrf=True)
    config.set_default_permission("own pictures")
    config.add_request_method(dbsession, reify=True)
    config.set_chevupload(database=engine, tables=tables, users=User)
    config.include(".views")
    application: WSGIApplication = config.make_wsgi_app()
    return application


def _secret(file: Path) -> str:
    """Return the secret that signs sessions, made at the first start."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()
