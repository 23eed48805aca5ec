"""Which paths are the component's, and what answers them."""

from __future__ import annotations

import re

import pytest

from chevupload.wsgi.routing import ANY_REST, RouteTable
from chevupload.wsgi.webob import Response


def _answers(text):
    return lambda environ, rest="": Response(f"{text} {rest}".strip())


def table():
    """Return a table whose answers say what they are; the viewers know only what holds no slash."""
    return RouteTable(
        [
            ("/api/1/upload", ANY_REST, _answers("upload")),
            ("/api/1/upload/", ANY_REST, _answers("upload")),
            ("/settings/api", ANY_REST, _answers("keys")),
            ("/a/health", ANY_REST, _answers("health")),
            ("/a/{rest}", re.compile("([^/]+)"), _answers("viewer")),
            ("/a/b/{rest}", ANY_REST, _answers("files")),
            ("/a/b/c/{rest}", ANY_REST, _answers("assets")),
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
    answer, rest = table().find(path)
    assert answer({}, *rest).text == expected


@pytest.mark.parametrize(
    "path",
    ["/", "/a", "/a/", "/ab", "/a/x/y", "/api/1/upload//", "/api/1/upload/x", "/settings/api/", "/a/health/", "/A/x"],
)
def test_nothing_else_is_taken(path):
    """Neither what is above a route nor what only looks like it; nor what a route's rest does not match."""
    assert table().find(path) is None
