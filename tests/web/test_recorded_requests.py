"""Requests of clients that no registry has, as their code sends them, to a real server: each reads what it looks for.

``tests/clients`` runs those that can be installed.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import pytest
import requests
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from chevupload.config import Routes
from chevupload.testing import serve
from tests.support import EMPTY, noise

CHEVERETO, IMGBB = "/api/1/upload", "/1/upload"
PAGE = "https://notes.example"
PICTURE = noise((40, 30))
TEXT = base64.b64encode(PICTURE).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What one client sends; {KEY} stands for the key: no picture in base64 has braces.

    Attributes:
        path: of the route, with its query.
        headers: of its own.
        fields: of the form.
        file: the file part's field, file name and content type; without it the form is urlencoded.
        is_chunked: whether the body's length is not said.
        reads: where in the answer the client finds the file's URL.
    """

    path: str = CHEVERETO
    headers: dict[str, str] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    file: tuple[str, str | None, str | None] | None = None
    is_chunked: bool = False
    reads: tuple[str, ...] = ("image", "url")

    def post(self, address, key):
        """Send it, without following a redirect."""
        files = self.file and {self.file[0]: (self.file[1], PICTURE, self.file[2])}
        request = requests.Request(
            "POST",
            address + self.path.replace("{KEY}", key),
            headers={name: value.replace("{KEY}", key) for name, value in self.headers.items()},
            data={name: value.replace("{KEY}", key) for name, value in self.fields.items()},
            files=files or None,
        ).prepare()
        if self.is_chunked:
            del request.headers["Content-Length"]
            request.headers["Transfer-Encoding"] = "chunked"
            request.body = iter([request.body[:1000], request.body[1000:]])
        with requests.Session() as session:
            return session.send(request, allow_redirects=False, timeout=120)


SENT = {
    "upload.py": Sent(path=f"{CHEVERETO}/?key={{KEY}}&format=json", file=("source", "cat.png", None)),
    "typora2chevereto": Sent(fields={"key": "{KEY}", "source": TEXT, "format": "json"}),
    "Upload-Assistant-file": Sent(
        headers={"X-API-Key": "{KEY}"}, file=("source", "file-upload[0]", "application/octet-stream")
    ),
    "Upload-Assistant-base64": Sent(headers={"X-API-Key": "{KEY}"}, fields={"source": TEXT}),
    "Upload-Assistant-image": Sent(
        headers={"X-API-Key": "{KEY}"}, fields={"image": TEXT}, reads=("data", "image", "url")
    ),
    "go-chevereto": Sent(
        fields={"key": "{KEY}", "action": "upload", "type": "file", "format": "json"},
        file=("source", "/home/ann/cat.png", "application/octet-stream"),
    ),
    "Obsidian-page": Sent(headers={"Origin": PAGE}, fields={"key": "{KEY}", "source": TEXT, "format": "json"}),
    "ImgBB-for-Go": Sent(
        path=IMGBB,
        headers={"Origin": "https://imgbb.com", "Referer": "https://imgbb.com/"},
        fields={"key": "{KEY}", "type": "file", "action": "upload"},
        file=("image", "cat", "application/octet-stream"),
        is_chunked=True,
        reads=("data", "display_url"),
    ),
    "imgbb-node": Sent(
        path=IMGBB, fields={"key": "{KEY}"}, file=("image", "cat.png", "image/png"), reads=("data", "image", "url")
    ),
    "imgbb-rs": Sent(path=f"{IMGBB}?key={{KEY}}", fields={"image": TEXT}, reads=("data", "medium", "url")),
    "Dropzone": Sent(
        path=f"{IMGBB}?key={{KEY}}",
        headers={"Origin": PAGE, "Cache-Control": "no-cache", "X-Requested-With": "XMLHttpRequest"},
        file=("image", "cat.png", "image/png"),
        reads=("data", "image", "url"),
    ),
}


@pytest.fixture
def address(stand, prefix):
    """Run the component below the prefix, and return its address."""
    with serve(DispatcherMiddleware(NotFound(), {prefix: stand.component})) as origin:
        yield origin + prefix


@pytest.mark.slow
@pytest.mark.parametrize("name", SENT)
def test_the_url_is_where_the_client_looks(name, address):
    """In an answer that is JSON and no redirect, and there are the bytes that it sent."""
    sent = SENT[name]
    answer = sent.post(address, "user-key")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json; charset=UTF-8")
    found = answer.json()
    for member in sent.reads:
        found = found[member]
    assert found.startswith(f"{address}/images/")
    assert requests.get(found, timeout=120).content == PICTURE


@pytest.mark.parametrize("name", SENT)
def test_a_wrong_key_is_told(name, address, stand):
    """As JSON with the status that the HTTP status is, a message and a code; nothing is stored."""
    answer = SENT[name].post(address, "wrong")
    document = answer.json()
    assert (answer.status_code, document["status_code"], document["status_txt"]) == (401, 401, "Unauthorized")
    assert (document["error"]["message"], document["error"]["code"]) == ("Invalid API key.", 100)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert stand.left() == EMPTY


@pytest.mark.parametrize("path", [f"{CHEVERETO}", f"{IMGBB}?key=user-key"])
def test_a_page_asks_before_it_uploads(path, address):
    """Its script adds headers of its own, which a browser asks about first, without a key of ours."""
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "cache-control,x-requested-with"}
    answer = requests.options(address + path, headers={"Origin": PAGE, **asks}, timeout=120)
    assert (answer.status_code, answer.content) == (204, b"")
    allowed = {name.strip().lower() for name in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert {"cache-control", "x-requested-with"} <= allowed
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]


@pytest.fixture
def whole_address(make, prefix):
    """Run a component that tells of single uploads below the prefix, and return its address."""
    stand = make(routes=Routes(imgbb_image="1/image"))
    with serve(DispatcherMiddleware(NotFound(), {prefix: stand.component})) as origin:
        yield origin + prefix


DELETIONS = {
    # The delete link of the answer, with the key in the query.
    "imgbb-rs": ("{delete_url}?key={key}", {}),
    # By the id of the answer, as axios sends it from a page, and as fetch does with a type and no body.
    "axios": ("{address}/1/image/{id}?key={key}", {"Origin": PAGE}),
    "fetch": ("{address}/1/image/{id}?key={key}", {"Origin": PAGE, "Content-Type": "application/json"}),
}


@pytest.mark.parametrize("name", DELETIONS)
def test_a_client_deletes(name, whole_address):
    """A status below 300 is all that it looks at; a wrong key and a second time are none."""
    data = SENT["imgbb-rs"].post(whole_address, "user-key").json()["data"]
    url, headers = DELETIONS[name]

    def send_delete(key):
        return requests.delete(url.format(address=whole_address, key=key, **data), headers=headers, timeout=120)

    if name != "imgbb-rs":
        assert send_delete("wrong").status_code == 401
    answers = [send_delete("user-key") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert answers[0].json()["success"]["message"] == "file deleted"
    assert requests.get(data["url"], timeout=120).status_code == 404


def test_php_imgbb_api_gets_an_image(whole_address):
    """By the id of its upload, with the key in the query: the answer is that of the upload."""
    answer = SENT["imgbb-rs"].post(whole_address, "user-key").json()
    got = requests.get(f"{whole_address}/1/image/{answer['data']['id']}?key=user-key", timeout=120)
    assert (got.status_code, got.json()) == (200, answer)
