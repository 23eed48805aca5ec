"""How many bytes of bodies there are at a time, of all clients and of each."""

from __future__ import annotations

from weakref import WeakValueDictionary

from chevupload.config import Limits
from chevupload.spool import Budget
from chevupload.wsgi.body import body_limit

_ONE_BODY = body_limit("multipart/form-data", Limits().max_bytes)


class BodySpace:
    """What the bodies of requests take their space from. Everything here happens in the server's main thread."""

    def __init__(self, max_bytes: int, *, is_shared: bool) -> None:
        """Allow ``max_bytes``; where it ``is_shared`` between clients, half to each, or one of the largest bodies.

        Otherwise a client that sends a few large bodies, and the rest of each of them slowly, has all of it.
        """
        self._all = Budget(max_bytes)
        self._share = max(max_bytes // 2, _ONE_BODY) if is_shared else max_bytes
        self._by_client: WeakValueDictionary[str, Budget] = WeakValueDictionary()

    def of(self, client: str) -> Budget:
        """Return the budget of a client, which is one as long as a request of it keeps it."""
        found = self._by_client.get(client)
        if found is None:
            found = self._by_client[client] = Budget(self._share, part_of=self._all)
        return found
