"""How often something happened in each of several times, counted in the memory of this process.

The times begin at the multiples of their lengths since 1970, so that what is given back never counts for another one.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chevupload.clock import Clock
from chevupload.errors import ConfigError
from chevupload.policy.flood import Window


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of taking a place in each of several windows: one in all of them, or none because some are full.

    Attributes:
        at: when, in seconds since 1970.
        full: the windows that are full, in their order.
        left: places that are left in the window with the fewest; 0 where one is full.
    """

    at: float
    full: Sequence[Window] = ()
    left: int = 0


class WindowCounts(Protocol):
    """Counts by subject and window. It may be called from many threads."""

    def take(self, subject: str, windows: Sequence[Window]) -> Taken | None:
        """Take a place in each of ``windows``, or in none. None is returned while nothing can be counted."""

    def give_back(self, subject: str, windows: Sequence[Window], at: float) -> None:
        """Give back what was taken ``at`` this time; nothing happens for windows that are over."""

    def close(self) -> None:
        """Close connections; new ones are made when they are needed."""


class MemoryCounts:
    """See WindowCounts. What is over takes no memory: a window's counts are dropped together."""

    def __init__(self, clock: Clock) -> None:
        """Count from now on."""
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: dict[int, tuple[int, dict[str, int]]] = {}

    def take(self, subject: str, windows: Sequence[Window]) -> Taken:
        """See WindowCounts."""
        with self._lock:
            # Read behind the lock, it never runs back but where it is set.
            at = self._clock().timestamp()
            counts = [(window, self._counted(window, at)) for window in windows]
            left = [window.most - counted.get(subject, 0) for window, counted in counts]
            if full := [window for window, places in zip(windows, left, strict=True) if places <= 0]:
                return Taken(at, full)
            for _, counted in counts:
                counted[subject] = counted.get(subject, 0) + 1
        return Taken(at, left=min(left) - 1)

    def give_back(self, subject: str, windows: Sequence[Window], at: float) -> None:
        """See WindowCounts."""
        with self._lock:
            for window in windows:
                number, counted = self._counts[window.seconds]
                if number == number_of(window, at) and subject in counted:
                    counted[subject] -= 1
                    if not counted[subject]:
                        del counted[subject]

    def close(self) -> None:
        """See WindowCounts."""

    def _counted(self, window: Window, at: float) -> dict[str, int]:
        number, counted = self._counts.get(window.seconds, (None, {}))
        if number != number_of(window, at):
            counted = {}
            self._counts[window.seconds] = (number_of(window, at), counted)
        return counted


def number_of(window: Window, at: float) -> int:
    """Return which of all windows of its length has the time ``at``, in seconds since 1970."""
    return int(at // window.seconds)


def counts_in(store: str, clock: Clock) -> WindowCounts:
    """Return what counts in a ``store``, as :attr:`~chevupload.config.Config.flood_store` has it.

    Raises:
        ConfigError: it needs an extra that is not installed, or is no URL of a Redis after all.
    """
    if store == "memory://":
        return MemoryCounts(clock)
    try:
        from chevupload.web.redis_counts import RedisCounts  # noqa: PLC0415  # redis is an extra
    except ModuleNotFoundError as error:
        raise ConfigError("flood_store needs redis: pip install 'chevupload[ratelimit]'") from error
    return RedisCounts(store, clock)
