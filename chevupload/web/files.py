"""How a stored file reaches its readers: from here, from the storage by a signed URL, or by the web server.

Sources: nginx's ``X-Accel-Redirect``, and ``X-Sendfile`` of Apache's mod_xsendfile and of Lighttpd. Whether a file
may be seen was decided before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from chevupload.clock import Clock
from chevupload.config import Delivery
from chevupload.errors import ConfigError, StorageError
from chevupload.model import Upload
from chevupload.protocols import SigningStorage
from chevupload.storage.headers import SAFETY_HEADERS, cache_control, content_disposition, content_type
from chevupload.storage.registry import Storages
from chevupload.web.ranges import file_answer
from chevupload.wsgi.responses import redirect_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_HANDING_HEADERS = {"x_accel": "X-Accel-Redirect", "x_sendfile": "X-Sendfile"}
_SIGNED_URLS = 4_096
"""How many signed URLs a process remembers; each is a few hundred bytes."""
_HERE = Delivery()
_ANY = "0.png"
"""A path for a URL of which only the origin counts."""


class Deliverer:
    """Answers requests for files of uploads that may be seen."""

    def __init__(self, storages: Storages, delivery: Delivery | Mapping[str, Delivery], *, clock: Clock) -> None:
        """Deliver from ``storages`` as ``delivery`` says, for all of them or by their names.

        Raises:
            ConfigError: a name that no storage has, or signed URLs of a storage that signs none.
        """
        self._storages = storages
        self._clock = clock
        named = delivery if isinstance(delivery, Mapping) else dict.fromkeys(storages.by_name, delivery)
        if unknown := set(named) - set(storages.by_name):
            raise ConfigError(f"delivery from storages that are not there: {sorted(unknown)}")
        for name, how in named.items():
            storage = storages.by_name[name]
            if how.by == "signed_url" and not (isinstance(storage, SigningStorage) and storage.can_sign):
                raise ConfigError(f"the storage {name!r} signs no URLs")
        self._deliveries = named
        # Bounded, and of this process: another one signs its own.
        self._remembered = lru_cache(maxsize=_SIGNED_URLS)(self._signed)

    def answer(self, upload: Upload, path: str, environ: WSGIEnvironment) -> Response:
        """Answer a request for the file at ``path``, which is one of the upload's.

        Raises:
            FileMissing: the storage has no such file.
            UnknownStorage: the site has no such storage any more.
        """
        now = self._clock()
        storage = self._storages.of(upload)
        if (url := storage.url(path)) is not None:
            return redirect_answer(url)
        how = self._deliveries.get(upload.storage, _HERE)
        if how.by in _HANDING_HEADERS:
            return _handed_over(upload, path, how, now)
        # The signature holds for GET alone, so that HEAD is answered here: from the record, and whether it is there.
        if how.by == "signed_url" and environ["REQUEST_METHOD"] == "GET":
            return self._signed_redirect(upload, path, how, now)
        return file_answer(upload, path, storage, environ, now=now)

    def signed_url(self, upload: Upload, path: str) -> str | None:
        """Return where a request for the file at ``path`` is sent on to now; None where it is answered otherwise.

        Raises:
            StorageError: the storage cannot sign.
        """
        return self._signed_now(upload.storage, path, upload.expires_at)

    def sources(self) -> tuple[str, ...]:
        """Return one URL of each storage whose files come from another address, by a redirect or without.

        Raises:
            StorageError: a storage cannot sign.
        """
        named = self._storages.by_name.items()
        found = (storage.url(_ANY) or self._signed_now(name, _ANY, None) for name, storage in named)
        return tuple(filter(None, found))

    def _signed_now(self, name: str, path: str, expires_at: datetime | None) -> str | None:
        how = self._deliveries.get(name, _HERE)
        if how.by != "signed_url":
            return None
        number, _ = _period(how, self._clock())
        return self._remembered(name, path, how.signed_seconds, number, expires_at)

    def _signed_redirect(self, upload: Upload, path: str, how: Delivery, now: datetime) -> Response:
        """Redirect to a URL that stays the same for half of its life, and let the redirect be kept for as long."""
        number, left = _period(how, now)
        if upload.expires_at is not None:
            left = min(left, int((upload.expires_at - now).total_seconds()))
        url = self._remembered(upload.storage, path, how.signed_seconds, number, upload.expires_at)
        response = redirect_answer(url)
        response.headers["Cache-Control"] = f"private, max-age={max(0, left)}"
        return response

    def _signed(self, name: str, path: str, seconds: int, number: int, expires_at: datetime | None) -> str:
        """Sign the URL of a file in the ``number``-th period of time, for no longer than the upload lives."""
        storage = self._storages.by_name[name]
        if not isinstance(storage, SigningStorage):
            raise StorageError("this storage signs no URLs")
        if expires_at is not None:
            seconds = min(seconds, max(1, math.ceil((expires_at - self._clock()).total_seconds())))
        return storage.signed_url(path, seconds=seconds)


def _period(how: Delivery, now: datetime) -> tuple[int, int]:
    """Return which half life of signed URLs this is, and how many seconds are left of it."""
    seconds = how.signed_seconds // 2
    number, passed = divmod(int(now.timestamp()), seconds)
    return number, seconds - passed


def _handed_over(upload: Upload, path: str, how: Delivery, now: datetime) -> Response:
    """Ask the web server in front to send the file; ranges and conditions are its own, by validators of its own."""
    response = Response(body=b"", content_type=content_type(path), charset=None)
    response.headers["Cache-Control"] = cache_control(upload, now)
    response.headers["Content-Disposition"] = content_disposition(upload, path)
    response.headers.update(SAFETY_HEADERS)
    response.headers[_HANDING_HEADERS[how.by]] = f"{how.location}/{path}"
    return response
