"""The header ``Idempotency-Key``: by which a client says that a request is another one once more.

Source: the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header), which is
read more widely here: the value need not be quoted.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from chevupload.errors import InvalidParameter
from chevupload.model import Principal

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?\Z")


def request_digest(environ: WSGIEnvironment, principal: Principal) -> str | None:
    """Return what this sender's requests with this key have in common, or None without a key.

    Guests are one sender. What they share is a digest of 64 hexadecimal digits: nothing is kept of the key itself.

    Raises:
        InvalidParameter: the key is empty, longer than 255 characters, or not printable ASCII.
    """
    key = environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    key = key.strip()
    if not _KEY.match(key):
        raise InvalidParameter("Invalid Idempotency-Key, expected 1 to 255 printable characters")
    sender = "guest" if principal.user_id is None else f"user {principal.user_id}"
    # No key has a line break, and so no two pairs are spelled alike.
    return hashlib.sha256(f"{key}\n{sender}".encode("utf-8", "surrogatepass")).hexdigest()
