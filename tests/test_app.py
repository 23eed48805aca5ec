"""The upload route takes every way of sending a picture, and refuses everything else without a trace."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import zlib
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from PIL import Image

from chevupload import app
from chevupload.config import Limits, Policy, Routes
from chevupload.errors import BackendError, CatalogError, ConfigError, StorageError
from chevupload.model import Principal
from chevupload.store.memory import MemoryCatalog, MemoryStorage, StaticKeys
from tests.support import NOW, PRINCIPALS, SECRET, UPLOAD, Failing, Trickle, animation, noise, picture

PNG = picture()
BASE64 = base64.b64encode(PNG).decode()
JSON_TYPE = "application/json; charset=UTF-8"
LEAKS = ("Traceback", 'File "', ".py", "/tmp", "Error(", "SELECT", "sqlite", "secret detail")


def file(content=PNG, name="photo.png"):
    return (io.BytesIO(content), name)


def assert_refusal(answer, status, code, message=None):
    """Assert that ``answer`` is a refusal in JSON that tells nothing about us."""
    assert (answer.status_code, answer.content_type) == (status, JSON_TYPE), answer.text
    document = answer.json
    assert list(document) == ["status_code", "error", "status_txt"]
    assert (document["status_code"], document["error"]["code"]) == (status, code)
    assert message is None or document["error"]["message"] == message
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert [leak for leak in LEAKS if leak in answer.text] == []


# Ways of sending a picture


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


def test_worker_processes_decode_by_default(make):
    """The default renderer gives the same answer as the inline one."""
    stand = make(decode="worker")
    image = stand.upload(noise((600, 400)), "wide.png")
    assert (image["medium"]["extension"], image["chain"]) == ("png", 7)
    assert stand.open(image["thumb"]["url"]).status_code == 200
    stand.component.close()
    assert stand.upload()["chain"] == 5


# Keys


@pytest.mark.parametrize("where", ["header", "query", "body"])
def test_key_in_header_query_or_body(stand, where):
    """Each place will do, alone."""
    data = {"source": file()}
    if where == "header":
        answer = stand.send(data)
    elif where == "query":
        answer = stand.send(data, key=None, path=f"{UPLOAD}?key=user-key")
    else:
        answer = stand.send({**data, "key": "user-key"}, key=None)
    assert answer.status_code == 200
    assert stand.catalog.get(answer.json["image"]["id_encoded"]).owner_id == "user"


def test_the_header_key_wins(stand, refusing):
    """A good header beats a bad parameter, and the other way round."""
    assert stand.send({"source": file(), "key": "wrong"}).status_code == 200
    answer = refusing().send({"source": file(), "key": "user-key"}, key="wrong")
    assert_refusal(answer, 401, 100, "Invalid API key.")


def test_an_empty_header_counts_as_absent(stand):
    """The parameter is asked then."""
    assert stand.send({"source": file(), "key": "user-key"}, key=" ").status_code == 200


def test_the_body_key_wins_over_the_query_key(stand):
    """A body value wins over a query value, for keys too."""
    answer = stand.send({"source": file(), "key": "other-key"}, key=None, path=f"{UPLOAD}?key=user-key")
    assert stand.catalog.get(answer.json["image"]["id_encoded"]).owner_id == "other"


def test_guest_uploads_have_no_owner(stand):
    """Neither owner nor tags."""
    image = stand.upload(key="guest-key", tags="a,b")
    assert (stand.catalog.get(image["id_encoded"]).owner_id, image["tags"]) == (None, [])


def test_a_function_is_a_key_backend(make):
    """A host answers whose key it is with one function of key and environ."""
    seen = []

    def whose(key, environ):
        seen.append((key, environ["REQUEST_METHOD"]))
        return Principal(user_id="u") if key == "k" else None

    assert make(keys=whose).send({"source": file()}, key="k").status_code == 200
    assert seen == [("k", "POST")]


# Formats


def test_txt_is_the_direct_url(stand):
    """Plain text, no newline."""
    answer = stand.send({"source": file(), "format": "txt"})
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.fullmatch(re.escape(stand.base) + r"/images/2026/03/04/photo\.png", answer.text)
    assert stand.open(answer.text).data == PNG


def test_redirect_leads_to_the_viewer(stand):
    """302 with a path, whatever the Host header says."""
    answer = stand.send({"source": file(), "format": "redirect", "title": "A cat"})
    location = answer.headers["Location"]
    assert (answer.status_code, answer.data) == (302, b"")
    assert re.fullmatch(re.escape(stand.prefix) + r"/image/A-cat\.[A-Za-z0-9]+", location)
    assert stand.open(location.removeprefix(stand.prefix)).status_code == 200


def test_an_unknown_format_is_json(stand):
    """``format`` is case-sensitive, and anything unknown is json."""
    assert stand.send({"source": file(), "format": "TXT"}).content_type == JSON_TYPE


@pytest.mark.parametrize("form", ["txt", "redirect"])
@pytest.mark.parametrize(
    ("data", "key", "status", "message"),
    [
        ({"source": "***"}, "user-key", 400, "Invalid base64 string"),
        ({"source": BASE64}, "wrong", 401, "Invalid API key."),
        ({"source": BASE64}, None, 401, "No key provided"),
        ({"source": BASE64, "album_id": "foreign"}, "user-key", 403, "Album not found among the key's own albums"),
    ],
)
def test_refusals_in_text(refusing, form, data, key, status, message):
    """In txt and redirect the message is the body, with the true status, whether the format came in body or query."""
    stand = refusing()
    for answer in (
        stand.send({**data, "format": form}, key=key),
        stand.send(data, key=key, path=f"{UPLOAD}?format={form}"),
    ):
        assert (answer.status_code, answer.text) == (status, message)
        assert answer.content_type == "text/plain; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"


# Refusals


@pytest.mark.parametrize("key", ["wrong", "x" * 513, "user-key2", "\ud800".encode("utf-8", "replace").decode()])
def test_unknown_keys(refusing, key):
    """Unknown is unknown, however long."""
    stand = refusing()
    assert_refusal(stand.send({"source": file()}, key=key), 401, 100, "Invalid API key.")
    assert_refusal(stand.send({"source": file(), "key": key}, key=None), 401, 100, "Invalid API key.")


@pytest.mark.parametrize("data", [{"source": BASE64}, {}, {"source": "***"}, {"key": "", "source": BASE64}])
def test_no_key(refusing, data):
    """The missing key is named first, whatever else is wrong."""
    assert_refusal(refusing().send(data, key=None), 401, 100, "No key provided")


def test_guests_may_be_switched_off(refusing):
    """A known key that may not upload is 403."""
    stand = refusing(policy=Policy(guests=False))
    assert_refusal(stand.send({"source": file()}, key="guest-key"), 403, 401, "Request denied")


@pytest.mark.parametrize(
    ("key", "album"), [("user-key", "foreign"), ("user-key", "none"), ("guest-key", "ownalbum"), ("guest-key", "x")]
)
def test_foreign_albums(refusing, key, album):
    """Somebody else's album, an unknown one, and any album of a guest read the same."""
    answer = refusing().send({"source": file(), "album_id": album}, key=key)
    assert_refusal(answer, 403, 403, "Album not found among the key's own albums")


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_urls_are_not_fetched_unless_asked_for(refusing, method):
    """URL uploads are off by default, and off for guests always."""

    class Fetcher:
        def fetch(self, url, into):
            raise AssertionError("a guest must not fetch")

    url = quote("http://example.org/a.png", safe="")
    path = f"{UPLOAD}?source={url}" if method == "GET" else UPLOAD
    data = None if method == "GET" else {"source": "http://example.org/a.png"}
    assert_refusal(refusing().send(data, path=path, method=method), 403, 403, "URL uploading is disabled")
    stand = refusing(fetcher=Fetcher())
    assert_refusal(stand.send(data, path=path, method=method, key="guest-key"), 403, 403)


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


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/api", 100, "No version provided"),
        ("/api/", 100, "No version provided"),
        ("/api/1", 100, "No action provided"),
        ("/api/1/", 100, "No action provided"),
        ("/api/2/upload", 110, "Invalid API version."),
        ("/api/x/y/z", 110, "Invalid API version."),
        ("/api/1/other", 120, "Invalid API action"),
        ("/api/1/upload/more", 120, "Invalid API action"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_unknown_routes_below_api(refusing, path, code, message, method):
    """Standing alone, everything below ``/api`` is answered in JSON with Chevereto's codes."""
    assert_refusal(refusing().open(path, method), 404, code, message)


def test_unknown_routes_answer_in_the_format_of_the_query(refusing):
    """``format`` counts for unknown routes, too."""
    answer = refusing().open("/api/1/other?format=txt")
    assert (answer.status_code, answer.text) == (404, "Invalid API action")


@pytest.mark.parametrize("path", ["/", "/other", "/apix", "/image/", "/images/", "//", "/%FF%00"])
def test_unknown_pages(refusing, path):
    """Elsewhere people read, so it is a page."""
    answer = refusing().open(path)
    assert (answer.status_code, answer.content_type) == (404, "text/html; charset=utf-8")


@pytest.mark.parametrize("path", ["", "*", "api"])
def test_paths_without_a_slash_are_answered(tmp_path, path):
    """``OPTIONS *`` and an empty path, as servers hand them over, are no fault of ours."""
    component = app.ChevUpload(
        keys=StaticKeys({}), catalog=MemoryCatalog(), storage=MemoryStorage(), secret_keys=[SECRET], decode="inline"
    )
    environ = {"REQUEST_METHOD": "OPTIONS", "PATH_INFO": path, "SERVER_NAME": "x", "SERVER_PORT": "80"}
    environ |= {"wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1"}
    seen = []
    body = component(environ, lambda status, headers: seen.append(status))
    assert (seen, b"404" in b"".join(body)) == (["404 Not Found"], True)


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "PATCH"])
def test_wrong_methods(refusing, method):
    """405 with Allow, in JSON; HEAD without a body."""
    stand = refusing()
    answer = stand.send({"source": file()}, method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST, GET, OPTIONS")
    if method == "HEAD":
        assert answer.data == b""
    else:
        assert_refusal(answer, 405, 405, "Method not allowed")
        text = stand.send(None, method=method, path=f"{UPLOAD}?format=txt")
        assert (text.status_code, text.text) == (405, "Method not allowed")


def test_base64_needs_post(refusing):
    """A query may hold a URL only."""
    path = f"{UPLOAD}?key=user-key&source={quote(BASE64, safe='')}"
    message = "Upload using base64 source must be done using POST method."
    assert_refusal(refusing().open(path), 400, 130, message)


@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ({}, 130, "Empty upload source"),
        ({"source": ""}, 130, "Empty source"),
        ({"source": "  "}, 130, "Empty source"),
        ({"source": lambda: file(b"")}, 130, "Empty source"),
        ({"source": "*** no base64 ***"}, 120, "Invalid base64 string"),
        ({"source": "data:image/png,plain"}, 120, "Invalid base64 string"),
        ({"source": lambda: file(b"no picture at all")}, 610, "Can't get target upload source info"),
        ({"source": lambda: file(PNG[:40])}, 610, None),
        ({"source": lambda: file(noise()[:20_000])}, 610, "Can't get uploaded info"),
        ({"source": BASE64, "width": "9"}, 610, "Target width is greater than the original image width"),
        ({"source": BASE64, "width": "wide"}, 400, "Invalid width, expected a whole number"),
        ({"source": BASE64, "expiration": "never"}, 400, None),
        ({"source": BASE64, "nsfw": "perhaps"}, 400, "Invalid nsfw, expected 0 or 1"),
        ({"source": BASE64, "category_id": "9"}, 400, "Unknown category"),
        ({"source": BASE64, "category_id": "x"}, 400, "Invalid category_id, expected a whole number"),
    ],
)
def test_what_cannot_be_meant_is_400(refusing, data, code, message):
    """Parameters and pictures that mean nothing are refused, and nothing is stored."""
    data = {name: value() if callable(value) else value for name, value in data.items()}
    assert_refusal(refusing().send(data), 400, code, message)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"{", "application/json"),
        (b"[]", "application/json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"anything", "multipart/form-data"),
    ],
)
def test_malformed_bodies(refusing, body, content_type):
    """A body that is not what it claims to be."""
    assert_refusal(refusing().send(body, content_type=content_type), 400, 400)


def test_a_body_that_ends_early(refusing):
    """The declared length is a promise."""
    answer = refusing().send(
        None, stream=Trickle(b"source=abc"), content_type="application/x-www-form-urlencoded", length=500
    )
    assert_refusal(answer, 400, 400)


def test_unsupported_bodies_and_formats(refusing):
    """415 for a body without parameters, and for a picture format that is not accepted."""
    stand = refusing(policy=Policy(formats=("PNG",)))
    assert_refusal(stand.send(b"<x/>", content_type="text/xml"), 415, 415)
    assert_refusal(stand.send({"source": file(picture(format="JPEG"))}), 415, 614)
    assert_refusal(stand.send({"source": file(picture(format="TIFF"))}), 415, 613, "Unavailable image format")


@pytest.mark.parametrize("key", ["user-key", "guest-key", "small-key"])
def test_files_over_the_limit(refusing, key):
    """413 by the limit of whoever uploads: as file, as base64, with the key in the header or last in the body."""
    limits = Limits(max_bytes=5_000, max_guest_bytes=500)
    stand = refusing(limits=limits)
    big, size = noise((60, 60)), {"user-key": "5 KB", "guest-key": "500 B", "small-key": "1 KB"}[key]
    message = f"File too big - max {size}"
    assert_refusal(stand.send({"source": file(big)}, key=key), 413, 400, message)
    assert_refusal(stand.send({"source": base64.b64encode(big).decode()}, key=key), 413, 400, message)
    assert_refusal(stand.send({"source": file(noise((30, 20))), "key": "guest-key"}, key=None), 413, 400)


def test_a_declared_length_over_the_limit_is_refused_unread(refusing):
    """Not a byte is read, whoever the key belongs to."""
    stand = refusing(limits=Limits(max_bytes=5_000, max_guest_bytes=500))
    for key in ("user-key", "guest-key", None):
        body = Trickle(b"x" * 2_000_000)
        answer = stand.send(
            None, key=key, stream=body, content_type="multipart/form-data; boundary=x", length=2_000_000
        )
        assert_refusal(answer, 413, 400)
        assert body.read_bytes == 0


def test_a_refused_key_is_answered_without_reading_a_long_body(refusing):
    """A short body is skimmed for ``format``; a long one is not read at all."""
    stand = refusing(limits=Limits(refusal_scan_bytes=1_000))
    body = Trickle(b"x" * 3_000_000)
    answer = stand.send(
        None, key="wrong", stream=body, content_type="multipart/form-data; boundary=x", length=3_000_000
    )
    assert_refusal(answer, 401, 100)
    assert body.read_bytes == 0
    answer = stand.send(None, key="wrong", method="GET")
    assert_refusal(answer, 401, 100)


@pytest.mark.parametrize("length", [None, 3_000_000])
def test_a_stream_over_the_limit(refusing, length):
    """What is not declared is counted."""
    stand = refusing(limits=Limits(max_bytes=5_000))
    body = Trickle(b"source=" + b"A" * 3_000_000)
    answer = stand.send(
        None,
        stream=body,
        content_type="application/x-www-form-urlencoded",
        length=length,
    )
    assert_refusal(answer, 413, 400)
    assert body.read_bytes < 1_500_000


def test_too_many_pixels_and_fields(refusing):
    """Pixels, frames and fields are limited, too."""
    stand = refusing(limits=Limits(max_pixels=47, max_frames=2, max_fields=5))
    assert_refusal(stand.send({"source": file()}), 413, 400, "Image has too many pixels - 8x6, max 47")
    assert_refusal(stand.send({str(number): "x" for number in range(9)}), 413, 400)
    stand = refusing(limits=Limits(max_frames=2))
    assert_refusal(stand.send({"source": file(animation())}), 413, 400)


def test_as_many_fields_in_the_query_as_in_a_body(stand):
    """The limit counts a query once."""
    query = "&".join(f"f{number}=1" for number in range(90))
    assert stand.send({"source": file()}, path=f"{UPLOAD}?{query}").status_code == 200


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


@pytest.mark.parametrize("method", ["reserve", "publish", "has_category", "album", "has_duplicate"])
@pytest.mark.parametrize(("error", "status"), [(CatalogError("secret detail"), 503), (KeyError("secret detail"), 500)])
def test_a_broken_catalog(refusing, method, error, status):
    """503 when it says that it is away, 500 when it breaks its word; nothing is stored, nothing told."""
    catalog = MemoryCatalog()
    broken = Failing(catalog, method, error)
    stand = refusing(catalog=broken, policy=Policy(duplicates="reject"))
    answer = stand.send(
        {"source": file(), "category_id": "3" if method == "has_category" else "", "album_id": "a"[: method == "album"]}
    )
    assert_refusal(answer, status, status)
    assert answer.headers.get("Retry-After") == ("10" if status == 503 else None)


@pytest.mark.parametrize(("error", "status"), [(StorageError("secret detail"), 503), (OSError("secret detail"), 500)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_broken_storage(refusing, error, status, count):
    """A storage that fails at its first, second or third file keeps none of them."""
    stand = refusing(storage=lambda local: Failing(local, "adopt", error, count=count))
    answer = stand.send({"source": file(noise((600, 400)))})
    assert_refusal(answer, status, status)


@pytest.mark.parametrize(
    ("error", "status"), [(BackendError("secret detail"), 503), (ValueError("secret detail"), 500)]
)
def test_a_broken_key_backend(refusing, error, status):
    """So are keys."""

    def whose(key, environ):
        raise error

    stand = refusing(keys=whose)
    assert_refusal(stand.send({"source": file()}), status, status)
    assert stand.send({"source": file()}, path=f"{UPLOAD}?format=txt").status_code == status


def test_a_forged_host_is_refused(refusing):
    """A Host header that is no host never gets into a link."""
    answer = refusing().send({"source": file()}, headers={"Host": "evil.test/<script>"})
    assert_refusal(answer, 400, 400, "Malformed Host header")


# CORS


def test_preflight(refusing):
    """OPTIONS needs no key and names what a page may send."""
    answer = refusing().open(UPLOAD, "OPTIONS", headers={"Origin": "https://a.test"})
    assert (answer.status_code, answer.data) == (204, b"")
    assert answer.headers["Allow"] == "POST, GET, OPTIONS"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, GET, OPTIONS"
    allowed = "Cache-Control, X-Requested-With, Content-Type, X-API-Key"
    assert answer.headers["Access-Control-Allow-Headers"] == allowed
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("origin", "expected"), [("https://a.test", "https://a.test"), ("https://b.test", None), (None, None)]
)
def test_cors_with_a_list(make, origin, expected):
    """A listed origin is named, others are not; caches keep them apart; on success, refusal, preflight and files."""
    stand = make(policy=Policy(cors_origins=("https://a.test", "https://c.test")))
    headers = {"Origin": origin} if origin else {}
    uploaded = stand.send({"source": file()}, headers=headers)
    for answer in (
        uploaded,
        stand.send({}, headers=headers),
        stand.open(UPLOAD, "OPTIONS", headers=headers),
        stand.open(uploaded.json["image"]["url"], headers=headers),
        stand.open("/images/none.png", headers=headers),
    ):
        assert answer.headers.get("Access-Control-Allow-Origin") == expected
        assert "Origin" in answer.headers["Vary"]


# Where it is mounted


def test_links_follow_the_mount_point(stand):
    """Every link is below the host and prefix of the request, and works."""
    image = stand.upload(noise((600, 400)), title="A cat")
    names = ("url", "url_viewer", "url_short", "delete_url", "display_url")
    urls = [image[name] for name in names] + [image[name]["url"] for name in ("image", "thumb", "medium")]
    for url in urls:
        assert url.startswith(f"{stand.base}/image")
        assert stand.open(url).status_code == 200
    assert image["path_viewer"] == image["url_viewer"].removeprefix("http://site.test")


def test_base_url_wins(make):
    """A fixed address is used whatever the request says, a malformed Host included."""
    stand = make(base_url="https://cdn.example/up/")
    answer = stand.send({"source": file()}, headers={"Host": "evil.test/x"})
    image = answer.json["image"]
    assert image["url"].startswith("https://cdn.example/up/images/2026/03/04/")
    assert image["path_viewer"] == f"/up/image/photo.{image['id_encoded']}"
    assert stand.open(f"/image/photo.{image['id_encoded']}").status_code == 200
    moved = stand.open(f"/image/wrong.{image['id_encoded']}")
    assert moved.headers["Location"] == image["path_viewer"]


def test_forwarded_headers_count_behind_trusted_proxies_only(make):
    """Without a trusted proxy they are ignored."""
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "outside.test",
        "X-Forwarded-Prefix": "/deep",
        "X-Forwarded-Port": "443",
    }
    plain, behind = make(), make(trusted_proxies=1)
    assert plain.send({"source": file()}, headers=headers).json["image"]["url"].startswith(plain.base)
    url = behind.send({"source": file()}, headers=headers).json["image"]["url"]
    assert url.startswith("https://outside.test/deep/images/")


def test_routes_can_be_renamed(make):
    """Renamed routes work and are what links name; the old ones are gone."""
    stand = make(routes=Routes(upload="up/load", viewer="v", video="w", files="f"))
    answer = stand.send({"source": file()}, path="/up/load")
    image = answer.json["image"]
    assert image["url"].startswith(f"{stand.base}/f/2026/")
    assert image["url_short"].startswith(f"{stand.base}/v/")
    for url in (image["url"], image["url_viewer"], image["url_short"], image["delete_url"]):
        assert stand.open(url).status_code == 200
    assert_refusal(stand.send({"source": file()}), 404, 120)
    assert stand.open(f"/image/{image['id_encoded']}").status_code == 404


def test_routes_can_be_switched_off(make):
    """What is switched off is unknown."""
    stand = make(routes=Routes(upload=None, viewer=None, video=None, files=None))
    assert_refusal(stand.send({"source": file()}), 404, 120)
    assert stand.open("/image/abc").status_code == 404
    assert stand.open("/images/abc.png").status_code == 404
    stand = make(routes=Routes(files=None), storage=MemoryStorage(public_url="https://cdn.test/x"))
    assert stand.upload()["url"] == "https://cdn.test/x/2026/03/04/photo.png"


# Parameters


def test_texts(stand):
    """Title, description, tags, album, category and nsfw arrive in answer and record."""
    image = stand.upload(
        title="<b>T</b>" + "x" * 200,
        description="two\nlines",
        tags=" b , a,b, no/slash, no#hash," + "l" * 33,
        album_id="ownalbum",
        category_id="3",
        nsfw="yes",
    )
    assert image["title"] == ("<b>T</b>" + "x" * 200)[:100]
    assert image["description"] == "two\nlines"
    assert [tag["name"] for tag in image["tags"]] == ["b", "a"]
    assert image["tags_string"] == "b, a"
    assert (image["category_id"], image["nsfw"]) == (3, 1)
    assert stand.catalog.get(image["id_encoded"]).album_id == "ownalbum"


def test_name_is_a_title(stand):
    """ImgBB's ``name`` is the title unless there is one; without both it is the file name."""
    assert stand.upload(name="N")["title"] == "N"
    assert stand.upload(name="N", title="T")["title"] == "T"
    assert stand.upload(filename="my_file--name .png")["title"] == "my file name "[:12]
    assert re.fullmatch(r"[0-9a-f]{12}", stand.send({"source": BASE64}).json["image"]["title"])


def test_zero_and_empty_are_absent(stand):
    """An empty value is an absent one, and so is 0."""
    image = stand.upload(title="", width="0", expiration="0", category_id="0", nsfw="", album_id="")
    assert (image["width"], image["expiration_date_gmt"], image["category_id"]) == (8, None, None)
    assert (image["title"], image["nsfw"], image["source_md5"]) == ("photo", 0, None)


def test_width_resizes_the_stored_original(stand):
    """Height follows, the file is replaced, and source_md5 keeps the first hash."""
    content = noise((300, 200))
    image = stand.upload(content, width="150")
    assert (image["width"], image["height"], image["ratio"]) == (150, 100, 1.5)
    assert image["source_md5"] == hashlib.md5(content).hexdigest()
    body = stand.open(image["url"]).data
    assert (hashlib.md5(body).hexdigest(), len(body)) == (image["md5"], image["size"])
    with Image.open(io.BytesIO(body)) as stored:
        assert stored.size == (150, 100)


def test_width_of_an_animation_is_ignored(stand):
    """Frames stay."""
    image = stand.upload(animation(), "a.gif", width="10")
    assert (image["width"], image["is_animated"], image["source_md5"]) == (20, 1, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT5M", timedelta(minutes=5)),
        ("600", timedelta(minutes=10)),
        ("1", timedelta(minutes=5)),
        ("P1M", timedelta(days=31)),
        ("P9Y", timedelta(days=365)),
    ],
)
def test_expiration(stand, text, expected):
    """Durations and seconds, between five minutes and a year."""
    image = stand.upload(expiration=text)
    assert image["expiration_date_gmt"] == f"{NOW + expected:%Y-%m-%d %H:%M:%S}"


def exif_jpeg(tags, **options):
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (48.0, 12.0, 30.0)
    return picture((60, 40), "JPEG", exif=exif, **options)


def test_use_file_date_is_for_admins(stand):
    """The picture's date becomes the upload's, in folder and answer; that of others is ignored, nonsense included."""
    content = exif_jpeg({0x0132: "2020:02:03 04:05:06"})
    image = stand.upload(content, "a.jpg", key="admin-key", use_file_date="1", expiration="600")
    assert (image["date_gmt"], "/2020/02/03/a.jpg" in image["url"]) == ("2020-02-03 04:05:06", True)
    record = stand.catalog.get(image["id_encoded"])
    assert (record.received_at, record.expires_at) == (NOW, NOW + timedelta(seconds=600))
    image = stand.upload(content, "a.jpg", use_file_date="nonsense")
    assert image["date_gmt"] == "2026-03-04 05:06:07"
    assert stand.upload(key="admin-key", use_file_date="1")["date_gmt"] == "2026-03-04 05:06:07"


@pytest.mark.parametrize("date", ["0001:01:01 00:00:00", "9999:12:31 23:59:59", "1500:01:01 00:00:00"])
@pytest.mark.parametrize("zone", ["America/Santiago", "Asia/Tokyo"])
def test_file_dates_at_the_ends_of_time(make, date, zone):
    """A date that another zone cannot spell is no fault of ours."""
    from zoneinfo import ZoneInfo

    stand = make(policy=Policy(timezone=ZoneInfo(zone)))
    content = exif_jpeg({0x0132: date})
    answer = stand.send({"source": file(content, "a.jpg"), "use_file_date": "1"}, key="admin-key")
    assert answer.status_code == 200
    assert stand.open(answer.json["image"]["url"]).status_code == 200
    assert stand.open(answer.json["image"]["url_viewer"]).status_code == 200


def test_naming(make):
    """original, random, mixed and id."""
    names = {}
    for naming in ("original", "random", "mixed", "id"):
        image = make(policy=Policy(naming=naming)).upload(filename="photo.png")
        names[naming] = image["name"]
        assert image["original_filename"] == "photo.png"
        if naming == "id":
            assert image["name"] == image["id_encoded"]
    assert names["original"] == "photo"
    assert re.fullmatch("[0-9a-f]{32}", names["random"])
    assert re.fullmatch("photo[0-9a-f]{16}", names["mixed"])


def test_a_taken_name_gets_a_suffix(stand):
    """The second upload of a name, in whatever case, has 16 digits appended."""
    first, second = stand.upload(filename="a.png"), stand.upload(filename="A.jpg")
    assert first["name"] == "a"
    assert re.fullmatch("A[0-9a-f]{16}", second["name"])


def test_the_extension_comes_from_the_content(stand):
    """The client's is believed for the spelling of jpg only; BMP is stored as PNG."""
    jpeg = picture(format="JPEG")
    assert stand.upload(jpeg, "a.exe")["extension"] == "jpeg"
    assert stand.upload(jpeg, "b.JPG")["extension"] == "jpg"
    assert stand.upload(PNG, "c.jpg")["filename"] == "c.png"
    image = stand.upload(picture(format="BMP"), "d.bmp")
    assert (image["extension"], image["mime"], image["source_md5"]) == ("png", "image/png", None)
    assert stand.open(image["url"]).data[:4] == b"\x89PNG"


def test_storage_mode_direct(make):
    """Without date folders."""
    image = make(policy=Policy(storage_mode="direct")).upload()
    assert (image["storage_mode"], image["url"].endswith("/images/photo.png")) == ("direct", True)


def test_exif_is_kept_or_stripped(make):
    """Kept it is described as Chevereto does; stripped, no stored file knows a place, a camera or a text any more."""
    content = exif_jpeg({0x010F: "Camera maker", 0x010E: "A description"})
    kept = make()
    image = kept.upload(content, "a.jpg")
    exif = json.loads(image["original_exifdata"])
    assert (exif["FileName"], exif["FileSize"], exif["Make"]) == ("a.jpg", str(len(content)), "Camera maker")
    assert image["description"] == "A description"
    stripped = make(policy=Policy(keep_exif=False))
    image = stripped.upload(content, "a.jpg")
    assert image["original_exifdata"] is None
    stored = [(stripped.images / name).read_bytes() for name in stripped.stored()]
    assert len(stored) == 2
    for body in stored:
        with Image.open(io.BytesIO(body)) as opened:
            assert dict(opened.getexif().get_ifd(0x8825)) == {}
        assert b"Camera maker" not in body


def test_hostile_file_names(stand):
    """No name leads out of the folder, and none is lost."""
    for name in (
        "../../etc/passwd",
        "..\\..\\x.png",
        ".htaccess",
        "a.php.png",
        "con",
        "file-upload[0]",
        "日本.png",
        ".",
    ):
        image = stand.upload(picture(color=(zlib.crc32(name.encode()) % 255, 1, 2)), name)
        assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", image["name"])
        assert stand.open(image["url"]).status_code == 200
        assert stand.open(image["thumb"]["url"]).status_code == 200
    assert all(name.startswith("2026/03/04/") for name in stand.stored())


def test_the_date_follows_the_policys_zone(make):
    """``date`` is in the site's zone, ``date_gmt`` in UTC, and folders follow ``date``."""
    from datetime import timezone

    image = make(policy=Policy(timezone=timezone(timedelta(hours=-6)))).upload()
    assert (image["date"], image["date_gmt"]) == ("2026-03-03 23:06:07", "2026-03-04 05:06:07")
    assert "/2026/03/03/" in image["url"]


# Construction


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "example.org"},
        {"trusted_proxies": -1},
        {"decode": "thread"},
        {"secret_keys": []},
        {"secret_keys": ["short"]},
        {"keys": "user-key"},
    ],
)
def test_mistakes_are_found_at_construction(settings):
    """ConfigError is raised before the first request."""
    values = {
        "keys": StaticKeys(PRINCIPALS),
        "catalog": MemoryCatalog(),
        "storage": MemoryStorage(),
        "secret_keys": [SECRET],
        "decode": "inline",
    }
    with pytest.raises(ConfigError):
        app.ChevUpload(**(values | settings))


def test_the_clock_is_in_utc():
    """The default clock is aware."""
    assert app.utc_now().tzinfo is UTC
    assert abs(app.utc_now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_storage_in_memory_spools_in_the_systems_folder():
    """Without an incoming folder the system's is taken."""
    import tempfile

    component = app.ChevUpload(
        keys=StaticKeys(PRINCIPALS),
        catalog=MemoryCatalog(),
        storage=MemoryStorage(),
        secret_keys=[SECRET],
        decode="inline",
    )
    assert component._spool_folder == tempfile.gettempdir()
