from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import tempfile
import time
from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.config import Limits
from chevupload.errors import MalformedRequest, Refusal, SlowBody, TooLarge, UnsupportedBody
from chevupload.request.forms import body_limit, read_chunks
from tests.request.bodies import (
    BOUNDARY,
    JSON,
    MULTIPART,
    URLENCODED,
    Pieces,
    Reading,
    Untouchable,
    content,
    environ,
    multipart,
    part,
    peak_memory,
    split,
    streamed,
)

PICTURE = bytes(range(256)) * 40
TEXT = base64.b64encode(PICTURE)
MEGABYTES = 25


def read(folder, request, **limits):
    """Read one body and return what it says, with every source's bytes."""
    with Reading(folder, Limits(**limits)) as reading:
        form = reading.body(request)
        files = {name: (file.filename, file.spool and content(file.spool)) for name, file in form.files.items()}
        texts = {name: text.url or (text.spool and content(text.spool)) for name, text in form.texts.items()}
        return form.fields, files, texts


# Multipart


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


def test_an_empty_file_part_has_no_spool(tmp_path):
    """A form whose file field was left empty sends a part without name and content."""
    assert read(tmp_path, environ(multipart(part("source", b"", ""))))[1] == {"source": ("", None)}


@pytest.mark.parametrize("value", [part("image", b"x", "f"), part("image", b""), part("image", b"QUJD")])
def test_a_part_named_image_speaks_imgbbs_dialect(tmp_path, value):
    """The name alone decides, whatever the part holds."""
    with Reading(tmp_path) as reading:
        assert reading.body(environ(multipart(value))).has_image is True


def test_other_names_do_not_speak_imgbbs_dialect(tmp_path):
    with Reading(tmp_path) as reading:
        assert reading.body(environ(multipart(part("source", b"x", "image")))).has_image is False


@pytest.mark.parametrize("kind", ["Multipart/Form-Data; BOUNDARY=limit-9", 'multipart/form-data;boundary="limit-9"'])
def test_media_types_are_read_in_any_case(tmp_path, kind):
    """Media types and their parameters' names are case-insensitive."""
    assert read(tmp_path, environ(multipart(part("title", b"t")), kind))[0] == {"title": "t"}


def test_line_feeds_alone_separate_parts_too(tmp_path):
    """Clients that write bare line feeds are understood."""
    body = multipart(part("title", b"t")).replace(b"\r\n", b"\n")
    assert read(tmp_path, environ(body))[0] == {"title": "t"}


def test_bytes_that_are_no_text_are_replaced(tmp_path):
    """A text field in another encoding is kept as far as it can be read."""
    assert read(tmp_path, environ(multipart(part("title", b"caf\xe9"))))[0] == {"title": "caf\ufffd"}


def test_content_that_looks_like_the_boundary_is_kept(tmp_path):
    """Only a whole boundary on a line of its own ends a part."""
    tricky = f"\r\n--{BOUNDARY}x\r\n-\r\n--{BOUNDARY[:-1]}\r\n--{BOUNDARY} y".encode() * 5000
    assert read(tmp_path, environ(multipart(part("source", tricky, "f"))))[1] == {"source": ("f", tricky)}


@given(content=st.binary(max_size=300), sizes=st.lists(st.integers(1, 50), min_size=1, max_size=5))
def test_any_content_survives_any_chunking(tmp_path_factory, content, sizes):
    """What a file part holds does not depend on how it arrives."""
    folder = tmp_path_factory.mktemp("spool")
    body = multipart(part("title", b"t"), part("source", content, "f"))
    fields, files, _ = read(folder, streamed(split(body, sizes)))
    assert (fields, files) == ({"title": "t"}, {"source": ("f", content or None)})


@pytest.mark.parametrize("filler", [b"x", b" \t"])
def test_a_form_may_be_cut_anywhere(tmp_path, filler):
    """A network packet may end inside a boundary: no byte of it becomes content."""
    body = multipart(part("title", b"t"), part("source", b"one\r", "f"), part("image", b"two\n", "f"))
    body = body.replace(b"--\r\n", b"--" + filler * 3 + b"\r\n") if filler == b" \t" else body
    expected = {"source": ("f", b"one\r"), "image": ("f", b"two\n")}
    for cut in range(1, len(body)):
        fields, files, _ = read(tmp_path, streamed([body[:cut], body[cut:]]))
        assert (cut, fields, files) == (cut, {"title": "t"}, expected)


# Urlencoded, JSON and the query


def test_an_urlencoded_body(tmp_path):
    """Escapes and plus signs are decoded in text, and a source keeps its plus signs."""
    body = b"title=a+b%2Bc&unknown=1&source=" + base64.b64encode(b"\xff\xfb\xef\xbe")
    fields, _, texts = read(tmp_path, environ(body, URLENCODED + "; charset=UTF-8"))
    assert (fields, texts) == ({"title": "a b+c"}, {"source": b"\xff\xfb\xef\xbe"})


def test_a_json_body(tmp_path):
    """Strings, numbers, booleans and nulls become text."""
    body = json.dumps({"source": TEXT.decode(), "width": 20, "nsfw": True, "title": None, "other": False})
    with Reading(tmp_path) as reading:
        form = reading.body(environ(body.encode(), "application/json; charset=utf-8"))
        assert form.fields == {"width": "20", "nsfw": "1", "title": ""}
        assert content(form.texts["source"].spool) == PICTURE


def test_an_empty_value_is_an_absent_one(tmp_path):
    with Reading(tmp_path) as reading:
        assert reading.query("title=").get("title") is None


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (multipart(part("title", b"body"), part("source", b"QkI=")), MULTIPART),
        (b"title=body&source=QkI=", URLENCODED),
        (b'{"title":"body","source":"QkI="}', JSON),
    ],
)
def test_a_body_value_wins_over_a_query_value(tmp_path, body, kind):
    with Reading(tmp_path) as reading:
        reading.query("title=query&source=AAAA&nsfw=1")
        form = reading.body(environ(body, kind))
        assert form.fields == {"title": "body", "nsfw": "1"}
        assert content(form.texts["source"].spool) == b"BB"


def test_sources_are_skipped_where_nobody_takes_them(tmp_path):
    """Reading for the format alone makes no spool."""
    with Reading(tmp_path) as reading:
        reading.form.read_query({"QUERY_STRING": "source=AAAA&format=txt&image=x"}, None)
        body = multipart(part("source", b"AAAA"), part("image", b"x", "f"), part("title", b"t"))
        reading.form.read_body(environ(body), max_bytes=100, open_spool=None)
        assert (reading.form.fields, reading.form.texts, reading.form.files) == (
            {"format": "txt", "title": "t"},
            {},
            {},
        )
        assert reading.form.has_image is True


def test_a_query_may_be_read_twice(tmp_path):
    """Once for the format alone and once for everything: its fields are counted once."""
    query = "&".join(f"f{number}=1" for number in range(100))
    with Reading(tmp_path) as reading:
        reading.query(query)
        reading.query(query)


def test_a_query_in_odd_bytes_is_read(tmp_path):
    """A server hands on raw bytes as latin-1."""
    with Reading(tmp_path) as reading:
        assert reading.query("title=\xc3\xa9%ff").get("title") == "é\ufffd"
        assert reading.form.read_query({}, None) is None


# No body, or one that carries nothing


@pytest.mark.parametrize("kind", [MULTIPART, JSON, URLENCODED, "text/plain"])
def test_an_empty_body_is_none(tmp_path, kind):
    """A request may have everything in its query and still name a content type."""
    assert read(tmp_path, environ(b"", kind)) == ({}, {}, {})


@pytest.mark.parametrize(
    "request_",
    [
        {"wsgi.input": Untouchable()},
        {"wsgi.input": Untouchable(), "CONTENT_LENGTH": ""},
        {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "5"},
        {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "0", "CONTENT_TYPE": "text/plain"},
        {"wsgi.input": Untouchable(), "wsgi.input_terminated": True},
    ],
)
def test_a_body_of_no_type_is_not_read(tmp_path, request_):
    assert read(tmp_path, request_) == ({}, {}, {})


@pytest.mark.parametrize("kind", ["text/plain", "multipart/mixed; boundary=x", "image/png", "application/xml"])
def test_other_types_are_refused_unread(tmp_path, kind):
    with pytest.raises(UnsupportedBody):
        read(tmp_path, {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "5", "CONTENT_TYPE": kind})


def test_an_unusable_length_is_none(tmp_path):
    """Without a length nothing is read from a server that does not end the input itself."""
    for length in ("-1", "abc", "٣", "1_0"):
        request = {**environ(b"title=a", URLENCODED), "wsgi.input": Untouchable(), "CONTENT_LENGTH": length}
        assert read(tmp_path, request) == ({}, {}, {})


# Chunked bodies


@pytest.mark.parametrize("more", [{}, {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": "1"}])
def test_a_chunked_body_is_read_to_its_end(tmp_path, more):
    """Without a length, where the server ends the input."""
    body = multipart(part("title", b"t"), part("source", PICTURE, "f"))
    fields, files, _ = read(tmp_path, streamed(split(body, [1000]), **more))
    assert (fields, files) == ({"title": "t"}, {"source": ("f", PICTURE)})


def test_a_chunked_body_over_the_limit_is_refused(tmp_path):
    """An endless body ends at the limit."""

    def endless():
        yield part("x")[:-2]
        while True:
            yield b"x" * 65_536

    with Reading(tmp_path, max_bytes=1000) as reading, pytest.raises(TooLarge, match=r"Request too big - max 1\.1 MB"):
        reading.body(streamed(endless()))


def test_a_chunked_body_that_the_server_does_not_end_is_not_read(tmp_path):
    """Reading it could wait for ever."""
    request = {"wsgi.input": Untouchable(), "CONTENT_TYPE": URLENCODED, "HTTP_TRANSFER_ENCODING": "chunked"}
    assert read(tmp_path, request) == ({}, {}, {})


# Limits


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
def test_a_text_field_over_the_limit_is_refused(tmp_path, kind, body, chunked):
    request = streamed(split(body, [100]), kind) if chunked else environ(body, kind)
    with pytest.raises(TooLarge, match="Field too long - max 1 KB"):
        read(tmp_path, request, max_field_bytes=1000)


def test_a_text_field_at_the_limit_passes(tmp_path):
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
    with pytest.raises(TooLarge, match="Too many"):
        read(tmp_path, environ(body, kind))


# Bodies that are not what they say


def refused(folder, request):
    with pytest.raises((MalformedRequest, TooLarge)):
        read(folder, request)


DISPOSITION = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x"'.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"not multipart",
        multipart(part("source", b"x" * 5000, "f"))[:-200],
        multipart(part("source", b"x", "f")).replace(BOUNDARY.encode(), b"other"),
        f"--{BOUNDARY}\r\nContent-Type: text/plain\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(),
        f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--\r\n".encode(),
        multipart(part("x", b"", "f").replace(b'"f"', b'"\xe9"')),
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
    ids=range(18),
)
def test_malformed_multipart_is_refused(tmp_path, body):
    """Floods, cuts and missing pieces are the client's fault, and cost next to nothing."""
    refused(tmp_path, environ(body))


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=" + "x" * 201])
def test_a_missing_or_endless_boundary_is_refused_unread(tmp_path, kind):
    with pytest.raises(MalformedRequest, match="boundary"):
        read(tmp_path, {"wsgi.input": Untouchable(), "CONTENT_LENGTH": "5", "CONTENT_TYPE": kind})


@pytest.mark.parametrize("body", [b"&" * 2_000_000, b"=&" * 90 + b"&" * 1_000_000])
def test_empty_fields_are_none(tmp_path, body):
    assert read(tmp_path, environ(body, URLENCODED)) == ({}, {}, {})


def test_an_endless_name_is_refused(tmp_path):
    refused(tmp_path, environ(b"x" * 2_000_000, URLENCODED))
    refused(tmp_path, environ(b'{"' + b"x" * 2_000_000, JSON))


def test_white_space_around_json_is_skipped(tmp_path):
    assert read(tmp_path, environ(b" \t\r\n" * 500_000 + b"{}" + b" " * 2_000_000, JSON)) == ({}, {}, {})


@pytest.mark.parametrize("kind", [MULTIPART, URLENCODED, JSON])
@pytest.mark.parametrize("terminated", [True, False])
def test_a_body_shorter_than_declared_is_refused(tmp_path, kind, terminated):
    """A connection that broke must not leave half a picture, whoever ends the input."""
    bodies = {MULTIPART: multipart(part("title", b"t")), URLENCODED: b"title=t", JSON: b'{"title": "t"}'}
    request = {**environ(bodies[kind], kind, CONTENT_LENGTH="1000"), "wsgi.input_terminated": terminated}
    with pytest.raises(MalformedRequest, match="shorter than declared"):
        read(tmp_path, request)


@pytest.mark.parametrize("terminated", [True, False])
def test_a_body_that_the_host_has_read_is_refused(tmp_path, terminated):
    request = {**environ(multipart(part("title", b"t"))), "wsgi.input_terminated": terminated}
    request["wsgi.input"].read()
    with pytest.raises(MalformedRequest, match="read by the host already"):
        read(tmp_path, request)


class Breaking(io.RawIOBase):
    """An input that fails half-way."""

    def __init__(self, error):
        self._error = error
        self._reads = 0

    def readinto(self, buffer):
        self._reads += 1
        if self._reads > 1:
            raise self._error
        buffer[:6] = b"title="
        return 6


@pytest.mark.parametrize(
    ("error", "refusal"),
    [(ConnectionResetError(), MalformedRequest), (ValueError(), MalformedRequest), (TimeoutError(), SlowBody)],
)
@pytest.mark.parametrize("more", [{"CONTENT_LENGTH": "20"}, {"wsgi.input_terminated": True}])
def test_a_broken_connection_is_the_clients_fault(tmp_path, error, refusal, more):
    with pytest.raises(refusal):
        read(tmp_path, {"wsgi.input": Breaking(error), "CONTENT_TYPE": URLENCODED, **more})


def test_a_slow_body_is_refused(tmp_path):
    """A body that trickles in ends when its time is over."""

    def trickle():
        for _ in range(1000):
            time.sleep(0.01)
            yield b"title=x&"

    pieces = trickle()
    with pytest.raises(SlowBody):
        read(tmp_path, streamed(pieces, URLENCODED), body_seconds=0.05)
    assert next(pieces) == b"title=x&", "the rest is not waited for"


def test_chunks_are_what_the_input_holds():
    chunks = read_chunks({"wsgi.input": Pieces([b"abc", b"d"]), "CONTENT_LENGTH": "4"}, max_bytes=10, seconds=10)
    assert b"".join(chunks) == b"abcd"


def test_the_limit_of_a_stream_is_checked_by_its_declared_length_too():
    with pytest.raises(TooLarge):
        list(read_chunks({"wsgi.input": Untouchable(), "CONTENT_LENGTH": "11"}, max_bytes=10, seconds=10))


# Whatever comes


def anything(pattern):
    return st.lists(st.sampled_from(pattern) | st.binary(max_size=20), max_size=12).map(b"".join)


FUZZ = {
    MULTIPART: anything(
        [
            f"--{BOUNDARY}\r\n".encode(),
            f"\r\n--{BOUNDARY}--".encode(),
            b"Content-Disposition: form-data; name=source",
            b'; filename="a"',
            b"; filename*=utf-8''%ff",
            b"\r\n\r\n",
            b"\r\n",
            part("source", b"QUJD"),
            part("image", b"x", "f"),
        ]
    ),
    URLENCODED: anything([b"source=", b"&", b"=", b"%", b"%4", b"title", b"image=QUJD", b"+", b"data:;base64,"]),
    JSON: anything([b"{", b"}", b'"source"', b":", b'"', b"\\", b"\\u", b"d83d", b",", b"1", b"null", b'{"image":']),
}


@pytest.mark.parametrize("kind", FUZZ)
@given(data=st.data(), sizes=st.lists(st.integers(1, 30), min_size=1, max_size=4), chunked=st.booleans())
def test_nothing_but_a_refusal_leaves(tmp_path_factory, kind, data, sizes, chunked):
    """Whatever bytes arrive, in whatever pieces: read or refused, and every spool removed."""
    folder = tmp_path_factory.mktemp("spool")
    body = data.draw(FUZZ[kind] | st.binary(max_size=100))
    request = streamed(split(body, sizes), kind) if chunked else environ(body, kind)
    limits = Limits(max_field_bytes=50, max_fields=5)
    with Reading(folder, limits, max_bytes=50) as reading, contextlib.suppress(Refusal):
        reading.body(request)


@given(text=st.text(max_size=60))
def test_any_content_type_is_read_or_refused(text):
    with tempfile.TemporaryDirectory() as folder, Reading(folder) as reading:
        for kind in (text, f"multipart/form-data; boundary={text}", f"{URLENCODED};{text}"):
            with contextlib.suppress(Refusal):
                reading.body(environ(b"a=1", kind))


# Memory


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


@pytest.mark.parametrize("number", range(5), ids=["text", "urlencoded", "json", "json-u", "file"])
def test_memory_does_not_grow_with_the_source(tmp_path, number):
    """25 MB cost no more memory than one: nothing is whole in memory."""

    def taken(megabytes):
        kind, pieces = list(large_bodies(megabytes))[number]
        with Reading(tmp_path) as reading:
            request = streamed(pieces, kind)
            peak = peak_memory(lambda: reading.body(request))
            sources = [*reading.form.files.values(), *reading.form.texts.values()]
            assert sources[0].spool.size > megabytes * 700_000
            return peak

    small, large = taken(1), taken(MEGABYTES)
    assert large < 4_000_000
    assert large < small + 1_000_000


def test_a_large_source_with_escapes_is_read(tmp_path):
    """PHP escapes every slash; a large body of that kind is read all the same."""
    pieces = list(large_bodies(MEGABYTES))[2][1]
    with Reading(tmp_path) as reading:
        reading.body(streamed(pieces, JSON))


def test_a_form_of_a_usual_client(tmp_path):
    """urlencoded base64 as programming languages' own libraries spell it."""
    body = urlencode({"key": "k", "source": TEXT, "format": "json"}).encode()
    fields, _, texts = read(tmp_path, environ(body, URLENCODED))
    assert (fields, texts) == ({"key": "k", "format": "json"}, {"source": PICTURE})
