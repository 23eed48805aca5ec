"""Requests as other programs spell them: understood, or refused in words about it, in the format that was asked for."""

from __future__ import annotations

import base64
import json

import pytest

from chevupload.errors import Busy
from tests.support import BASE64, PNG, UPLOAD, animation, assert_refusal, file, noise, picture

MULTIPART = "multipart/form-data; boundary=x"
TITLE = "Café Größe"


def part(name, value, *headers, filename=None):
    """Spell one part of a form."""
    disposition = f'Content-Disposition: form-data; name="{name}"' + (f"; {filename}" if filename else "")
    return "\r\n".join(("--x", disposition, *headers, "", "")).encode() + value + b"\r\n"


def form(*parts):
    """Join parts into a form."""
    return b"".join(parts) + b"--x--\r\n"


def send(stand, body, content_type=MULTIPART, *, path=UPLOAD, **headers):
    """Send a body with the headers of these names."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return stand.send(body, path=path, content_type=content_type, headers=sent)


@pytest.mark.parametrize("path", [UPLOAD, "/1/upload"])
@pytest.mark.parametrize("name", ["source", "image"])
@pytest.mark.parametrize("kind", [(), ("Content-Type: image/png",), ("Content-Type: application/octet-stream",)])
def test_a_file_needs_no_name(stand, path, name, kind):
    """.NET, Apache's HttpClient and others send none: RFC 7578, section 4.2."""
    answer = send(stand, form(part(name, PNG, *kind), part("title", b"t")), path=path)
    assert answer.status_code == 200, answer.text
    document = answer.json.get("image") or answer.json["data"]
    assert stand.open(document["url"]).data == PNG
    assert document["title"] == "t"


@pytest.mark.parametrize("kind", [(), ("Content-Type: text/plain",)])
@pytest.mark.parametrize(
    "content",
    [
        *(picture((300, 200), name) for name in ("PNG", "JPEG", "GIF", "WEBP", "AVIF", "BMP")),
        animation(),
        noise((900, 700)),
    ],
    ids=["png", "jpeg", "gif", "webp", "avif", "bmp", "animation", "large"],
)
def test_a_file_is_known_by_its_bytes(stand, content, kind):
    """Without a name and a type, or with a wrong one, no format is taken for text."""
    assert send(stand, form(part("source", content, *kind))).status_code == 200


@pytest.mark.parametrize("kind", [(), ("Content-Type: text/plain; charset=utf-8",)])
def test_text_is_still_text(stand, kind):
    """A text part holds base64, as before."""
    answer = send(stand, form(part("source", BASE64.encode(), *kind)))
    assert stand.open(answer.json["image"]["url"]).data == PNG


def test_a_type_says_that_it_is_a_file(refusing):
    """What is declared a picture is refused as one, not as base64; empty is empty."""
    stand = refusing()
    assert_refusal(send(stand, form(part("source", b"<svg/>", "Content-Type: image/svg+xml"))), 400, 610)
    assert_refusal(send(stand, form(part("source", b"hello", "Content-Type: text/plain"))), 400, 120)
    assert_refusal(send(stand, form(part("source", b"", "Content-Type: image/png"))), 400, 130)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (
            form(
                part("title", TITLE.encode("latin-1"), "Content-Type: text/plain; charset=ISO-8859-1"),
                part("source", PNG, filename='filename="a.png"'),
            ),
            MULTIPART,
        ),
        (
            form(
                part("title", b"Caf=C3=A9 Gr=C3=B6=C3=9Fe", "Content-Transfer-Encoding: quoted-printable"),
                part("source", base64.b64encode(PNG), "Content-Transfer-Encoding: base64", filename='filename="a.png"'),
            ),
            MULTIPART,
        ),
        (form(part("source", PNG, filename='filename="=?utf-8?B?Q2Fmw6kgR3LDtsOfZS5wbmc=?="')), MULTIPART),
        (
            form(part("source", PNG, filename="filename*=UTF-8''Caf%C3%A9_Gr%C3%B6%C3%9Fe.png; filename=a.png")),
            MULTIPART,
        ),
        (form(part("source", PNG, filename='filename="Cafe\u0301 Gro\u0308ße.png"')), MULTIPART),
        (b"\xef\xbb\xbf" + json.dumps({"title": TITLE, "source": BASE64}).encode(), "application/json"),
        (json.dumps({"title": "Cafe\u0301 Gro\u0308ße", "source": BASE64}).encode(), "application/json"),
        (b"title=Caf%E9+Gr%F6%DFe&source=" + BASE64.encode(), "application/x-www-form-urlencoded; charset=latin1"),
    ],
    ids=["charset", "encodings", "encoded word", "filename*", "name in form D", "mark", "title in form D", "latin-1"],
)
def test_texts_arrive_as_they_were_meant(stand, body, kind):
    """In title and address."""
    document = send(stand, body, kind).json["image"]
    assert document["title"] == TITLE
    assert document["url_viewer"].rpartition("/")[2].startswith("Caf%C3%A9-Gr%C3%B6%C3%9Fe.")


REFUSED = {
    "charset": (form(part("title", b"t", "Content-Type: text/plain; charset=utf-16")), MULTIPART, {}, 415, "charset"),
    "bytes": (form(part("title", b"caf\xe9")), MULTIPART, {}, 400, "UTF-8"),
    "urlencoded bytes": (b"title=caf%E9", "application/x-www-form-urlencoded", {}, 400, "UTF-8"),
    "JSON bytes": (b'{"title":"caf\xe9"}', "application/json", {}, 400, "UTF-8"),
    "half": (b'{"title":"\\ud83d"}', "application/json", {}, 400, "surrogate"),
    "UTF-16": ('{"title":"é"}'.encode("utf-16"), "application/json", {}, 400, "UTF-8"),
    "encoding": (form(part("title", b"t", "Content-Transfer-Encoding: uuencode")), MULTIPART, {}, 415, "Transfer"),
    "base64": (form(part("source", b"!", "Content-Transfer-Encoding: base64")), MULTIPART, {}, 400, "base64"),
    "gzip": (b"x", "application/json", {"Content_Encoding": "gzip"}, 415, "Content-Encoding"),
    "gzip of a form": (form(), MULTIPART, {"Content_Encoding": "gzip"}, 415, "Content-Encoding"),
    "gzip of a part": (form(part("title", b"t", "Content-Encoding: gzip")), MULTIPART, {}, 415, "Content-Encoding"),
}


@pytest.mark.parametrize(("body", "kind", "headers", "status", "word"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("format_", ["json", "txt", "redirect"])
@pytest.mark.parametrize("path", [UPLOAD, "/1/upload"])
def test_refusals(refusing, body, kind, headers, status, word, format_, path):
    """In words about it, for pages of every origin, and nothing is stored."""
    stand = refusing()
    answer = send(stand, body, kind, path=f"{path}?format={format_}", **headers)
    assert (answer.status_code, word in answer.text) == (status, True), answer.text
    assert answer.mimetype == ("application/json" if format_ == "json" else "text/plain")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers.get("Accept-Encoding") == ("identity" if word == "Content-Encoding" else None)


def test_the_format_may_come_last(refusing):
    """Behind what is refused."""
    stand = refusing()
    for body in (
        form(part("title", b"\xff"), part("format", b"txt")),
        form(part("source", b"!", "Content-Transfer-Encoding: base64"), part("format", b"txt")),
        form(part("title", b"t", "Content-Type: text/plain; charset=utf-7"), part("format", b"txt")),
    ):
        assert send(stand, body).mimetype == "text/plain"


def test_a_query_that_is_no_text_is_refused(refusing):
    """In the format that another part of it asks for."""
    stand = refusing()
    answer = stand.send({"source": file()}, path=f"{UPLOAD}?title=caf%E9&format=txt")
    assert (answer.status_code, answer.text) == (400, "Invalid title, its bytes are not UTF-8 text")
    # Elsewhere, other things are to be mended first.
    assert_refusal(stand.open("/api/1/other?title=%ff"), 401, 100)
    answer = stand.component.refuse({"REQUEST_METHOD": "POST", "QUERY_STRING": "title=%ff"}, Busy())
    assert answer.status_code == 503


def test_tags_that_look_alike_are_one(stand):
    """However their accents are spelled."""
    document = stand.upload(tags="café,cafe\u0301,CAFE\u0301")
    assert [tag["name"] for tag in document["tags"]] == ["café", "CAFÉ"]


@pytest.mark.parametrize("slashes", ["//", "///", "/" * 50])
def test_several_slashes_at_the_start_are_one(stand, slashes):
    """A client joined its paths carelessly. nginx, and so Chevereto, sees one slash; servers differ."""

    def asked(path):
        return {"environ_overrides": {"PATH_INFO": slashes + path}}

    image = stand.send({"source": file()}, **asked("api/1/upload")).json["image"]
    assert_refusal(stand.send({"source": file()}, **asked("api/1/other")), 404, 120)
    path = image["url_viewer"].removeprefix(stand.base)
    assert stand.open("/", **asked(path[1:])).status_code == 200
    moved = stand.open("/", **asked(f"image/other.{image['id_encoded']}"))
    assert (moved.status_code, moved.headers["Location"]) == (302, image["path_viewer"])
    # Nothing leads to a host that a path names.
    elsewhere = stand.open("/", **asked("evil.example/image"))
    assert (elsewhere.status_code, "Location" in elsewhere.headers) == (404, False)
