"""The readable part of a viewer link."""

from __future__ import annotations

import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.web.urls import viewer_slug


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("", ""),
        ("cannon zoom lens", "cannon-zoom-lens"),
        ("10% off #1", "10%25-off-%231"),
        ("a.b.c", "a.b.c"),
        ("Größe", "Gr%C3%B6%C3%9Fe"),
        ("  a - b -- c  ", "a-b-c"),
        ("a\\b/c~d&e!f'g\"h?i", "abcdefghi"),
        ("<b>bold</b> x", "bold-x"),
        ("//evil.example", "evil.example"),
        ("a\tb\r\nc", "a-b-c"),
        ("---", ""),
        ("?!", ""),
        ("UPPER", "UPPER"),
        ("\x00", "%00"),
    ],
)
def test_slugs(title, slug):
    """The title as a link can hold it."""
    assert viewer_slug(title) == slug


@pytest.mark.slow
@given(st.text(max_size=100))
def test_every_slug_is_safe_in_a_link(title):
    """Unreserved characters and escapes only: no header, path or host can be made of it."""
    unreserved = set(string.ascii_letters + string.digits + "-._~")
    assert set(re.sub(r"%[0-9A-F]{2}", "", viewer_slug(title))) <= unreserved
