"""Clients that look at one picture, and note when each look was answered."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Sequence

import requests

_PAUSE_SECONDS = 0.2
_TIMEOUT_SECONDS = 40


class Viewers:
    """Several at once, each with a connection of its own.

    Attributes:
        seen: when each view was answered, by the clock that only goes forward.
        broken: how many were asked for and not answered; they may be counted or not.
    """

    def __init__(self, servers: Sequence[Callable[[], str]], path: str, *, views: int, clients: int = 16) -> None:
        """Look ``views`` times at ``path`` of the servers in turn; each of them tells its present address."""
        self.seen: list[float] = []
        self.broken = 0
        self._servers = itertools.cycle(servers)
        self._path = path
        self._left = iter(range(views))
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def are_at_work(self) -> bool:
        """Whether some views are not answered yet."""
        return any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        with requests.Session() as session:
            while self._next() is not None:
                while not self._look(session):
                    time.sleep(_PAUSE_SECONDS)

    def _next(self) -> int | None:
        with self._lock:
            return next(self._left, None)

    def _look(self, session: requests.Session) -> bool:
        with self._lock:
            address = next(self._servers)()
        try:
            is_seen = session.get(f"{address}{self._path}", timeout=_TIMEOUT_SECONDS).status_code == 200
        except requests.RequestException:
            is_seen = False
        with self._lock:
            if is_seen:
                self.seen.append(time.monotonic())
            else:
                self.broken += 1
        return is_seen
