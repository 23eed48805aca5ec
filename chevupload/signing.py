"""Tokens: signatures of an upload's id that delete it, of a user's id that a form of ours carries, of a ticket, and of
where a list goes on.

Nothing is stored for a token, so a leaked database deletes nothing; an id is never used twice, so the token of a
deleted upload leads nowhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from itsdangerous import BadSignature, Signer, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode

from chevupload.errors import ConfigError, InvalidParameter, RequestDenied

_FORM_SECONDS = 12 * 3600
"""How long a form may stay open before it is sent."""

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))

_TOKEN = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")
"""The one spelling of 32 bytes; base64 decoders take others too."""


class DeleteTokens:
    """Signs and checks delete tokens."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        """Sign with the last of ``secret_keys``, accept all of them: oldest first, so that a rotation appends.

        Raises:
            ConfigError: there is no key, or one is shorter than 16 characters.
        """
        # A text by itself would be taken for keys of one character; what it holds must not get into a message.
        if isinstance(secret_keys, str | bytes) or not all(isinstance(key, str | bytes) for key in secret_keys):
            raise ConfigError("secret_keys must be a list of texts, the oldest first")
        if not secret_keys or any(len(key) < 16 for key in secret_keys):
            raise ConfigError("secret_keys needs at least one key, each of 16 characters or more")
        self._signer = Signer(list(secret_keys), salt="chevupload.delete", digest_method=hashlib.sha256)

    def sign(self, upload_id: str) -> str:
        """Return the token that deletes ``upload_id``, safe in a URL."""
        return self._signer.get_signature(upload_id).decode("ascii")

    def verify(self, upload_id: str, token: str) -> bool:
        """Whether ``token`` deletes ``upload_id``, in constant time."""
        return _TOKEN.match(token) is not None and self._signer.verify_signature(upload_id, token)


class TicketSigner:
    """Signs what a ticket says, and reads it."""

    def __init__(self, secret_keys: Sequence[str]) -> None:
        """Sign with the last of ``secret_keys``, accept all of them."""
        self._signer = Signer(list(secret_keys), salt="chevupload.ticket", digest_method=hashlib.sha256)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return the token that says ``claims``, safe in a URL.

        Raises:
            TypeError, ValueError: JSON cannot say them.
        """
        return self._signer.sign(base64_encode(_JSON.encode(claims))).decode("ascii")

    def read(self, token: str) -> Mapping[str, Any] | None:
        """Return what a token says; None for one that was not signed here. The signature is checked first."""
        if _TOKEN.match(token.rpartition(".")[2]) is None:
            return None
        try:
            claims: Mapping[str, Any] = json.loads(base64_decode(self._signer.unsign(token)))
        except (BadSignature, UnicodeEncodeError):
            return None
        return claims


class CursorSigner:
    """Signs where a list of a user's goes on, for this user alone."""

    def __init__(self, secret_keys: Sequence[str], *, of: str) -> None:
        """Sign with the last of ``secret_keys``, accept all of them; ``of`` names the list."""
        salt = f"chevupload.cursor.{of}"
        self._signer = Signer(list(secret_keys), salt=salt, digest_method=hashlib.sha256)

    def sign(self, user_id: str | None, place: str) -> str:
        """Return ``place`` with its signature, safe in a URL."""
        text = base64_encode(place.encode("utf-8", "surrogatepass"))
        return f"{text.decode('ascii')}.{self._signer.get_signature(_of_user(text, user_id)).decode('ascii')}"

    def read(self, user_id: str | None, cursor: str) -> str:
        """Return the place of a cursor that was signed for this user.

        Raises:
            InvalidParameter: it was not.
        """
        text, _, token = cursor.rpartition(".")
        signed = text.encode("utf-8", "surrogatepass")
        if _TOKEN.match(token) is None or not self._signer.verify_signature(_of_user(signed, user_id), token):
            raise InvalidParameter("Invalid cursor, expected the next of an answer to the same user")
        return base64_decode(signed).decode("utf-8", "surrogatepass")


def _of_user(text: bytes, user_id: str | None) -> bytes:
    # The text is base64, so where the user's id begins is one place.
    return text + b"\0" + _bytes(user_id)


class OldForm(RequestDenied):
    """The form's token is too old, or another user's, or of no page of ours."""

    text = "This form is too old, or was not sent from here. Go back, reload and try again"


class FormTokens:
    """Signs and checks what a form carries to show that this site gave it to this user, in the last hours.

    Users are named by their ids; None is a visitor who is not signed in.
    """

    def __init__(self, secret_keys: Sequence[str]) -> None:
        """Sign with the last of ``secret_keys``, accept all of them."""
        self._signer = TimestampSigner(list(secret_keys), salt="chevupload.form", digest_method=hashlib.sha256)

    def sign(self, user_id: str | None) -> str:
        """Return the token for the forms of a user."""
        user = _bytes(user_id)
        return self._signer.sign(user)[len(user) :].decode("ascii")

    def check(self, user_id: str | None, token: str) -> None:
        """Check the token of a form that this user sends.

        Raises:
            OldForm: it was not signed for this user in the last hours.
        """
        try:
            signed = self._signer.unsign(_bytes(user_id) + _bytes(token), max_age=_FORM_SECONDS)
        except BadSignature:
            raise OldForm from None
        # What was signed may be longer: the id of user 12, if the token of user 1 is said to start with a 2.
        if not hmac.compare_digest(signed, _bytes(user_id)):
            raise OldForm


def _bytes(text: str | None) -> bytes:
    # No text is spelled with this byte, so nobody's token is that of any user.
    return b"\xff" if text is None else text.encode("utf-8", "surrogatepass")
