"""``application/json``, read in a stream: one object whose long strings are never whole in memory.

Source: RFC 8259, with section 8.1 on UTF-8 and byte order marks, and RFC 7493, section 2.1, on halves of surrogate
pairs; values are strings, numbers, booleans or null, and for some names lists of strings; what nobody asked for may be
nested. What costs a step of Python for every few bytes is counted, and bounded.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator

from chevupload.errors import InvalidParameter, MalformedRequest, Refusal, TooLarge
from chevupload.wsgi.charsets import UTF_8, json_in_utf_8
from chevupload.wsgi.decoders import Sink

_MAX_NAME_BYTES = 1024
_MAX_TOKEN_BYTES = 64
_EXACT = 2**53
"""Up to here, a number with a fraction or an exponent holds every whole one."""
_MALFORMED = "The JSON body is not one object in valid JSON, or ends early"
_HALF = "The JSON body holds half of a surrogate pair, which is no character"
_SPACE = re.compile(rb"[ \t\r\n]+")
_MAX_DEPTH = 32
"""Levels of what is skipped; no client nests deeper, and nobody reads it."""
_MAX_SLOW_STEPS = 100_000
"""Brackets and strings of what is skipped, and halves of surrogate pairs, in one body. Each takes 1 to 7 us: a body of
nothing else would cost a second of processor time per megabyte."""
_TOO_SLOW = "The JSON body has too many nested values or broken escapes"
_PLAIN = re.compile(
    rb"""(?:[\x20!\x23-\x5b\x5d-\xff]++
    |\\["\\/bfnrt]
    |\\u(?![Dd][89A-Fa-f])[0-9A-Fa-f]{4}
    |\\u[Dd][89ABab][0-9A-Fa-f]{2}\\u[Dd][C-Fc-f][0-9A-Fa-f]{2}
    )++""",
    re.VERBOSE,
)
"""Characters, escapes and whole surrogate pairs; some clients escape every slash of a base64 text, or every emoji.

What a character may be is said in ranges: what it may not be takes three times as long to look for.
"""
_HALF_PAIR = re.compile(rb"\\u[Dd][89A-Fa-f][0-9A-Fa-f]{2}")
_LONGEST_ESCAPE = 12
"""Characters of a surrogate pair."""
_NO_BRACKET = re.compile(rb'[^"\[\]{}]+')
_TOKEN = re.compile(rb"[-+.0-9A-Za-z]+")
_BYTE_ORDER_MARK = re.compile(codecs.BOM_UTF8)


class _Scanner:
    """Reads ahead as far as a step needs, and forgets what was read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
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

    def fill(self, count: int) -> bool:
        """Have the next ``count`` bytes in one piece, or as many as there are; tell whether that took more of them."""
        is_short = False
        while len(self._buffer) - self._position < count and (chunk := next(self._chunks, None)) is not None:
            self._buffer, self._position = self._buffer[self._position :] + chunk, 0
            is_short = True
        return is_short

    def peek(self) -> bytes:
        """Return the next byte, or nothing at the end."""
        self.fill(1)
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
        """Take what matches ``pattern`` here in the current piece, perhaps nothing."""
        self.fill(1)
        found = pattern.match(self._buffer, self._position)
        if found is None:
            return b""
        self._position = found.end()
        return found.group()


def read_json(
    chunks: Iterable[bytes],
    open_field: Callable[[str], Sink | None],
    *,
    codec: str = UTF_8,
    list_names: Collection[str] = (),
) -> None:
    """Write each member's value, in UTF-8, to what ``open_field`` returns for its name; None when nobody reads it.

    A member of ``list_names`` may be a list of strings, which are written with commas between them.

    Raises:
        MalformedRequest: the body is something else than one object, or made to be slow to read; or it is not in
            the charset of ``codec``, or holds half of a surrogate pair, which is raised once everything is read.
        InvalidParameter: a value that is read is a list or an object, or a string of a list has a comma in it. It is
            raised once everything is read.
        TooLarge: a name is longer than 1,024 bytes.
    """
    problems: list[Refusal] = []
    try:
        _ObjectReader(json_in_utf_8(chunks, codec, problems), problems, list_names).read(open_field)
    except MalformedRequest:
        if not problems:
            raise
    if problems:
        raise problems[0]


class _ObjectReader:
    """Reads one object; what is wrong with its characters and values goes to ``problems``."""

    def __init__(self, chunks: Iterable[bytes], problems: list[Refusal], list_names: Collection[str]) -> None:
        self._scanner = _Scanner(chunks)
        self._problems = problems
        self._list_names = list_names

    def read(self, open_field: Callable[[str], Sink | None]) -> None:
        scanner = self._scanner
        scanner.fill(len(codecs.BOM_UTF8))
        scanner.run(_BYTE_ORDER_MARK)
        scanner.expect(b"{")
        scanner.skip_space()
        closed = scanner.peek() == b"}" and scanner.take() == b"}"
        while not closed:
            scanner.expect(b'"')
            name = self._name()
            sink = open_field(name)
            scanner.expect(b":")
            scanner.skip_space()
            if sink is not None and name in self._list_names and scanner.peek() == b"[":
                self._list(name, sink)
            elif scanner.peek() in (b"{", b"["):
                if sink is not None:
                    self._problems.append(InvalidParameter(f"Invalid {name}, expected neither a list nor an object"))
                self._skip_nested()
            else:
                for piece in self._value():
                    if sink is not None:
                        sink.write(piece)
            if sink is not None:
                sink.finish()
            closed = scanner.expect(b",}") == b"}"
        scanner.skip_space()
        if scanner.peek():
            raise MalformedRequest(_MALFORMED)

    def _list(self, name: str, sink: Sink) -> None:
        """Write the strings of a list."""
        scanner = self._scanner
        scanner.take()
        scanner.skip_space()
        closed = scanner.peek() == b"]" and scanner.take() == b"]"
        comma, has_comma = b"", False
        while not closed:
            scanner.count_slow_step()
            scanner.skip_space()
            if scanner.peek() not in (b'"', b""):
                self._problems.append(InvalidParameter(f"Invalid {name}, expected a text or a list of texts"))
                self._skip_nested(depth=1)
                return
            scanner.expect(b'"')
            sink.write(comma)
            comma = b","
            for piece in self._string():
                has_comma |= b"," in piece
                sink.write(piece)
            closed = scanner.expect(b",]") == b"]"
        if has_comma:
            # The text would become two.
            self._problems.append(InvalidParameter(f"Invalid {name}, a text of the list has a comma in it"))

    def _skip_nested(self, depth: int = 0) -> None:
        """Move behind an object or array, or behind its rest where ``depth`` of them have begun already."""
        while True:
            while self._scanner.run(_NO_BRACKET):
                pass
            byte = self._scanner.take()
            self._scanner.count_slow_step()
            if byte == b'"':
                for _ in self._string():
                    pass
            elif byte in b"[{":
                depth += 1
                if depth > _MAX_DEPTH:
                    raise MalformedRequest(_TOO_SLOW)
            else:
                depth -= 1
                if not depth:
                    return

    def _name(self) -> str:
        name = b""
        for piece in self._string():
            name += piece
            if len(name) > _MAX_NAME_BYTES:
                raise TooLarge("Field name too long")
        return name.decode("utf-8", "replace")

    def _value(self) -> Iterator[bytes]:
        if self._scanner.peek() == b'"':
            self._scanner.take()
            yield from self._string()
            return
        token = b""
        while len(token) <= _MAX_TOKEN_BYTES and (piece := self._scanner.run(_TOKEN)):
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

    def _string(self) -> Iterator[bytes]:
        """Yield the decoded pieces of a string whose opening quote was taken, up to its closing one."""
        scanner = self._scanner
        while True:
            if piece := scanner.run(_PLAIN):
                yield _unescaped(piece) if b"\\" in piece else piece
            elif scanner.peek() != b"\\":
                if scanner.take() != b'"':
                    raise MalformedRequest(_MALFORMED)
                return
            elif scanner.fill(_LONGEST_ESCAPE):
                continue
            elif scanner.run(_HALF_PAIR):
                scanner.count_slow_step()
                if not self._problems:
                    self._problems.append(MalformedRequest(_HALF))
            else:
                raise MalformedRequest(_MALFORMED)


def _refuse(constant: str) -> None:
    """Refuse NaN and the infinities, which Python reads and JSON does not know."""
    raise ValueError(constant)


def _unescaped(plain: bytes) -> bytes:
    """Decode a run of whole escapes in one step; bytes that are no UTF-8, or cut by the end of a chunk, stay."""
    text: str = json.loads(f'"{plain.decode("utf-8", "surrogateescape")}"')
    return text.encode("utf-8", "surrogateescape")
