from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chevupload.errors import InvalidParameter, MalformedRequest, TooLarge
from chevupload.uploads.parameters import LIST_NAMES
from chevupload.wsgi.json_body import read_json
from tests.wsgi.bodies import split
from tests.wsgi.test_urlencoded import Kept

SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=4)


def members(pieces):
    found = []

    def open_field(name):
        found.append((name, Kept()))
        return found[-1][1]

    read_json(pieces, open_field, list_names=LIST_NAMES)
    assert all(field.finished for _, field in found)
    return [(name, field.value.decode("utf-8", "replace")) for name, field in found]


def spelled(value):
    """Say what a form would hold instead of a JSON value."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) <= 2**53:
        return str(int(value))
    return json.dumps(value)


VALUES = (
    st.text(max_size=30)
    | st.text('\\"/\b\f\n\r\t\x00\x7f😀é', max_size=10)
    | st.none()
    | st.booleans()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
)


@pytest.mark.slow
@given(
    document=st.dictionaries(st.text(max_size=10), VALUES, max_size=6),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 2, "\t\r\n "]),
    slashes=st.booleans(),
    sizes=SIZES,
)
def test_what_was_encoded_comes_back(document, ascii_only, indent, slashes, sizes):
    """Any flat object, however it is spelled, in any pieces."""
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    if slashes:
        text = text.replace("/", "\\/")
    assert members(split(text.encode(), sizes)) == [(name, spelled(value)) for name, value in document.items()]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"{}", []),
        (b" \r\n{ \t} \n", []),
        (b'{"a":"1","a":"2"}', [("a", "1"), ("a", "2")]),
        (b'{"\\u0061":"\\u00e9\\u20AC"}', [("a", "é€")]),
        (b'{"a":"\\ud83d\\ude00"}', [("a", "😀")]),
        (b'{"a":"\\uD83D\\uDE00x"}', [("a", "😀x")]),
        (b'{"a":"\\ud83d\\ude00\\/\\uDBFF\\uDFFF\\n"}', [("a", "😀/\U0010ffff\n")]),
        (b'{"a": -1.5e+10 ,"b":0}', [("a", "-15000000000"), ("b", "0")]),
        (b'{"a":60.0,"b":-0.0,"c":1.5,"d":1e+99}', [("a", "60"), ("b", "0"), ("c", "1.5"), ("d", "1e+99")]),
        (b'{"a":"","":null}', [("a", ""), ("", "")]),
    ],
)
def test_odd_spellings(text, expected, size):
    """Every spelling that JSON allows is understood in any pieces; a byte order mark is skipped."""
    assert members(split(text, [size])) == expected
    assert members(split(b"\xef\xbb\xbf" + text, [size])) == expected


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"a":"\xff\\/\xc3\xa9\\ud83d\\ude00\xed\xa0\x80"}', "not UTF-8"),
        (b'{"a":"\xff"}', "not UTF-8"),
        (b'{"\xff":1}', "not UTF-8"),
        (b'{"a":1}\xff', "not UTF-8"),
        (b"\xef\xbb{}", "not UTF-8"),
        (b'{"a":"\xc0\xaf"}', "not UTF-8"),
        (b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}', "not UTF-8"),
        ('{"a":"é"}'.encode("latin-1"), "not UTF-8"),
        ('{"a":"é"}'.encode("utf-16"), "not UTF-8"),
        ('{"a":1}'.encode("utf-16-le"), "not UTF-8"),
        ('{"a":1}'.encode("utf-16-be"), "not UTF-8"),
        ('{"a":1}'.encode("utf-32"), "not UTF-8"),
        (b'{"a":"\\ud83d\xf0\x9f\x98\x80"}', "surrogate"),
        (b'{"a":"\\ud83d"}', "surrogate"),
        (b'{"\\ud83d":1}', "surrogate"),
        (b'{"a":"\\ude00\\ud83d"}', "surrogate"),
        (b'{"a":"\\ud83dx"}', "surrogate"),
        (b'{"a":"\\ud83d\\x"}', "surrogate"),
        (b'{"a":"\\ud83d\\u12"}', "surrogate"),
        (b'{"a":"\\ud83d\\n\\"x"}', "surrogate"),
        (b'{"a":"\\ud83d\\u0041"}', "surrogate"),
        (b'{"a":"\\ud800\\ud83d\\ude00"}', "surrogate"),
    ],
)
def test_what_is_no_character_is_refused(text, message, size):
    """JSON is UTF-8 and nothing else, in every value and name: RFC 8259, section 8.1; halves of pairs mean nothing."""
    with pytest.raises(MalformedRequest, match=message):
        members(split(text, [size]))


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"a"',
        b"{",
        b"}",
        b'{"a"',
        b'{"a":',
        b'{"a":1',
        b'{"a":1,',
        b'{"a":1,}',
        b"{,}",
        b'{"a" 1}',
        b'{"a":1 "b":2}',
        b"{a:1}",
        b"{'a':1}",
        b'{"tags":[',
        b'{"tags":["a"',
        b'{"tags":["a",',
        b'{"tags":["a"}',
        b'{"tags":["a" "b"]}',
        b'{"a":1}x',
        b'{"a":1}{}',
        b'{"a":01}',
        b'{"a":+1}',
        b'{"a":1.}',
        b'{"a":tru}',
        b'{"a":True}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":' + b"1" * 65 + b"}",
        b'{"a":' + b"1" * 5000 + b"}",
        b'{"a":"',
        b'{"a":"\\',
        b'{"a":"\\x"}',
        b'{"a":"\\u12"}',
        b'{"a":"\\u12G4"}',
        b'{"a":"\\u+123"}',
        b'{"a":"line\nbreak"}',
        b'{"a":"\x00"}',
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b'{/**/"a":1}',
    ],
)
def test_anything_but_one_flat_object_is_refused(text, size):
    """Trailing text, other dialects, and everything that ends early."""
    with pytest.raises(MalformedRequest, match="one object"):
        members(split(text, [size]))


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b'{"tags":[],"a":"1"}', ""),
        (b'{"tags": [ ] ,"a":"1"}', ""),
        (b'{"tags":["x"],"a":"1"}', "x"),
        (b'{"tags" :\n[ "x" , "\\u00e9 \\"y]" ,""] ,"a":"1"}', 'x,é "y],'),
    ],
)
def test_a_list_of_texts(text, value, size):
    """Written with commas between, as a form has it."""
    assert members(split(text, [size])) == [("tags", value), ("a", "1")]


@pytest.mark.parametrize("size", [1, 100])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"{}", "neither a list nor an object"),
        (b'{"x":["y"]}', "neither a list nor an object"),
        (b"[1]", "list of texts"),
        (b'["x",null]', "list of texts"),
        (b'["x",["y"],"]"]', "list of texts"),
        (b'["x",]', "list of texts"),
        (b'["x,y"]', "comma"),
        (b'["x","\\u002c"]', "comma"),
    ],
)
def test_other_values_are_refused_by_name(value, message, size):
    """Once everything is read, so that the rest is known."""
    kept = {"tags": Kept(), "a": Kept()}
    text = b'{"tags":' + value + b',"a":"1"}'
    with pytest.raises(InvalidParameter, match=f"Invalid tags, .*{message}"):
        read_json(split(text, [size]), kept.get, list_names=LIST_NAMES)
    assert kept["a"].value == b"1"
    with pytest.raises(InvalidParameter, match="Invalid tags, expected neither a list nor an object"):
        read_json(split(b'{"tags":["x"]}', [size]), lambda name: Kept())


def test_a_list_has_a_length():
    """Each of its texts takes a step of Python, however short it is."""
    with pytest.raises(MalformedRequest, match="too many"):
        read_json([b'{"tags":[' + b'"",' * 100_001], lambda name: Kept(), list_names=LIST_NAMES)


NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


@pytest.mark.slow
@given(value=NESTED, sizes=SIZES)
def test_what_nobody_asked_for_may_be_nested(value, sizes):
    """Unknown names are skipped whatever they hold."""
    kept = Kept()
    text = json.dumps({"unknown": value, "title": "kept", "other": [value]}).encode()
    read_json(split(text, sizes), lambda name: kept if name == "title" else None)
    assert kept.value == b"kept"


@pytest.mark.parametrize("text", [b'{"a":[', b'{"a":[1,{"b":"]}"}', b'{"a":[}]'])
def test_nested_values_have_to_end(text):
    """Whatever is skipped has to be there."""
    with pytest.raises(MalformedRequest, match="one object"):
        read_json([text], lambda name: None)


def skipped(value):
    """Read one member that nobody asked for."""
    read_json(split(b'{"unknown": ' + value + b"}", [65_536]), lambda name: None)


def test_nesting_has_a_depth():
    """Brackets cost more to read than anything else, so 32 levels pass, more than any client needs, and 33 do not."""
    skipped(b'[{"a":' * 16 + b"1" + b"}]" * 16)
    with pytest.raises(MalformedRequest, match="too many nested values"):
        skipped(b'[{"a":' * 16 + b"[]" + b"}]" * 16)


@pytest.mark.slow
@pytest.mark.parametrize("step", [b"[],", b'"",', b'{"a":"b"},'])
def test_slow_steps_are_bounded(step):
    """A thousand nested values pass; a hundred thousand are made to keep the processor busy."""
    skipped(b"[" + step * 1000 + b"0]")
    with pytest.raises(MalformedRequest, match="too many nested values"):
        skipped(b"[" + step * 100_000 + b"0]")


@pytest.mark.slow
@pytest.mark.parametrize("half", [b"\\ud83d", b"\\ude00", b"\\ud83dx"])
def test_broken_escapes_are_bounded(half):
    """Halves of surrogate pairs are read one by one, and not to their end where there are too many of them."""
    pieces = iter(split(b'{"a":"' + half * 200_000 + b'"}', [65_536]))
    with pytest.raises(MalformedRequest, match="surrogate"):
        members(pieces)
    assert next(pieces)


@pytest.mark.slow
@pytest.mark.parametrize("escape", ["\\ud83d\\ude00", "\\/", "\\u00e9", "\\uD83D\\uDE00x\\n"])
def test_whole_escapes_are_not_counted(escape):
    """Some clients escape every slash or emoji: however many there are, they are read."""
    text = escape * 300_000
    assert members(split(b'{"a":"' + text.encode() + b'"}', [65_536])) == [("a", json.loads(f'"{text}"'))]


@pytest.mark.slow
@given(text=st.text('{}":,\\u0deD8 1tn[', max_size=40).map(str.encode) | st.binary(max_size=40), sizes=SIZES)
def test_what_python_refuses_is_refused(text, sizes):
    """Whatever is read is JSON, and means what Python says it means."""
    try:
        found = members(split(text, sizes))
    except MalformedRequest:
        return
    meant = json.loads(text.decode("utf-8-sig"), object_pairs_hook=list)
    assert [name for name, _ in found] == [name for name, _ in meant]


@pytest.mark.parametrize("size", [1, 5000])
def test_an_endless_name_is_refused(size):
    """A name is held in memory, so it is bounded: 1,024 bytes pass and one more does not."""
    assert members([b'{"' + b"x" * 1024 + b'":1}']) == [("x" * 1024, "1")]
    with pytest.raises(TooLarge, match="Field name too long"):
        members(split(b'{"' + b"x" * 1025 + b'":1}', [size]))
