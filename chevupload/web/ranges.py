"""Stored files over HTTP, sent from here: ranges and conditional requests.

Source: RFC 9110, sections 13 (conditions) and 14 (ranges).
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from chevupload.model import Upload
from chevupload.protocols import Storage
from chevupload.storage.headers import SAFETY_HEADERS, cache_control, content_disposition, content_type
from chevupload.wsgi.webob import Response, parse_date

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_PIECE_BYTES = 1_048_576
"""Read at a time, and one request where the storage is an object store."""
_WRAPPER_BYTES = 262_144
"""What servers read at a time that send files by reading them."""
_ONE_RANGE = re.compile(r"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-([0-9]{1,18}))\Z")
_TAG = re.compile(r'(W/)?"([^"]*)"')


class FileBody:
    """A response body that reads one file, or a part of it, in pieces, and closes it whatever happens.

    It is the file-like object for ``wsgi.file_wrapper``, too: positions count from the start of the part.
    """

    def __init__(self, file: BinaryIO, start: int = 0, stop: int | None = None) -> None:
        """Send the bytes from ``start`` to before ``stop``, or to the end."""
        self._file = file
        self._start = start
        self._stop = stop
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes of the part, ``size`` at most; none at its end."""
        if self._stop is not None:
            left = max(0, self._stop - self._file.tell())
            size = left if size < 0 else min(size, left)
        return self._file.read(size)

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._file.tell() - self._start

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to ``offset`` and return it, as files do."""
        if whence == os.SEEK_SET:
            offset += self._start
        elif whence == os.SEEK_END and self._stop is not None:
            offset, whence = min(self._stop, self._file.seek(0, os.SEEK_END)) + offset, os.SEEK_SET
        self._file.seek(offset, whence)
        return self.tell()

    def __iter__(self) -> Iterator[bytes]:
        """Yield the bytes."""
        while piece := self.read(_PIECE_BYTES):
            yield piece

    def app_iter_range(self, start: int, stop: int | None) -> FileBody:
        """Return a body for one range: WebOb asks for it."""
        return FileBody(self._file, start, stop)

    def close(self) -> None:
        """Close the file: WSGI servers call it."""
        self._file.close()

    def handed_over(self, environ: WSGIEnvironment) -> Iterable[bytes]:
        """Return the body as the server sends it best: by its ``wsgi.file_wrapper`` (PEP 3333), if it has one.

        What is on an object store stays with us: such a wrapper takes for granted that reading does not wait, and a
        server that sends to all its clients from one thread would wait for the store in it. Of a part, the server gets
        no descriptor: some send what belongs to one from its beginning to its end.
        """
        wrapper = environ.get("wsgi.file_wrapper")
        if wrapper is None or not _is_on_disk(self._file):
            return self
        is_whole = self._start == 0 and self._stop is None
        return cast("Iterable[bytes]", wrapper(self._file if is_whole else self, _WRAPPER_BYTES))


def _is_on_disk(file: BinaryIO) -> bool:
    """Whether a file can be read without waiting for anybody, and is what its descriptor gives.

    What is unpacked or decrypted while it is read has the descriptor of something else.
    """
    return isinstance(getattr(file, "raw", file), io.FileIO)


class FileResponse(Response):  # type: ignore[misc]  # WebOb is untyped
    """Reads the headers of a conditional request as RFC 9110 wants them read, where WebOb does not."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        if not self._is_wanted(environ):
            return self._refuse("412 Precondition Failed", environ, start_response)
        read = dict(environ)
        if _date(environ.get("HTTP_IF_MODIFIED_SINCE", "")) is None:
            read.pop("HTTP_IF_MODIFIED_SINCE", None)
        # If-None-Match compares weakly, which is how a tag comes back from a proxy that compresses.
        tags = environ.get("HTTP_IF_NONE_MATCH", "")
        read["HTTP_IF_NONE_MATCH"] = f'"{self.etag}"' if tags.strip() == "*" else tags.replace('W/"', '"')
        # Several ranges, other units and methods: the whole file. A suffix longer than the file is the file, too.
        found = _one_range(environ)
        if found is None or not self._is_same(read.pop("HTTP_IF_RANGE", None)):
            read.pop("HTTP_RANGE", None)
        elif found[1] and int(found[1]) > self.content_length:
            read["HTTP_RANGE"] = "bytes=0-"
        elif found[1] and int(found[1]) == 0:
            # WebOb takes the last no bytes for the whole file. Source: RFC 9110, section 14.1.2.
            read["HTTP_RANGE"] = f"bytes={self.content_length}-"
        body = cast("WSGIApplication", super().__call__)(read, start_response)
        return body.handed_over(environ) if isinstance(body, FileBody) else body

    def part(self, environ: WSGIEnvironment) -> range | None:
        """Return which bytes of the file are going to be sent; None for an answer that has none of them."""
        if not self._is_wanted(environ) or self._is_known(environ):
            return None
        found = _one_range(environ)
        if found is None or not self._is_same(environ.get("HTTP_IF_RANGE")):
            return range(self.content_length)
        start, _, end = found[0].removeprefix("bytes=").partition("-")
        if not start:
            return range(max(0, self.content_length - int(end)), self.content_length) or None
        if end and int(end) < int(start):
            return range(self.content_length)
        return range(int(start), min(int(end or self.content_length) + 1, self.content_length)) or None

    def _is_known(self, environ: WSGIEnvironment) -> bool:
        """Whether the sender has this file already: If-None-Match, and If-Modified-Since in its absence."""
        if tags := environ.get("HTTP_IF_NONE_MATCH", ""):
            return tags.strip() == "*" or self.etag in (tag for _, tag in _TAG.findall(tags))
        date = _date(environ.get("HTTP_IF_MODIFIED_SINCE", ""))
        return date is not None and bool(self.last_modified <= date)

    def _refuse(self, status: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self.app_iter.close()
        self.conditional_response = False
        self.status, self.body, self.content_type = status, status[4:].encode(), "text/plain"
        self.headers["Cache-Control"] = "no-store"
        del self.headers["Content-Disposition"]
        return cast("WSGIApplication", super().__call__)(environ, start_response)

    def _is_wanted(self, environ: WSGIEnvironment) -> bool:
        """Whether the file is the one that the sender knows: If-Match, and If-Unmodified-Since in its absence."""
        if (tags := environ.get("HTTP_IF_MATCH")) is not None:
            return tags.strip() == "*" or ("", self.etag) in _TAG.findall(tags)
        date = _date(environ.get("HTTP_IF_UNMODIFIED_SINCE", ""))
        return date is None or self.last_modified <= date

    def _is_same(self, validator: str | None) -> bool:
        """Whether If-Range, if any, names this very file: by its tag, or by its date and no later one."""
        if validator is None or validator.strip() == f'"{self.etag}"':
            return True
        return bool(_date(validator) == self.last_modified)


def _one_range(environ: WSGIEnvironment) -> re.Match[str] | None:
    return _ONE_RANGE.match(environ.get("HTTP_RANGE", "")) if environ["REQUEST_METHOD"] == "GET" else None


def _date(text: str) -> Any:
    """Read a date of HTTP; None for what is none, or one that Python cannot count up to."""
    try:
        return parse_date(text)
    except (ValueError, OverflowError):
        return None


def file_answer(upload: Upload, path: str, storage: Storage, environ: WSGIEnvironment, *, now: datetime) -> Response:
    """Send the file at ``path``, which is one of the upload's; the storage is asked only for what is going to be sent.

    Raises:
        FileMissing: the storage has no such file.
    """
    size = upload.sizes[path]
    response = FileResponse(
        app_iter=FileBody(io.BytesIO()),
        content_type=content_type(path),
        charset=None,
        conditional_response=True,
    )
    response.content_length = size
    # The hash of the original names its derivatives, too: what is rendered again may be kept as it was before.
    response.etag = f"{upload.md5}-{size:x}"
    response.last_modified = upload.received_at
    response.headers["Cache-Control"] = cache_control(upload, now)
    response.headers["Content-Disposition"] = content_disposition(upload, path)
    response.headers["Accept-Ranges"] = "bytes"
    response.headers.update(SAFETY_HEADERS)
    if (part := response.part(environ)) is not None:
        # Nothing is read for HEAD, but a file that is missing is told.
        if environ["REQUEST_METHOD"] != "GET" or path == upload.path:
            file = storage.open(path, part if environ["REQUEST_METHOD"] == "GET" else None)
        else:
            file, size = _open_derived(storage, path, part, size)
            response.etag = f"{upload.md5}-{size:x}"
        response.app_iter = FileBody(file)
        response.content_length = size
    return response


def _open_derived(storage: Storage, path: str, part: range, size: int) -> tuple[BinaryIO, int]:
    """Open a file that may have been rendered again since its ``size`` was recorded, and return its size, too.

    One byte more is asked for than it should have: where all of the file is sent, that tells at no cost.
    """
    if part == range(size):
        file = storage.open(path, range(size + 1))
        if (found := file.seek(0, os.SEEK_END)) <= size:
            return file, found
        file.close()
    file = storage.open(path)
    return file, file.seek(0, os.SEEK_END)
