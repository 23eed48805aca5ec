"""The space that the bodies of all requests share while they are received and worked on."""

from __future__ import annotations

import threading


class BodySpace:
    """Counts bytes, from any thread."""

    def __init__(self, size: int) -> None:
        """Allow ``size`` bytes at a time."""
        self._left = size
        self._lock = threading.Lock()

    def take(self, count: int) -> bool:
        """Take ``count`` bytes, or nothing if there are not so many left: then it is False."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give(self, count: int) -> None:
        """Give bytes back."""
        with self._lock:
            self._left += count
