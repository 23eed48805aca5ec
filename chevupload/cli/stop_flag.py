"""What SIGINT and SIGTERM set, so that a command comes to a good end."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager


class StopFlag:
    """What a signal sets. The lock of an Event may be held by the very thread that the signal interrupts."""

    def __init__(self) -> None:
        """Be unset."""
        self._is_set = False

    def set(self) -> None:
        """Say that it is time to end."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether it is time to end."""
        return self._is_set

    def wait(self, timeout: float) -> None:
        """Wait so many seconds; a signal meanwhile does not shorten that."""
        if not self._is_set:
            time.sleep(timeout)


@contextmanager
def stop_signals() -> Iterator[StopFlag]:
    """Give what is set by the first SIGINT or SIGTERM; the second one acts as it always does."""
    ending = StopFlag()

    def note(number: int, frame: object) -> None:
        ending.set()
        signal.signal(number, before[number])

    before = {int(number): signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
