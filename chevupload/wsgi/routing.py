"""What answers which path below a mount point.

Source: the contract of this API, section 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Handler: TypeAlias = "Callable[..., Response | None]"
"""Answers one path, given the environ; or what is below a path, given its rest too: None where that is unknown."""

REST = "{rest}"
"""Ends a pattern that has any rest."""


class RouteTable:
    """Finds what answers a path: what has exactly this one, or else what has the longest beginning of it."""

    def __init__(self, handlers: Iterable[tuple[str, Handler]]) -> None:
        """Answer each pattern by the handler that stands beside it."""
        self._exact: dict[str, Handler] = {}
        below: dict[str, Handler] = {}
        for pattern, handler in handlers:
            (below if pattern.endswith(REST) else self._exact)[pattern.removesuffix(REST)] = handler
        self._below = sorted(below.items(), key=lambda item: len(item[0]), reverse=True)

    def respond(self, environ: WSGIEnvironment, path: str) -> Response | None:
        """Answer a request of ``path``, which is decoded and begins below the mount point; None is nothing of ours."""
        if (answer := self._exact.get(path)) is not None:
            return answer(environ)
        for start, answer_below in self._below:
            if path.startswith(start) and (rest := path[len(start) :]):
                response = answer_below(environ, rest)
                if response is not None:
                    return response
        return None


def mounted_path(environ: WSGIEnvironment) -> str:
    """Return the path below the mount point, decoded."""
    path: str = environ.get("PATH_INFO", "") or "/"
    return path.encode("latin-1", "replace").decode("utf-8", "replace")
