"""A form that the host has read already uploads as if nobody had."""

from __future__ import annotations

import io

import pytest

from chevupload.errors import TooLarge
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


def test_limits_hold(tmp_path):
    """What the host let in is bounded all the same."""
    many = [("title", "t")] * 5
    with pytest.raises(TooLarge, match="Too many fields"):
        read(tmp_path, parsed(MULTIPART, many), max_fields=4)
    large = parsed(MULTIPART, (), [("source", "a", io.BytesIO(PICTURE))])
    with Reading(tmp_path, max_bytes=100) as reading, pytest.raises(TooLarge, match="File too big"):
        reading.body(large)
