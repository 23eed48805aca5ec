"""Which paths are the component's: as patterns for the routes of a host, and as a table for the mount.

Source: the contract of this API, section 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from chevupload.config import Routes
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

Exact: TypeAlias = "Callable[[WSGIEnvironment], Response]"
"""Answers one path."""
Below: TypeAlias = "Callable[[WSGIEnvironment, str], Response | None]"
"""Answers what is below a path, given the rest; None where that is nothing of its own."""

_REST = "{rest}"


class RouteTable:
    """Finds what answers a path: what has exactly this one, or else what has the longest beginning of it."""

    def __init__(self, routes: Routes, *, exact: Mapping[str, Exact], below: Mapping[str, Below]) -> None:
        """Answer those of the ``routes`` that are switched on, each by what stands under its name."""
        found: dict[str, Below] = {}
        self._exact: dict[str, Exact] = {}
        for name, patterns in route_paths(routes).items():
            for pattern in patterns:
                if pattern.endswith(_REST):
                    found[pattern.removesuffix(_REST)] = below[name]
                else:
                    self._exact[pattern] = exact[name]
        self._below = sorted(found.items(), key=lambda item: len(item[0]), reverse=True)

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


def route_paths(routes: Routes) -> Mapping[str, tuple[str, ...]]:
    """Return the routes that are switched on: name, and path below the mount point, with ``{rest}`` for any rest."""
    paths = {
        "upload": (f"/{routes.upload}", f"/{routes.upload}/"),
        "imgbb": (f"/{routes.imgbb}", f"/{routes.imgbb}/"),
        "viewer": (f"/{routes.viewer}/{{rest}}",),
        "video": (f"/{routes.video}/{{rest}}",),
        "files": (f"/{routes.files}/{{rest}}",),
        "keys": (f"/{routes.keys}",),
        "health": (f"/{routes.health}",),
        "liveness": (f"/{routes.liveness}",),
        "upload_page": (f"/{routes.upload_page}",),
        "assets": (f"/{routes.assets}/{{rest}}",),
        "api_page": (f"/{routes.api_page}",),
        "openapi": (f"/{routes.openapi}",),
        "oembed": (f"/{routes.oembed}",),
        "pup": (f"/{routes.pup}",),
        "home": ("/" if routes.home == "/" else f"/{routes.home}",),
    }
    return {name: found for name, found in paths.items() if getattr(routes, name) is not None}
