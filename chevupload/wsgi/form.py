"""What a request says: the parameters of its query and of an urlencoded, multipart or JSON body.

A reader of a body (:mod:`~chevupload.wsgi.multipart`, :mod:`~chevupload.wsgi.urlencoded`,
:mod:`~chevupload.wsgi.json_body`) asks the form for the sink of each field, writes the value to it piece by piece and
finishes it. Sinks are a :class:`TextField`, a :class:`~chevupload.spool.Spool` for a file, and a
:class:`~chevupload.wsgi.text_source.TextSource`, which decodes into a spool.

Rules: the contract of this API, section 3. A body value wins over a query value, of two values of one name the last,
and unknown names are skipped without being kept.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, TypeAlias, cast

from chevupload.config import Limits
from chevupload.errors import InvalidParameter, MalformedRequest, Refusal, TooLarge, UnsupportedBody
from chevupload.spool import Spool
from chevupload.wsgi.body import JSON, MULTIPART, URLENCODED, check_encodings, open_body, parse_content_type
from chevupload.wsgi.charsets import NAMES, UTF_8, codec_of
from chevupload.wsgi.decoders import Sink
from chevupload.wsgi.json_body import read_json
from chevupload.wsgi.multipart import Part, read_multipart
from chevupload.wsgi.text_source import TextSource
from chevupload.wsgi.urlencoded import read_urlencoded

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_READ_BYTES = 262_144
_SCHEME_CHARACTERS = 24
"""Within which a URL's scheme ends."""
_CHARSET = "_charset_"
"""The field of a form that names the charset of its texts. RFC 7578, section 4.6."""
_CHARSET_BYTES = 64
_PARSED_FORM = "chevupload.form"

Opener: TypeAlias = Callable[[], Spool]
"""Makes a spool for one file, bounded by what its sender may send."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedForm:
    """A form that the host has read already: a body that was read leaves nothing for this component.

    Attributes:
        fields: name and value of each text field, in their order.
        files: form name, client's file name and content of each file part; the content is read from its start.
    """

    fields: Iterable[tuple[str, str]]
    files: Iterable[tuple[str, str, IO[bytes]]]


def set_parsed_form(environ: WSGIEnvironment, form: ParsedForm) -> None:
    """Leave ``form`` for the component, which then reads no body."""
    environ[_PARSED_FORM] = form


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """One file part: the client's name for it, perhaps with folders, and its content."""

    filename: str
    spool: Spool


@dataclass(slots=True)
class TextField:
    """One text as far as its bound: long texts are promised to pass, and each is cut shorter later.

    Attributes:
        codec: that of the charset which the field declares, if it does.
    """

    keeps_plus = False

    form: Form
    name: str
    codec: str | None
    max_bytes: int
    value: bytes = b""
    is_cut: bool = False

    def write(self, data: bytes) -> None:
        """See Sink."""
        room = self.max_bytes - len(self.value)
        self.value += data[:room]
        self.is_cut |= len(data) > room

    def finish(self) -> None:
        """See Sink."""
        self.form.add_text(self)


class Form:
    """What a request says, growing while it is read: a refusal half-way knows what came before it.

    Attributes:
        fields: the texts of known names that are not empty.
        files: the file parts of known names.
        texts: the files of known names that came as text.
        names: the names of files that came, wanted or not.
    """

    def __init__(self, limits: Limits, *, text_names: Collection[str], file_names: Collection[str] = ()) -> None:
        """Start empty; know fields of these names only."""
        self._limits = limits
        self._text_names = text_names
        self._file_names = file_names
        self._count = 0
        self._codec = UTF_8
        self._has_undeclared_text = False
        self._problems: list[Refusal] = []
        self._open_spool: Opener | None = None
        self.fields: dict[str, str] = {}
        self.files: dict[str, UploadedFile] = {}
        self.texts: dict[str, TextSource] = {}
        self.names: set[str] = set()

    def read_query(self, environ: WSGIEnvironment, open_spool: Opener | None) -> None:
        """Read the parameters of the query. Without ``open_spool``, files are skipped.

        Raises:
            TooLarge: there are too many fields.
            InvalidParameter: a text is not in its charset; it is raised once everything is read.
            UnsupportedBody: the field ``_charset_`` names a charset that is not read here.
        """
        if query := environ.get("QUERY_STRING", ""):
            self._begin(None, open_spool)
            read_urlencoded([query.encode("latin-1", "replace")], self._open_field)
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
        check_encodings(environ)
        if _PARSED_FORM in environ:
            self._begin(None, open_spool)
            self._read_parsed(cast(ParsedForm, environ[_PARSED_FORM]), environ.get("CONTENT_TYPE"))
        elif body := open_body(environ, max_bytes=max_bytes, seconds=self._limits.body_seconds):
            # A body's value replaces the query's, and a body's file the query's of the same name.
            self._begin(body.options.get("charset"), open_spool)
            if body.content_type == MULTIPART:
                boundary = body.options.get("boundary", "")
                read_multipart(
                    body.chunks,
                    boundary,
                    max_parts=self._limits.max_fields,
                    open_part=self._open_part,
                    problems=self._problems,
                )
            elif body.content_type == JSON:
                read_json(body.chunks, partial(self._open_field, charset=UTF_8, in_form=False), codec=self._codec)
            else:
                read_urlencoded(body.chunks, self._open_field)
        self._raise_problem()

    def _begin(self, charset: str | None, open_spool: Opener | None) -> None:
        self._count = 0
        self._codec = (codec_of(charset) if charset else None) or UTF_8
        self._has_undeclared_text = False
        self._open_spool = open_spool

    def _raise_problem(self) -> None:
        if self._problems:
            raise self._problems[0]

    def _open_part(self, part: Part) -> Sink | None:
        """Open a part of a multipart form: a file by its name or its type, or else a text, or what its bytes say."""
        is_file = part.name in self._file_names and part.content_type not in ("", "text/plain")
        if part.filename is None and not is_file:
            return self._open_field(part.name, part.charset, is_raw=True)
        return self._open_file(part.name, part.filename or "")

    def _open_field(
        self, name: str, charset: str | None = None, *, is_raw: bool = False, in_form: bool = True
    ) -> TextField | TextSource | None:
        """Open a field; one of a form may name the charset of all that declare none."""
        self._count += 1
        if self._count > self._limits.max_fields:
            raise TooLarge(f"Too many fields - max {self._limits.max_fields}")
        if name in self._text_names:
            return TextField(self, name, codec_of(charset) if charset else None, self._limits.max_field_bytes)
        if name == _CHARSET and in_form:
            return TextField(self, name, None, _CHARSET_BYTES)
        if name not in self._file_names:
            return None
        self.names.add(name)
        if self._open_spool is None:
            return None
        codec_of(charset)
        self.texts[name] = TextSource(self._open_spool, is_raw=is_raw)
        return self.texts[name]

    def _open_file(self, name: str, filename: str) -> Spool | None:
        if name not in self._file_names:
            return None
        self.names.add(name)
        if self._open_spool is None:
            return None
        if name in self.files:
            self.files[name].spool.close()
        self.files[name] = UploadedFile(filename, self._open_spool())
        return self.files[name].spool

    def add_text(self, field: TextField) -> None:
        """Take a text that is complete: decode it, or remember what is wrong with it."""
        if field.name == _CHARSET:
            self._set_charset(field.value)
            return
        self._has_undeclared_text |= field.codec is None and not field.value.isascii()
        codec = field.codec or self._codec
        try:
            # Where it was cut, half a character at the end is left out.
            text = codecs.getincrementaldecoder(codec)().decode(field.value, final=not field.is_cut)
        except UnicodeDecodeError:
            self._problems.append(InvalidParameter(f"Invalid {field.name}, its bytes are not {NAMES[codec]} text"))
            return
        if text:
            self.fields[field.name] = text
        else:
            # An empty value is an absent one, and takes back the query's.
            self.fields.pop(field.name, None)

    def _set_charset(self, value: bytes) -> None:
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

    def _read_parsed(self, form: ParsedForm, content_type: str | None) -> None:
        is_urlencoded = parse_content_type(content_type)[0] == URLENCODED
        for name, value in form.fields:
            if is_urlencoded and name in self._file_names and "://" not in value[:_SCHEME_CHARACTERS]:
                # Whoever decoded the form took the plus signs of base64 for spaces.
                value = value.replace(" ", "+")
            if (field := self._open_field(name, UTF_8, in_form=False)) is not None:
                field.write(value.encode("utf-8", "surrogatepass"))
                field.finish()
        for name, filename, content in form.files:
            if (file := self._open_file(name, filename)) is not None:
                try:
                    content.seek(0)
                    while data := content.read(_READ_BYTES):
                        file.write(data)
                except ValueError:
                    raise MalformedRequest("The file was read and closed by the host already") from None
