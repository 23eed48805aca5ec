"""A form that the host has read already uploads as if nobody had."""

from __future__ import annotations

import io

import pytest

from chevupload.errors import InvalidParameter, MalformedRequest, TooLarge
from chevupload.wsgi.form import ParsedForm, set_parsed_form
from tests.wsgi.bodies import MULTIPART, PICTURE, TEXT, URLENCODED, Reading, Untouchable, read


def parsed(content_type, fields=(), files=()):
    """Make an environ whose body is gone and whose form the host has parsed."""
    environ = {"wsgi.input": Untouchable(), "CONTENT_TYPE": content_type, "CONTENT_LENGTH": "999"}
    set_parsed_form(environ, ParsedForm(fields=fields, files=files))
    return environ


def test_fields_and_files_are_taken(tmp_path):
    """Files from their start, wherever the host stopped reading; names that nobody knows are skipped."""
    content = io.BytesIO(PICTURE)
    content.seek(0, io.SEEK_END)
    fields, files = [("title", "ü"), ("other", "x")], [("source", "a.png", content), ("other", "b", io.BytesIO(b"b"))]
    assert read(tmp_path, parsed(MULTIPART, fields, files)) == ({"title": "ü"}, {"source": ("a.png", PICTURE)}, {})


@pytest.mark.parametrize("kind", [MULTIPART, URLENCODED])
def test_base64_is_decoded(tmp_path, kind):
    """Also where the host took its plus signs for spaces, as a form's decoder must."""
    text = TEXT.decode()
    assert "+" in text
    if kind == URLENCODED:
        text = text.replace("+", " ")
    assert read(tmp_path, parsed(kind, [("source", text)])) == ({}, {}, {"source": PICTURE})


def test_other_spaces_stay(tmp_path):
    """In a title, and in a URL."""
    fields = [("title", "a b"), ("source", "http://a.example/a b")]
    taken, _, texts = read(tmp_path, parsed(URLENCODED, fields))
    assert (taken, texts) == ({"title": "a b"}, {"source": "http://a.example/a b"})


def test_what_is_no_text_is_refused(tmp_path):
    """As some decoders make it, of bytes that are no UTF-8."""
    with pytest.raises(InvalidParameter, match="description"):
        read(tmp_path, parsed(URLENCODED, [("description", "\ud800")]))


def test_a_file_is_read_in_pieces(tmp_path):
    """Of a quarter of a megabyte, however large it is."""

    class Counted(io.BytesIO):
        def read(self, size):
            assert size == 262_144
            return super().read(size)

    files = [("source", "a.png", Counted(PICTURE))]
    assert read(tmp_path, parsed(MULTIPART, (), files)) == ({}, {"source": ("a.png", PICTURE)}, {})


def test_a_file_that_is_closed_is_no_upload(tmp_path):
    """The host has read it, and did not say so."""
    content = io.BytesIO(PICTURE)
    content.close()
    with pytest.raises(MalformedRequest) as told:
        read(tmp_path, parsed(MULTIPART, (), [("source", "a.png", content)]))
    assert str(told.value) == "The file was read and closed by the host already"


def test_limits_hold(tmp_path):
    """What the host let in is bounded all the same."""
    many = [("title", "t")] * 5
    assert read(tmp_path, parsed(MULTIPART, many), max_fields=5)[0] == {"title": "t"}
    with pytest.raises(TooLarge) as told:
        read(tmp_path, parsed(MULTIPART, many), max_fields=4)
    assert str(told.value) == "Too many fields - max 4"
    large = parsed(MULTIPART, (), [("source", "a", io.BytesIO(PICTURE))])
    with Reading(tmp_path, max_bytes=100) as reading, pytest.raises(TooLarge, match="File too big"):
        reading.body(large)
