"""Requests that are sent once more: each makes one upload, however often and from however many at once it comes.

What decides is that the catalog gives a ``request_digest`` to one upload.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from chevupload.clock import Clock
from chevupload.errors import RequestPending, RequestReused, RequestTaken
from chevupload.model import Upload
from chevupload.protocols import Catalog

_ABANDONED = timedelta(minutes=1)
"""Age from which an upload that is still pending is taken for one whose server died. If it did not, it is the older one
that fails, since it cannot be published any more."""
_RETRY_SECONDS = 5


class Repeats:
    """Finds the upload that a request has made already."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        clock: Clock,
        withdraw: Callable[[Upload], bool],
        is_open: Callable[[Upload], bool],
    ) -> None:
        """Look into ``catalog``.

        ``withdraw`` takes an expired upload away that stands in a new one's way; ``is_open`` says whether an open
        transaction of this process' host holds one.
        """
        self._catalog = catalog
        self._clock = clock
        self._withdraw = withdraw
        self._is_open = is_open

    def once(self, digest: str | None, md5: str, take: Callable[[], Upload]) -> tuple[Upload, bool]:
        """Return the upload of the request ``digest``, and whether ``take`` made it just now.

        Args:
            digest: None is a request that nothing is known of.
            md5: of what the request brought.
            take: makes an upload with this ``request_digest`` and ``request_md5``.

        Raises:
            RequestPending: the upload is on its way.
            RequestReused: the request brought something else the first time.
            Refusal, BackendError: likewise, and whatever ``take`` raises.
        """
        if digest is None:
            return take(), True
        if (earlier := self._earlier(digest, md5)) is not None:
            return earlier, False
        try:
            return take(), True
        except RequestTaken:
            # Of several at the same time, the first one to reserve has won; the others had not seen it.
            earlier = self._earlier(digest, md5)
            if earlier is None:
                raise _pending() from None
            return earlier, False

    def _earlier(self, digest: str, md5: str) -> Upload | None:
        upload = self._catalog.requested(digest)
        if upload is None:
            return None
        now = self._clock()
        if upload.is_expired(now):
            self._withdraw(upload)
            return None
        if upload.request_md5 != md5:
            raise RequestReused
        if self._catalog.get(upload.id) is not None:
            # As it was when it was new: the answer is the first one's.
            return replace(upload, views=0)
        is_abandoned = upload.received_at <= now - _ABANDONED and not self._is_open(upload)
        if is_abandoned and self._catalog.abandon(upload.id):
            return None
        raise _pending()


def _pending() -> RequestPending:
    return RequestPending(headers=(("Retry-After", str(_RETRY_SECONDS)),))
