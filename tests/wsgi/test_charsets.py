"""Texts are read in the charset that is declared, and what is in no such charset is refused, never replaced."""

from __future__ import annotations

import pytest

from chevupload.errors import InvalidParameter, MalformedRequest, Refusal, TooLarge, UnsupportedBody
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
    read,
    split,
    streamed,
)

TITLE = "Café Größe"


def typed(name, value, content_type):
    """Spell one part with a content type of its own."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\nContent-Type: {content_type}\r\n\r\n'
    return head.encode() + value + b"\r\n"


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("utf-8", "utf-8"),
        ("UTF8", "utf-8"),
        ('"utf-8"', "utf-8"),
        ("ISO-8859-1", "latin-1"),
        ("iso-8859-1; format=flowed", "latin-1"),
        ("latin1", "latin-1"),
        ("windows-1252", "cp1252"),
        ("cp1252", "cp1252"),
        ("", "utf-8"),
    ],
)
def test_a_part_may_declare_its_charset(tmp_path, label, codec):
    """RFC 7578, section 4.5: only for that part."""
    text = typed("title", TITLE.encode(codec), f"text/plain; charset={label}")
    body = multipart(text, part("description", TITLE.encode()))
    for request in (environ(body), streamed(split(body, [7]))):
        assert read(tmp_path, request)[0] == {"title": TITLE, "description": TITLE}


def test_ascii_may_be_declared(tmp_path):
    """And is kept to."""
    assert read(tmp_path, environ(multipart(typed("title", b"t", "text/plain; charset=us-ascii"))))[0] == {"title": "t"}
    with pytest.raises(InvalidParameter, match="Invalid title, its bytes are not US-ASCII text"):
        read(tmp_path, environ(multipart(typed("title", TITLE.encode(), "text/plain; charset=us-ascii"))))


def test_latin_1_is_read_as_browsers_read_it(tmp_path):
    """Its control characters from 0x80 on are those of windows-1252, as no text holds the former."""
    body = multipart(typed("title", "5 € – “ja”".encode("cp1252"), "text/plain; charset=iso-8859-1"))
    assert read(tmp_path, environ(body))[0] == {"title": "5 € – “ja”"}


@pytest.mark.parametrize("charset", ["utf-16", "shift_jis", "rot13", "unicode_escape", "x" * 500])
def test_other_charsets_are_refused(tmp_path, charset):
    """Rather than stored as something else; wherever they are declared."""
    text = typed("title", b"t", f"text/plain; charset={charset}")
    declared = part("_charset_", charset.encode())
    for request in (
        environ(multipart(text)),
        environ(multipart(typed("source", TEXT, f"text/plain; charset={charset}"))),
        environ(multipart(declared, part("title", b"t"))),
        environ(b"_charset_=" + charset.encode() + b"&title=t", URLENCODED),
    ):
        with pytest.raises(UnsupportedBody, match="charset"):
            read(tmp_path, request)
    # Of what nobody reads, nobody needs to know it.
    read(tmp_path, environ(multipart(typed("other", b"t", f"text/plain; charset={charset}"))))


@pytest.mark.parametrize("kind", [MULTIPART, JSON, URLENCODED])
def test_another_charset_of_the_body_is_refused_unread(tmp_path, kind):
    """Before a byte of it costs anything."""
    request = {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "5", "CONTENT_TYPE": f"{kind}; charset=utf-16"}
    with pytest.raises(UnsupportedBody, match="charset"):
        read(tmp_path, request)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (multipart(part("title", TITLE.encode("latin-1"))), f"{MULTIPART}; charset=ISO-8859-1"),
        (b"title=Caf%E9+Gr%F6%DFe", f"{URLENCODED}; charset=ISO-8859-1"),
        (b"title=Caf\xe9+Gr\xf6\xdfe", f"{URLENCODED};charset=iso-8859-1"),
        (b"_charset_=iso-8859-1&title=Caf%E9+Gr%F6%DFe", URLENCODED),
        (multipart(part("_charset_", b"windows-1252"), part("title", TITLE.encode("latin-1"))), MULTIPART),
        (multipart(part("title", TITLE.encode("latin-1")), part("_charset_", b"")), f"{MULTIPART}; charset=latin1"),
        (multipart(part("_charset_", b""), part("title", TITLE.encode())), MULTIPART),
        ('{"title":"Café Größe"}'.encode("latin-1"), f"{JSON}; charset=ISO-8859-1"),
        ('{"title":"Café Größe"}'.encode(), f"{JSON}; charset=UTF-8"),
    ],
)
def test_a_body_may_declare_its_charset(tmp_path, body, kind):
    """By a parameter of its type, or by the field that RFC 7578, section 4.6, has for it."""
    assert read(tmp_path, environ(body, kind))[0] == {"title": TITLE}
    assert read(tmp_path, streamed(split(body, [3]), kind))[0] == {"title": TITLE}


def test_a_query_may_declare_its_charset(tmp_path):
    """Forms are sent by GET, too; the body has a charset of its own."""
    with Reading(tmp_path) as reading:
        assert reading.query("_charset_=windows-1252&title=Caf%E9").fields["title"] == "Café"
        assert reading.body(environ(multipart(part("description", "ü".encode())))).fields["description"] == "ü"


def test_the_charset_comes_before_its_texts(tmp_path):
    """Bytes may be text in two charsets, so what was read already must not have been guessed."""
    title, charset = part("title", "Ã©".encode("latin-1")), part("_charset_", b"iso-8859-1")
    for late in (multipart(title, charset), multipart(title, part("description", b"ASCII"), charset)):
        with pytest.raises(MalformedRequest) as told:
            read(tmp_path, environ(late))
        assert str(told.value) == "The field _charset_ has to come before the texts in that charset"
    with pytest.raises(UnsupportedBody, match="charset"):
        read(tmp_path, environ(multipart(part("_charset_", b"\xff"), part("title", b"t"))))
    for harmless in (
        multipart(part("title", b"ASCII"), part("_charset_", b"iso-8859-1")),
        multipart(part("title", "é".encode()), part("_charset_", b"utf-8")),
        multipart(typed("title", "é".encode(), "text/plain; charset=utf-8"), part("_charset_", b"iso-8859-1")),
    ):
        assert "title" in read(tmp_path, environ(harmless))[0]


def test_the_charset_is_one_of_the_fields(tmp_path):
    """Which are counted."""
    body = multipart(*(part("_charset_", b"utf-8") for _ in range(5)))
    urlencoded = environ(b"_charset_=utf-8&" * 5, URLENCODED)
    assert read(tmp_path, urlencoded, max_fields=5)[0] == {}
    for request, told in ((environ(body), "Too many or too large form parts"), (urlencoded, "Too many fields - max 4")):
        with pytest.raises(TooLarge) as refused:
            read(tmp_path, request, max_fields=4)
        assert str(refused.value) == told


def test_the_charset_of_a_json_body_is_no_member_of_it(tmp_path):
    """There, ``_charset_`` is an unknown name."""
    body = '{"_charset_":"utf-16","title":"é"}'.encode()
    assert read(tmp_path, environ(body, JSON))[0] == {"title": "é"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (multipart(part("title", b"caf\xe9"), part("format", b"txt")), MULTIPART),
        (multipart(part("title", b"cut \xc3"), part("format", b"txt")), MULTIPART),
        (multipart(part("title", b"\xed\xa0\x80"), part("format", b"txt")), MULTIPART),
        (multipart(typed("title", b"\x81", "text/plain; charset=iso-8859-1"), part("format", b"txt")), MULTIPART),
        (b"title=caf%E9&format=txt", URLENCODED),
        (b"title=caf\xe9&format=txt", URLENCODED),
        (b'{"title":"caf\xe9","format":"txt"}', JSON),
        (b'{"other":"caf\xe9","format":"txt"}', JSON),
        (b'{"caf\xe9":1,"format":"txt"}', JSON),
        (b'{"title":"\\ud83d","format":"txt"}', JSON),
    ],
)
def test_bytes_that_are_no_text_are_refused(tmp_path, body, kind):
    """Nothing is replaced. The rest is read all the same, as it may say in which format the refusal is wanted."""
    for request in (environ(body, kind), streamed(split(body, [1]), kind)):
        with Reading(tmp_path) as reading:
            with pytest.raises(Refusal, match=r"not (UTF-8|windows-1252) text|surrogate pair") as refused:
                reading.body(request)
            assert (refused.value.status, reading.form.fields.get("format")) == (400, "txt")


@pytest.mark.parametrize("query", ["title=caf%E9&format=txt", "title=caf\xe9&format=txt", "format=txt&title=%ED%A0%80"])
def test_a_query_that_is_no_text_is_refused(tmp_path, query):
    """A server hands on raw bytes as latin-1."""
    with Reading(tmp_path) as reading:
        with pytest.raises(InvalidParameter, match="Invalid title, its bytes are not UTF-8 text"):
            reading.query(query)
        assert reading.form.fields.get("format") == "txt"


def test_what_nobody_reads_may_be_anything(tmp_path):
    """Unknown names, and files."""
    body = multipart(part("other", b"\xff"), part("source", PICTURE, "a"), typed("more", b"\xff", "image/png"))
    assert read(tmp_path, environ(body))[1] == {"source": ("a", PICTURE)}


def test_an_url_that_is_no_text_is_refused(tmp_path):
    """Like any other malformed one, once it is asked for."""
    with Reading(tmp_path) as reading:
        text = reading.body(environ(multipart(part("source", b"http://a.example/\xe9.png")))).text_sources["source"]
        with pytest.raises(Refusal, match="Malformed URL"):
            text.check()
