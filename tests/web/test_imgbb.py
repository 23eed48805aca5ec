"""ImgBB's own route: whoever changes the host name of an ImgBB client uploads here."""

from __future__ import annotations

import base64
import io

import pytest

from chevupload import Routes
from chevupload.errors import NotFound
from tests.support import BASE64, JSON_TYPE, PNG, file, noise

ROUTE = "/1/upload"

FILE = {"filename": str, "name": str, "mime": str, "extension": str, "url": str}
DATA = {
    "id": str,
    "title": str,
    "url_viewer": str,
    "url": str,
    "display_url": str,
    "width": int,
    "height": int,
    "size": int,
    "time": int,
    "expiration": int,
    "image": FILE,
    "thumb": FILE,
    "medium": FILE,
    "delete_url": str,
}


def types(value):
    return {name: types(item) for name, item in value.items()} if isinstance(value, dict) else type(value)


def send(stand, data, *, key="user-key", path=ROUTE, **request):
    return stand.open(f"{path}?key={key}", "POST", data=data, **request)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "medium"), [((8, 6), False), ((800, 600), True)])
def test_every_member_has_its_type(stand, size, medium):
    """Numbers are numbers, success is true, and nothing is null, whether there is a medium picture or not."""
    answer = send(stand, {"image": file(noise(size), "cat photo.png"), "name": "Cat"})
    assert (answer.status_code, answer.content_type) == (200, JSON_TYPE)
    document = answer.json
    assert (list(document), document["success"], document["status"]) == (["data", "success", "status"], True, 200)
    data = document["data"]
    assert types(data) == DATA
    assert list(data) == list(DATA)
    assert (data["title"], data["width"], data["height"], data["expiration"]) == ("Cat", *size, 0)
    assert (data["medium"]["url"] == data["url"]) == (not medium)
    for url in (data["url"], data["display_url"], data["thumb"]["url"], data["medium"]["url"], data["url_viewer"]):
        assert stand.open(url).status_code == 200
    assert stand.open(data["delete_url"], "POST").status_code == 200
    assert stand.open(data["url"]).status_code == 404


@pytest.mark.parametrize("path", [ROUTE, f"{ROUTE}/"])
@pytest.mark.parametrize("source", ["file", "base64", "data", "urlencoded"])
def test_every_way_to_send_works(stand, source, path):
    """A file, base64 and a data URI, as multipart and urlencoded, with and without a slash at the end."""
    image = {"file": file(), "base64": BASE64, "data": f"data:image/png;base64,{BASE64}", "urlencoded": BASE64}[source]
    kind = "application/x-www-form-urlencoded" if source == "urlencoded" else "multipart/form-data"
    answer = send(stand, {"image": image}, path=path, content_type=kind)
    assert stand.open(answer.json["data"]["url"]).data == PNG


def test_the_key_may_be_anywhere(stand):
    """In the query, the header or the form."""
    assert send(stand, {"image": BASE64}).status_code == 200
    assert stand.send({"image": BASE64}, path=ROUTE).status_code == 200
    assert stand.send({"image": BASE64, "key": "user-key"}, key=None, path=ROUTE).status_code == 200


@pytest.mark.parametrize(("asked", "kept"), [("60", 300), ("600", 600), ("15552000", 15_552_000), ("", 0)])
def test_an_expiration_is_in_seconds(stand, asked, kept):
    """ImgBB's whole range is taken, and what is too short for us becomes our shortest."""
    assert send(stand, {"image": BASE64, "expiration": asked}).json["data"]["expiration"] == kept


def test_a_title_falls_back_to_the_name(stand):
    """Clients read it, so it is never null."""
    stand_in = send(stand, {"image": base64.b64encode(PNG).decode()}).json["data"]
    assert stand_in["title"]
    assert isinstance(stand_in["title"], str)


@pytest.mark.parametrize(
    ("key", "image", "status"),
    [("wrong", BASE64, 401), ("", BASE64, 401), ("user-key", "", 400), ("user-key", "bm90aGluZw==", 400)],
)
def test_refusals_carry_their_context(refusing, key, image, status):
    """ImgBB's clients read it beside message and code."""
    answer = send(refusing(), {"image": image}, key=key)
    assert answer.status_code == status
    document = answer.json
    assert (document["status_code"], list(document["error"])) == (status, ["message", "code", "context"])


def test_other_methods_and_formats_are_answered_alike(stand):
    """As on the other route."""
    assert stand.open(ROUTE, "OPTIONS").status_code == 204
    assert stand.open(ROUTE, "PUT").status_code == 405
    assert send(stand, {"image": (io.BytesIO(PNG), "a.png"), "format": "txt"}).text.endswith("/a.png")


def test_source_is_taken_too(stand):
    """A client may have been a Chevereto's."""
    assert types(send(stand, {"source": file()}).json["data"]) == DATA


def test_the_route_can_be_switched_off(make):
    """And renamed."""
    assert send(make(routes=Routes(imgbb=None)), {"image": BASE64}).status_code == 404
    assert send(make(routes=Routes(imgbb="bb")), {"image": BASE64}, path="/bb").status_code == 200


@pytest.mark.parametrize(("path", "has_context"), [(ROUTE, True), ("/api/1/upload", False), ("/host/1/upload/", True)])
def test_a_refusal_of_the_host_is_in_the_dialect_of_its_route(stand, path, has_context):
    """Also where one route ends as the other one does, and where the host's path is longer."""
    answer = stand.component.refuse({"REQUEST_METHOD": "POST", "PATH_INFO": path}, NotFound())
    assert ("context" in answer.json["error"]) is has_context
