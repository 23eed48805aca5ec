"""Answers of the API in the format that was asked for, and the headers that go with them.

Source: docs/api.md, Answers and Refusals.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from chevupload.errors import BackendError, Busy, HeldByTransaction, Refusal, ServerFault, UploadHeld
from chevupload.wsgi.webob import Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

logger = logging.getLogger("chevupload")

RETRY_SECONDS = "10"
"""After which a client may ask again whose answer was that a part is away."""

Document = dict[str, Any]
"""What JSON is made of."""
Format = Literal["json", "txt", "redirect"]

_REQUEST_HEADERS = (
    *("Cache-Control", "X-Requested-With", "Content-Type", "X-API-Key", "Idempotency-Key"),
    *("Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since"),
)
"""What pages may send in any case: the first row with uploads, the second to read a part of a file."""
_ASKED_HEADERS = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,1000}\Z")
_EXPOSED_HEADERS = (
    "Accept-Encoding, Accept-Ranges, Allow, Content-Disposition, Content-Length, Content-Range, ETag, Retry-After"
)
"""What pages may read, besides what Fetch lets them read of any answer."""


def answer_format(text: str | None) -> Format:
    """Read ``format``; anything unknown is json."""
    if text == "txt":
        return "txt"
    return "redirect" if text == "redirect" else "json"


def json_answer(document: Document, *, status: int = 200) -> Response:
    """Send a document."""
    body = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    headers = [("Content-Type", "application/json; charset=UTF-8"), ("Cache-Control", "no-store")]
    return Response(body=body, status=status, headerlist=headers)


def text_answer(text: str, *, status: int = 200) -> Response:
    """Send plain text."""
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "no-store"),
    ]
    return Response(body=text.encode(), status=status, headerlist=headers)


class PathRedirect(Response):  # type: ignore[misc]  # WebOb is untyped
    """A redirect whose ``Location`` stays a path.

    WebOb would make it absolute from the Host header, which a client controls.
    """

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as a WSGI application."""
        start_response(self.status, self.headerlist)
        return [self.body] if environ["REQUEST_METHOD"] != "HEAD" else []


def redirect_answer(address: str) -> Response:
    """Redirect with 302 to a path of this site, or to an absolute URL of the host or its storage."""
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"), ("Location", address)]
    return PathRedirect(status=302, body=b"", headerlist=headers)


def refusal_answer(wanted: Format, refusal: Refusal, *, has_context: bool = False) -> Response:
    """Send a refusal in the format that was asked for."""
    if wanted == "json":
        response = json_answer(refusal_document(refusal, has_context=has_context), status=refusal.status)
    else:
        response = text_answer(refusal.message, status=refusal.status)
    response.headers.extend(refusal.headers)
    return response


def refusal_document(refusal: Refusal, *, has_context: bool = False) -> Document:
    """Describe a refusal. ImgBB's clients expect ``error.context`` besides."""
    error: Document = {"message": refusal.message, "code": refusal.code}
    if has_context:
        error["context"] = type(refusal).__name__
    return {"status_code": refusal.status, "error": error, "status_txt": reason(refusal.status)}


def reason(status: int) -> str:
    """Return the standard reason phrase of an HTTP status."""
    return HTTPStatus(status).phrase


def wants_json(environ: WSGIEnvironment) -> bool:
    """Whether a program asks where people come, too: it says so, or sends DELETE, which no page can."""
    accepted = environ.get("HTTP_ACCEPT", "")
    asks = "application/json" in accepted or environ["REQUEST_METHOD"] == "DELETE"
    return asks and "text/html" not in accepted


def as_refusal(error: Exception) -> Refusal:
    """Turn whatever happened into what a client may read.

    What a client is told of is forgotten otherwise: by its traceback, a refusal that is kept somewhere would keep the
    request, whose environ may hold open files of its host.
    """
    if isinstance(error, Busy):
        # As many of these as visitors like: one line each says it all.
        logger.warning("a request was answered with 503: %s", error)
        return Busy(headers=(("Retry-After", RETRY_SECONDS),))
    if isinstance(error, HeldByTransaction):
        return UploadHeld(headers=(("Retry-After", RETRY_SECONDS),))
    if isinstance(error, BackendError):
        logger.error("a request was answered with 503", exc_info=error)
        return Busy(headers=(("Retry-After", RETRY_SECONDS),))
    if isinstance(error, Refusal):
        error.__context__ = None
        return error.with_traceback(None)
    logger.error("a request was answered with 500", exc_info=error)
    return ServerFault()


def preflight_answer(environ: WSGIEnvironment, methods: str) -> Response:
    """Answer OPTIONS, a browser's question before it uploads, or reads a part of a file.

    Whichever headers it asks for are allowed, as none of them opens anything: tracers add their own to every request.
    """
    response = Response(status=204)
    del response.content_type
    asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "")
    names = {name.lower(): name for name in _REQUEST_HEADERS}
    if _ASKED_HEADERS.match(asked):
        for name in filter(None, map(str.strip, asked.split(","))):
            names.setdefault(name.lower(), name)
    response.headers["Allow"] = methods
    response.headers["Access-Control-Allow-Methods"] = methods
    response.headers["Access-Control-Allow-Headers"] = ", ".join(names.values())
    response.headers["Access-Control-Max-Age"] = "86400"
    return response


def shared(response: Response, environ: WSGIEnvironment, origins: tuple[str, ...] | Literal["*"]) -> Response:
    """Return an answer that pages of the allowed origins may read, refusals too."""
    origin = environ.get("HTTP_ORIGIN")
    if origins != "*":
        response.headers.add("Vary", "Origin")
    if origins == "*" or origin in origins:
        response.headers.add("Access-Control-Allow-Origin", "*" if origins == "*" else origin)
        response.headers.add("Access-Control-Expose-Headers", _EXPOSED_HEADERS)
    return response
