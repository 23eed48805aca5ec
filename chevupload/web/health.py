"""Whether database and storage answer, for load balancers and monitoring.

The answer names the part that is away; what is wrong with it is in the log.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from chevupload.errors import Refusal
from chevupload.protocols import ProbedStorage, Storage
from chevupload.web.context import WebContext
from chevupload.web.feature import Feature, route
from chevupload.web.receiver import key_of
from chevupload.wsgi.responses import RETRY_SECONDS, json_answer
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")

_NAME = "health"
"""Neither an upload nor a file has this name; asking for it costs one look into an index."""
_REMEMBERED_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0


class Health(Feature):
    """Looks after the parts, once a second at most, however many ask."""

    def __init__(self, context: WebContext) -> None:
        """Look at the catalog and the storages."""
        super().__init__(context)
        self._looks: dict[str, Callable[[], object]] = {
            "database": partial(context.catalog.get, _NAME),
            **{f"storage {name}".rstrip(): _look_at(one) for name, one in context.storages.by_name.items()},
        }
        self._lock = threading.Lock()
        self._parts: dict[str, str] = {}
        self._seen = -_REMEMBERED_SECONDS

    @route("liveness", "GET, HEAD, OPTIONS", refusals="json")
    def live(self, environ: WSGIEnvironment) -> Response:
        """Answer 200: this process answers. No part is asked for anything."""
        return json_answer({"status": "ok"})

    @route("health", "GET, HEAD, OPTIONS", refusals="json")
    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer 200 with every part ``ok``, or 503 with those that are ``away``.

        Several storages are one part, but for requests with an admin's key in the header ``X-API-Key``.
        """
        parts = self._look()
        is_well = "away" not in parts.values()
        if not self._is_admin(environ):
            parts = _without_names(parts)
        response = json_answer({"status": "ok" if is_well else "away", **parts}, status=200 if is_well else 503)
        if not is_well:
            response.headers["Retry-After"] = RETRY_SECONDS
        return response

    def _is_admin(self, environ: WSGIEnvironment) -> bool:
        key = key_of(environ, {})
        try:
            return bool(key) and self._context.receiver.identify(key, environ).is_admin
        except Refusal:
            return False
        except Exception:
            # The database of keys may be what is away; that is said, and to nobody more.
            logger.exception("no key can be looked up")
            return False

    def _look(self) -> dict[str, str]:
        if not self._lock.acquire(timeout=_PATIENCE_SECONDS):
            # Somebody looks, and gets no answer: nobody else needs to wait as long.
            return dict.fromkeys(self._looks, "away")
        try:
            if monotonic() - self._seen >= _REMEMBERED_SECONDS:
                self._parts = {name: _state(name, look) for name, look in self._looks.items()}
                self._seen = monotonic()
            return self._parts
        finally:
            self._lock.release()


def _look_at(storage: Storage) -> Callable[[], object]:
    return storage.probe if isinstance(storage, ProbedStorage) else partial(storage.exists, _NAME)


def _without_names(parts: dict[str, str]) -> dict[str, str]:
    """Return the parts with one storage, which is away when any is: what a site calls its storages is its own."""
    told: dict[str, str] = {}
    for name, state in parts.items():
        kind = name.partition(" ")[0]
        told[kind] = state if told.get(kind) != "away" else "away"
    return told


def _state(name: str, look: Callable[[], object]) -> str:
    try:
        look()
    except Exception:
        logger.exception("the %s is away", name)
        return "away"
    return "ok"
