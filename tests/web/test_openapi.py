"""The OpenAPI document says what the server does: every answer here is one that it describes."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from importlib import resources
from urllib.parse import quote

import jsonschema
import pytest
from PIL import Image

from chevupload.clock import utc_now
from chevupload.config import Limits, Policy, Routes
from chevupload.db import SqlKeys
from chevupload.errors import CatalogError
from chevupload.fetch.webhook import Webhook, payload
from chevupload.model import Principal
from chevupload.records.event import new_event
from chevupload.testing import MemoryStorage
from chevupload.uploads.parameters import taken_parameters
from tests.databases import sqlite_database
from tests.media.films import film
from tests.media.heics import heic
from tests.support import BASE64, PNG, SECRET, UPLOAD, Failing, animation, assert_refusal, file, noise, picture

ROUTE = "/api/1/openapi.json"
FORMATS = jsonschema.FormatChecker()


class Described:
    """A component, and its own description, by which every answer is judged."""

    def __init__(self, stand, route=ROUTE):
        self.stand = stand
        self.document = stand.open(route).json
        (server,) = self.document["servers"]
        assert server["url"] == stand.base

    def check(self, answer):
        """Assert that the answer is described, and return it."""
        request = answer.request
        operation = self._operation(request.path, request.method.lower())
        described = operation["responses"].get(str(answer.status_code))
        assert described is not None, f"{answer.status_code} of {request.method} {request.path} is not described"
        for name, header in described.get("headers", {}).items():
            assert name in answer.headers or not header["required"]
        if request.method == "HEAD" or "content" not in described:
            assert answer.data == b""
            return answer
        content = described["content"]
        assert answer.mimetype in content, f"{answer.mimetype} is not described"
        if answer.mimetype == "application/json":
            self._validate(answer.json, content["application/json"]["schema"])
        return answer

    def _operation(self, path, method):
        for template, operations in self.document["paths"].items():
            pattern = re.sub(r"\\{(\w+)\\}", lambda found: ".+" if found[1] == "path" else "[^/]+", re.escape(template))
            if re.fullmatch(pattern, path.removesuffix("/") or "/"):
                assert method in operations, f"{method} {template} is not described"
                return operations[method]
        raise AssertionError(f"{path} is not described")

    def _validate(self, value, schema):
        whole = {**schema, "components": self.document["components"]}
        jsonschema.Draft202012Validator(whole, format_checker=FORMATS).validate(value)

    def properties(self, name):
        return self.document["components"]["schemas"][name]["properties"]


@pytest.fixture
def described(make):
    """Return a component with default settings and oEmbed, described."""
    return Described(make(routes=Routes(oembed="oembed")))


CONTENTS = {
    "small": (PNG, "a.png"),
    "medium": (noise((600, 400)), "a b.png"),
    "photo": (picture((700, 500), "JPEG"), "a.jpg"),
    "animation": (animation(), "a.gif"),
    "video": (film(), "a.mp4"),
    "heic": (heic(Image.new("RGB", (64, 64), "teal")), "a.heic"),
}
FIELDS = {
    "nothing": {},
    "everything": {
        "title": "A <cat>",
        "description": "x",
        "tags": "a,b c",
        "album_id": "ownalbum",
        "category_id": "3",
        "width": "5",
        "expiration": "P3D",
        "nsfw": "1",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("fields", FIELDS)
def test_uploads(described, content, fields):
    """In each dialect, with every member described and every described member there."""
    data, name = CONTENTS[content]
    for path, part in ((UPLOAD, "source"), (UPLOAD, "image"), ("/1/upload", "source"), ("/1/upload/", "image")):
        answer = described.stand.send({part: (io.BytesIO(data), name), **FIELDS[fields]}, path=path)
        assert answer.status_code == 200
        document = described.check(answer).json
    image = described.check(described.stand.send({"source": file(data, name)})).json["image"]
    assert set(image) == set(described.properties("Image")) - (set() if image["url_frame"] else {"frame"})
    assert set(document["data"]) == set(described.properties("ImgbbUploaded")["data"]["properties"])


def test_an_upload_whose_files_are_elsewhere(make):
    """A public storage has the files at addresses of its own."""
    described = Described(make(storage=MemoryStorage(public_url="https://cdn.test/files")))
    answer = described.check(described.stand.send({"source": file()}))
    assert answer.json["image"]["file"]["resource"]["type"] == "url"


@pytest.mark.parametrize("name", [one.name for one in taken_parameters(Policy()) if one.name not in ("key", "format")])
@pytest.mark.parametrize("value", [True, False])
def test_booleans_in_json_are_described_where_they_are_taken(described, name, value):
    """For flags and texts; a number or a time is no boolean."""
    operation = described.document["paths"][UPLOAD]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]["properties"][name]
    is_described = jsonschema.Draft202012Validator(schema).is_valid(value)
    # Which albums there are is no matter of form.
    is_taken = described.stand.send(None, json={"source": BASE64, name: value}).status_code in (200, 403)
    assert is_taken == is_described


@pytest.mark.parametrize("form", ["json", "txt", "redirect"])
def test_formats(described, form):
    """Of success and of refusals."""
    for path in (UPLOAD, "/1/upload"):
        described.check(described.stand.send({"source": file(), "format": form}, path=path))
        described.check(described.stand.send({"format": form}, path=path))
        described.check(described.stand.send({"source": file(), "format": form}, path=path, key="wrong"))


REFUSED = {
    "no key": (401, {"data": {"source": file}, "key": None}),
    "no source": (400, {"data": {}}),
    "base64": (400, {"data": {"source": "%%%"}}),
    "category": (400, {"data": {"source": file, "category_id": "99"}}),
    "album": (403, {"data": {"source": file, "album_id": "foreign"}}),
    "too large": (413, {"data": {"source": lambda: file(noise())}, "key": "small-key"}),
    "no body of ours": (415, {"data": b"x", "content_type": "text/csv"}),
    "no picture": (400, {"data": {"source": lambda: file(b"no picture")}}),
    "malformed": (400, {"data": b"{", "content_type": "application/json"}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals(described, case):
    """Each status that an upload may have."""
    status, request = REFUSED[case]
    request = dict(request)
    if isinstance(request["data"], dict):
        request["data"] = {name: value() if callable(value) else value for name, value in request["data"].items()}
    answer = described.check(described.stand.send(request.pop("data"), **request))
    assert answer.status_code == status


def test_our_own_faults(make):
    """With a time to come back."""
    stand = make()
    described = Described(stand)
    stand.component.context.writer._records = Failing(stand.catalog, "reserve", CatalogError("secret detail"))
    assert described.check(stand.send({"source": file()})).status_code == 503


def test_a_request_sent_once_more(described):
    """One upload; and a refusal when it is another file."""
    for content, status in ((PNG, 200), (PNG, 200), (noise(), 422)):
        answer = described.stand.send({"source": file(content)}, headers={"Idempotency-Key": "one"})
        assert described.check(answer).status_code == status


def test_health(make):
    """There, and away, where there is such a route."""
    stand = make(routes=Routes(health="health", liveness="health/live"))
    described = Described(stand)
    assert described.check(stand.open("/health/live")).status_code == 200
    assert described.check(stand.open("/health")).status_code == 200
    assert described.check(stand.open("/health", "OPTIONS")).status_code == 204


@pytest.mark.slow
def test_pages_files_and_links(described):
    """Viewer, files and delete links, there and gone, for people and for programs."""
    stand = described.stand
    for data, name in (CONTENTS["photo"], CONTENTS["video"]):
        image = stand.upload(data, filename=name, expiration="PT1H")
        viewer, delete = image["url_viewer"], image["delete_url"]
        wrong = viewer.replace("/a.", "/b.")
        for url in (viewer, wrong, image["url"], image["thumb"]["url"], delete, delete[:-1], viewer[:-3]):
            for method in ("GET", "HEAD", "OPTIONS"):
                described.check(stand.open(url, method))
        described.check(stand.open(image["url"], headers={"Range": "bytes=0-3"}))
        described.check(stand.open(image["url"], headers={"Range": "bytes=99999999-"}))
        etag = stand.open(image["url"]).headers["ETag"]
        described.check(stand.open(image["url"], headers={"If-None-Match": etag}))
        described.check(stand.open(image["url"], headers={"If-Match": '"x"'}))
        described.check(stand.open(viewer[:-3], headers={"Accept": "application/json"}))
        oembed = f"/oembed?url={quote(viewer, safe='')}"
        for url in (oembed, oembed + "&maxwidth=10", oembed + "&maxwidth=x", oembed + "&format=xml", oembed + "x"):
            described.check(stand.open(url))
        described.check(stand.open(delete, "POST"))
        described.check(stand.open(delete, "DELETE"))
        again = stand.upload(data, filename=name, expiration="PT1H")
        described.check(stand.open(again["delete_url"], "DELETE"))
        late = stand.upload(data, filename=name, expiration="PT1H")
        stand.clock.move(hours=2)
        for url in (late["url_viewer"], late["url"], late["delete_url"]):
            assert described.check(stand.open(url)).status_code == 410


def test_it_describes_itself(described):
    """And lets pages of other sites read it."""
    answer = described.check(described.stand.open(ROUTE, headers={"Origin": "https://editor.example"}))
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert described.check(described.stand.open(ROUTE, "HEAD")).status_code == 200
    assert described.check(described.stand.open(ROUTE, "OPTIONS")).headers["Allow"] == "GET, HEAD, OPTIONS"
    assert_refusal(described.stand.open(ROUTE, "POST"), 405, 405)


@pytest.mark.parametrize("path", [UPLOAD, "/1/upload", "/image/x", "/clip/x", "/image/x/delete/y", "/images/x"])
def test_methods_are_those_that_are_allowed(described, path):
    """What OPTIONS names is what is described, no more and no less."""
    allowed = described.check(described.stand.open(path, "OPTIONS")).headers["Allow"].lower().split(", ")
    for method in ("get", "head", "post", "put", "patch", "delete", "options"):
        try:
            described._operation(f"{path}", method)
        except AssertionError:
            assert method not in allowed
        else:
            assert method in allowed


def test_settings_are_told(make):
    """Limits, formats and who may send URLs, as they are set."""
    limits = Limits(max_bytes=12_300_000)
    policy = Policy(formats=("PNG", "GIF"), url_sources="nobody", guests=False)
    text = make(limits=limits, policy=policy).open(ROUTE).json["info"]["description"]
    assert "Accepted formats: PNG, GIF." in text
    assert "File of a user: 12.3 MB" in text
    assert "guest: " not in text
    assert "nobody" in text


def test_only_what_is_there_is_described(make):
    """Routes by their names, and none that is switched off."""
    off = dict.fromkeys(("imgbb", "video", "assets"))
    routes = Routes(upload="up", viewer="v", openapi="openapi.json", **off)
    described = Described(make(routes=routes), "/openapi.json")
    paths = ["/up", "/v/{upload}", "/v/{upload}/delete/{token}", "/images/{path}", "/openapi.json"]
    assert list(described.document["paths"]) == paths
    key = {"X-API-Key": "user-key"}
    assert make(routes=Routes(openapi=None)).open(ROUTE, headers=key).status_code == 404
    assert make(routes=Routes(upload=None, imgbb=None)).open(ROUTE, headers=key).status_code == 404


def test_the_start_page_and_the_script(pages, make):
    """Read, asked for again, and refused; also where the start page is the mount point itself."""
    described = Described(pages)
    for path in ("/start", "/sdk/pup.js"):
        for method in ("GET", "HEAD"):
            assert described.check(pages.open(path, method)).status_code == 200
    tag = pages.open("/sdk/pup.js").headers["ETag"]
    assert described.check(pages.open("/sdk/pup.js", headers={"If-None-Match": tag})).status_code == 304
    described = Described(make(routes=Routes(home="/")))
    assert described.check(described.stand.open("/")).status_code == 200


def test_no_route_is_missing(pages):
    """Whatever can be switched on is described."""
    names = {field.name for field in dataclasses.fields(Routes)}
    described = Described(pages)
    starts = {path.split("/{")[0] for path in described.document["paths"]}
    assert starts == {f"/{getattr(pages.component.routes, name)}" for name in names}


@pytest.fixture
def pages(make, tmp_path):
    """Return a component with every page, where Ann is signed in."""
    with sqlite_database(tmp_path / "keys.db") as database:
        keys = SqlKeys(database)
        yield make(
            keys=keys,
            key_store=keys,
            current_user=lambda environ: Principal(user_id="ann") if environ.get("HTTP_X_USER") == "ann" else None,
            routes=Routes(
                **{"tickets": "api/1/tickets", "uploads": "api/1/uploads", "albums": "api/1/albums"},
                **{"account": "api/1/account", "imgbb_image": "1/image"},
                **{"health": "health", "liveness": "health/live", "upload_page": "upload", "api_page": "api-v1"},
                **{"oembed": "oembed", "pup": "sdk/pup.js", "home": "start"},
            ),
        )


ANN = {"X-User": "ann"}


@pytest.mark.slow
def test_the_page_of_keys(pages):
    """Shown, sent and refused, and for nobody."""
    described = Described(pages)
    page = "/settings/api"
    assert described.check(pages.open(page)).status_code == 401
    assert described.check(pages.open(page, "POST", data={})).status_code == 401
    shown = described.check(pages.open(page, headers=ANN))
    token = re.search(r'name="token" value="([^"]+)"', shown.text)[1]
    described.check(pages.open(page, "HEAD", headers=ANN))
    for fields, status in (
        ({"token": token, "action": "make", "label": "x", "style": "imgbb", "lifetime": "P7D"}, 200),
        ({"token": token, "action": "make", "style": "x"}, 400),
        ({"token": token, "action": "revoke", "key": "none"}, 404),
        ({"token": "x", "action": "make"}, 403),
        ({"label": "x" * 3_000_000}, 413),
    ):
        assert described.check(pages.open(page, "POST", data=fields, headers=ANN)).status_code == status
    (key,) = pages.component.key_store.keys_of("ann")
    fields = {"token": token, "action": "revoke", "key": key.id}
    assert described.check(pages.open(page, "POST", data=fields, headers=ANN)).status_code == 303


@pytest.mark.slow
def test_the_upload_page(pages):
    """For people and for programs; taken and refused."""
    described = Described(pages)
    shown = described.check(pages.open("/upload", headers=ANN))
    token = re.search(r'name="token" value="([^"]+)"', shown.text)[1]
    described.check(pages.open("/upload", "HEAD"))
    for headers in (ANN, ANN | {"Accept": "application/json"}):
        for fields, status in (({"token": token}, 200), ({"token": "x"}, 403), ({"token": token, "width": "x"}, 400)):
            data = {"source": file(), **fields}
            assert described.check(pages.open("/upload", "POST", data=data, headers=headers)).status_code == status
    assert described.check(pages.open("/upload", "POST", data={"source": file()})).status_code == 401


def test_the_page_of_the_api_and_what_pages_load(pages):
    """Shown, sent and refused; the style sheet and the scripts, of this version and of another."""
    described = Described(pages)
    for fields, status in (({"key": "x"}, 200), ({"key": "x", "download": "sharex"}, 200), ({"key": "é"}, 400)):
        assert described.check(pages.open("/api-v1", "POST", data=fields)).status_code == status
    described.check(pages.open("/api-v1", "HEAD"))
    shown = described.check(pages.open("/api-v1"))
    style = re.search(r'href="([^"]*style.css)"', shown.text)[1].removeprefix(pages.prefix)
    assert described.check(pages.open(style)).status_code == 200
    assert described.check(pages.open(style, "HEAD")).status_code == 200
    assert described.check(pages.open(style.replace("style.css", "page.js"))).status_code == 200
    assert described.check(pages.open(style.replace("style.css", "none.js"))).status_code == 404
    operation = described.document["paths"]["/chevupload-assets/{version}/{name}"]["get"]
    (example,) = [one["example"] for one in operation["parameters"] if "example" in one]
    assert described.check(pages.open(style.replace("style.css", example))).status_code == 200


def test_operations_have_names_of_their_own(pages):
    """Programs are made from them."""
    operations = [one for path in Described(pages).document["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in operations]
    assert len(set(names)) == len(names)


def test_nothing_secret_is_told(described):
    """Neither a key nor a path."""
    text = described.stand.open(ROUTE).text
    assert [word for word in (SECRET, "user-key", str(described.stand.folder), BASE64) if word in text] == []


def references(node):
    """Return what every ``$ref`` of a document says."""
    if isinstance(node, list):
        return {one for item in node for one in references(item)}
    if isinstance(node, dict):
        own = {node["$ref"]} if "$ref" in node else set()
        return own | {one for value in node.values() for one in references(value)}
    return set()


@pytest.mark.parametrize("off", [(), ("viewer",), ("viewer", "video", "keys", "assets")])
def test_what_is_named_is_there(make, off):
    """Schemas, and the operations that links lead to; no member is one that OpenAPI does not know."""
    answer = make(routes=Routes(**dict.fromkeys(off))).open(ROUTE)
    document = answer.json
    assert references(document) <= {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert '"x-' not in answer.text
    operations = [one for path in document["paths"].values() for one in path.values()]
    links = [link for one in operations for link in one["responses"].get("200", {}).get("links", {}).values()]
    assert {link["operationId"] for link in links} == (set() if "viewer" in off else {"showPicture"})


def test_the_file_holds_nothing_that_is_not_used():
    """Each of its parts is somewhere in the document."""
    whole = json.loads(resources.files("chevupload.web.api_docs").joinpath("openapi.json").read_text())
    used = references(whole)
    assert {name for name in whole["x-parts"] if not any(one.startswith(f"#/x-parts/{name}") for one in used)} == {
        # Chosen between by a setting.
        *("ask-to-delete", "source-text", "source-text-without-url"),
    }


def test_webhooks_are_described_where_some_are_sent(make, described):
    """What a receiver gets is what the document says; a site without receivers says nothing of them."""
    pytest.importorskip("standardwebhooks", reason="the extra webhooks is not installed")
    assert "webhooks" not in described.document
    secret = f"whsec_{'A' * 32}"
    site = Described(make(on_event={"shop": Webhook("https://shop.example/hook", secret)}))
    body = site.document["webhooks"]["event"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    upload = site.stand.component.uploads.save(file()[0], owner="7", title="T", tags=["a"])
    event = dataclasses.replace(new_event("stored", upload, utc_now()), urls={"viewer": "https://site.test/image/a"})
    site._validate(json.loads(payload(event)), body)
    earlier = dataclasses.replace(upload, title="Old")
    site._validate(json.loads(payload(new_event("changed", upload, utc_now(), before=earlier))), body)
    assert {*body["properties"]["data"]["required"]} == {*json.loads(payload(event))["data"]}
    assert secret not in json.dumps(site.document)
