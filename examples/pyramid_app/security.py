"""Who is signed in, by the session's cookie; who may do what."""

from __future__ import annotations

import secrets
from typing import Any

from pyramid.authentication import SessionAuthenticationHelper
from pyramid.request import RequestLocalCache
from sqlalchemy import select
from werkzeug.security import check_password_hash, generate_password_hash

from .models import User

_NOBODY = User(password=generate_password_hash(secrets.token_hex()))


class SecurityPolicy:
    """Everybody who is signed in has pictures."""

    def __init__(self) -> None:
        """Remember users in the session."""
        self._helper = SessionAuthenticationHelper()
        self.identity = RequestLocalCache(self._user).get_or_create

    def authenticated_userid(self, request: Any) -> int | None:
        """Return the id of who is signed in: the owner of what is uploaded."""
        user = self.identity(request)
        return None if user is None else user.id

    def permits(self, request: Any, context: object, permission: str) -> bool:
        """Permit everything to whoever is signed in."""
        return self.identity(request) is not None

    def remember(self, request: Any, user: User) -> list[tuple[str, str]]:
        """Sign a user in, with a session that nobody has seen."""
        request.session.invalidate()
        headers: list[tuple[str, str]] = self._helper.remember(request, user.id)
        return headers

    def forget(self, request: Any) -> list[tuple[str, str]]:
        """Sign out."""
        request.session.invalidate()
        return []

    def _user(self, request: Any) -> User | None:
        user_id = self._helper.authenticated_userid(request)
        return None if user_id is None else request.dbsession.get(User, user_id)


def find_user(request: Any, name: str, password: str) -> User | None:
    """Return the user of this name and password.

    A password is compared for nobody, too: the time does not tell who has registered.
    """
    user = request.dbsession.scalar(select(User).where(User.name == name)) or _NOBODY
    return user if check_password_hash(user.password, password) and user is not _NOBODY else None
