"""A Pyramid application whose users upload: with pyramid_tm and zope.sqlalchemy.

In the checkout, this makes an environment and starts it at http://127.0.0.1:8000. The port, ``http_port=``, has to be
given, for the ini file has none::

    python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[serve,pyramid]' pyramid_tm zope.sqlalchemy
    PYTHONPATH=examples .venv/bin/pserve examples/pyramid_app/development.ini http_port=8000

Register at http://127.0.0.1:8000/register, upload at "Upload many", or make a key at "API keys" and upload with it::

    curl -H "X-API-Key: $KEY" -F source=@photo.jpg http://127.0.0.1:8000/api/1/upload

Everything stays in the folder ``pyramid-app-data`` below the current one. From a timer, look after the uploads::

    PYTHONPATH=examples .venv/bin/python -m chevupload.contrib.pyramid examples/pyramid_app/development.ini sweep
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zope.sqlalchemy
from pyramid.config import Configurator
from pyramid.session import SignedCookieSessionFactory
from sqlalchemy.orm import Session

from chevupload import sqlite_engine

from .models import Base, User, tables
from .pages import STATIC, SitePages
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
    config.set_chevupload(database=engine, tables=tables, users=User, pages=SitePages())
    config.add_static_view("static", STATIC)
    config.include(".views")
    application: WSGIApplication = config.make_wsgi_app()
    if port := global_config.get("http_port"):
        print(f"Serving http://127.0.0.1:{port} - begin at http://127.0.0.1:{port}/register", flush=True)
    return application


def _secret(file: Path) -> str:
    """Return the secret that signs sessions, made at the first start."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()
