"""Clients that upload until each of their pictures is acknowledged, whatever happens to the servers."""

from __future__ import annotations

import hashlib
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import requests

from tests.support import noise

_PAUSE_SECONDS = 0.2
_MAX_PAUSE_SECONDS = 2.0
_TIMEOUT_SECONDS = 40


@dataclass(slots=True)
class Tally:
    """What clients were told.

    Attributes:
        acknowledged: by upload id, the hash of what was sent.
        keys: by Idempotency-Key, the ids that were acknowledged for it; more than one is a fault.
        given_up: keys of requests that were never acknowledged.
        answers: how often each status came; 0 is a connection that broke.
    """

    acknowledged: dict[str, str] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    answers: dict[int, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, status: int) -> None:
        """Count an answer."""
        with self.lock:
            self.answers[status] = self.answers.get(status, 0) + 1


class Clients:
    """Several at once, each with a connection of its own."""

    def __init__(
        self,
        servers: Sequence[Callable[[], str]],
        api_key: str,
        *,
        uploads: int,
        repeat: bool,
        clients: int = 16,
        patience: float = 150.0,
    ) -> None:
        """Upload to the servers in turn.

        Args:
            servers: each tells its present address.
            api_key: of the user.
            uploads: how many pictures to send at least; there are more until ``finish`` is called.
            repeat: send an Idempotency-Key, and the same one at each attempt.
            clients: how many at once.
            patience: seconds after which a picture is given up.
        """
        self.tally = Tally()
        self._servers = itertools.cycle(servers)
        self._api_key = api_key
        self._numbers = itertools.count()
        self._uploads = uploads
        self._may_end = False
        self._repeat = repeat
        self._patience = patience
        self._contents = [noise((60 + 40 * number, 150)) for number in range(12)]
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(clients)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def are_at_work(self) -> bool:
        """Whether some picture is not acknowledged and not given up. They are until ``finish`` is called."""
        return any(thread.is_alive() for thread in self._threads)

    def finish(self) -> None:
        """Begin no picture beyond those that were asked for."""
        self._may_end = True

    def wait(self) -> None:
        """Wait until every picture is acknowledged, or given up."""
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        with requests.Session() as session:
            while (number := self._next()) is not None:
                # No two pictures are the same: what follows the end of a PNG is kept with it.
                content = self._contents[number % len(self._contents)] + number.to_bytes(4, "big")
                self._send_until_acknowledged(session, content)

    def _next(self) -> int | None:
        with self.tally.lock:
            number = next(self._numbers)
        return None if self._may_end and number >= self._uploads else number

    def _send_until_acknowledged(self, session: requests.Session, content: bytes) -> None:
        key = str(uuid.uuid4())
        headers = {"X-API-Key": self._api_key} | ({"Idempotency-Key": key} if self._repeat else {})
        end = time.monotonic() + self._patience
        while time.monotonic() < end:
            with self.tally.lock:
                address = next(self._servers)()
            try:
                answer = session.post(
                    f"{address}/api/1/upload",
                    headers=headers,
                    files={"source": ("same.png", content)},
                    timeout=_TIMEOUT_SECONDS,
                )
                status, document = answer.status_code, answer.json()
                pause = min(float(answer.headers.get("Retry-After", 0)), _MAX_PAUSE_SECONDS)
            except (requests.RequestException, ValueError):
                status, pause = 0, _PAUSE_SECONDS
            self.tally.count(status)
            if status == 200:
                self._note(key, document["image"]["id_encoded"], hashlib.md5(content).hexdigest())
                return
            time.sleep(pause)
        with self.tally.lock:
            self.tally.given_up.append(key)

    def _note(self, key: str, upload_id: str, md5: str) -> None:
        with self.tally.lock:
            self.tally.acknowledged[upload_id] = md5
            if self._repeat:
                self.tally.keys.setdefault(key, set()).add(upload_id)
