"""``application/json``, read in a stream: one flat object whose long strings are never whole in memory.

Source: RFC 8259, with section 8.1 on UTF-8 and byte order marks, and RFC 7493, section 2.1, on halves of surrogate
pairs; values are strings, numbers, booleans or null; only what nobody asked for may be nested. What costs a step of
Python for every few bytes is counted, and bounded.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterable, Iterator

from chevupload.errors import MalformedRequest, TooLarge
from chevupload.wsgi.charsets import NAMES, UTF_8
from chevupload.wsgi.urlencoded import Field

_MAX_NAME_BYTES = 1024
_MAX_TOKEN_BYTES = 64
_EXACT = 2**53
"""Up to here, a number with a fraction or an exponent holds every whole one."""
_MALFORMED = "The JSON body must be one object of strings, numbers, booleans and nulls"
_HALF = "The JSON body holds half of a surrogate pair, which is no character"
_SPACE = re.compile(rb"[ \t\r\n]+")
_MAX_DEPTH = 32
"""Levels of what is skipped; no client nests deeper, and nobody reads it."""
_MAX_SLOW_STEPS = 100_000
"""Brackets and strings of what is skipped, and halves of surrogate pairs, in one body. Each takes 1 to 7 us: a body of
nothing else would cost a second of processor time per megabyte."""
_TOO_SLOW = "The JSON body has too many nested values or broken escapes"
_PLAIN = re.compile(
    rb"""(?:[^"\\\x00-\x1f]++
    |\\["\\/bfnrt]
    |\\u(?![Dd][89A-Fa-f])[0-9A-Fa-f]{4}
    |\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}
    )++""",
    re.VERBOSE,
)
"""Characters, escapes and whole surrogate pairs; some clients escape every slash of a base64 text, or every emoji."""
_NO_BRACKET = re.compile(rb'[^"\[\]{}]+')
_TOKEN = re.compile(rb"[-+.0-9A-Za-z]+")
_ESCAPED = {b'"': b'"', b"\\": b"\\", b"/": b"/", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_HEX = re.compile(rb"[0-9A-Fa-f]{4}\Z")


class _Scanner:
    """Reads ahead as far as a step needs, and forgets what was read.

    Attributes:
        problems: what is wrong with characters, which keeps nobody from reading on.
    """

    def __init__(self, chunks: Iterable[bytes], problems: list[MalformedRequest]) -> None:
        self._chunks = iter(chunks)
        self.problems = problems
        self._buffer = b""
        self._position = 0
        self._slow_steps = 0

    def count_slow_step(self) -> None:
        """Count what costs as much here as kilobytes do elsewhere.

        Raises:
            MalformedRequest: the body consists of it.
        """
        self._slow_steps += 1
        if self._slow_steps > _MAX_SLOW_STEPS:
            raise MalformedRequest(_TOO_SLOW)

    def peek(self) -> bytes:
        """Return the next byte, or nothing at the end."""
        while self._position >= len(self._buffer):
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._buffer, self._position = chunk, 0
        return self._buffer[self._position : self._position + 1]

    def take(self) -> bytes:
        """Return the next byte and move on.

        Raises:
            MalformedRequest: there is none.
        """
        byte = self.peek()
        if not byte:
            raise MalformedRequest(_MALFORMED)
        self._position += 1
        return byte

    def expect(self, wanted: bytes) -> bytes:
        """Skip white space and take one of the bytes ``wanted``."""
        self.skip_space()
        byte = self.take()
        if byte not in wanted:
            raise MalformedRequest(_MALFORMED)
        return byte

    def skip_space(self) -> None:
        """Move to the next byte that means something."""
        while self.run(_SPACE):
            pass

    def run(self, pattern: re.Pattern[bytes]) -> bytes:
        """Take what matches ``pattern`` here in the current chunk, perhaps nothing."""
        self.peek()
        found = pattern.match(self._buffer, self._position)
        if found is None:
            return b""
        self._position = found.end()
        return found.group()


def read_json(chunks: Iterable[bytes], open_field: Callable[[str], Field], *, codec: str = UTF_8) -> None:
    """Write each member's value, in UTF-8, to what ``open_field`` returns for its name.

    Raises:
        MalformedRequest: the body is something else than one flat object, or made to be slow to read; or it is not in
            the charset of ``codec``, which is raised once everything is read.
        TooLarge: a name is longer than 1,024 bytes.
    """
    problems: list[MalformedRequest] = []
    try:
        _read_object(_Scanner(_in_utf_8(chunks, codec, problems), problems), open_field)
    except MalformedRequest:
        if not problems:
            raise
    if problems:
        raise problems[0]


def _in_utf_8(chunks: Iterable[bytes], codec: str, problems: list[MalformedRequest]) -> Iterator[bytes]:
    """Yield text of another charset in UTF-8; what is in none stays as it is, and is a problem."""
    chunks = iter(chunks)
    decoder = codecs.getincrementaldecoder(codec)()
    wrong = MalformedRequest(f"The JSON body is not {NAMES[codec]} text: send it in UTF-8")
    start = b""
    for chunk in chunks:
        try:
            text = decoder.decode(chunk)
        except UnicodeDecodeError:
            problems.append(wrong)
            yield chunk
            yield from chunks
            return
        start += chunk[: 4 - len(start)]
        if b"\x00" in start:
            # UTF-16 or UTF-32, in which every character of JSON's own holds one. Source: RFC 4627, section 3.
            problems.append(wrong)
        yield chunk if codec == UTF_8 else text.encode()
    if decoder.getstate()[0]:
        problems.append(wrong)


def _read_object(scanner: _Scanner, open_field: Callable[[str], Field]) -> None:
    if scanner.peek() == codecs.BOM_UTF8[:1] and b"".join(scanner.take() for _ in range(3)) != codecs.BOM_UTF8:
        raise MalformedRequest(_MALFORMED)
    scanner.expect(b"{")
    scanner.skip_space()
    closed = scanner.peek() == b"}" and scanner.take() == b"}"
    while not closed:
        scanner.expect(b'"')
        field = open_field(_name(scanner))
        scanner.expect(b":")
        scanner.skip_space()
        if scanner.peek() in (b"{", b"[") and not field.is_wanted:
            _skip_nested(scanner)
        else:
            for piece in _value(scanner):
                field.write(piece)
        field.finish()
        closed = scanner.expect(b",}") == b"}"
    scanner.skip_space()
    if scanner.peek():
        raise MalformedRequest(_MALFORMED)


def _skip_nested(scanner: _Scanner) -> None:
    """Move behind an object or array that nobody asked for."""
    depth = 0
    while True:
        while scanner.run(_NO_BRACKET):
            pass
        byte = scanner.take()
        scanner.count_slow_step()
        if byte == b'"':
            for _ in _string(scanner):
                pass
        elif byte in b"[{":
            depth += 1
            if depth > _MAX_DEPTH:
                raise MalformedRequest(_TOO_SLOW)
        else:
            depth -= 1
            if not depth:
                return


def _name(scanner: _Scanner) -> str:
    name = b""
    for piece in _string(scanner):
        name += piece
        if len(name) > _MAX_NAME_BYTES:
            raise TooLarge("Field name too long")
    return name.decode("utf-8", "replace")


def _value(scanner: _Scanner) -> Iterator[bytes]:
    if scanner.peek() == b'"':
        scanner.take()
        yield from _string(scanner)
        return
    token = b""
    while len(token) <= _MAX_TOKEN_BYTES and (piece := scanner.run(_TOKEN)):
        token += piece
    try:
        if len(token) > _MAX_TOKEN_BYTES:
            raise ValueError(token)
        value = json.loads(token, parse_constant=_refuse)
    except ValueError:
        raise MalformedRequest(_MALFORMED) from None
    # A boolean stays a word: taken for a number, it would be one of seconds, too.
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        # JSON has one kind of number, in which 60.0 is 60.
        token = b"%d" % int(value)
    if value is not None:
        yield token


def _refuse(constant: str) -> None:
    """Refuse NaN and the infinities, which Python reads and JSON does not know."""
    raise ValueError(constant)


def _string(scanner: _Scanner) -> Iterator[bytes]:
    """Yield the decoded pieces of a string whose opening quote was taken, up to its closing one."""
    while True:
        if piece := scanner.run(_PLAIN):
            yield _unescaped(piece) if b"\\" in piece else piece
            continue
        byte = scanner.take()
        if byte == b'"':
            return
        if byte != b"\\":
            raise MalformedRequest(_MALFORMED)
        yield from _escape(scanner)


def _unescaped(plain: bytes) -> bytes:
    """Decode a run of whole escapes in one step; bytes that are no UTF-8, or cut by the end of a chunk, stay."""
    text: str = json.loads(f'"{plain.decode("utf-8", "surrogateescape")}"')
    return text.encode("utf-8", "surrogateescape")


def _escape(scanner: _Scanner) -> Iterator[bytes]:
    """Yield what the escape behind a backslash stands for; half of a surrogate pair is a problem.

    Only for what no run takes: halves of pairs, and escapes that the end of a chunk cuts.
    """
    half = ""
    while (byte := scanner.take()) == b"u":
        unit = chr(_code_unit(scanner))
        if not "\ud800" <= unit <= "\udbff":
            yield _utf8(scanner, half + unit)
            return
        yield _utf8(scanner, half)
        half = unit
        if scanner.peek() != b"\\":
            yield _utf8(scanner, half)
            return
        scanner.take()
    if byte not in _ESCAPED:
        raise MalformedRequest(_MALFORMED)
    yield _utf8(scanner, half) + _ESCAPED[byte]


def _utf8(scanner: _Scanner, text: str) -> bytes:
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16").encode()
    except UnicodeDecodeError:
        if not scanner.problems:
            scanner.problems.append(MalformedRequest(_HALF))
        return b""


def _code_unit(scanner: _Scanner) -> int:
    scanner.count_slow_step()
    digits = b"".join(scanner.take() for _ in range(4))
    if not _HEX.match(digits):
        raise MalformedRequest(_MALFORMED)
    return int(digits, 16)
