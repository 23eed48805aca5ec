"""Features say themselves which routes they answer, and there is no other list of these."""

from __future__ import annotations

from dataclasses import fields

from chevupload.app import FEATURES
from chevupload.config import Routes
from chevupload.web.feature import Feature, paths_of, route
from chevupload.web.home import Home
from chevupload.wsgi.responses import text_answer
from tests.support import Stand


def test_every_route_is_answered_by_one_feature():
    """None is forgotten, and none is answered twice."""
    found = [(one.name, one.rest.pattern) for feature in FEATURES for one in feature.routes()]
    assert len(found) == len(set(found))
    assert {name for name, _ in found} == {field.name for field in fields(Routes)}


def test_routes_are_told_as_far_as_they_are_on():
    """By name, with the form that a host's own routes take them from."""
    routes = Routes(video=None, files="f", keys="k", api_page="about", oembed="o", pup="s/pup.js", home="/")
    assert paths_of(FEATURES, routes) == {
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
    assert paths_of(FEATURES, Routes(home="start"))["home"] == ("/start",)


def test_a_page_is_a_class_a_route_and_a_line(tmp_path, monkeypatch):
    """What it does not say of itself, nobody has to know: methods, refusals and the layout are common."""

    class Greeting(Feature):
        """Answers instead of the start page."""

        @route("home", "GET, HEAD", needs=("upload_page",))
        def answer(self, environ):
            """Greet."""
            return text_answer("hello")

    monkeypatch.setattr("chevupload.app.FEATURES", (*(one for one in FEATURES if one is not Home), Greeting))
    (tmp_path / "on").mkdir()
    (tmp_path / "off").mkdir()
    stand = Stand(tmp_path / "on", routes=Routes(home="hello", upload_page="upload"))
    assert stand.open("/hello").text == "hello"
    refused = stand.open("/hello", "POST")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
    off = Stand(tmp_path / "off", routes=Routes(home="hello"))
    assert off.component.routes.home is None
    assert off.open("/hello").status_code == 404
