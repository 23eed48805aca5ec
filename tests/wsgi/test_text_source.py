from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.errors import EmptySource, InvalidBase64, TooLarge
from chevupload.spool import Spool
from chevupload.wsgi.text_source import TextSource
from tests.wsgi.bodies import content, split

ABC = b"QUJD"


@pytest.fixture
def read(tmp_path):
    """Return a function that reads one text in pieces."""
    spools = []

    def opener(max_bytes):
        def open_spool():
            spools.append(Spool(str(tmp_path), max_bytes))
            return spools[-1]

        return open_spool

    def read_text(*pieces, max_bytes=1_000_000):
        text = TextSource(opener(max_bytes))
        for piece in pieces:
            text.write(piece)
        text.finish()
        return text

    yield read_text
    for spool in spools:
        spool.close()


def decoded(text):
    text.check()
    assert text.url is None
    assert not text.is_empty
    return content(text.spool)


@pytest.mark.slow
@given(
    data=st.binary(min_size=1, max_size=200),
    url_safe=st.booleans(),
    padding=st.booleans(),
    spaces=st.lists(
        st.tuples(st.integers(0, 300), st.sampled_from([b" ", b"\n", b"\r\n", b"\t", b"\v\f"])), max_size=8
    ),
    header=st.sampled_from([b"", b"data:image/png;base64,", b"DATA:;Base64,", b" data:a/b;c=d;base64,"]),
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
)
def test_whatever_was_encoded_comes_back(tmp_path_factory, data, url_safe, padding, spaces, header, sizes):
    """Either alphabet, with padding or without, with white space anywhere, in any pieces, bare or as a data URI."""
    text = base64.urlsafe_b64encode(data) if url_safe else base64.b64encode(data)
    if not padding:
        text = text.rstrip(b"=")
    if not header and text.startswith(b"+"):
        # No picture's base64 starts with a plus sign; a form's leading spaces may.
        text = b"-" + text[1:]
    for position, space in spaces:
        position = min(position, len(text))
        text = text[:position] + space + text[position:]
    with Spool(str(tmp_path_factory.mktemp("spool")), 1000) as spool:
        source = TextSource(lambda: spool)
        for piece in split(header + text, sizes):
            source.write(piece)
        source.finish()
        assert decoded(source) == data


@pytest.mark.parametrize("text", [b"", b" ", b" \t\r\n\v\f", b"+++", b" " * 1000, b"+ " * 100])
def test_nothing_but_spaces_is_an_empty_source(read, text):
    """A form may have spelled spaces as plus signs."""
    source = read(text)
    assert source.is_empty
    with pytest.raises(EmptySource):
        source.check()


def test_leading_spaces_of_a_form_are_skipped(read):
    """A form may spell the spaces before a source as plus signs; the picture starts behind them, in any pieces."""
    assert decoded(read(b"++ +", b"+QUJD")) == b"ABC"


def test_a_plus_sign_inside_is_kept(read):
    """base64 needs it, also where a form would read a space."""
    assert decoded(read(b"/+/+")) == b"\xff\xef\xfe"


@pytest.mark.parametrize("text", [b"QUI=", b"QUI", b"QUI==", b"Q U\nI = \n", b"QUI=\r\n"])
def test_padding_is_optional(read, text):
    """Padding carries no information: missing, torn by white space or one sign too long, the bytes are the same."""
    assert decoded(read(text)) == b"AB"


@pytest.mark.parametrize(
    "text",
    [
        b"Q",
        b"QUJDQ",
        b"QUJD=QUJD",
        b"QUJD====",
        b"=QUJD",
        b"QUJD!",
        b"!" * 100,
        b"hello world, this is no base64.",
        "Größe".encode(),
        b"\x00\x00\x00\x00",
        b"data:",
        b"data:image/png",
        b"data:image/png;base64",
        b"data:image/png,QUJD",
        b"data:,x",
        b"data:image/svg+xml;utf8,<svg/>",
        b"data:;base64,!!!!",
        b"data:" + b"x" * 2000,
        b"data:" + b"x" * 2000 + b";base64,QUJD",
        b"javascript:alert(1)",
        b"//host.example/path",
        b"1http://host/path",
        b"h://" + b"x" * 9000,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_other_text_is_refused_when_it_is_asked_for(read, text, size):
    """While it is read the error is kept: what is left of the form may hold a better one."""
    source = read(*split(text, [size]))
    assert not source.is_empty
    with pytest.raises(InvalidBase64):
        source.check()


def test_what_follows_an_error_is_dropped(read):
    """A broken text of any length costs no more than its first broken piece."""
    source = read(b"!" * 100, *[ABC * 1000] * 100)
    assert source.spool.size == 0


@pytest.mark.parametrize(
    "url",
    [
        b"http://a/b.png",
        b"HTTPS://example.com/a+b?c=%20d",
        b"ftp://x/y",
        b"s3+http://x",
        "https://höst/ü".encode(),
        b"http://" + b"x" * 8000,
    ],
)
@pytest.mark.parametrize("size", [1, 5, 10_000])
def test_a_url_is_kept_as_it_is(read, url, size):
    """Without the white space around it."""
    source = read(*split(b" \n" + url + b" \r\n", [size]))
    source.check()
    assert (source.url, source.spool) == (url.decode(), None)


@pytest.mark.parametrize("size", [1_000, 10_000])
def test_the_longest_url(read, size):
    """8,192 bytes are kept, and one more is refused without being held."""
    url = b"http://a/" + b"x" * (8_192 - 9)
    assert read(*split(url, [size])).url == url.decode()
    with pytest.raises(InvalidBase64, match="URL too long"):
        read(*split(url + b"x", [size])).check()


@pytest.mark.parametrize("size", [1, 7, 2_000])
def test_the_longest_header_of_a_data_uri(read, size):
    """1,024 bytes before the comma, in whatever pieces, and one more is refused."""
    header = b"data:image/png;" + b"x" * (1_024 - 22) + b";base64"
    assert decoded(read(*split(header + b"," + ABC, [size]))) == b"ABC"
    with pytest.raises(InvalidBase64):
        read(*split(header.replace(b"png", b"apng") + b"," + ABC, [size])).check()


def test_too_much_is_refused_at_once(read):
    """The limit is on the decoded bytes, and does not wait for the end."""
    assert decoded(read(base64.b64encode(bytes(1000)), max_bytes=1000)) == bytes(1000)
    with pytest.raises(TooLarge):
        read(base64.b64encode(bytes(1001)), max_bytes=1000)


@pytest.mark.parametrize("text", [b"=", b"==", b"data:;base64,", b"data:;base64, \n"])
def test_text_that_decodes_to_nothing(read, text):
    """Its spool stays empty; whoever picks the source says so."""
    assert decoded(read(text)) == b""


def test_no_spool_is_made_for_what_is_not_base64(tmp_path, read):
    """A URL, an empty text and a refused data URI cost no temporary file."""
    read(b"http://a/b")
    read(b"")
    read(b"data:x,y")
    assert list(tmp_path.iterdir()) == []
