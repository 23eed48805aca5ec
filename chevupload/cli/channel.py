"""One connection of the server: one request of it at a time, and no thread waits for its client."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import TYPE_CHECKING, Any

from waitress.channel import HTTPChannel
from waitress.task import ErrorTask

from chevupload.cli.request_parser import RequestParser, RequestTimeout
from chevupload.wsgi.responses import reason
from chevupload.wsgi.routing import client_network

if TYPE_CHECKING:
    from chevupload.cli.server import Server

_SEND_BYTES = 131_072
"""One read of a file, and one write to a socket."""
_RETRY_SECONDS = 10
_LINGER_SECONDS = 30
"""How long what still comes after a refusal is read and dropped, and how long it may pause. nginx's times."""
_LINGER_PAUSE_SECONDS = 5


class JsonErrorTask(ErrorTask):  # type: ignore[misc]  # waitress is untyped
    """Answers what the server refuses by itself: malformed, too large or too slow requests."""

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
        if status == 503:
            self.response_headers.append(("Retry-After", str(_RETRY_SECONDS)))
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress is untyped
    """A connection. waitress works off all that a client pipelines, whether or not it takes the answers.

    Here, what follows a request stays where it is until the answer was taken. So a client that reads nothing costs one
    answer, and no answer has to wait in a thread.
    """

    error_task_class = JsonErrorTask
    parser_class = RequestParser
    server: Server
    request: RequestParser | None

    def __init__(self, server: Server, sock: socket.socket, addr: Any, adj: Any, map: Any = None) -> None:
        """Take a connection that was just accepted."""
        # Some systems name nobody whose connection ended before it was accepted.
        self.client = client_network(addr[0]) if addr else ""
        self._ahead = b""
        self._was_refused = False
        self._lingers_since: float | None = None
        super().__init__(server, sock, addr, adj, map=map)
        self.sendbuf_len = _SEND_BYTES
        server.connections.add(self)

    @property
    def waiting_since(self) -> float | None:
        """When the client was last seen to do its part: to send a request, to take an answer. None while we do ours."""
        if self.requests:
            return None
        last: float = self.last_activity
        return last if self.request is None else self.request.since(last)

    def readable(self) -> bool:
        """Whether more may be read. Nothing of one that was closed: its descriptor may be the next connection's."""
        if self.socket is None:
            return False
        return self._lingers_since is not None or (not self._ahead and bool(super().readable()))

    def writable(self) -> bool:
        """Whether something may be written: an answer, or the next one, once there is room for it."""
        return self.socket is not None and (bool(super().writable()) or self._is_ready_for_more())

    def handle_write(self) -> None:
        """Write, and turn to the next request."""
        if self._was_refused and self.close_when_flushed:
            self._flush_exception(self._flush_some)
            if not self.will_close:
                self._linger()
                return
        super().handle_write()
        if self._is_ready_for_more():
            self.received(b"")

    def _is_ready_for_more(self) -> bool:
        return bool(self._ahead) and not self.requests and not self.total_outbufs_len

    def _linger(self) -> None:
        """Once a refusal is sent, end our side only, and drop what still comes of the request.

        Closing a connection that has something unread resets it, and the client may never see why. RFC 9112, section
        9.6.
        """
        if not self.total_outbufs_len:
            self.close_when_flushed = False
            self._ahead = b""
            self._lingers_since = time.time()
            with contextlib.suppress(OSError):
                self.socket.shutdown(socket.SHUT_WR)

    def received(self, data: bytes) -> bool:
        """Take what was read, up to the end of one request."""
        if self._lingers_since is not None:
            return False
        with self.requests_lock:
            if self.will_close or self.close_when_flushed or not self.connected:
                self._ahead = b""
                return False
            data = self._ahead + data
            while data and not self.requests:
                if self.request is None:
                    # Empty lines before a request are none: RFC 9112, section 2.2.
                    data = data.lstrip(b"\r\n")
                    if not data:
                        break
                    self.request = self.parser_class(self.adj, self.server.body_space.of(self.client))
                data = data[self.request.received(data) :]
                if self.request.completed:
                    self._work()
                elif self.request.expect_continue and self.request.headers_finished and not self.sent_continue:
                    self.send_continue()
            self._ahead = data
        return True

    def _work(self) -> None:
        """Have a thread answer the request, which is complete."""
        self.sent_continue = False
        self._was_refused = self.request is not None and bool(self.request.error)
        self.requests.append(self.request)
        self.request = None
        self.server.add_task(self)

    def end_if_stalled(self, now: float) -> None:
        """Refuse a request that does not get on, and close a connection where nothing moves."""
        if self.requests:
            return
        if self._lingers_since is not None:
            pause = now - self.last_activity
            if pause >= _LINGER_PAUSE_SECONDS or now - self._lingers_since >= _LINGER_SECONDS:
                self.handle_close()
        elif self.request is not None and self.request.is_late(now, self.server.read_timeout):
            with self.requests_lock:
                self.request.refuse(RequestTimeout("the request is too slow"))
                self._work()
        elif now - self.last_activity >= self.adj.channel_timeout:
            self.handle_close()

    def handle_close(self) -> None:
        """Close the connection, and let go of what came of a request."""
        if self.request is not None:
            self.request.close()
        super().handle_close()

    def del_channel(self, map: Any = None) -> None:
        """Be forgotten."""
        super().del_channel(map)
        self.server.connections.remove(self)
