"""How many connections there are, of each client and of all, and which one goes when there are too many.

Source: nginx, which closes idle connections when it runs short of them. Here, it is any whose client lets the server
wait.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chevupload.cli.channel import Channel


class Connections:
    """The open connections. Everything here happens in the server's main thread."""

    def __init__(self, most: int, most_per_address: int) -> None:
        """Allow ``most``, and ``most_per_address`` for each client; 0 bounds the latter by the former only."""
        self._most = most
        self._most_per_address = most_per_address or most
        self._by_client: dict[str, set[Channel]] = defaultdict(set)
        self._count = 0
        self._crowded: list[str] = []

    def add(self, channel: Channel) -> None:
        """Count a new connection."""
        found = self._by_client[channel.client]
        found.add(channel)
        self._count += 1
        if len(found) > self._most_per_address:
            self._crowded.append(channel.client)

    def remove(self, channel: Channel) -> None:
        """Count one less, if it was counted."""
        found = self._by_client.get(channel.client, set())
        if channel in found:
            found.remove(channel)
            self._count -= 1
        if not found:
            self._by_client.pop(channel.client, None)

    def trim(self) -> None:
        """Close what is too many, the one first whose client has let the server wait for longest.

        A client that holds all that it may has its own oldest connections closed, and nobody else's.
        """
        while self._crowded:
            client = self._crowded.pop()
            if len(channels := self._by_client.get(client, ())) > self._most_per_address:
                _close_one(channels)
        while self._count > self._most and _close_one(set().union(*self._by_client.values())):
            pass


def _close_one(channels: Iterable[Channel]) -> bool:
    """Close the one that waits for longest, and say whether there is one that waits."""
    waiting = [(since, channel) for channel in channels if (since := channel.waiting_since) is not None]
    if not waiting:
        return False
    min(waiting, key=lambda pair: pair[0])[1].handle_close()
    return True
