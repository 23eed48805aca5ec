"""The same counts in a Redis, for all processes of a site together: one message for each upload that is stored.

Sources: the documentation of Redis on scripting with Lua, and of redis-py on connections and their timeouts.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from chevupload.clock import Clock
from chevupload.errors import ConfigError
from chevupload.policy.flood import Window
from chevupload.web.window_counts import Taken, number_of

logger = logging.getLogger("chevupload")

_TIMEOUT_SECONDS = 0.5
"""For a connection, and for an answer. A Redis of the same network answers in less than a thousandth of a second."""
_RETRY_SECONDS = 5.0
"""After which a Redis that was away is asked again, by one request."""

# Each window of a subject is a key. Arguments: the most of each window, then the seconds of each. The answer is how
# many places are left, or -1 and the numbers of the windows that are full.
_TAKE = """
local full, left = {-1}, nil
for index, key in ipairs(KEYS) do
  local places = tonumber(ARGV[index]) - tonumber(redis.call("GET", key) or 0)
  if places <= 0 then full[#full + 1] = index end
  left = math.min(left or places, places)
end
if #full > 1 then return full end
for index, key in ipairs(KEYS) do
  redis.call("INCR", key)
  redis.call("EXPIRE", key, ARGV[#KEYS + index])
end
return {left - 1}
"""
_GIVE_BACK = """
for _, key in ipairs(KEYS) do
  local count = tonumber(redis.call("GET", key) or 0)
  if count > 1 then redis.call("DECR", key) elseif count == 1 then redis.call("DEL", key) end
end
"""


class RedisCounts:
    """See WindowCounts. While the Redis is away, nothing is counted: uploads go on without limits.

    Raises:
        ConfigError: the URL cannot be read.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        """Count in the Redis at ``url``, to which nothing is sent before the first upload."""
        self._clock = clock
        self._retry_at: float | None = None
        self._lock = threading.Lock()
        try:
            self._client = redis.Redis.from_url(
                url,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                retry=Retry(NoBackoff(), 0),
            )
        except ValueError:
            # Its message may have a piece of a password in it.
            raise ConfigError("flood_store is no URL of a Redis") from None
        self._take = self._client.register_script(_TAKE)
        self._give_back = self._client.register_script(_GIVE_BACK)

    def take(self, subject: str, windows: Sequence[Window]) -> Taken | None:
        """See WindowCounts."""
        at = self._clock().timestamp()
        limits = [*(window.most for window in windows), *(window.seconds for window in windows)]
        answer = self._run(self._take, _keys(subject, windows, at), limits)
        if answer is None:
            return None
        left, *full = answer
        return Taken(at, [windows[index - 1] for index in full], max(left, 0))

    def give_back(self, subject: str, windows: Sequence[Window], at: float) -> None:
        """See WindowCounts."""
        self._run(self._give_back, _keys(subject, windows, at), ())

    def close(self) -> None:
        """See WindowCounts."""
        self._client.close()

    def _run(self, script: Any, keys: Sequence[str], arguments: Sequence[int]) -> Any:
        """Return what a script answers, or None while the Redis is away: one line in the log says when that begins."""
        retry_at = self._retry_at
        if retry_at is not None:
            if time.monotonic() < retry_at:
                return None
            # The others go on without waiting.
            self._retry_at = time.monotonic() + _RETRY_SECONDS
        try:
            answer = script(keys=keys, args=arguments)
        except (redis.RedisError, OSError) as error:
            with self._lock:
                was_there, self._retry_at = self._retry_at is None, time.monotonic() + _RETRY_SECONDS
            if was_there:
                logger.warning("the store of flood limits is away, there are no limits until it is back: %s", error)
            return None
        if retry_at is not None:
            self._retry_at = None
            logger.warning("the store of flood limits is back")
        return answer


def _keys(subject: str, windows: Sequence[Window], at: float) -> list[str]:
    """Return the key of each window. A cluster keeps those of one subject together, by what is in braces."""
    name = hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return [f"chevupload:{{{name}}}:{window.seconds}:{number_of(window, at)}" for window in windows]
