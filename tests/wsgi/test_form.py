"""Query and body of a request become one form, whatever the kind of the body, and without one too."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

import pytest

from chevupload.errors import LengthRequired, UnsupportedBody
from tests.wsgi.bodies import (
    JSON,
    MULTIPART,
    PICTURE,
    TEXT,
    URLENCODED,
    Reading,
    Untouchable,
    content,
    environ,
    multipart,
    part,
    read,
    split,
    streamed,
)


def test_an_urlencoded_body(tmp_path):
    """Escapes and plus signs are decoded in text, and a source keeps its plus signs."""
    body = b"title=a+b%2Bc&unknown=1&source=" + base64.b64encode(b"\xff\xfb\xef\xbe")
    fields, _, texts = read(tmp_path, environ(body, URLENCODED + "; charset=UTF-8"))
    assert (fields, texts) == ({"title": "a b+c"}, {"source": b"\xff\xfb\xef\xbe"})


def test_a_form_of_a_usual_client(tmp_path):
    """urlencoded base64 as programming languages' own libraries spell it."""
    body = urlencode({"key": "k", "source": TEXT, "format": "json"}).encode()
    fields, _, texts = read(tmp_path, environ(body, URLENCODED))
    assert (fields, texts) == ({"key": "k", "format": "json"}, {"source": PICTURE})


def test_a_json_body(tmp_path):
    """Strings, numbers, booleans and nulls become text."""
    body = json.dumps({"source": TEXT.decode(), "width": 20, "nsfw": True, "title": None, "other": False})
    with Reading(tmp_path) as reading:
        form = reading.body(environ(body.encode(), "application/json; charset=utf-8"))
        assert form.fields == {"width": "20", "nsfw": "true"}
        assert content(form.text_sources["source"].spool) == PICTURE


def test_a_description_of_escaped_emoji(tmp_path):
    """65,000 emoji as JSON encoders of many languages spell them: twelve bytes each, and none of them is lost."""
    body = json.dumps({"description": "😀" * 65_000}).encode()
    assert read(tmp_path, environ(body, JSON))[0] == {"description": "😀" * 65_000}


def test_an_empty_value_is_an_absent_one(tmp_path):
    """A form sends its empty fields too; what was not filled in keeps its default."""
    with Reading(tmp_path) as reading:
        assert reading.query("title=a").fields == {"title": "a"}
        assert reading.query("title=").fields == {}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (multipart(part("title", b"body"), part("source", b"QkI=")), MULTIPART),
        (b"title=body&source=QkI=", URLENCODED),
        (b'{"title":"body","source":"QkI="}', JSON),
    ],
)
def test_a_body_value_wins_over_a_query_value(tmp_path, body, kind):
    """A URL may hold defaults: the body's values and source replace those of the same name, the others stay."""
    with Reading(tmp_path) as reading:
        reading.query("title=query&source=AAAA&nsfw=1")
        form = reading.body(environ(body, kind))
        assert form.fields == {"title": "body", "nsfw": "1"}
        assert content(form.text_sources["source"].spool) == b"BB"


def test_sources_are_skipped_where_nobody_takes_them(tmp_path):
    """Reading for the format alone makes no spool."""
    with Reading(tmp_path) as reading:
        reading.form.read_query({"QUERY_STRING": "source=AAAA&format=txt&image=x"}, None)
        body = multipart(part("source", b"AAAA"), part("image", b"x", "f"), part("title", b"t"))
        reading.form.read_body(environ(body), max_bytes=100, open_spool=None)
        assert (reading.form.fields, reading.form.text_sources, reading.form.files) == (
            {"format": "txt", "title": "t"},
            {},
            {},
        )
        assert reading.form.names == {"source", "image", "format", "title"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (multipart(part("_charset_", b"utf-8"), part("title", b""), part("other", b"x")), MULTIPART),
        (b"_charset_=utf-8&title=&other=x", URLENCODED),
        (b'{"title": null, "other": [1]}', JSON),
    ],
)
def test_names_are_those_that_came(tmp_path, body, kind):
    """Empty, or read by nobody: there are requests that clear a field, and that refuse what they do not know."""
    with Reading(tmp_path) as reading:
        form = reading.body(environ(body, kind))
        assert (form.fields, form.names) == ({}, {"title", "other"})


def test_a_query_may_be_read_twice(tmp_path):
    """Once for the format alone and once for everything: its fields are counted once."""
    query = "&".join(f"f{number}=1" for number in range(100))
    with Reading(tmp_path) as reading:
        reading.query(query)
        reading.query(query)


def test_a_query_in_raw_bytes_is_read(tmp_path):
    """A server hands on raw bytes as latin-1."""
    with Reading(tmp_path) as reading:
        assert reading.query("title=\xc3\xa9").fields == {"title": "é"}
        assert reading.form.read_query({}, None) is None
        # As no server should.
        assert reading.query("title=日").fields == {"title": "?"}


@pytest.mark.parametrize("body", [b"&" * 2_000_000, b"=&" * 90 + b"&" * 1_000_000])
def test_empty_fields_are_none(tmp_path, body):
    """Separators with nothing between them are no fields, however many there are."""
    assert read(tmp_path, environ(body, URLENCODED)) == ({}, {}, {})


def test_white_space_around_json_is_skipped(tmp_path):
    """JSON allows white space of any length around the object; it is neither kept nor refused."""
    assert read(tmp_path, environ(b" \t\r\n" * 500_000 + b"{}" + b" " * 2_000_000, JSON)) == ({}, {}, {})


@pytest.mark.parametrize("kind", [MULTIPART, JSON, URLENCODED, "text/plain"])
def test_an_empty_body_is_none(tmp_path, kind):
    """A request may have everything in its query and still name a content type."""
    assert read(tmp_path, environ(b"", kind)) == ({}, {}, {})


@pytest.mark.parametrize(
    "request_",
    [
        {"wsgi.input": Untouchable()},
        {"wsgi.input": Untouchable(), "CONTENT_LENGTH": ""},
        {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "5"},
        {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "0", "CONTENT_TYPE": "text/plain"},
        {"wsgi.input": Untouchable(), "wsgi.input_terminated": True},
    ],
)
def test_a_body_of_no_type_is_not_read(tmp_path, request_):
    """A body without a content type or without bytes is left unread, and the request is none the worse."""
    assert read(tmp_path, request_) == ({}, {}, {})


@pytest.mark.parametrize("kind", ["text/plain", "multipart/mixed; boundary=x", "image/png", "application/xml"])
def test_other_types_are_refused_unread(tmp_path, kind):
    """A content type that carries no parameters is refused before a byte of it costs anything."""
    with pytest.raises(UnsupportedBody):
        read(tmp_path, {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "5", "CONTENT_TYPE": kind})


def test_an_unusable_length_is_none(tmp_path):
    """Without a length nothing is read from a server that does not end the input itself."""
    for length in ("-1", "abc", "٣", "1_0"):
        request = {**environ(b"title=a", URLENCODED), "wsgi.input": Untouchable(), "CONTENT_LENGTH": length}
        assert read(tmp_path, request) == ({}, {}, {})


@pytest.mark.parametrize("more", [{}, {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "1"}])
def test_a_chunked_body_is_read_to_its_end(tmp_path, more):
    """Without a length, where the server ends the input."""
    body = multipart(part("title", b"t"), part("source", PICTURE, "f"))
    fields, files, _ = read(tmp_path, streamed(split(body, [1000]), **more))
    assert (fields, files) == ({"title": "t"}, {"source": ("f", PICTURE)})


def test_a_chunked_body_that_the_server_does_not_end_is_not_read(tmp_path):
    """Reading it could wait for ever, so the client is told what this server takes."""
    request = {"wsgi.input": Untouchable(), "CONTENT_TYPE": URLENCODED, "HTTP_TRANSFER_ENCODING": "chunked"}
    with pytest.raises(LengthRequired, match="Content-Length"):
        read(tmp_path, request)
