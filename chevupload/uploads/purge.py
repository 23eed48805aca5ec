"""A handler of events that has caches forget what is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chevupload.records.event import Event
from chevupload.validation import function_of

_ORIGINALS = ("original", "original_here")


class Purge:
    """Names every URL under which a cache may hold something of an upload that was deleted, has expired or was changed.

    Files are named at the component's own URL and at the storage's, if it has one; besides them the viewer with and
    without its title, its QR code and its description for other sites. Of one that was changed, the original is not
    among them. The site needs ``base_url``.
    """

    def __init__(self, purge: Callable[[Sequence[str]], object]) -> None:
        """Call ``purge`` with these URLs; it raises where it has to be called again.

        Raises:
            ConfigError: it is no function of one argument.
        """
        function_of("urls").checked("Purge", purge)
        self._purge = purge

    def __call__(self, event: Event) -> None:
        """Name the URLs of an upload that is gone or was changed."""
        if event.kind == "stored":
            return
        stays = _ORIGINALS if event.kind == "changed" else ()
        self._purge([url for name, url in event.urls.items() if name not in stays])
