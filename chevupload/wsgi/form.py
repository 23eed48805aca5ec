"""Reads a request: its query, and an urlencoded, multipart or JSON body, streamed.

Rules: the contract of this API, section 3. A body value wins over a query value, of two values of one name the last,
and unknown names are skipped without being kept.
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, BinaryIO, Protocol, cast

from werkzeug.datastructures import Headers
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio import multipart
from werkzeug.wsgi import get_content_length, get_input_stream

from chevupload.config import Limits
from chevupload.errors import (
    EncodedBody,
    InvalidParameter,
    LengthRequired,
    MalformedRequest,
    Refusal,
    SlowBody,
    StorageError,
    TooLarge,
    UnsupportedBody,
)
from chevupload.spool import Spool, format_bytes, is_disk_full
from chevupload.wsgi.charsets import NAMES, UTF_8, codec_of
from chevupload.wsgi.filenames import part_filename
from chevupload.wsgi.json_body import read_json
from chevupload.wsgi.parsed_form import HandedForm, handed_form
from chevupload.wsgi.part_encodings import check_coding, decoded_part
from chevupload.wsgi.text_source import SourceText
from chevupload.wsgi.urlencoded import Field, read_urlencoded

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")

SOURCE_NAMES = ("source", "image")
"""Chevereto's name for the source, and ImgBB's; the first wins."""

_READ_BYTES = 262_144
"""One read of ``wsgi.input``: gunicorn copies its read-ahead at each, so few and large ones cost least."""
_FEED_BYTES = 65_536
"""What the multipart parser gets at a time; it slows down on larger pieces."""
_PART_HEADER_BYTES = 16_384
"""Headers of one part; browsers and clients send some hundred bytes."""
_FORM_OVERHEAD = 1_048_576
_SCHEME_CHARACTERS = 24
"""Within which a URL's scheme ends."""
_CHARSET = "_charset_"
"""The field of a form that names the charset of its texts. RFC 7578, section 4.6."""
_CHARSET_BYTES = 64


class _Discard:
    """Takes what nobody asked for."""

    keeps_plus = True
    is_wanted = False

    def write(self, data: bytes) -> None:
        pass

    def finish(self) -> None:
        pass


class _TextField:
    """Collects one text field as far as its bound: long texts are promised to pass, and each is cut shorter later."""

    keeps_plus = False
    is_wanted = True

    def __init__(self, max_bytes: int, store: Callable[[bytes, bool], None]) -> None:
        self._max_bytes = max_bytes
        self._store = store
        self._value = bytearray()
        self._is_cut = False

    def write(self, data: bytes) -> None:
        room = self._max_bytes - len(self._value)
        self._value += data[:room]
        self._is_cut |= len(data) > room

    def finish(self) -> None:
        self._store(bytes(self._value), self._is_cut)


class _SourceField:
    """Hands one text source on."""

    keeps_plus = True
    is_wanted = True

    def __init__(self, text: SourceText) -> None:
        self.write = text.write
        self.finish = text.finish


class _FilePart:
    """Writes one file part into its spool, made at its first byte."""

    keeps_plus = True
    is_wanted = True

    def __init__(self, file: UploadedFile, open_spool: Callable[[], Spool]) -> None:
        self._file = file
        self._open_spool = open_spool

    def write(self, data: bytes) -> None:
        if data:
            if self._file.spool is None:
                self._file.spool = self._open_spool()
            self._file.spool.write(data)

    def finish(self) -> None:
        pass


class UploadedFile:
    """One file part: the client's name for it, and its spool; None when it is empty."""

    def __init__(self, filename: str) -> None:
        """Start without content."""
        self.filename = filename
        self.spool: Spool | None = None


class Opener(Protocol):
    """Makes a spool for one source, bounded by what the uploader may send."""

    def __call__(self) -> Spool:
        """Make it."""


class Form:
    """What a request says, growing while it is read: a refusal half-way knows what came before it.

    Attributes:
        fields: the known text parameters.
        files: file parts by name, ``source`` and ``image`` only.
        texts: text sources, likewise.
        has_image: whether a parameter or part is named ``image``: the client speaks ImgBB's dialect.
    """

    def __init__(self, limits: Limits, names: Collection[str]) -> None:
        """Start empty; of text fields, know those of these ``names``."""
        self._limits = limits
        self._names = names
        self._count = 0
        self._codec = UTF_8
        self._has_undeclared_text = False
        self._problems: list[Refusal] = []
        self.fields: dict[str, str] = {}
        self.files: dict[str, UploadedFile] = {}
        self.texts: dict[str, SourceText] = {}
        self.has_image = False

    def get(self, name: str) -> str | None:
        """Return a text parameter; an empty one is absent."""
        return self.fields.get(name) or None

    def read_query(self, environ: WSGIEnvironment, open_spool: Opener | None) -> None:
        """Read the parameters of the query. Without ``open_spool``, sources are skipped.

        Raises:
            TooLarge: there are too many fields.
            InvalidParameter: a text is not in its charset; it is raised once everything is read.
            UnsupportedBody: the field ``_charset_`` names a charset that is not read here.
        """
        self._begin(None)
        query = environ.get("QUERY_STRING", "").encode("latin-1", "replace")
        read_urlencoded([query], lambda name: self._open_in_form(name, open_spool))
        self._raise_problem()

    def read_body(self, environ: WSGIEnvironment, *, max_bytes: int, open_spool: Opener | None) -> None:
        """Read the parameters of the body, whose largest file may have ``max_bytes`` bytes.

        What is wrong with the content of a single field is raised once everything is read, so that ``format`` is known.

        Raises:
            TooLarge: the body, a file or the number of fields is over its limit.
            MalformedRequest: the body ends early, or is not what its content type says.
            InvalidParameter: a text is not in its charset.
            InvalidBase64: a part is to be in base64, and is not.
            UnsupportedBody: its content type carries no parameters, or it is in a charset or encoding not read here.
            EncodedBody: it, or a part of it, is compressed.
            LengthRequired: it comes chunked, and the server does not say where it ends.
            SlowBody: it took too long to arrive.
        """
        content_type, options = parse_content_type(environ.get("CONTENT_TYPE"))
        _check_codings(environ)
        if (handed := handed_form(environ)) is not None:
            self._begin(None)
            self._read_handed(handed, open_spool, was_urlencoded=content_type == "application/x-www-form-urlencoded")
            self._raise_problem()
            return
        length = get_content_length(environ)
        if length is not None and length > body_limit(content_type, max_bytes):
            raise TooLarge(f"File too big - max {format_bytes(max_bytes)}")
        with_source = "multipart/form-data", "application/json", "application/x-www-form-urlencoded"
        if length == 0 or not content_type:
            return
        if length is None and "HTTP_TRANSFER_ENCODING" in environ and not environ.get("wsgi.input_terminated"):
            raise LengthRequired
        if content_type not in with_source:
            raise UnsupportedBody
        chunks = read_chunks(environ, max_bytes=body_limit(content_type, max_bytes), seconds=self._limits.body_seconds)
        # A body's value replaces the query's, and a body's source the query's of the same name.
        self._begin(options.get("charset"))
        if content_type == "multipart/form-data":
            self._read_multipart(chunks, options.get("boundary", ""), open_spool)
        elif content_type == "application/json":
            read_json(chunks, lambda name: self._open(name, open_spool, UTF_8), codec=self._codec)
        else:
            read_urlencoded(chunks, lambda name: self._open_in_form(name, open_spool))
        self._raise_problem()

    def _begin(self, charset: str | None) -> None:
        self._count = 0
        self._codec = codec_of(charset) or UTF_8
        self._has_undeclared_text = False

    def _raise_problem(self) -> None:
        if self._problems:
            raise self._problems[0]

    def _open_in_form(
        self, name: str, open_spool: Opener | None, charset: str | None = None, *, is_raw: bool = False
    ) -> Field:
        """Open a field of a form, where one may name the charset of all that declare none."""
        if name == _CHARSET:
            self._count_field()
            return _TextField(_CHARSET_BYTES, self._set_charset)
        return self._open(name, open_spool, charset, is_raw=is_raw)

    def _open(self, name: str, open_spool: Opener | None, charset: str | None, *, is_raw: bool = False) -> Field:
        self._count_field()
        self.has_image |= name == "image"
        if name in self._names:
            return _TextField(self._limits.max_field_bytes, partial(self._set_text, name, codec_of(charset)))
        if name in SOURCE_NAMES and open_spool is not None:
            codec_of(charset)
            self.texts[name] = SourceText(open_spool, is_raw=is_raw)
            return _SourceField(self.texts[name])
        return _Discard()

    def _count_field(self) -> None:
        self._count += 1
        if self._count > self._limits.max_fields:
            raise TooLarge(f"Too many fields - max {self._limits.max_fields}")

    def _set_text(self, name: str, codec: str | None, value: bytes, is_cut: bool) -> None:
        self._has_undeclared_text |= codec is None and not value.isascii()
        codec = codec or self._codec
        try:
            # Where it was cut, half a character at the end is left out.
            self.fields[name] = codecs.getincrementaldecoder(codec)().decode(value, final=not is_cut)
        except UnicodeDecodeError:
            self._problems.append(InvalidParameter(f"Invalid {name}, its bytes are not {NAMES[codec]} text"))

    def _set_charset(self, value: bytes, is_cut: bool) -> None:
        """Take the charset of all texts that declare none, which is the last word on those before it, too."""
        try:
            codec = codec_of(value.decode("ascii", "replace")) or self._codec
        except UnsupportedBody as refusal:
            self._problems.append(refusal)
            return
        if codec != self._codec and self._has_undeclared_text:
            self._problems.append(
                MalformedRequest(f"The field {_CHARSET} has to come before the texts in that charset")
            )
        self._codec = codec

    def _open_part(self, part: multipart.File | multipart.Field, open_spool: Opener | None) -> Field:
        """Open a part of a form: a file by its name or its type, or else a text, or whatever its bytes say."""
        _check_headers(part)
        name = part.name or ""
        # werkzeug makes an exception for each header that it is asked for in vain, which costs more than all of this.
        headers = {name.lower(): value for name, value in part.headers}
        content_type, options = parse_content_type(headers.get("content-type"))
        try:
            if isinstance(part, multipart.File):
                filename = part_filename(headers["content-disposition"], part.filename)
                field = self._open_file(name, filename, open_spool)
            elif name in SOURCE_NAMES and content_type not in ("", "text/plain"):
                field = self._open_file(name, "", open_spool)
            else:
                field = self._open_in_form(name, open_spool, options.get("charset"), is_raw=True)
            return decoded_part(field, headers, self._problems) if field.is_wanted else field
        except (UnsupportedBody, EncodedBody) as refusal:
            self._problems.append(refusal)
            return _Discard()

    def _open_file(self, name: str, filename: str, open_spool: Opener | None) -> Field:
        self.has_image |= name == "image"
        if name not in SOURCE_NAMES or open_spool is None:
            return _Discard()
        self.files[name] = UploadedFile(filename)
        return _FilePart(self.files[name], open_spool)

    def _read_handed(self, form: HandedForm, open_spool: Opener | None, *, was_urlencoded: bool) -> None:
        for name, value in form.fields:
            if was_urlencoded and name in SOURCE_NAMES and "://" not in value[:_SCHEME_CHARACTERS]:
                # Whoever decoded the form took the plus signs of base64 for spaces.
                value = value.replace(" ", "+")
            field = self._open(name, open_spool, UTF_8)
            field.write(value.encode("utf-8", "surrogatepass"))
            field.finish()
        for name, filename, content in form.files:
            part = self._open_file(name, filename, open_spool)
            try:
                content.seek(0)
                while data := content.read(_READ_BYTES):
                    part.write(data)
            except ValueError:
                raise MalformedRequest("The file was read and closed by the host already") from None
            part.finish()

    def _read_multipart(self, chunks: Iterator[bytes], boundary: str, open_spool: Opener | None) -> None:
        if not boundary or len(boundary) > 200:
            raise MalformedRequest("Missing or unusable multipart boundary")
        try:
            for event in _events(chunks, boundary.encode("latin-1", "replace"), self._limits.max_fields):
                if isinstance(event, multipart.File | multipart.Field):
                    field = self._open_part(event, open_spool)
                elif isinstance(event, multipart.Data):
                    field.write(event.data)
                    if not event.more_data:
                        field.finish()
        except RequestEntityTooLarge:
            raise TooLarge("Too many or too large form parts") from None
        except ValueError:
            raise MalformedRequest("Malformed multipart body") from None


class _Decoder(multipart.MultipartDecoder):
    """A parser that takes part headers in any encoding: old clients write file names in that of their system.

    Most of those systems are Western ones, and any reading of a name is better than none.
    """

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        try:
            data.decode()
        except UnicodeDecodeError:
            data = data.decode("cp1252", "replace").encode()
        return super()._parse_headers(data)


def _events(chunks: Iterator[bytes], boundary: bytes, max_parts: int) -> Iterator[multipart.Event]:
    decoder = _Decoder(boundary, _FEED_BYTES + _PART_HEADER_BYTES, max_parts=max_parts)
    pieces = (chunk[start : start + _FEED_BYTES] for chunk in chunks for start in range(0, len(chunk), _FEED_BYTES))
    uncut = _uncut(pieces, boundary)
    while True:
        piece = next(uncut, None)
        decoder.receive_data(piece)
        while not isinstance(event := decoder.next_event(), multipart.NeedData):
            yield event
            if isinstance(event, multipart.Epilogue):
                return


def _uncut(pieces: Iterable[bytes], boundary: bytes) -> Iterator[bytes]:
    """Cut ``pieces`` elsewhere than between a boundary and what ends its line.

    werkzeug 3.1.9 takes the line break before such a boundary for content, and a file grows by one byte.
    """
    unfinished = re.compile(rb"--%s-?[ \t]*\Z" % re.escape(boundary))
    window = len(boundary) + 64
    sent = held = b""
    for piece in pieces:
        piece = held + piece
        tail = (sent + piece[-window:])[-window:]
        found = unfinished.search(tail)
        end = max(0, len(piece) - (len(tail) - found.start())) if found else len(piece)
        held = piece[end:]
        if end:
            sent = (sent + piece[max(0, end - window) : end])[-window:]
            yield piece[:end]
    if held:
        yield held


def _check_headers(part: multipart.File | multipart.Field) -> None:
    """Refuse a flood of headers at its first part: reading them costs more than anything else in a form."""
    if sum(len(name) + len(value) for name, value in part.headers) > _PART_HEADER_BYTES:
        raise TooLarge("Too large headers of a form part")


def _check_codings(environ: WSGIEnvironment) -> None:
    """Refuse a body in a coding that neither the server nor this package undoes."""
    check_coding(environ.get("HTTP_CONTENT_ENCODING", ""))
    codings = environ.get("HTTP_TRANSFER_ENCODING", "").lower().split(",")
    if {coding.strip() for coding in codings} - {"", "identity", "chunked"}:
        raise EncodedBody("Unsupported Transfer-Encoding of the request body: only chunked is read")


def parse_content_type(header: str | None) -> tuple[str, dict[str, str]]:
    """Split a Content-Type header into the media type in lower case, empty without a header, and its parameters."""
    content_type, options = parse_options_header(header)
    return content_type.lower(), options


def body_limit(content_type: str, max_bytes: int) -> int:
    """Return how long a body may be that carries a file of ``max_bytes`` bytes, in bytes.

    base64 takes four characters for three bytes, and up to an eighth more with line breaks and JSON's escapes;
    percent-encoded, three of its 65 characters take three times as much.
    """
    text = max_bytes * 4 // 3
    return _FORM_OVERHEAD + (text * 2 if content_type == "application/x-www-form-urlencoded" else text * 9 // 8)


def read_chunks(environ: WSGIEnvironment, *, max_bytes: int, seconds: float) -> Iterator[bytes]:
    """Yield the body in pieces, whether its length was declared or it came chunked.

    Raises:
        TooLarge: there are more than ``max_bytes`` bytes.
        MalformedRequest: the body ended before its declared length, or its chunks are none.
        StorageError: the server keeps bodies on its disk, which is full.
        SlowBody: more than ``seconds`` passed before its end, as seen between two reads; one that stalls ends only by
            the server's own timeout.
    """
    deadline = time.monotonic() + seconds
    received = 0
    try:
        _rewind(environ["wsgi.input"])
        stream = cast(BinaryIO, get_input_stream(environ, max_content_length=max_bytes))
        while chunk := stream.read(_READ_BYTES):
            received += len(chunk)
            yield chunk
            if time.monotonic() > deadline:
                raise SlowBody
        # A server that ends the input itself ends it early when the client goes away.
        if received < _least_bytes(environ):
            raise ClientDisconnected
    except (Refusal, MemoryError):
        raise
    except RequestEntityTooLarge:
        raise TooLarge(f"Request too big - max {format_bytes(max_bytes)}") from None
    except Exception as error:
        raise _unreadable(error) from None


def _unreadable(error: Exception) -> Refusal | StorageError:
    """Return whose fault it is that a server's input raised ``error``: the client's, unless a disk of ours is full.

    WSGI names no exceptions for this, so each server has its own: for chunks that are none, for a connection that ended
    or stalled, for bodies that it keeps on its disk.
    """
    cause = error.__context__ or error if isinstance(error, ClientDisconnected) else error
    if isinstance(cause, TimeoutError):
        return SlowBody()
    if is_disk_full(cause):
        return StorageError("the server cannot keep a request body")
    if isinstance(cause, ClientDisconnected | OSError | ValueError):
        return MalformedRequest("The request body is shorter than declared, or was read by the host already")
    logger.warning("a request body could not be read: %s", type(cause).__name__)
    return MalformedRequest("The request body cannot be read to its end")


def _least_bytes(environ: WSGIEnvironment) -> int:
    """Return how long the body is at least: nobody sends chunks without any content."""
    is_chunked = "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated")
    return get_content_length(environ) or (1 if is_chunked else 0)


def _rewind(stream: object) -> None:
    """Go back to the start of a body that was read into a file, by the server or by a host that has looked into it.

    Servers that hand over what can be sought hand over a file of this body alone.
    """
    with contextlib.suppress(AttributeError, OSError, ValueError):
        cast(BinaryIO, stream).seek(0)
