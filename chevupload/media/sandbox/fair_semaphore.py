"""A semaphore that is fair between senders: nobody keeps the others out by asking more often than they do.

Two rules hold. A place that becomes free goes to the sender that has the fewest, of several such to the one that was
admitted longest ago. And only so many wait, because each waits in a thread of the server: where one more comes, the
sender with the most waiting loses the last one of them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chevupload.errors import Busy


@dataclass(eq=False, slots=True)
class _Waiter:
    """One that waits, until it is admitted or refused."""

    sender: str
    is_over: threading.Event = field(default_factory=threading.Event)
    is_admitted: bool = False


class FairSemaphore:
    """Admits ``most`` at a time, and lets ``most_waiting`` wait."""

    def __init__(self, most: int, *, most_waiting: int) -> None:
        """Admit nobody yet; both numbers are positive."""
        self._most = most
        self._most_waiting = most_waiting
        self._lock = threading.Lock()
        self._in_use: Counter[str] = Counter()
        self._admissions = 0
        self._last_admission: dict[str, int] = {}
        """Of the senders that hold a place or wait for one."""
        self._waiting: list[_Waiter] = []

    @property
    def waiting(self) -> int:
        """How many wait now."""
        return len(self._waiting)

    @contextmanager
    def held(self, sender: str, *, seconds: float) -> Iterator[None]:
        """Hold one of the places, after a wait of at most ``seconds``.

        Raises:
            Busy: nothing became free in time; or, at once, others have a better right to wait.
        """
        with self._lock:
            waiter = None
            if self._in_use.total() < self._most:
                self._admit(sender)
            else:
                self._make_room_for(sender)
                waiter = _Waiter(sender)
                self._waiting.append(waiter)
        if waiter is not None:
            self._wait(waiter, seconds)
        try:
            yield
        finally:
            self._release(sender)

    def _wait(self, waiter: _Waiter, seconds: float) -> None:
        try:
            waiter.is_over.wait(seconds)
        except BaseException:
            if self._was_admitted(waiter):
                self._release(waiter.sender)
            raise
        if not self._was_admitted(waiter):
            raise _full() if waiter.is_over.is_set() else Busy("no decoder was free in time")

    def _was_admitted(self, waiter: _Waiter) -> bool:
        """End a wait, whose outcome nobody changes any more."""
        with self._lock:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            self._forget(waiter.sender)
            return waiter.is_admitted

    def _make_room_for(self, sender: str) -> None:
        """See that one more may wait, if need be in the place of one whose sender has more than this one would have."""
        if len(self._waiting) < self._most_waiting:
            return
        waiting = Counter(waiter.sender for waiter in self._waiting)
        ((greediest, count),) = waiting.most_common(1)
        if count <= waiting[sender] + 1:
            raise _full()
        last = next(waiter for waiter in reversed(self._waiting) if waiter.sender == greediest)
        self._waiting.remove(last)
        last.is_over.set()

    def _admit(self, sender: str) -> None:
        self._in_use[sender] += 1
        self._admissions += 1
        self._last_admission[sender] = self._admissions

    def _release(self, sender: str) -> None:
        with self._lock:
            self._in_use[sender] -= 1
            if self._waiting:
                admitted = min(self._waiting, key=self._claim)
                self._waiting.remove(admitted)
                self._admit(admitted.sender)
                admitted.is_admitted = True
                admitted.is_over.set()
            self._forget(sender)

    def _forget(self, sender: str) -> None:
        """Forget a sender that neither holds a place nor waits for one."""
        if not self._in_use[sender] and all(waiter.sender != sender for waiter in self._waiting):
            del self._in_use[sender]
            self._last_admission.pop(sender, None)

    def _claim(self, waiter: _Waiter) -> tuple[int, int]:
        """Return by what a waiter is chosen, the lowest first."""
        return self._in_use[waiter.sender], self._last_admission.get(waiter.sender, 0)


def _full() -> Busy:
    return Busy("too many uploads wait for a decoder already")
