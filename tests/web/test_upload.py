"""A picture comes as a file, as base64, as a data URI or by its URL, and is answered in the client's own dialect."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from urllib.parse import quote

import pytest
from PIL import Image

from chevupload.config import Policy
from tests.support import BASE64, JSON_TYPE, NOW, PNG, UPLOAD, assert_refusal, file, noise, picture

pytestmark = pytest.mark.mounts


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        ({"source": file}, None),
        ({"source": BASE64}, None),
        ({"source": BASE64}, "application/x-www-form-urlencoded"),
        ({"source": f"data:image/png;base64,{BASE64}"}, None),
        ({"source": f"data:image/png;base64,{BASE64}"}, "application/x-www-form-urlencoded"),
        (json.dumps({"source": BASE64}), "application/json"),
        (json.dumps({"source": f"data:image/png;base64,{BASE64}", "unknown": 1.5}), "application/json"),
    ],
    ids=["file", "part", "form", "uri-part", "uri-form", "json", "uri-json"],
)
def test_source_comes_as_file_base64_or_data_uri(stand, data, content_type):
    """Whatever the way, the same bytes are stored, and fetched again from the URL in the answer."""
    if isinstance(data, dict):
        data = {name: value() if callable(value) else value for name, value in data.items()}
    answer = stand.send(data, content_type=content_type)
    assert (answer.status_code, answer.content_type) == (200, JSON_TYPE)
    image = answer.json["image"]
    assert (image["md5"], image["size"]) == (hashlib.md5(PNG).hexdigest(), len(PNG))
    assert stand.open(image["url"]).data == PNG
    assert stand.left()["spools"] == []


@pytest.mark.parametrize("as_file", [True, False])
def test_image_is_answered_in_the_dialect_that_asks_for_it(stand, as_file):
    """A part or parameter ``image`` moves the object to ``data`` and adds id, time and expiration."""
    answer = stand.send({"image": file() if as_file else BASE64, "expiration": "600"})
    document = answer.json
    assert list(document) == ["status_code", "status", "success", "data", "status_txt"]
    assert document["status"] == 200
    assert document["success"] == {"message": "file uploaded", "code": 200}
    data = document["data"]
    assert (data["id"], data["time"], data["expiration"]) == (data["id_encoded"], int(NOW.timestamp()), 600)


def test_refusal_of_image_has_a_context(refusing):
    """ImgBB's clients read ``error.context``."""
    answer = refusing().send({"image": "***"})
    assert answer.json["error"] == {"message": "Invalid base64 string", "code": 120, "context": "InvalidBase64"}


def test_a_file_wins_over_text_and_source_over_image(stand):
    """Of several sources one is taken, and its spool is the only one that stays."""
    other = picture(color=(1, 2, 3))
    answer = stand.send({"image": file(other), "source": file()})
    assert answer.json["data"]["md5"] == hashlib.md5(PNG).hexdigest()
    answer = stand.send({"source": base64.b64encode(other).decode(), "image": file()})
    assert answer.json["data"]["md5"] == hashlib.md5(PNG).hexdigest()
    assert stand.left()["spools"] == []


def test_a_trailing_slash_is_served(stand):
    """No redirect: a redirected POST loses its body."""
    assert stand.send({"source": file()}, path=f"{UPLOAD}/").status_code == 200
    assert stand.send({"source": file()}, path=f"{UPLOAD}/?format=json", key=None).status_code == 401


def test_chunked_bodies_are_read(stand):
    """A body without length is taken where the server marks its end."""
    boundary = "limit"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="source"; filename="a.png"\r\n\r\n'.encode()
        + PNG
        + f"\r\n--{boundary}--\r\n".encode()
    )
    answer = stand.open(
        UPLOAD,
        "POST",
        stream=io.BytesIO(body),
        content_type=f"multipart/form-data; boundary={boundary}",
        headers={"X-API-Key": "user-key"},
    )
    assert (answer.status_code, answer.json["image"]["name"]) == (200, "a")


@pytest.mark.slow
def test_worker_processes_decode_by_default(make):
    """The default renderer gives the same answer as the inline one."""
    stand = make(renderer="worker")
    image = stand.upload(noise((600, 400)), "wide.png")
    assert (image["medium"]["extension"], image["chain"]) == ("png", 7)
    assert stand.open(image["thumb"]["url"]).status_code == 200
    stand.component.close()
    assert stand.upload()["chain"] == 5


@pytest.mark.slow
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize(
    ("url_sources", "fetching", "refused"),
    [
        ("users", ["user-key", "admin-key"], ["guest-key"]),
        ("everybody", ["user-key", "guest-key"], []),
        ("nobody", [], ["user-key", "admin-key", "guest-key"]),
    ],
)
def test_urls_are_fetched_for_whom_the_site_says(make, method, url_sources, fetching, refused):
    """By default for users and not for guests; whoever may not is told so, and nothing is fetched."""

    class Fetcher:
        def fetch(self, url, into):
            into.write(PNG)

    stand = make(fetcher=Fetcher(), policy=Policy(url_sources=url_sources))
    url = quote("http://example.org/a.png", safe="")
    path = f"{UPLOAD}?source={url}" if method == "GET" else UPLOAD
    data = None if method == "GET" else {"source": "http://example.org/a.png"}
    for key in fetching:
        assert stand.send(data, path=path, method=method, key=key).status_code == 200
    for key in refused:
        answer = stand.send(data, path=path, method=method, key=key)
        assert_refusal(answer, 403, 403, "URL uploading is disabled")
    assert len(list(stand.catalog.uploads())) == len(fetching)


def test_a_fetcher_brings_url_sources(make):
    """A user's URL is fetched into a spool, by POST and GET, and named by the fetcher."""

    class Fetcher:
        def fetch(self, url, into):
            assert url == "https://example.org/a.png"
            into.write(PNG)
            return "fetched.png"

    stand = make(fetcher=Fetcher())
    assert stand.send({"source": "https://example.org/a.png"}).json["image"]["name"] == "fetched"
    path = f"{UPLOAD}?key=user-key&source=https%3A%2F%2Fexample.org%2Fa.png"
    assert stand.open(path).json["image"]["md5"] == hashlib.md5(PNG).hexdigest()


@pytest.mark.parametrize("name", ["turned.jpg", "plain.bmp"])
def test_what_is_changed_before_it_is_stored_is_a_duplicate_too(make, name):
    """A photo that is turned upright and a BMP are known again by what came of them."""
    stand = make(policy=Policy(duplicates="reject"))
    exif = Image.Exif()
    exif[0x0112] = 6
    content = io.BytesIO()
    options = {"exif": exif} if name.endswith("jpg") else {}
    Image.new("RGB", (40, 20), "red").save(content, "JPEG" if options else "BMP", **options)
    statuses = [stand.send({"source": (io.BytesIO(content.getvalue()), name)}).status_code for _ in "ab"]
    assert statuses == [200, 400]
    assert len(list(stand.catalog.uploads())) == 1


@pytest.mark.slow
def test_duplicates_may_be_refused(make):
    """With ``duplicates="reject"`` the same bytes of one owner are taken once a day; admins and others may."""
    stand = make(policy=Policy(duplicates="reject"))
    stand.upload(width="4")
    before = stand.left()
    assert_refusal(stand.send({"source": file()}), 400, 101, "Duplicated upload")
    assert stand.left() == before
    stand.upload(key="other-key")
    stand.upload(key="admin-key")
    stand.upload(key="admin-key")
    stand.upload(key="guest-key")
    assert_refusal(stand.send({"source": file()}, key="guest-key"), 400, 101)
    stand.clock.move(days=1, seconds=1)
    stand.upload()


@pytest.mark.parametrize("policy", [Policy(), Policy(id_length=8), Policy(id_length=32)])
def test_ids_are_as_long_as_the_site_chooses(make, policy):
    """Eleven characters by default, so that nobody hits one by guessing; links of every length are answered."""
    stand = make(policy=policy)
    image = stand.upload()
    assert len(image["id_encoded"]) == policy.id_length
    assert [stand.open(image[name]).status_code for name in ("url_viewer", "url_short")] == [200, 200]
    assert Policy().id_length == 11
