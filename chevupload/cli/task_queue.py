"""The requests that wait for a thread, in turns of their clients: who sends many does not go before who sends one.

waitress's dispatcher calls it under its own lock.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chevupload.cli.channel import Channel


class TaskQueue:
    """Takes the place of the dispatcher's queue, of which it has what is used."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._by_client: OrderedDict[str, deque[Channel]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return self._count

    def append(self, task: Channel) -> None:
        """Add a connection whose request is to be worked on."""
        self._by_client.setdefault(task.client, deque()).append(task)
        self._count += 1

    def popleft(self) -> Channel:
        """Take the oldest of the client whose turn it is, which comes last from now on."""
        client, tasks = self._by_client.popitem(last=False)
        task = tasks.popleft()
        if tasks:
            self._by_client[client] = tasks
        self._count -= 1
        return task
