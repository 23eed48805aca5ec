from __future__ import annotations

from urllib.parse import parse_qsl, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.errors import TooLarge
from chevupload.wsgi.decoders import unquote_plus
from chevupload.wsgi.urlencoded import read_urlencoded
from tests.wsgi.bodies import split


class Kept:
    """Keeps one field's value."""

    def __init__(self):
        self.value = b""
        self.finished = False

    def write(self, data):
        self.value += data

    def finish(self):
        assert not self.finished
        self.finished = True


def fields(pieces, plus_names=()):
    found = []

    def open_field(name):
        found.append((name, Kept()))
        return found[-1][1]

    read_urlencoded(pieces, open_field, plus_names=plus_names)
    assert all(field.finished for _, field in found)
    return [(name, field.value.decode("utf-8", "replace")) for name, field in found]


SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=4)
NAMES = st.text(max_size=8)


@pytest.mark.slow
@given(pairs=st.lists(st.tuples(NAMES, st.text(max_size=30)), max_size=6), sizes=SIZES)
def test_what_was_encoded_comes_back(pairs, sizes):
    """In any pieces, also when they end inside an escape."""
    text = urlencode(pairs).encode()
    assert fields(split(text, sizes)) == pairs


@pytest.mark.slow
@given(
    text=st.lists(
        st.sampled_from([b"&", b"=", b"%", b"+", b"%4", b"%41", b"%zz", b"%C3%A9", b"%ff", b"a", b"\n", b"\r\n", b"_"])
        | st.text(st.characters(max_codepoint=127), max_size=3).map(str.encode),
        max_size=20,
    ).map(b"".join),
    sizes=SIZES,
)
def test_any_text_is_read_as_python_reads_them(text, sizes):
    """Broken escapes stay as they are."""
    assert fields(split(text, sizes)) == parse_qsl(text.decode(), keep_blank_values=True)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", []),
        (b"&&", []),
        (b"a", [("a", "")]),
        (b"a&b=", [("a", ""), ("b", "")]),
        (b"=x", [("", "x")]),
        (b"a=1&a=2", [("a", "1"), ("a", "2")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a%3Db=%26", [("a=b", "&")]),
        (b"a=100% sure%", [("a", "100% sure%")]),
        (b"a=%%41%", [("a", "%A%")]),
        (b"a=1%\n2%\r3\n4", [("a", "1%\n2%\r3\n4")]),
        (b"a;b=1;2", [("a;b", "1;2")]),
        (b"a=x  &b", [("a", "x  "), ("b", "")]),
        (b"a+b=c+d", [("a b", "c d")]),
        (b"a=\xc3\xa9%C3%A9\xff%FF", [("a", "éé\ufffd\ufffd")]),
    ],
)
def test_odd_spellings(text, expected, size):
    """What browsers and careless clients write is read as the URL standard reads it, in any pieces."""
    assert fields(split(text, [size])) == expected


def test_a_source_keeps_its_plus_signs():
    """A client that forgot to encode base64 is understood."""
    assert fields([b"a=b+c%2B%20"], plus_names={"a"}) == [("a", "b+c+ ")]


@pytest.mark.parametrize("size", [1, 100, 5000])
def test_an_endless_name_is_refused(size):
    """A name is held in memory, so it is bounded: 1,024 bytes pass and one more does not."""
    assert fields([b"x" * 1024 + b"=1"]) == [("x" * 1024, "1")]
    with pytest.raises(TooLarge, match="Field name too long"):
        fields(split(b"x" * 1025 + b"=1", [size]))


@given(st.binary(max_size=50))
def test_unquoting_undoes_quoting(data):
    """The quick decoder neither loses nor changes any byte."""
    assert unquote_plus(quote_plus(data).encode()) == data
