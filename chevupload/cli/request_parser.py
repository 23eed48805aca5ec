"""One request as the server receives it, refused at its headers where it can be."""

from __future__ import annotations

import logging
import time
from typing import Any

from waitress.parser import HTTPRequestParser
from waitress.utilities import BadRequest, Error, RequestEntityTooLarge

from chevupload.cli.chunks import ChunkedBody
from chevupload.config import Limits
from chevupload.errors import Busy
from chevupload.site.stand_alone import ROUTES
from chevupload.spool import Budget
from chevupload.wsgi.body import body_limit, parse_content_type

_UPLOADS = (ROUTES.upload, ROUTES.imgbb, ROUTES.upload_page)
_OTHER_BODY_BYTES = 1_048_576
"""Longest body of any other route; none of them reads more than a few fields."""
_BYTES_PER_SECOND = 1_000
"""What a body has to bring at least, in the mean of the time that is allowed. A bad mobile connection brings more."""

logger = logging.getLogger("chevupload")


class RequestTimeout(Error):  # type: ignore[misc]  # waitress is untyped
    """The request does not get on."""

    code = 408
    reason = "Request Timeout"


class ServiceUnavailable(Error):  # type: ignore[misc]  # waitress is untyped
    """There is no space for the body now."""

    code = 503
    reason = "Service Unavailable"


class RequestParser(HTTPRequestParser):  # type: ignore[misc]  # waitress is untyped
    """Collects one request. A refusal is in ``error``, and what came of the body is let go at once."""

    error: Any
    body_rcv: Any

    def __init__(self, adjustments: Any, space: Budget | None = None) -> None:
        """Begin; the body takes its space from ``space``. waitress makes some without, which receive nothing."""
        super().__init__(adjustments)
        self._space = space or Budget(0)
        self._taken = 0
        self._most = _OTHER_BODY_BYTES
        self._counted_at = time.time()
        self._counted = 0

    def received(self, data: bytes) -> int:
        """Take a piece of the request and return how many bytes of it were used."""
        if not self.headers_finished:
            used: int = super().received(data)
            if self.headers_finished and not self.error:
                self._check_headers()
        else:
            used = self._receive_body(data)
        if self.completed:
            # The channel would ask a client that waits for it to go on, and wait itself for what is never read.
            self.expect_continue = False
        return used

    def refuse(self, error: Error) -> None:
        """End the request with a refusal."""
        if not self.headers_finished:
            # The least that an answer needs to know.
            self.parse_header(b"GET / HTTP/1.0\r\n")
        self.error = error
        self.completed = True
        self.close()

    def close(self) -> None:
        """Let go of the body. May be repeated."""
        super().close()
        self._space.give(self._taken)
        self._taken = 0

    def since(self, last_activity: float) -> float:
        """Return from when on the client is waited for: bytes of headers do not count, those of a body do."""
        return last_activity if self.headers_finished else self._counted_at

    def is_late(self, now: float, seconds: float) -> bool:
        """Whether headers took more than ``seconds``, or a body brought too little in that time. To be asked often."""
        if now - self._counted_at < seconds:
            return False
        if not self.headers_finished or self.body_bytes_received - self._counted < seconds * _BYTES_PER_SECOND:
            return True
        self._counted_at, self._counted = now, self.body_bytes_received
        return False

    def parse_header(self, header: bytes) -> None:
        """Read the headers."""
        super().parse_header(header)
        if self.chunked:
            self.body_rcv = ChunkedBody(self.body_rcv.getbuf())

    def _check_headers(self) -> None:
        self._counted_at = time.time()
        if "TRANSFER_ENCODING" in self.headers or (self.chunked and "CONTENT_LENGTH" in self.headers):
            # A coding in HTTP/1.0, or two lengths: a proxy may have read the other one. RFC 9112, section 6.1.
            self.refuse(BadRequest("the length of the body is not clear"))
            return
        if self.path.strip("/") in _UPLOADS:
            content_type, _ = parse_content_type(self.headers.get("CONTENT_TYPE"))
            self._most = body_limit(content_type, Limits().max_bytes)
        if self.content_length > self._most:
            self.refuse(RequestEntityTooLarge("the declared body is too long"))

    def _receive_body(self, data: bytes) -> int:
        try:
            self._space.take(len(data))
        except Busy:
            self.refuse(ServiceUnavailable("too much is being received"))
            return len(data)
        self._taken += len(data)
        try:
            used: int = super().received(data)
        except OSError:
            # Nobody is told at whom this request was sent: the disk is full for all.
            logger.exception("cannot keep the body of a request")
            self.refuse(ServiceUnavailable("no space for the body"))
            return len(data)
        self._taken -= len(data) - used
        self._space.give(len(data) - used)
        if self.error:
            self.close()
        elif self.body_bytes_received > self._most:
            self.refuse(RequestEntityTooLarge("the body is too long"))
        return used
