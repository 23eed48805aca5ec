"""Which paths are the component's, and what answers them."""

from __future__ import annotations

import pytest

from chevupload.config import Routes
from chevupload.wsgi.routing import RouteTable, route_paths
from chevupload.wsgi.webob import Response

ROUTES = Routes(viewer="a", video=None, files="a/b", assets="a/b/c", imgbb=None, openapi=None, health="a/health")


def table():
    """Return a table whose answers say what they are; the viewers know only what holds no slash."""
    return RouteTable(
        ROUTES,
        exact={name: lambda environ, name=name: Response(name) for name in ("upload", "keys", "health")},
        below={
            "viewer": lambda environ, rest: None if "/" in rest else Response(f"viewer {rest}"),
            "files": lambda environ, rest: Response(f"files {rest}"),
            "assets": lambda environ, rest: Response(f"assets {rest}"),
        },
    )


def test_routes_are_told_as_far_as_they_are_on():
    """By name, with the form that a host's own routes take them from."""
    assert route_paths(
        Routes(video=None, files="f", keys="k", api_page="about", oembed="o", pup="s/pup.js", home="/")
    ) == {
        "upload": ("/api/1/upload", "/api/1/upload/"),
        "imgbb": ("/1/upload", "/1/upload/"),
        "viewer": ("/image/{rest}",),
        "files": ("/f/{rest}",),
        "keys": ("/k",),
        "assets": ("/chevupload-assets/{rest}",),
        "api_page": ("/about",),
        "openapi": ("/api/1/openapi.json",),
        "oembed": ("/o",),
        "pup": ("/s/pup.js",),
        "home": ("/",),
    }
    assert route_paths(Routes(home="start"))["home"] == ("/start",)


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
