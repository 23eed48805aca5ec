"""What answers which path below a mount point.

Source: docs/api.md, Routes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeAlias

from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Handler: TypeAlias = Callable[..., Response]
"""Answers one path, given the environ; or what is below a path, given the groups of its rest, too."""

REST = "{rest}"
"""Ends a pattern that has a rest."""
ANY_REST = re.compile("(.+)", re.DOTALL)
"""Every rest but an empty one, as one group."""


class RouteTable:
    """Finds what answers a path: what has exactly this one, or else what has the longest beginning of it."""

    def __init__(self, handlers: Iterable[tuple[str, re.Pattern[str], Handler]]) -> None:
        """Answer each pattern, where its rest matches the expression beside it, by the handler beside that."""
        self._exact: dict[str, Handler] = {}
        self._below: list[tuple[str, re.Pattern[str], Handler]] = []
        for pattern, rest, handler in handlers:
            if pattern.endswith(REST):
                self._below.append((pattern.removesuffix(REST), rest, handler))
            else:
                self._exact[pattern] = handler
        self._below.sort(key=lambda row: len(row[0]), reverse=True)

    def find(self, path: str) -> tuple[Handler, tuple[str | None, ...]] | None:
        """Return what answers ``path``, and the groups of its rest; None when it is nothing of ours.

        The path is decoded and begins below the mount point.
        """
        if (handler := self._exact.get(path)) is not None:
            return handler, ()
        for start, rest, handler in self._below:
            if path.startswith(start) and (found := rest.fullmatch(path, len(start))):
                return handler, found.groups()
        return None


def mounted_path(environ: WSGIEnvironment) -> str:
    """Return the path below the mount point, decoded."""
    path: str = environ.get("PATH_INFO", "") or "/"
    return path.encode("latin-1", "replace").decode("utf-8", "replace")
