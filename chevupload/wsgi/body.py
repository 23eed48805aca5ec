"""The body of a request: its type, its limits, and its bytes in chunks until a deadline."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, cast

from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.wsgi import get_content_length, get_input_stream

from chevupload.errors import (
    EncodedBody,
    LengthRequired,
    MalformedRequest,
    Refusal,
    SlowBody,
    StorageError,
    TooLarge,
    UnsupportedBody,
)
from chevupload.spool import format_bytes, is_disk_full

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

logger = logging.getLogger("chevupload")

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"
JSON = "application/json"

_READ_BYTES = 262_144
"""One read of ``wsgi.input``: gunicorn copies its read-ahead at each, so few and large ones cost least."""
_FORM_OVERHEAD = 1_048_576


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body that is not read yet.

    Attributes:
        content_type: one of the three that carry parameters.
        options: the parameters of the Content-Type header.
        chunks: its bytes; see :func:`read_chunks`.
    """

    content_type: str
    options: Mapping[str, str]
    chunks: Iterator[bytes]


def open_body(environ: WSGIEnvironment, *, max_bytes: int, seconds: float) -> Body | None:
    """Return the body, whose largest file may have ``max_bytes`` bytes; None when it is empty or has no type.

    Raises:
        TooLarge: its declared length is over the limit.
        LengthRequired: it comes chunked, and the server does not say where it ends.
        UnsupportedBody: its content type carries no parameters.
    """
    content_type, options = parse_content_type(environ.get("CONTENT_TYPE"))
    length = get_content_length(environ)
    limit = body_limit(content_type, max_bytes)
    if length is not None and length > limit:
        raise TooLarge(f"File too big - max {format_bytes(max_bytes)}")
    if length == 0 or not content_type:
        return None
    if length is None and "HTTP_TRANSFER_ENCODING" in environ and not environ.get("wsgi.input_terminated"):
        raise LengthRequired
    if content_type not in (MULTIPART, URLENCODED, JSON):
        raise UnsupportedBody
    return Body(
        content_type=content_type, options=options, chunks=read_chunks(environ, max_bytes=limit, seconds=seconds)
    )


def check_encodings(environ: WSGIEnvironment) -> None:
    """Check that a body needs no decoding that neither the server nor this package does.

    Raises:
        EncodedBody: it does.
    """
    if "HTTP_CONTENT_ENCODING" in environ:
        check_content_encoding(environ["HTTP_CONTENT_ENCODING"])
    if "HTTP_TRANSFER_ENCODING" in environ:
        codings = environ["HTTP_TRANSFER_ENCODING"].lower().split(",")
        if {coding.strip() for coding in codings} - {"", "identity", "chunked"}:
            raise EncodedBody("Unsupported Transfer-Encoding of the request body: only chunked is read")


def check_content_encoding(header: str) -> None:
    """Check the value of a Content-Encoding header.

    Raises:
        EncodedBody: it names a coding. RFC 9110, section 15.5.16.
    """
    if any(coding.strip().lower() not in ("", "identity") for coding in header.split(",")):
        raise EncodedBody(headers=(("Accept-Encoding", "identity"),))


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
    return _FORM_OVERHEAD + (text * 2 if content_type == URLENCODED else text * 9 // 8)


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
        with contextlib.suppress(AttributeError, OSError, ValueError):
            # A server that has read it into a file, or a host that has looked into it, may have left it at its end.
            # What can be sought is a file of this body alone.
            environ["wsgi.input"].seek(0)
        stream = cast(BinaryIO, get_input_stream(environ, max_content_length=max_bytes))
        while chunk := stream.read(_READ_BYTES):
            received += len(chunk)
            yield chunk
            if time.monotonic() > deadline:
                raise SlowBody
        # A server that ends the input itself ends it early when the client goes away. Nobody sends chunks of nothing.
        is_chunked = "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated")
        if received < (get_content_length(environ) or (1 if is_chunked else 0)):
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
