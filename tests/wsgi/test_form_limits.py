"""Every part of a body has a limit, and a large source costs no more memory than a small one."""

from __future__ import annotations

import base64
import json
import os
from urllib.parse import quote_from_bytes

import pytest

from chevupload.config import Limits
from chevupload.errors import InvalidParameter, TooLarge
from chevupload.wsgi.body import body_limit, read_chunks
from tests.wsgi.bodies import (
    JSON,
    MULTIPART,
    URLENCODED,
    Reading,
    Untouchable,
    environ,
    multipart,
    part,
    peak_memory,
    read,
    refused,
    split,
    streamed,
)

MEGABYTES = 25


@pytest.mark.parametrize("kind", [MULTIPART, URLENCODED, JSON, "text/plain"])
def test_a_declared_length_over_the_limit_is_refused_unread(tmp_path, kind):
    """Not a byte is read of what is too long anyway."""
    request = {
        "wsgi.input": Untouchable(),
        "CONTENT_LENGTH": str(body_limit(kind.partition(";")[0], 3_000_000) + 1),
        "CONTENT_TYPE": kind,
    }
    with Reading(tmp_path, max_bytes=3_000_000) as reading, pytest.raises(TooLarge, match="File too big - max 3 MB"):
        reading.body(request)


@pytest.mark.parametrize("kind", [MULTIPART, URLENCODED, JSON])
def test_little_of_a_refused_request_is_read(tmp_path, kind):
    """A wrong key is worth the processor time of less than four megabytes; what is declared longer is not read."""
    request = {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "4000000", "CONTENT_TYPE": kind}
    with Reading(tmp_path, max_bytes=Limits().refusal_scan_bytes) as reading, pytest.raises(TooLarge):
        reading.body(request)


def test_a_chunked_body_over_the_limit_is_refused(tmp_path):
    """An endless body ends at the limit."""

    def endless():
        yield part("x")[:-2]
        while True:
            yield b"x" * 65_536

    with Reading(tmp_path, max_bytes=1000) as reading, pytest.raises(TooLarge, match=r"Request too big - max 1\.1 MB"):
        reading.body(streamed(endless()))


LARGEST = 30_000_000


@pytest.mark.parametrize(
    ("kind", "spelled"),
    [
        (URLENCODED, lambda text: quote_from_bytes(text, safe="").encode()),
        (URLENCODED, lambda text: quote_from_bytes(b"\r\n".join(split(text, [64])), safe="").encode()),
        (JSON, lambda text: text.replace(b"/", b"\\/")),
        (JSON, lambda text: b"\\r\\n".join(split(text.replace(b"/", b"\\/"), [64]))),
        (MULTIPART, lambda text: b"\r\n".join(split(text, [64]))),
    ],
)
def test_the_largest_file_fits_in_every_spelling(kind, spelled):
    """Line breaks and escapes of a base64 text do not count against the file."""
    sample = os.urandom(300_000)
    length = len(spelled(base64.b64encode(sample))) * (LARGEST / len(sample))
    assert length < body_limit(kind.partition(";")[0], LARGEST)


@pytest.mark.parametrize(("kind", "most"), [(MULTIPART, 5_548_577), (JSON, 5_548_577), (URLENCODED, 9_048_578)])
def test_how_long_a_body_may_be(kind, most):
    """By its largest file, a third more in base64, what escapes may add, and a megabyte for all else."""
    assert body_limit(kind.partition(";")[0], 3_000_001) == most


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (MULTIPART, multipart(part("source", bytes(1001), "f"))),
        (MULTIPART, multipart(part("source", base64.b64encode(bytes(1001))))),
        (URLENCODED, b"source=" + base64.b64encode(bytes(1001))),
        (JSON, b'{"source": "%s"}' % base64.b64encode(bytes(1001))),
    ],
)
def test_a_source_over_the_limit_is_refused(tmp_path, kind, body):
    """The limit is on the picture's own bytes, the same for a file and for base64 in every kind of body."""
    with Reading(tmp_path, max_bytes=1000) as reading, pytest.raises(TooLarge, match="File too big - max 1 KB"):
        reading.body(environ(body, kind))


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (MULTIPART, multipart(part("title", b"x" * 1001))),
        (URLENCODED, b"title=" + b"x" * 1001),
        (JSON, b'{"title": "%s"}' % (b"x" * 1001)),
    ],
)
def test_a_text_field_over_the_limit_is_cut(tmp_path, kind, body, chunked):
    """No text fills the memory and none is refused: what follows the limit is dropped, however the body comes."""
    request = streamed(split(body, [100]), kind) if chunked else environ(body, kind)
    assert read(tmp_path, request, max_field_bytes=1000)[0] == {"title": "x" * 1000}


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a" + "é" * 600, "a" + "é" * 499),
        ("a" + "😀" * 600, "a" + "😀" * 249),
        ("é" * 500, "é" * 500),
        ("é" * 500 + "x", "é" * 500),
    ],
)
def test_a_text_field_is_cut_between_characters(tmp_path, value, kept, chunked):
    """A character that does not fit as a whole is dropped as a whole."""
    body = multipart(part("title", value.encode()))
    request = streamed(split(body, [7])) if chunked else environ(body)
    assert read(tmp_path, request, max_field_bytes=1000)[0] == {"title": kept}


def test_a_broken_character_is_refused_where_nothing_was_cut(tmp_path):
    """Half a character that the client sent itself is the client's fault, at the limit too."""
    body = multipart(part("title", b"x" * 999 + b"\xc3"))
    with pytest.raises(InvalidParameter, match="title"):
        read(tmp_path, environ(body), max_field_bytes=1000)


def test_a_text_field_at_the_limit_passes(tmp_path):
    """The limit is exact and on the decoded text: escapes do not count."""
    assert read(tmp_path, environ(b"title=" + b"%41" * 1000, URLENCODED), max_field_bytes=1000)[0] == {
        "title": "A" * 1000
    }


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (MULTIPART, multipart(*(part(f"f{number}") for number in range(101)))),
        (MULTIPART, multipart(*(part(f"f{number}", b"x", "f") for number in range(101)))),
        (URLENCODED, b"&".join(b"f=1" for _ in range(101))),
        (URLENCODED, b"&".join(b"f" for _ in range(101))),
        (JSON, json.dumps({f"f{number}": number for number in range(101)}).encode()),
    ],
)
def test_too_many_fields_are_refused(tmp_path, kind, body):
    """Every field and part costs time, so their number is bounded in every kind of body."""
    with pytest.raises(TooLarge, match="Too many"):
        read(tmp_path, environ(body, kind))


def test_an_endless_name_is_refused(tmp_path):
    """A field's name is bounded too: text without a separator must not fill the memory."""
    refused(tmp_path, environ(b"x" * 2_000_000, URLENCODED))
    refused(tmp_path, environ(b'{"' + b"x" * 2_000_000, JSON))


def test_the_limit_of_a_stream_is_checked_by_its_declared_length_too():
    """A body that says itself that it is too long is refused before the first read."""
    with pytest.raises(TooLarge):
        list(read_chunks({"wsgi.input": Untouchable(), "CONTENT_LENGTH": "11"}, max_bytes=10, seconds=10))


def text_pieces(megabytes, slash):
    """Yield base64 text of random bytes."""
    piece = base64.b64encode(os.urandom(49_152)).replace(b"/", slash)
    for _ in range(megabytes * 1_000_000 // 65_536):
        yield piece


def large_bodies(megabytes):
    head, tail = part("source").removesuffix(b"\r\n"), b"\r\n" + multipart()
    yield MULTIPART, (head, *text_pieces(megabytes, b"/"), tail)
    yield URLENCODED, (b"source=", *text_pieces(megabytes, b"%2F"))
    yield JSON, (b'{"source": "', *text_pieces(megabytes, b"\\/"), b'"}')
    yield JSON, (b'{"source": "', *text_pieces(megabytes, b"\\u002f"), b'"}')
    yield MULTIPART, (part("source", filename="f").removesuffix(b"\r\n"), *text_pieces(megabytes, b"/"), tail)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(5), ids=["text", "urlencoded", "json", "json-u", "file"])
def test_memory_does_not_grow_with_the_source(tmp_path, number):
    """25 MB cost no more memory than one: nothing is whole in memory."""

    def taken(megabytes):
        kind, pieces = list(large_bodies(megabytes))[number]
        with Reading(tmp_path) as reading:
            request = streamed(pieces, kind)
            peak = peak_memory(lambda: reading.body(request))
            sources = [*reading.form.files.values(), *reading.form.text_sources.values()]
            assert sources[0].spool.size > megabytes * 700_000
            return peak

    small, large = taken(1), taken(MEGABYTES)
    assert large < 4_000_000
    assert large < small + 1_000_000


@pytest.mark.slow
def test_a_large_source_with_escapes_is_read(tmp_path):
    """PHP escapes every slash; a large body of that kind is read all the same."""
    pieces = list(large_bodies(MEGABYTES))[2][1]
    with Reading(tmp_path) as reading:
        reading.body(streamed(pieces, JSON))
