"""The default fetcher: none.

May know: the errors.
"""

from __future__ import annotations

from chevupload.errors import UrlUploadDisabled
from chevupload.interfaces import Sink


class DisabledFetcher:
    """Refuses every URL: a server that fetches for strangers has to be asked for."""

    def fetch(self, url: str, into: Sink) -> str | None:
        """Refuse.

        Raises:
            UrlUploadDisabled: always.
        """
        raise UrlUploadDisabled
