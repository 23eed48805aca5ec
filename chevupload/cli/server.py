"""A waitress server whose own refusals speak JSON, too: no client of this API can read its plain-text pages.

May know: waitress.
"""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import waitress.server
from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from chevupload.app import ChevUpload
from chevupload.config import Limits
from chevupload.errors import ConfigError
from chevupload.request.forms import body_limit
from chevupload.response.documents import reason

_RECEIVE_BYTES = 262_144
"""One read of a socket; waitress's default of 8 KiB costs several times the CPU of the upload itself."""


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


class _JsonChannel(HTTPChannel):  # type: ignore[misc]  # waitress is untyped
    error_task_class = _JsonErrorTask


def create_server(component: ChevUpload, *, host: str, port: int, threads: int) -> tuple[Any, str]:
    """Bind a server and return it with its address; its ``run`` serves, its ``close`` ends it."""
    if not 0 <= port <= 65535:
        # The system would take the rest of a division.
        raise ConfigError(f"cannot listen at port {port}")
    try:
        server = waitress.server.create_server(
            component,
            listen=f"{host}:{port}" if ":" not in host else f"[{host}]:{port}",
            threads=threads,
            recv_bytes=_RECEIVE_BYTES,
            max_request_body_size=body_limit("application/x-www-form-urlencoded", Limits().max_bytes),
            ident="chevupload",
            # The component has an opinion on forwarded headers of its own.
            clear_untrusted_proxy_headers=False,
        )
    except ValueError as error:
        raise ConfigError(f"cannot listen at {host}: {error}") from error
    sockets = getattr(server, "map", {}).values() if isinstance(server, waitress.server.MultiSocketServer) else [server]
    for socket in sockets:
        socket.channel_class = _JsonChannel
    if isinstance(server, waitress.server.MultiSocketServer):
        host, port = server.effective_listen[0]
    else:
        host, port = server.effective_host, server.effective_port
    return server, f"http://{_outside_name(host)}:{port}"


def _outside_name(host: str) -> str:
    """Return what a client on this machine calls ``host``."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return "127.0.0.1"
    return f"[{urllib.parse.quote(host, safe=':')}]" if ":" in host else host
