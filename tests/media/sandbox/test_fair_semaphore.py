"""Who is admitted, who waits, and who is told to come back."""

from __future__ import annotations

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from chevupload.errors import Busy
from chevupload.media.sandbox.fair_semaphore import FairSemaphore

LONG = 300.0


class Crowd:
    """Senders in threads of their own, each of whom holds a place until it is told to go."""

    def __init__(self, most: int, most_waiting: int) -> None:
        self.semaphore = FairSemaphore(most, most_waiting=most_waiting)
        self.admitted: list[str] = []
        self.refused: list[str] = []
        self._go: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []

    def send(self, name: str, *, seconds: float = LONG) -> None:
        """Let one come, ``a1`` being the first of sender ``a``, and wait until it and all before are in, wait or are
        refused."""
        self._go[name] = threading.Event()
        self._threads.append(threading.Thread(target=self._hold, args=(name, seconds)))
        self._threads[-1].start()
        until(lambda: self._known() == len(self._threads))

    def _known(self) -> int:
        with self.semaphore._lock:
            return len(self.admitted) + len(self.refused) + len(self.semaphore._waiting)

    def _hold(self, name: str, seconds: float) -> None:
        try:
            with self.semaphore.held(name[0], seconds=seconds):
                self.admitted.append(name)
                self._go[name].wait(LONG)
        except Busy:
            self.refused.append(name)

    def end(self, name: str) -> None:
        """Let one go, and wait until the next one is in."""
        before, waiting = len(self.admitted), len(self.semaphore._waiting)
        self._go[name].set()
        until(lambda: len(self.admitted) > before or not waiting)

    def close(self) -> None:
        """Let all go."""
        for event in self._go.values():
            event.set()
        for thread in self._threads:
            thread.join(LONG)
        assert_empty(self.semaphore)


def assert_empty(semaphore: FairSemaphore) -> None:
    """Assert that a semaphore remembers nobody."""
    assert (semaphore._in_use, semaphore._last_admission, semaphore._waiting) == ({}, {}, [])


def until(condition: object) -> None:
    """Wait until ``condition`` holds."""
    deadline = time.monotonic() + LONG
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.001)


@pytest.fixture
def crowds() -> Iterator[type[Crowd]]:
    """Return what makes crowds, which are gone at the end."""
    with ExitStack() as stack:

        def make(*arguments: int) -> Crowd:
            crowd = Crowd(*arguments)
            stack.callback(crowd.close)
            return crowd

        yield make  # type: ignore[misc]


def test_one_sender_may_hold_every_place_while_no_other_waits(crowds: type[Crowd]) -> None:
    """Nothing is kept free for others."""
    crowd = crowds(2, 4)
    for name in ("a1", "a2", "a3"):
        crowd.send(name)
    crowd.end("a1")
    assert crowd.admitted == ["a1", "a2", "a3"]


def test_what_becomes_free_goes_to_whom_has_least(crowds: type[Crowd]) -> None:
    """Whoever came with many waits behind those who came with one, however early."""
    crowd = crowds(2, 8)
    for name in ("a1", "a2", "a3", "a4", "b1", "b2", "c1"):
        crowd.send(name)
    for name in ("a1", "a2", "b1", "c1", "a3"):
        crowd.end(name)
    assert crowd.admitted == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


def test_senders_take_turns_at_a_single_place(crowds: type[Crowd]) -> None:
    """Where nobody has one when it becomes free, it is the turn of whoever waits longest for one."""
    crowd = crowds(1, 8)
    for name in ("a1", "a2", "a3", "b1", "b2", "c1"):
        crowd.send(name)
    for name in ("a1", "b1", "c1", "a2", "b2"):
        crowd.end(name)
    assert crowd.admitted == ["a1", "b1", "c1", "a2", "b2", "a3"]


def test_equals_are_served_in_their_order(crowds: type[Crowd]) -> None:
    """Of several with as many, the first."""
    crowd = crowds(1, 8)
    for name in ("a1", "b1", "c1", "d1"):
        crowd.send(name)
    for name in ("a1", "b1", "c1"):
        crowd.end(name)
    assert crowd.admitted == ["a1", "b1", "c1", "d1"]


def test_no_more_wait_than_may(crowds: type[Crowd]) -> None:
    """One more is refused at once, when nobody has more waiting than it would have."""
    crowd = crowds(1, 2)
    for name in ("a1", "b1", "c1", "d1"):
        crowd.send(name)
    assert (crowd.admitted, crowd.refused) == (["a1"], ["d1"])


def test_a_full_waiting_room_is_nobodys_own(crowds: type[Crowd]) -> None:
    """Whoever fills it loses the last that waits, to another one; and gets no further in by asking again."""
    crowd = crowds(1, 3)
    for name in ("a1", "a2", "a3", "a4", "b1", "a5", "c1", "d1"):
        crowd.send(name)
    until(lambda: len(crowd.refused) == 4)
    assert set(crowd.refused) == {"a4", "a5", "a3", "d1"}
    for name in ("a1", "b1", "c1"):
        crowd.end(name)
    assert crowd.admitted == ["a1", "b1", "c1", "a2"]


def test_a_wait_ends(crowds: type[Crowd]) -> None:
    """It is over when nothing became free in time, and leaves no trace."""
    crowd = crowds(1, 2)
    crowd.send("a1")
    with pytest.raises(Busy, match="in time"), crowd.semaphore.held("b", seconds=0.01):
        pass
    crowd.send("c1")
    crowd.end("a1")
    assert crowd.admitted == ["a1", "c1"]


def test_who_waited_in_vain_is_forgotten(crowds: type[Crowd]) -> None:
    """Also one that was in before: senders are many, and addresses more."""
    crowd = crowds(1, 2)
    crowd.send("a1")
    crowd.send("a2", seconds=0.2)
    crowd.send("b1")
    crowd.end("a1")
    until(lambda: (crowd.admitted, crowd.refused) == (["a1", "b1"], ["a2"]))
    assert set(crowd.semaphore._last_admission) == {"b"}


def test_an_interrupted_wait_leaves_its_place(crowds: type[Crowd]) -> None:
    """Ctrl-C, or the end of a green thread, while waiting."""

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    crowd = crowds(1, 2)
    crowd.send("a1")
    interrupted = threading.get_ident()

    def interrupt_the_wait() -> None:
        until(lambda: crowd.semaphore._waiting)
        until(lambda: crowd.semaphore._waiting[0].is_over._cond._waiters)
        time.sleep(0.05)
        signal.pthread_kill(interrupted, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, interrupt)
    interrupting = threading.Thread(target=interrupt_the_wait)
    interrupting.start()
    try:
        with pytest.raises(KeyboardInterrupt), crowd.semaphore.held("b", seconds=LONG):
            pass
    finally:
        interrupting.join()
        signal.signal(signal.SIGUSR1, before)
    crowd.send("c1")
    crowd.end("a1")
    assert crowd.admitted == ["a1", "c1"]


def test_a_crowd_in_a_hurry() -> None:
    """However they come and go, as many are in as may be and never more, and no place is lost."""
    semaphore = FairSemaphore(3, most_waiting=5)
    inside, most, refused, lock = 0, 0, 0, threading.Lock()
    start = threading.Barrier(12)

    def come(number: int) -> None:
        nonlocal inside, most, refused
        choice = random.Random(number)
        start.wait(LONG)
        for _ in range(100):
            try:
                with semaphore.held(choice.choice("abcd"), seconds=choice.choice((0.0, 0.0005, LONG))):
                    with lock:
                        inside += 1
                        most = max(most, inside)
                    time.sleep(0.0002)
                    with lock:
                        inside -= 1
            except Busy:
                with lock:
                    refused += 1

    threads = [threading.Thread(target=come, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (inside, most, refused > 0) == (0, 3, True)
    assert_empty(semaphore)
