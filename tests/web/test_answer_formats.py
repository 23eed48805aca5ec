"""``format`` makes an answer plain text or a redirect, refusals included."""

from __future__ import annotations

import re

import pytest

from tests.support import BASE64, JSON_TYPE, PNG, UPLOAD, file


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


def test_unknown_routes_answer_in_the_format_of_the_query(refusing):
    """``format`` counts for unknown routes, too, whether it comes in the query or in the body."""
    stand = refusing()
    for answer in (
        stand.open("/api/1/other?format=txt&key=user-key"),
        stand.open("/api/1/other", "POST", data={"format": "txt", "key": "user-key", "source": file()}),
    ):
        assert (answer.status_code, answer.text) == (404, "Invalid API action")
