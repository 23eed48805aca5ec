"""Which paths are the component's, and what answers them."""

from __future__ import annotations

import pytest

from chevupload.wsgi.routing import RouteTable
from chevupload.wsgi.webob import Response


def _answers(text):
    return lambda environ, rest="": Response(f"{text} {rest}".strip())


def table():
    """Return a table whose answers say what they are; the viewers know only what holds no slash."""
    viewer = _answers("viewer")
    return RouteTable(
        [
            ("/api/1/upload", _answers("upload")),
            ("/api/1/upload/", _answers("upload")),
            ("/settings/api", _answers("keys")),
            ("/a/health", _answers("health")),
            ("/a/{rest}", lambda environ, rest: None if "/" in rest else viewer(environ, rest)),
            ("/a/b/{rest}", _answers("files")),
            ("/a/b/c/{rest}", _answers("assets")),
        ]
    )


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/1/upload", "upload"),
        ("/api/1/upload/", "upload"),
        ("/settings/api", "keys"),
        ("/a/health", "health"),
        ("/a/healthy", "viewer healthy"),
        ("/a/b", "viewer b"),
        ("/a/b/x.png", "files x.png"),
        ("/a/b/c/x.css", "assets x.css"),
        ("/a/b/cx", "files cx"),
    ],
)
def test_the_nearest_answers(path, expected):
    """What has exactly this path, or else what has the longest beginning of it."""
    assert table().respond({}, path).text == expected


@pytest.mark.parametrize(
    "path",
    ["/", "/a", "/a/", "/ab", "/a/x/y", "/api/1/upload//", "/api/1/upload/x", "/settings/api/", "/a/health/", "/A/x"],
)
def test_nothing_else_is_taken(path):
    """Neither what is above a route nor what only looks like it; what a handler does not know is the host's."""
    assert table().respond({}, path) is None
