"""What a request says: the parameters of its query and of an urlencoded, multipart or JSON body.

A reader of a body (:mod:`~chevupload.wsgi.multipart`, :mod:`~chevupload.wsgi.urlencoded`,
:mod:`~chevupload.wsgi.json_body`) asks the form for the sink of each field, writes the value to it piece by piece and
finishes it. Sinks are a :class:`_Text`, a :class:`~chevupload.spool.Spool` for a file, an
:class:`UploadedFile` for one of several, and a :class:`~chevupload.wsgi.text_source.TextSource`, which decodes into a
spool.

Rules: docs/api.md, Parameters. A body value wins over a query value, of two values of one name the last,
and the values of unknown names are skipped.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeAlias, cast

from chevupload.config import Limits
from chevupload.errors import InvalidParameter, MalformedRequest, Refusal, TooLarge, UnsupportedBody
from chevupload.spool import Spool
from chevupload.wsgi.body import JSON, MULTIPART, URLENCODED, check_encodings, open_body, parse_content_type
from chevupload.wsgi.charsets import NAMES, UTF_8, codec_of
from chevupload.wsgi.json_body import read_json
from chevupload.wsgi.multipart import read_multipart
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


class TooManyFiles(TooLarge):
    """A form with more files than it takes at a time."""

    text = "Too many files"


@dataclass(slots=True)
class UploadedFile:
    """One file part.

    Attributes:
        filename: the client's name for it, perhaps with folders.
        spool: its content.
        refusal: why a file of several is left out; a file that is too large and the only one ends the reading.
    """

    filename: str
    spool: Spool
    refusal: TooLarge | None = None

    def write(self, data: bytes) -> int:
        """See Sink."""
        if self.refusal is None:
            try:
                self.spool.write(data)
            except TooLarge as refusal:
                self.spool.close()
                self.refusal = refusal
        return len(data)

    def finish(self) -> None:
        """See Sink."""


class Form:
    """What a request says, growing while it is read: a refusal half-way knows what came before it.

    Attributes:
        fields: the texts of known fields that are not empty.
        files: the sources that came as file parts, by name, of each name the last.
        earlier_files: those of the same names before these, in a form that takes several.
        text_sources: the sources that came as text, in base64 or as a URL, by name.
        names: of all that came, whether it is read, skipped or empty; without ``_charset_``.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        field_names: Collection[str],
        source_names: Collection[str] = (),
        list_names: Collection[str] = (),
        max_files: int = 1,
    ) -> None:
        """Start empty; know the fields and the sources, whose content is a file, of these names only.

        Fields of ``list_names`` may be lists of texts in JSON; commas stand between them then. Of the files, up to
        ``max_files`` are taken; where that is one, the last of each name.
        """
        self._limits = limits
        self.max_files = max_files
        self._field_names = field_names
        self._source_names = source_names
        self._list_names = list_names
        self._begin("", None, None)
        self._problems: list[Refusal] = []
        self.fields: dict[str, str] = {}
        self.files: dict[str, UploadedFile] = {}
        self.earlier_files: list[UploadedFile] = []
        self.text_sources: dict[str, TextSource] = {}
        self.names: set[str] = set()

    def read_query(self, environ: WSGIEnvironment, open_spool: Opener | None) -> None:
        """Read the parameters of the query. Without ``open_spool``, files are skipped.

        Raises:
            TooLarge: there are too many fields.
            InvalidParameter: a text is not in its charset; it is raised once everything is read.
            UnsupportedBody: the field ``_charset_`` names a charset that is not read here.
        """
        if query := environ.get("QUERY_STRING", ""):
            self._begin(URLENCODED, None, open_spool)
            read_urlencoded([query.encode("latin-1", "replace")], self._open_field, plus_names=self._source_names)
        if self._problems:
            raise self._problems[0]

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
            self._begin("", None, open_spool)
            self._read_parsed(cast(ParsedForm, environ[_PARSED_FORM]), environ.get("CONTENT_TYPE"))
        elif body := open_body(environ, max_bytes=max_bytes, seconds=self._limits.body_seconds):
            # A body's value replaces the query's, and a body's file the query's of the same name.
            self._begin(body.content_type, body.options.get("charset"), open_spool)
            if body.content_type == MULTIPART:
                boundary = body.options.get("boundary", "")
                max_parts = self._limits.max_fields
                read_multipart(body.chunks, boundary, self._open_field, max_parts=max_parts, problems=self._problems)
            elif body.content_type == JSON:
                read_json(body.chunks, self._open_field, codec=self._codec, list_names=self._list_names)
            else:
                read_urlencoded(body.chunks, self._open_field, plus_names=self._source_names)
        if self._problems:
            raise self._problems[0]

    def _begin(self, content_type: str, charset: str | None, open_spool: Opener | None) -> None:
        """Begin with the fields of a query or a body; without a type, texts come decoded."""
        self._content_type = content_type
        self._codec = (codec_of(charset) if charset else None) or UTF_8
        self._open_spool = open_spool
        self._has_undeclared_text = False
        self._count = 0

    def _open_field(
        self, name: str, *, filename: str | None = None, content_type: str = "", charset: str | None = None
    ) -> _Text | TextSource | UploadedFile | Spool | None:
        """Return what takes the value of a field or part; None where nobody reads it.

        Args:
            name: of the field.
            filename: the client's name of a file, perhaps with folders.
            content_type: of a part; a file may be known by it alone.
            charset: of a part that declares it.

        Raises:
            TooLarge: there are too many fields or files.
            UnsupportedBody: texts in this charset are not read here.
        """
        is_form = self._content_type in (MULTIPART, URLENCODED)
        is_file = filename is not None or (name in self._source_names and content_type not in ("", "text/plain"))
        if not is_file:
            self._count += 1
            if self._count > self._limits.max_fields:
                raise TooLarge(f"Too many fields - max {self._limits.max_fields}")
            if name == _CHARSET and is_form:
                return _Charset(self, name, None, _CHARSET_BYTES)
        self.names.add(name)
        if name in self._field_names and not is_file:
            codec = codec_of(charset) if charset else None
            return _Text(self, name, codec if is_form else UTF_8, self._limits.max_field_bytes)
        if is_file and name in self._field_names and not self._source_names:
            # Skipped, it would be taken for an empty text, which clears.
            self._problems.append(InvalidParameter(f"Invalid {name}, expected a text, not a file"))
        if name not in self._source_names or self._open_spool is None:
            return None
        if not is_file:
            if charset:
                codec_of(charset)
            self.text_sources[name] = TextSource(self._open_spool, is_raw=self._content_type == MULTIPART)
            return self.text_sources[name]
        if (earlier := self.files.pop(name, None)) is not None:
            if self.max_files == 1:
                earlier.spool.close()
            else:
                self.earlier_files.append(earlier)
        if len(self.earlier_files) >= self.max_files:
            raise TooManyFiles(f"Too many files - max {self.max_files}")
        self.files[name] = file = UploadedFile(filename or "", self._open_spool())
        return file.spool if self.max_files == 1 else file

    def _read_parsed(self, form: ParsedForm, content_type: str | None) -> None:
        is_urlencoded = parse_content_type(content_type)[0] == URLENCODED
        for name, value in form.fields:
            if is_urlencoded and name in self._source_names and "://" not in value[:_SCHEME_CHARACTERS]:
                # Whoever decoded the form took the plus signs of base64 for spaces.
                value = value.replace(" ", "+")
            if (field := self._open_field(name)) is not None:
                field.write(value.encode("utf-8", "surrogatepass"))
                field.finish()
        for name, filename, content in form.files:
            if (file := self._open_field(name, filename=filename)) is not None:
                try:
                    content.seek(0)
                    while data := content.read(_READ_BYTES):
                        file.write(data)
                except ValueError:
                    raise MalformedRequest("The file was read and closed by the host already") from None


@dataclass(slots=True)
class _Text:
    """One text as far as its bound: long texts are promised to pass, and each is cut shorter later.

    Attributes:
        codec: that of the charset which the field declares, if it does.
    """

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
        """Give the form the decoded text, or what is wrong with it."""
        form, codec = self.form, self.codec or self.form._codec
        form._has_undeclared_text |= self.codec is None and not self.value.isascii()
        try:
            # Where it was cut, half a character at the end is left out.
            text = codecs.getincrementaldecoder(codec)().decode(self.value, final=not self.is_cut)
        except UnicodeDecodeError:
            form._problems.append(InvalidParameter(f"Invalid {self.name}, its bytes are not {NAMES[codec]} text"))
            return
        if text:
            form.fields[self.name] = text
        else:
            # An empty value is an absent one, and takes back the query's.
            form.fields.pop(self.name, None)


class _Charset(_Text):
    """The charset of all texts that declare none: the last word on those before it, too."""

    def finish(self) -> None:
        """Give it to the form."""
        form = self.form
        try:
            codec = codec_of(self.value.decode("ascii", "replace")) or form._codec
        except UnsupportedBody as refusal:
            form._problems.append(refusal)
            return
        if codec != form._codec and form._has_undeclared_text:
            text = f"The field {_CHARSET} has to come before the texts in that charset"
            form._problems.append(MalformedRequest(text))
        form._codec = codec
