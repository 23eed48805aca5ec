"""A multipart form is read whole and unchanged, however it arrives, or refused at little cost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.sansio.multipart import Epilogue, MultipartDecoder, NeedData

from chevupload.errors import MalformedRequest, TooLarge
from chevupload.naming import client_filename
from chevupload.wsgi.multipart import _Decoder
from tests.wsgi.bodies import (
    BOUNDARY,
    PICTURE,
    TEXT,
    Reading,
    Untouchable,
    environ,
    multipart,
    part,
    read,
    refused,
    split,
    streamed,
)


def test_a_file_part_is_spooled_under_the_clients_name(tmp_path):
    """Several files, text parts and unknown ones arrive each where it belongs."""
    body = multipart(
        part("key", b"k"),
        part("source", PICTURE, "a b.png"),
        part("image", b"other", "c"),
        part("upload", b"dropped", "d"),
        part("action", b"dropped"),
        part("title", "Größe".encode()),
    )
    fields, files, texts = read(tmp_path, environ(body))
    assert fields == {"key": "k", "title": "Größe"}
    assert files == {"source": ("a b.png", PICTURE), "image": ("c", b"other")}
    assert texts == {}


def test_a_text_part_may_be_the_source(tmp_path):
    """base64 in a text part is decoded, and its plus signs stay."""
    assert read(tmp_path, environ(multipart(part("source", TEXT))))[2] == {"source": PICTURE}


@pytest.mark.parametrize("name", ["source", "title"])
def test_the_last_of_two_text_parts_wins(tmp_path, name):
    """Of two values of one name the last counts."""
    fields, _, texts = read(tmp_path, environ(multipart(part(name, b"AAAA"), part(name, b"QUJD"))))
    assert {**fields, **texts} == ({"source": b"ABC"} if name == "source" else {"title": "QUJD"})


def test_the_last_of_two_files_wins(tmp_path):
    """Of two file parts of one name the last counts, and the first one's spool is removed too."""
    body = multipart(part("source", b"1", "a"), part("source", b"2", "b"))
    assert read(tmp_path, environ(body))[1] == {"source": ("b", b"2")}


def test_an_empty_file_part_is_empty(tmp_path):
    """A form whose file field was left empty sends a part without name and content."""
    assert read(tmp_path, environ(multipart(part("source", b"", ""))))[1] == {"source": ("", b"")}


@pytest.mark.parametrize(
    "name", [r"C:\pics\x.png", r"c:\x.png", r"\\server\share\x.png", r"C:\\pics\\x.png", r"C:\Größe\new\x.png"]
)
@pytest.mark.parametrize("end", ["", "; size=1"])
def test_a_windows_path_keeps_its_backslashes(tmp_path, name, end):
    """Old browsers send the whole path, and only its last segment is the name: ``x.png``, not ``Cpicsx.png``."""
    body = multipart(part("source", b"x", name).replace(b'.png"', b'.png"' + end.encode()))
    filename, _ = read(tmp_path, environ(body))[1]["source"]
    assert (filename, client_filename(filename)) == (name, "x.png")


@pytest.mark.parametrize(
    ("spelled", "name"),
    [(r"a\"b.png", 'a"b.png'), (r"a\\b.png", r"a\b.png"), (r"C:\"b.png", 'C:"b.png'), ("C:x.png", "C:x.png")],
)
def test_other_file_names_are_unquoted(tmp_path, spelled, name):
    """A backslash in any other name escapes what follows it."""
    assert read(tmp_path, environ(multipart(part("source", b"x", spelled))))[1] == {"source": (name, b"x")}


@pytest.mark.parametrize("value", [part("image", b"x", "f"), part("image", b""), part("image", b"QUJD")])
def test_a_part_named_image_speaks_imgbbs_dialect(tmp_path, value):
    """The name alone decides, whatever the part holds."""
    with Reading(tmp_path) as reading:
        assert "image" in reading.body(environ(multipart(value))).names


def test_other_names_do_not_speak_imgbbs_dialect(tmp_path):
    """A file that happens to be called ``image`` changes no answer: the part's own name counts."""
    with Reading(tmp_path) as reading:
        assert "image" not in reading.body(environ(multipart(part("source", b"x", "image")))).names


@pytest.mark.parametrize("kind", ["Multipart/Form-Data; BOUNDARY=limit-9", 'multipart/form-data;boundary="limit-9"'])
def test_media_types_are_read_in_any_case(tmp_path, kind):
    """Media types and their parameters' names are case-insensitive."""
    assert read(tmp_path, environ(multipart(part("title", b"t")), kind))[0] == {"title": "t"}


def test_line_feeds_alone_separate_parts_too(tmp_path):
    """Clients that write bare line feeds are understood."""
    body = multipart(part("title", b"t")).replace(b"\r\n", b"\n")
    assert read(tmp_path, environ(body))[0] == {"title": "t"}


def test_content_that_looks_like_the_boundary_is_kept(tmp_path):
    """Only a whole boundary on a line of its own ends a part."""
    tricky = f"\r\n--{BOUNDARY}x\r\n-\r\n--{BOUNDARY[:-1]}\r\n--{BOUNDARY} y".encode() * 5000
    assert read(tmp_path, environ(multipart(part("source", tricky, "f"))))[1] == {"source": ("f", tricky)}


def events(decoder, pieces):
    """Return what a decoder says of a body, and the kind of error that ends it."""
    found = []
    try:
        for piece in (*pieces, None):
            decoder.receive_data(piece)
            while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
                found.append(event)
    except Exception as error:
        found.append(repr(error))
    return found


HEADERS = b'Content-Disposition: form-data; name="x"\r\n\r\n'
SNIPPETS = [b"--aX", b"aX", b"--", b"\r\n", b"\n", b"\r", b" \t", b"\x0b", b"x", HEADERS]


@given(pieces=st.lists(st.sampled_from(SNIPPETS), max_size=16))
def test_parts_begin_and_end_where_werkzeug_sees_them(pieces):
    """Its own expressions, which each body would have to compile, find the same."""
    for body in (pieces, [b"--aX\r\n" + HEADERS, *pieces, b"\r\n--aX--\r\n"]):
        expected = events(MultipartDecoder(b"aX", 80_000, max_parts=9), body)
        assert events(_Decoder(b"aX", max_parts=9), body) == expected


def test_a_werkzeug_that_looks_for_boundaries_in_another_way_does_it_alone(tmp_path, monkeypatch):
    """The expressions are no public part of it."""
    monkeypatch.setattr("chevupload.wsgi.multipart._HAS_EXPRESSIONS", False)
    body = multipart(part("title", b"t"), part("source", b"content", "f"))
    fields, files, _ = read(tmp_path, environ(body))
    assert (fields, files) == ({"title": "t"}, {"source": ("f", b"content")})
    decoder = _Decoder(b"aX", max_parts=9)
    assert decoder.boundary_re == MultipartDecoder(b"aX").boundary_re


@pytest.mark.slow
@given(content=st.binary(max_size=300), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_any_content_survives_any_chunking(tmp_path_factory, content, sizes):
    """What a file part holds does not depend on how it arrives."""
    folder = tmp_path_factory.mktemp("spool")
    body = multipart(part("title", b"t"), part("source", content, "f"))
    fields, files, _ = read(folder, streamed(split(body, sizes)))
    assert (fields, files) == ({"title": "t"}, {"source": ("f", content)})


@pytest.mark.slow
@pytest.mark.parametrize("filler", [b"x", b" \t"])
def test_a_form_may_be_cut_anywhere(tmp_path, filler):
    """A network packet may end inside a boundary: no byte of it becomes content."""
    body = multipart(part("title", b"t"), part("source", b"one\r", "f"), part("image", b"two\n", "f"))
    body = body.replace(b"--\r\n", b"--" + filler * 3 + b"\r\n") if filler == b" \t" else body
    expected = {"source": ("f", b"one\r"), "image": ("f", b"two\n")}
    for cut in range(1, len(body)):
        fields, files, _ = read(tmp_path, streamed([body[:cut], body[cut:]]))
        assert (cut, fields, files) == (cut, {"title": "t"}, expected)


DISPOSITION = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"'.encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        b"not multipart",
        multipart(part("source", b"x" * 5000, "f"))[:-200],
        multipart(part("source", b"x", "f")).replace(BOUNDARY.encode(), b"other"),
        f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(),
        f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(),
        multipart(*(part("x") for _ in range(10_000))),
        multipart(*(part("x", b"", "f") for _ in range(10_000))),
        (DISPOSITION + b"\r\n" + b"a: b\r\n" * 3000 + b"\r\nx\r\n") * 90,
        (DISPOSITION + b";a=b" * 12_000 + b"\r\n\r\nx\r\n") * 90,
        (DISPOSITION + b";a*0=b" * 9_000 + b"\r\n\r\nx\r\n") * 90,
        (DISPOSITION + b' ;a="' * 9_000 + b"\r\n\r\nx\r\n") * 90,
        DISPOSITION + b"\r\nx: " + b"y" * 2_000_000,
        b"x" * 2_000_000,
        b"\r\n" * 1_000_000,
        f"\r\n--{BOUNDARY}x".encode() * 100_000,
        multipart() + b"x" * 2_000_000,
        multipart(part("source", b"x", "f")).removesuffix(b"-\r\n"),
    ],
    ids=range(17),
)
def test_malformed_multipart_is_refused(tmp_path, body):
    """Floods, cuts and missing pieces are the client's fault, and cost next to nothing."""
    refused(tmp_path, environ(body))


def test_the_headers_of_a_part_are_bounded(tmp_path):
    """16,384 bytes are read, and one more is refused at the first part: reading them costs more than all else."""
    disposition = 'Content-Disposition: form-data; name="title"'

    def body(length):
        filler = "x" * (length - len(f"{disposition}\r\nx: "))
        return environ(multipart(f"--{BOUNDARY}\r\n{disposition}\r\nx: {filler}\r\n\r\nt\r\n".encode()))

    assert read(tmp_path, body(16_384))[0] == {"title": "t"}
    with pytest.raises(TooLarge, match="Too large headers of a form part"):
        read(tmp_path, body(16_385))


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=" + "x" * 201])
def test_a_missing_or_endless_boundary_is_refused_unread(tmp_path, kind):
    """Without a usable boundary no part can be found, so nothing of the form is read."""
    with pytest.raises(MalformedRequest) as told:
        read(tmp_path, {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "5", "CONTENT_TYPE": kind})
    assert str(told.value) == "Missing or unusable multipart boundary"


def test_the_longest_boundary(tmp_path):
    """200 characters are read; browsers send some forty."""
    boundary = "x" * 200
    body = multipart(part("title", b"t")).replace(BOUNDARY.encode(), boundary.encode())
    assert read(tmp_path, environ(body, f"multipart/form-data; boundary={boundary}"))[0] == {"title": "t"}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"not multipart", "Malformed multipart body"),
        (multipart(part("source", b"x", "f")).removesuffix(b"-\r\n"), "Malformed multipart body"),
        (b"x" * 200_000, "Too many or too large form parts"),
        (multipart(*(part("x", b"", "f") for _ in range(200))), "Too many or too large form parts"),
    ],
    ids=["no form", "cut", "a flood", "many parts"],
)
def test_what_is_wrong_with_a_form_is_said(tmp_path, body, told):
    """In words that whoever wrote the client can read."""
    with pytest.raises((MalformedRequest, TooLarge)) as caught:
        read(tmp_path, environ(body))
    assert str(caught.value) == told
