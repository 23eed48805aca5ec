"""Stored files over HTTP, sent from here: ranges and conditional requests.

Source: RFC 9110, sections 13 (conditions) and 14 (ranges).
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Self, cast

from chevupload.model import Upload
from chevupload.protocols import Storage
from chevupload.storage.headers import SAFETY_HEADERS, cache_control, content_disposition, content_type
from chevupload.wsgi.webob import Response, parse_date

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_PIECE_BYTES = 1_048_576
"""Read at a time, and one request where the storage is an object store."""
_WRAPPER_BYTES = 262_144
"""What servers read at a time that send files by reading them."""
_ONE_RANGE = re.compile(r"bytes=(?=-?[0-9])([0-9]{0,18})-([0-9]{0,18})\Z")
_TAG = re.compile(r'(W/)?"([^"]*)"')
_NO_BYTES = range(0)


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


@dataclass(frozen=True, slots=True)
class _Version:
    """A file as it is now, which requests name by its tag, or by its date in whole seconds."""

    tag: str
    size: int
    date: datetime

    @classmethod
    def of(cls, upload: Upload, size: int) -> Self:
        """Describe a file of ``upload`` that has ``size`` bytes."""
        # The hash of the original names its derivatives, too: what is rendered again may be kept as it was before.
        return cls(f"{upload.md5}-{size:x}", size, upload.received_at.astimezone(UTC).replace(microsecond=0))

    def wanted(self, environ: WSGIEnvironment) -> tuple[int, range]:
        """Return the status of the answer, and which bytes of the file go with it: none with 304, 412 and 416."""
        if not self._is_wanted(environ):
            return 412, _NO_BYTES
        if self._is_known(environ):
            return 304, _NO_BYTES
        found = _ONE_RANGE.match(environ.get("HTTP_RANGE", "")) if environ["REQUEST_METHOD"] == "GET" else None
        # Several ranges, other units and methods: the whole file.
        if found is None or not self._is_same(environ.get("HTTP_IF_RANGE")):
            return 200, range(self.size)
        start, end = found.groups()
        if not start:
            part = range(max(0, self.size - int(end)), self.size)
        elif end and int(end) < int(start):
            return 200, range(self.size)
        else:
            part = range(int(start), min(int(end or self.size) + 1, self.size))
        return (206, part) if part else (416, _NO_BYTES)

    def _is_known(self, environ: WSGIEnvironment) -> bool:
        """Whether the sender has this file already: If-None-Match, and If-Modified-Since in its absence.

        Tags are compared weakly, which is how one comes back from a proxy that compresses.
        """
        if tags := environ.get("HTTP_IF_NONE_MATCH", ""):
            return tags.strip() == "*" or self.tag in ([tag for _, tag in _TAG.findall(tags)] or [tags])
        date = _date(environ.get("HTTP_IF_MODIFIED_SINCE", ""))
        return date is not None and bool(self.date <= date)

    def _is_wanted(self, environ: WSGIEnvironment) -> bool:
        """Whether the file is the one that the sender knows: If-Match, and If-Unmodified-Since in its absence."""
        if (tags := environ.get("HTTP_IF_MATCH")) is not None:
            return tags.strip() == "*" or ("", self.tag) in _TAG.findall(tags)
        date = _date(environ.get("HTTP_IF_UNMODIFIED_SINCE", ""))
        return date is None or self.date <= date

    def _is_same(self, validator: str | None) -> bool:
        """Whether If-Range, if any, names this very file: by its tag, or by its date and no later one."""
        if validator is None or validator.strip() == f'"{self.tag}"':
            return True
        return bool(_date(validator) == self.date)


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
    version = _Version.of(upload, upload.sizes[path])
    status, part = version.wanted(environ)
    is_read, file = environ["REQUEST_METHOD"] == "GET", None
    if status < 300:
        if is_read and path != upload.path:
            file, size = _open_derived(storage, path, part, version.size)
            version = _Version.of(upload, size)
            status, part = version.wanted(environ)
        else:
            # Nothing is read for HEAD, but a file that is missing is told.
            file = storage.open(path, part if is_read else None)
    headers = _headers(upload, path, version, now=now, status=status, part=part)
    if file is not None and status < 300:
        body = FileBody(file, part.start, part.stop if status == 206 else None)
        return Response(status=status, headerlist=headers, app_iter=body.handed_over(environ) if is_read else body)
    if file is not None:
        file.close()
    texts = {412: "Precondition Failed", 416: f"Requested range not satisfiable: {environ.get('HTTP_RANGE')}"}
    return Response(status=status, headerlist=headers, body=texts.get(status, "").encode())


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


def _headers(
    upload: Upload, path: str, version: _Version, *, now: datetime, status: int, part: range
) -> list[tuple[str, str]]:
    """Return the headers of an answer; those that tell the length of a text are not among them."""
    headers = [
        ("ETag", f'"{version.tag}"'),
        ("Last-Modified", format_datetime(version.date, usegmt=True)),
        ("Cache-Control", "no-store" if status == 412 else cache_control(upload, now)),
        ("Accept-Ranges", "bytes"),
        *SAFETY_HEADERS.items(),
    ]
    if status == 412:
        headers.append(("Content-Type", "text/plain; charset=UTF-8"))
    else:
        headers.append(("Content-Disposition", content_disposition(upload, path)))
    if status in (206, 416):
        sent = f"{part.start}-{part.stop - 1}" if part else "*"
        headers.append(("Content-Range", f"bytes {sent}/{version.size}"))
    if status == 416:
        headers.append(("Content-Type", "text/plain"))
    if status < 300:
        headers += (("Content-Type", content_type(path)), ("Content-Length", str(len(part))))
    return headers
