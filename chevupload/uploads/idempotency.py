"""Repeated requests: each makes one upload, however often it is sent, also at the same time.

A client marks a repeated request by the header ``Idempotency-Key``; the catalog gives its digest to one upload.
Source: the IETF draft "The Idempotency-Key HTTP Header Field" (draft-ietf-httpapi-idempotency-key-header), which is
read more widely here: the value need not be quoted.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta

from chevupload.errors import InvalidParameter, RequestPending, RequestReused
from chevupload.model import Principal, Upload
from chevupload.protocols import IdempotentRecords
from chevupload.uploads.host_transactions import HostTransactions
from chevupload.uploads.persist import Writer

_KEY = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?\Z")
_ABANDONED = timedelta(minutes=1)
"""Age from which an upload that is still pending is taken for one whose server died. If it did not, it is the older one
that fails, since it cannot be published any more."""
_RETRY_SECONDS = 5


def checked_key(key: str) -> str:
    """Return an ``Idempotency-Key`` as it is compared.

    Raises:
        InvalidParameter: it is empty, longer than 255 characters, or not printable ASCII.
    """
    if not _KEY.match(stripped := key.strip()):
        raise InvalidParameter("Invalid Idempotency-Key, expected 1 to 255 printable characters")
    return stripped


def request_digest(key: str, principal: Principal, place: int = 0) -> str:
    """Return what this sender's requests with this ``Idempotency-Key`` have in common, for the file at one place.

    Guests are one sender. What they share is a digest of 64 hexadecimal digits: nothing is kept of the key itself.

    Raises:
        InvalidParameter: as :func:`checked_key`.
    """
    key = checked_key(key)
    sender = "guest" if principal.user_id is None else f"user {principal.user_id}"
    # No key has a line break, and so no two pairs are spelled alike.
    text = f"{key}\n{place}\n{sender}" if place else f"{key}\n{sender}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def find_earlier(
    digest: str, md5: str, *, records: IdempotentRecords, writer: Writer, transactions: HostTransactions, now: datetime
) -> Upload | None:
    """Return the upload that a request with this ``digest`` has made, or None if it is not there, or not any more.

    Args:
        digest: see :func:`request_digest`.
        md5: of what the request brings now.
        records: of all uploads.
        writer: takes an expired upload away that stands in the new one's way.
        transactions: in which an upload may be pending for as long as the host likes.
        now: an aware UTC time.

    Raises:
        RequestPending: the upload is on its way.
        RequestReused: the request brought something else the first time.
        BackendError: the catalog is away.
    """
    upload = records.requested(digest)
    if upload is None:
        return None
    if upload.is_expired(now):
        writer.withdraw(upload)
        return None
    if upload.request_md5 != md5:
        raise RequestReused
    if records.get(upload.id) is not None:
        # As it was when it was new: the answer is the first one's.
        return replace(upload, views=0)
    is_abandoned = upload.received_at <= now - _ABANDONED and not transactions.holds(upload)
    if is_abandoned and records.abandon(upload.id):
        return None
    raise pending()


def pending() -> RequestPending:
    """Return the refusal that says when to ask again."""
    return RequestPending(headers=(("Retry-After", str(_RETRY_SECONDS)),))
