"""A waitress server whose own refusals speak JSON, too: no client of this API can read its plain-text pages.

May know: waitress.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import urllib.parse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import waitress.server
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

from chevupload.config import Limits, Routes
from chevupload.errors import ConfigError
from chevupload.request.forms import body_limit, parse_content_type
from chevupload.response.documents import reason

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_RECEIVE_BYTES = 262_144
"""One read of a socket; waitress's default of 8 KiB costs several times the CPU of the upload itself."""
_OTHER_BODY_BYTES = 1_048_576
"""Longest body of any other route; none of them reads more than a few fields."""
_CONNECTIONS = 1_000
"""Connections at a time. Browsers keep several open each, and with waitress's 100 a few slow clients lock out all."""
ROUTES = Routes(
    upload_page="upload",
    api_page="api-v1",
    health="health",
    liveness="health/live",
    oembed="oembed",
    pup="sdk/pup.js",
    home="/",
)
"""Where this server answers: as a component by itself, with the pages that people start from, upload on and read about
the API, with oEmbed and the script for other sites where Chevereto has them, and its health."""
_UPLOADS = (ROUTES.upload, ROUTES.imgbb, ROUTES.upload_page)
_IDLE_SECONDS = 60
"""A connection where nothing moves is closed after this, half of waitress's time: a stalled client gives its place up
sooner, and those that wait between two uploads just connect again."""


class _JsonErrorTask(ErrorTask):  # type: ignore[misc]  # waitress is untyped
    """Answers what waitress refuses by itself: malformed or too large requests."""

    def execute(self) -> None:
        """Send the refusal."""
        error = self.request.error
        status = int(error.code)
        document = {
            "status_code": status,
            "error": {"message": str(error.reason), "code": status},
            "status_txt": reason(status),
        }
        body = json.dumps(document, separators=(",", ":")).encode()
        self.status = f"{status} {reason(status)}"
        self.response_headers.append(("Content-Type", "application/json; charset=UTF-8"))
        self.response_headers.append(("Access-Control-Allow-Origin", "*"))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class _Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress is untyped
    """Refuses a body that is declared too long as soon as its headers are read, and keeps nothing of it."""

    error: Any

    def received(self, data: bytes) -> int:
        """Take a piece of the request and return how many bytes of it were used."""
        in_headers = not self.headers_finished
        used: int = super().received(data)
        if in_headers and self.headers_finished and not self.error and self.content_length > self._limit():
            self.error = RequestEntityTooLarge("the declared body is too long")
            self.completed = True
        if self.completed:
            # The channel would ask a client that waits for it to go on, and wait itself for what is never read.
            self.expect_continue = False
        return used

    def _limit(self) -> int:
        if self.path.strip("/") not in _UPLOADS:
            return _OTHER_BODY_BYTES
        content_type, _ = parse_content_type(self.headers.get("CONTENT_TYPE"))
        return body_limit(content_type, Limits().max_bytes)


class _JsonChannel(HTTPChannel):  # type: ignore[misc]  # waitress is untyped
    error_task_class = _JsonErrorTask
    parser_class = _Parser


def listen(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket for every address of ``host``.

    Raises:
        ConfigError: there cannot be one.
    """
    if not host or not 0 <= port <= 65535:
        # The system would take every interface for no host, and the rest of a division for the port.
        raise ConfigError(f"cannot listen at {_spelled(host)}:{port}")
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            sockets.append(socket.create_server(address, family=family))
    except (OSError, UnicodeError) as error:
        for opened in sockets:
            opened.close()
        raise ConfigError(f"cannot listen at {_spelled(host)}:{port}: {_advice(error)}") from error
    return sockets


def _advice(error: OSError | UnicodeError) -> str:
    """Say what is wrong, and which option changes it."""
    if isinstance(error, UnicodeError):
        return "not a host name; choose another with --host"
    if isinstance(error, socket.gaierror):
        return f"{error.strerror}; choose another with --host"
    option = "--port" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "--host"
    return f"{os.strerror(error.errno or 0)}; choose another with {option}"


def create_server(component: WSGIApplication, sockets: Sequence[socket.socket], *, threads: int) -> tuple[Any, str]:
    """Return a server on listening sockets with its address; its ``run`` serves, its ``close`` ends it."""
    server = waitress.server.create_server(
        component,
        sockets=list(sockets),
        threads=threads,
        recv_bytes=_RECEIVE_BYTES,
        # For bodies without a declared length. From this length on, waitress refuses.
        max_request_body_size=body_limit("application/x-www-form-urlencoded", Limits().max_bytes) + 1,
        connection_limit=_CONNECTIONS,
        channel_timeout=_IDLE_SECONDS,
        # Unlike poll, select cannot watch descriptors from 1024 on.
        asyncore_use_poll=True,
        ident="chevupload",
        # The component has an opinion on forwarded headers of its own.
        clear_untrusted_proxy_headers=False,
    )
    is_several = isinstance(server, waitress.server.MultiSocketServer)
    for part in server.map.values() if is_several else [server]:
        part.channel_class = _JsonChannel
    host, port = server.effective_listen[0] if is_several else (server.effective_host, server.effective_port)
    return server, f"http://{_outside_name(host)}:{port}"


def _outside_name(host: str) -> str:
    """Return what a client on this machine calls ``host``."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return "127.0.0.1"
    return _spelled(urllib.parse.quote(host, safe=":")) if ":" in host else host


def _spelled(host: str) -> str:
    """Return ``host`` as it stands before a port."""
    return f"[{host}]" if ":" in host else host
