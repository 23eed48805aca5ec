"""Whether database and storage answer, for load balancers and whoever watches a site.

May know: the interfaces and answers. What is wrong with a part is for the log; whoever asks learns which one it is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from webob import Response

from chevupload.interfaces import Catalog
from chevupload.response.answers import RETRY_SECONDS, answered, json_answer, refusal_answer
from chevupload.storages import Storages

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")

_METHODS = "GET, HEAD, OPTIONS"
_NAME = "health"
"""Neither an upload nor a file has this name; asking for it costs one look into an index."""
_REMEMBERED_SECONDS = 1.0
_PATIENCE_SECONDS = 5.0


class Health:
    """Looks after the parts, once a second at most, however many ask."""

    def __init__(self, *, catalog: Catalog, storages: Storages) -> None:
        """Look at these parts."""
        self._looks: dict[str, Callable[[str], object]] = {
            "database": catalog.get,
            **{f"storage {name}".rstrip(): one.exists for name, one in storages.by_name.items()},
        }
        self._lock = threading.Lock()
        self._parts: dict[str, str] = {}
        self._seen = -_REMEMBERED_SECONDS

    def answer(self, environ: WSGIEnvironment) -> Response:
        """Answer 200 with every part ``ok``, or 503 with those that are ``away``."""
        return answered(environ, _METHODS, self._report, refuse=partial(refusal_answer, "json"))

    def _report(self) -> Response:
        parts = self._look()
        is_well = "away" not in parts.values()
        response = json_answer({"status": "ok" if is_well else "away", **parts}, status=200 if is_well else 503)
        if not is_well:
            response.headers["Retry-After"] = RETRY_SECONDS
        return response

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


def _state(name: str, look: Callable[[str], object]) -> str:
    try:
        look(_NAME)
    except Exception:
        logger.exception("the %s is away", name)
        return "away"
    return "ok"
