"""API keys: making them, digesting them, and asking several backends whose they are.

Source: docs/api.md, Keys: a key is ``chv_<key id>_<secret><checksum>``, or 32 of ``[a-z0-9]`` for clients
that insist on ImgBB's form. The checksum is made as in GitHub's tokens: CRC-32, in six digits to the base of 62.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias, cast

from chevupload.errors import ConfigError
from chevupload.model import KeyStyle, NewKey, Owner, Principal, as_principal
from chevupload.naming import BASE62, random_id
from chevupload.protocols import KeyBackend, UserKeyBackend
from chevupload.validation import function_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

KeyFunction: TypeAlias = "Callable[[str, WSGIEnvironment], Principal | None]"
"""A key backend as a plain function."""

CurrentUser: TypeAlias = "Callable[[WSGIEnvironment], str | Principal | None]"
"""Who is signed in at the host: a user's id as text, or a Principal; None is nobody. Must not read the body. A number
is refused: True is one, too, and nobody's id."""

SignedIn: TypeAlias = "Callable[[WSGIEnvironment], Principal | None]"
"""Who is signed in, and what they may do; None is nobody."""

_OF_KEYS = function_of("key", "environ")
_IMGBB = string.digits + string.ascii_lowercase
_IMGBB_FORM = re.compile(r"[0-9a-z]{32}")
_PREFIX = "chv_"
_CHECKSUM_DIGITS = 6
_BEGINNING = re.compile(rf"{_PREFIX}([0-9A-Za-z]{{6}})_")
_FORM = re.compile(rf"{_BEGINNING.pattern}[0-9a-f]{{64}}[0-9A-Za-z]{{{_CHECKSUM_DIGITS}}}")


def new_key(style: KeyStyle = "chevereto") -> NewKey:
    """Make a key: 256 random bits in Chevereto's form, 165 in ImgBB's.

    Raises:
        ConfigError: an unknown style.
    """
    key_id = random_id(6)
    if style == "chevereto":
        text = f"{_PREFIX}{key_id}_{secrets.token_hex(32)}"
        return NewKey(key_id, text + _checksum(text))
    if style == "imgbb":
        return NewKey(key_id, random_id(32, _IMGBB))
    raise ConfigError(f"unknown key style: {style!r}")


def _checksum(text: str) -> str:
    number, digits = zlib.crc32(text.encode()), ""
    for _ in range(_CHECKSUM_DIGITS):
        number, digit = divmod(number, len(BASE62))
        digits = BASE62[digit] + digits
    return digits


def is_well_formed(key: str) -> bool:
    """Whether :func:`new_key` can have made ``key``: a mistyped or truncated one of Chevereto's form it cannot."""
    if _FORM.fullmatch(key):
        return _checksum(key[:-_CHECKSUM_DIGITS]) == key[-_CHECKSUM_DIGITS:]
    return _IMGBB_FORM.fullmatch(key) is not None


def is_mistyped(key: str) -> bool:
    """Whether ``key`` begins as one in Chevereto's form and is not one."""
    return key.startswith(_PREFIX) and not is_well_formed(key)


def key_id_of(key: str) -> str | None:
    """Return the public id that a key in Chevereto's form names, for logs."""
    found = _BEGINNING.match(key)
    return found[1] if found else None


def digest(key: str) -> str:
    """Return the SHA-256 of the whole key in hexadecimal digits: the only form in which a key is stored.

    A fast hash is right here. Slow ones make guessing of weak passwords costly; a key has more than 128 random bits, so
    nobody guesses it, and a slow hash on every upload would only help somebody who floods the site.
    """
    # Text from a request may hold lone surrogates: an unknown key then, not an error.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


_GUEST = Principal()


class GuestKey:
    """The one key with which anybody uploads without an owner.

    Raises:
        ConfigError: the key is empty.
    """

    def __init__(self, key: str) -> None:
        """Accept ``key``, of which only the digest is kept."""
        if not key:
            raise ConfigError("the guest key is empty")
        self._digest = digest(key)

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Return the guest for the guest key, else None. Digests are compared, in constant time."""
        return _GUEST if hmac.compare_digest(digest(key), self._digest) else None


class _FunctionBackend:
    """A plain function in the shape of a key backend."""

    def __init__(self, function: KeyFunction) -> None:
        self._function = function

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Ask the function."""
        return self._function(key, environ)


def as_key_backend(backend: KeyBackend | KeyFunction) -> KeyBackend:
    """Return ``backend`` as an object with ``authenticate``, whether it is one or a plain function.

    Raises:
        ConfigError: it is neither, or takes something else than a key and an environ.
    """
    if (method := getattr(backend, "authenticate", None)) is not None:
        _OF_KEYS.checked("keys.authenticate", method)
        return cast(KeyBackend, backend)
    _OF_KEYS.checked("keys", backend)
    return _FunctionBackend(cast("KeyFunction", backend))


def checked_principal(name: str, answer: object) -> Principal | None:
    """Return what a function of the host says of a sender.

    Raises:
        ConfigError: it is neither a Principal nor None; only a call can show it.
    """
    if answer is not None and not isinstance(answer, Principal):
        raise ConfigError(f"{name} must answer a Principal or None: {type(answer).__name__}")
    return answer


def knows_users(keys: KeyBackend) -> bool:
    """Whether ``keys`` know users by their ids."""
    return isinstance(keys, UserKeyBackend) and (not isinstance(keys, KeyChain) or keys.knows_users)


def principal_of(keys: KeyBackend, owner: Owner) -> Principal | None:
    """Return who ``owner`` is, and what ``keys`` say of a user whose id it is.

    A Principal is taken as it is, None is a guest. None is returned for an id that ``keys`` do not know. Where they
    know nobody by id, a user has the limits of the site.

    Raises:
        TypeError: it is neither a Principal nor an id.
        BackendError: the users cannot be asked.
    """
    principal = as_principal(owner)
    if principal is owner or principal.user_id is None or not isinstance(keys, UserKeyBackend):
        return principal
    return keys.principal(principal.user_id)


def signed_in(keys: KeyBackend, current_user: CurrentUser) -> SignedIn:
    """Return a function that asks ``current_user`` who is signed in, and ``keys`` what they may do."""

    def principal(environ: WSGIEnvironment) -> Principal | None:
        user = current_user(environ)
        if not isinstance(user, str | Principal | None):
            raise ConfigError(f"current_user must answer a user's id, a Principal or None: {type(user).__name__}")
        return None if user is None else principal_of(keys, user)

    return principal


class KeyChain:
    """Several backends asked in turn; the first that knows the key wins.

    Attributes:
        knows_users: whether one of them knows users by their ids.

    Raises:
        ConfigError: one of them is no key backend.
    """

    def __init__(self, *backends: KeyBackend | KeyFunction) -> None:
        """Ask ``backends`` in this order."""
        self._backends = tuple(as_key_backend(backend) for backend in backends)
        self._knowing = [backend for backend in self._backends if isinstance(backend, UserKeyBackend)]
        self.knows_users = any(map(knows_users, self._knowing))

    def authenticate(self, key: str, environ: WSGIEnvironment) -> Principal | None:
        """Return whom the first backend that knows ``key`` says it stands for."""
        for backend in self._backends:
            principal = backend.authenticate(key, environ)
            if principal is not None:
                return principal
        return None

    def principal(self, user_id: str) -> Principal | None:
        """Return what the first backend that knows this user says of them.

        Where no backend knows any user by id, that is a user with the limits of the site.
        """
        if not self._knowing:
            return Principal(user_id=user_id)
        return next(filter(None, (backend.principal(user_id) for backend in self._knowing)), None)
