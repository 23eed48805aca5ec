"""Who may upload in a Django project: its own users, by the keys that end with them or by who is signed in.

Source: Django's documentation of its authentication and of databases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

from django.conf import settings as django_settings
from django.contrib.auth import get_user, get_user_model
from django.core.exceptions import ValidationError
from django.db import Error as DjangoDatabaseError
from django.db import close_old_connections
from django.db.transaction import get_connection
from django.http import parse_cookie

from chevupload.clock import Clock, utc_now
from chevupload.db import Database, SqlKeys, Tables, UserColumns
from chevupload.errors import CatalogError
from chevupload.model import Principal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

REQUEST = "chevupload.request"
"""Where the environ holds Django's request."""

UserPrincipal: TypeAlias = Callable[[Any], Principal | None]
"""What a user of Django's may do; None for who is not signed in, or may not upload."""


def principal_of(user: Any) -> Principal | None:
    """Return what a user of Django's may do: superusers are admins, and who is not active is nobody.

    The user is in ``data``, for hooks that ask for permissions.
    """
    if not user.is_authenticated or not user.is_active:
        return None
    return Principal(user_id=str(user.pk), is_admin=bool(getattr(user, "is_superuser", False)), data=user)


class DjangoKeys(SqlKeys):
    """Keys of Django's users, in the table of keys: each opens as long as its user is there and active."""

    def __init__(
        self,
        database: Database,
        *,
        tables: Tables | None = None,
        principal: UserPrincipal = principal_of,
        clock: Clock = utc_now,
    ) -> None:
        """Keep keys in ``database``, which need not be Django's own; ``principal`` says what a user may do."""
        tables = tables or Tables.default()
        # No table of users is asked there: a key's user is whom it names, if Django knows them.
        super().__init__(database, tables=tables, users=UserColumns(id=tables.keys.c.user_id), clock=clock)
        self._user_principal = principal

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """See KeyBackend. The key of a user who is inactive or gone is nobody's."""
        found = super().authenticate(key, environ)
        if found is None or found.user_id is None:
            return None
        with _connected(environ):
            user = self.principal(found.user_id)
        return None if user is None else replace(user, key_id=found.key_id).narrowed(found.restrictions)

    def principal(self, user_id: str) -> Principal | None:
        """See UserKeyBackend."""
        try:
            user = get_user_model()._default_manager.filter(pk=user_id).first()
        except (ValueError, ValidationError):
            # No id of these users, but of others that the project had before.
            return None
        except DjangoDatabaseError as error:
            raise CatalogError("Django's database cannot do its work") from error
        return None if user is None or str(user.pk) != user_id else self._user_principal(user)


def current_user(environ: WSGIEnvironment, *, principal: UserPrincipal = principal_of) -> Principal | None:
    """Return who is signed in, in a view's request or, for a component around Django, by the session's cookie.

    ``principal`` says what a user may do.
    """
    if REQUEST in environ:
        return principal(environ[REQUEST].user)
    cookies = parse_cookie(environ.get("HTTP_COOKIE", "").encode("latin-1").decode("utf-8", "replace"))
    session = import_module(django_settings.SESSION_ENGINE).SessionStore(
        cookies.get(django_settings.SESSION_COOKIE_NAME)
    )
    # After a change of SECRET_KEY Django gives sessions new names, which nobody here could tell the browser.
    session.cycle_key = lambda: None
    with _connected(environ):
        return principal(get_user(SimpleNamespace(session=session)))


@contextmanager
def _connected(environ: WSGIEnvironment) -> Iterator[None]:
    """Close database connections as Django does around its requests, where there is none: they would grow stale."""
    is_ours = REQUEST not in environ and not get_connection().in_atomic_block
    if is_ours:
        close_old_connections()
    try:
        yield
    finally:
        if is_ours:
            close_old_connections()
