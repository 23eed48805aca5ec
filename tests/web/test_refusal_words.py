"""What pages say to people: each refusal has words, and none shows a code or the API's text."""

from __future__ import annotations

import re

import pytest

from chevupload import Policy, RequestDenied, Routes, errors
from chevupload.errors import Refusal
from chevupload.signing import OldForm
from chevupload.web.keys_page import TooManyKeys
from chevupload.web.refusal_words import words_of
from chevupload.wsgi.form import TooManyFiles

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal)]
SHOWN = [kind for kind in KINDS if kind not in (Refusal, errors.UnsupportedFormat)]
"""The format of an oEmbed answer is asked for by programs only."""


@pytest.mark.parametrize("kind", [*SHOWN, OldForm, TooManyKeys, TooManyFiles], ids=lambda kind: kind.__name__)
def test_every_refusal_has_words_and_an_icon(kind):
    """A title without a full stop, and a sentence that is no message of the API."""
    words = words_of(kind())
    assert not words.title.endswith(".")
    assert words.text.endswith(".")
    assert words.text != kind.text
    assert "{" not in words.sentence
    assert words.color in ("soft", "warn")


def test_a_hosts_own_reason_is_told():
    """What it said when it refused an upload; other messages are for programs."""
    assert words_of(RequestDenied("Pay first.")).text == "Pay first."
    assert words_of(RequestDenied()).text.startswith("It is for somebody else")
    assert words_of(errors.TooLarge("File too big - max 1 MB")).text == "Make it smaller, or choose another file."
    assert words_of(Refusal("Not today")).text == "Not today"


def test_how_long_to_wait_is_what_the_answer_says():
    """In the header for programs, in a sentence for people."""
    assert "in about 7 seconds." in words_of(errors.Busy(headers=(("Retry-After", "7"),))).text


def test_no_page_is_a_dead_end(make):
    """Each leads to where something can be done."""
    routes = Routes(upload_page="upload", home="/")
    stand = make(routes=routes, policy=Policy(login_url="/login"))
    text = re.sub("<svg.*?</svg>", "", stand.open("/nothing").text)
    assert "<h1>There is nothing at this address</h1>" in text
    assert "<small>Error 404</small>" in text
    assert f'<a class="button primary" href="{stand.prefix}/upload">Upload something</a>' in text
    assert f'<a class="button bare" href="{stand.prefix}/">Start page</a>' in text
