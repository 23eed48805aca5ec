"""Parts of a form that are encoded are decoded while they arrive, or refused; nothing is stored encoded."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.errors import EncodedBody, InvalidBase64, TooLarge, UnsupportedBody
from tests.wsgi.bodies import (
    BOUNDARY,
    JSON,
    MULTIPART,
    PICTURE,
    TEXT,
    URLENCODED,
    Reading,
    Untouchable,
    environ,
    multipart,
    part,
    peak_memory,
    read,
    split,
    streamed,
)

MIME = base64.encodebytes(PICTURE)


def headed(name, value, *headers, filename=None):
    """Spell one part with more headers."""
    file = "" if filename is None else f'; filename="{filename}"'
    lines = "".join(f"{header}\r\n" for header in headers)
    return (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n{lines}\r\n'.encode() + value + b"\r\n"
    )


def encoded(name, value, encoding, filename=None):
    """Spell one part in an encoding."""
    return headed(name, value, f"Content-Transfer-Encoding: {encoding}", filename=filename)


@pytest.mark.parametrize("encoding", ["7bit", "8bit", "binary", "BINARY", " 8Bit ", ""])
def test_what_encodes_nothing_changes_nothing(tmp_path, encoding):
    """Many clients say of each part that it is binary."""
    body = multipart(encoded("title", b"Caf=C3=A9", encoding), encoded("source", PICTURE, encoding, "a"))
    assert read(tmp_path, environ(body)) == ({"title": "Caf=C3=A9"}, {"source": ("a", PICTURE)}, {})


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 3, 64, 100_000])
def test_base64_is_decoded(tmp_path, size):
    """In lines or not, of files and texts."""
    for content in (MIME, TEXT, MIME.replace(b"\n", b"\r\n")):
        body = multipart(encoded("title", b"Q2Fmw6k=", "base64"), encoded("source", content, "BASE64", "a.png"))
        expected = {"title": "Café"}, {"source": ("a.png", PICTURE)}, {}
        assert read(tmp_path, streamed(split(body, [size]))) == expected


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2, 3, 100_000])
def test_quoted_printable_is_decoded(tmp_path, size):
    """Soft line breaks and escapes, wherever a chunk ends; what only looks like an escape stays."""
    title = b"Caf=C3=\r\n=A9 =\n100% =3D =zz ="
    body = multipart(
        encoded("title", title, "Quoted-Printable"),
        encoded("source", quopri.encodestring(PICTURE), "quoted-printable", "a.png"),
    )
    fields, files, _ = read(tmp_path, streamed(split(body, [size])))
    assert (fields, files) == ({"title": "Café 100% = =zz "}, {"source": ("a.png", PICTURE)})


@pytest.mark.slow
@given(content=st.binary(min_size=1, max_size=200), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_any_content_comes_back(tmp_path_factory, content, sizes):
    """Whatever the bytes and the chunks."""
    folder = tmp_path_factory.mktemp("spool")
    body = multipart(
        encoded("source", base64.encodebytes(content), "base64", "a"),
        encoded("image", quopri.encodestring(content), "quoted-printable", "a"),
    )
    expected = {"source": ("a", content), "image": ("a", content)}
    assert read(folder, streamed(split(body, sizes)))[1] == expected


def test_the_text_in_an_encoded_part_has_a_charset(tmp_path):
    """First the encoding is undone, then the charset."""
    headers = "Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable"
    assert read(tmp_path, environ(multipart(headed("title", b"Caf=E9", *headers))))[0] == {"title": "Café"}


def test_an_encoded_part_without_a_file_name(tmp_path):
    """What is in it decides: a file's bytes, or text that is base64 itself."""
    raw = b"\x89PNG\r\n\x1a\n" + PICTURE
    for content in (raw, base64.b64encode(raw)):
        body = multipart(encoded("source", base64.b64encode(content), "base64"))
        assert read(tmp_path, environ(body))[2] == {"source": raw}


@pytest.mark.parametrize("text", [b"QUJ", b"QUJD!", b"=QUJD", b"A"])
@pytest.mark.parametrize("filename", [None, "a.png"])
def test_base64_that_is_none_is_refused(tmp_path, text, filename):
    """At the end, so that it is known in which format."""
    if (text, filename) == (b"QUJ", None):
        text = b"QUJ=D"
    body = multipart(encoded("source", text if text != b"QUJ" else b"Q", "base64", filename), part("format", b"txt"))
    with Reading(tmp_path) as reading:
        with pytest.raises(InvalidBase64):
            reading.body(environ(body))
        assert reading.form.fields.get("format") == "txt"


@pytest.mark.parametrize("encoding", ["uuencode", "x-gzip", "chunked", "base64, base64", "utf-8"])
def test_other_encodings_are_refused(tmp_path, encoding):
    """In words about it, and only where it matters."""
    for filename in (None, "a.png"):
        body = multipart(encoded("source", PICTURE, encoding, filename), part("format", b"txt"))
        with Reading(tmp_path) as reading:
            with pytest.raises(UnsupportedBody) as told:
                reading.body(environ(body))
            named = "Unsupported Content-Transfer-Encoding of a form part"
            assert str(told.value) == f"{named}: send it as binary, without any"
            assert reading.form.fields.get("format") == "txt"
    assert read(tmp_path, environ(multipart(encoded("other", b"x", encoding)))) == ({}, {}, {})


def test_the_decoded_file_is_bounded(tmp_path):
    """As any other is, and held in no memory."""
    body = multipart(encoded("source", base64.b64encode(bytes(2_000)), "base64", "a"))
    with Reading(tmp_path, max_bytes=1_999) as reading, pytest.raises(TooLarge, match="File too big"):
        reading.body(environ(body))


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_a_large_part_is_streamed(tmp_path, encoding):
    """Lines or not: one line of 20 megabytes needs no more memory than many."""
    head = encoded("source", b"", encoding, "a").removesuffix(b"\r\n")

    def pieces():
        yield head
        for _ in range(320):
            yield b"QUJD" * 16_384
        yield f"\r\n--{BOUNDARY}--\r\n".encode()

    def action():
        with Reading(tmp_path) as reading:
            form = reading.body(streamed(pieces()))
            assert form.files["source"].spool.size == 320 * 16_384 * (3 if encoding == "base64" else 4)

    assert peak_memory(action) < 4_000_000


@pytest.mark.parametrize("kind", [MULTIPART, JSON, URLENCODED, "text/plain"])
@pytest.mark.parametrize("coding", ["gzip", "br", "Deflate", "identity, gzip", "x"])
def test_compressed_bodies_are_refused_unread(tmp_path, kind, coding):
    """With what is read instead. Source: RFC 9110, section 15.5.16."""
    request = {
        "wsgi.input": Untouchable(),
        "CONTENT_LENGTH": "5",
        "CONTENT_TYPE": kind,
        "HTTP_CONTENT_ENCODING": coding,
    }
    with pytest.raises(EncodedBody, match="without Content-Encoding") as refused:
        read(tmp_path, request)
    assert (refused.value.status, refused.value.headers) == (415, (("Accept-Encoding", "identity"),))


@pytest.mark.parametrize("coding", ["", "identity", "Identity", "identity, identity"])
def test_identity_is_no_coding(tmp_path, coding):
    """It is how clients say that there is none."""
    request = environ(multipart(part("title", b"t")), HTTP_CONTENT_ENCODING=coding)
    assert read(tmp_path, request)[0] == {"title": "t"}
    inner = headed("title", b"t", f"Content-Encoding: {coding}")
    assert read(tmp_path, environ(multipart(inner)))[0] == {"title": "t"}


@pytest.mark.parametrize("filename", [None, "a.png"])
def test_a_compressed_part_is_refused(tmp_path, filename):
    """As a compressed body is."""
    body = multipart(headed("source", PICTURE, "Content-Encoding: gzip", filename=filename), part("format", b"txt"))
    with Reading(tmp_path) as reading:
        with pytest.raises(EncodedBody):
            reading.body(environ(body))
        assert reading.form.fields.get("format") == "txt"


@pytest.mark.parametrize("coding", ["gzip, chunked", "gzip", "chunked, gzip", "x"])
def test_transfer_codings_are_refused_unread(tmp_path, coding):
    """Servers hand some on that they do not undo."""
    request = {"wsgi.input": Untouchable(), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": coding}
    with pytest.raises(EncodedBody) as told:
        read(tmp_path, {**request, "CONTENT_TYPE": MULTIPART})
    assert str(told.value) == "Unsupported Transfer-Encoding of the request body: only chunked is read"


@pytest.mark.parametrize("coding", ["chunked", "Chunked", "identity", ""])
def test_chunks_are_read(tmp_path, coding):
    """They are the server's to undo."""
    body = multipart(part("title", b"t"))
    assert read(tmp_path, streamed([body], HTTP_TRANSFER_ENCODING=coding))[0] == {"title": "t"}
