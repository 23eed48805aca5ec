"""A waitress server that no client can stop: a slow client holds a connection, and nothing else for long.

Its own refusals speak JSON: no client of this API can read waitress's plain-text pages.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import sys
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from waitress.adjustments import Adjustments
from waitress.server import MultiSocketServer, TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from chevupload.cli.body_space import BodySpace
from chevupload.cli.channel import Channel
from chevupload.cli.connections import Connections
from chevupload.cli.task_queue import TaskQueue
from chevupload.config import Limits
from chevupload.errors import ConfigError
from chevupload.wsgi.body import body_limit

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_RECEIVE_BYTES = 262_144
"""One read of a socket; waitress's default of 8 KiB costs several times the CPU of the upload itself."""
_HEADER_BYTES = 65_536
"""Longest headers. They are searched anew with each piece that arrives, so that long ones in small pieces are dear."""
_IDLE_SECONDS = 60
"""A connection where nothing moves is closed after this, half of waitress's time: a stalled client gives its place up
sooner, and those that wait between two uploads just connect again."""
_LOOK_SECONDS = 1
"""How often connections are looked through for those that stall."""
_ACCEPTED_AT_ONCE = 64
_UNSENT_BYTES = 131_072
"""What the system keeps for a client that does not read; it would take megabytes."""
_SELECTED = 500
"""Connections where there is no poll: select, on Windows, watches 512 sockets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """What all clients together may cost the server."""

    connections: int = 2_000
    """Connections at a time. Browsers keep several open each."""
    connections_per_address: int = 500
    """Of them, those of one IPv4 address or one /64 network of IPv6; 0 does not bound them."""
    read_timeout: float = 20.0
    """Seconds for a request's headers, and for every 1,000 bytes a second that a body has to bring in this time."""
    body_bytes: int = 2_000_000_000
    """Bodies that are on the disk of ``TMPDIR``, or in memory, at a time. Where connections of an address are bounded,
    it has half of these bytes, or one of the largest bodies."""


class Server(TcpWSGIServer):  # type: ignore[misc]  # waitress is untyped
    """What listens at one socket."""

    channel_class = Channel

    def __init__(
        self,
        *arguments: Any,
        connections: Connections,
        body_space: BodySpace,
        read_timeout: float,
        **named: Any,
    ) -> None:
        """Listen, and share connections and space with what listens at other sockets."""
        self.connections = connections
        self.body_space = body_space
        self.read_timeout = read_timeout
        super().__init__(*arguments, **named)

    def readable(self) -> bool:
        """Whether to accept. It is asked between two turns, when descriptors can be closed without being mistaken."""
        self.connections.trim()
        return bool(super().readable())

    def handle_accept(self) -> None:
        """Accept several: with one in each turn, those that come last would wait for as many turns."""
        for _ in range(_ACCEPTED_AT_ONCE):
            before = len(self.active_channels)
            super().handle_accept()
            if len(self.active_channels) == before:
                return

    def set_socket_options(self, conn: socket.socket) -> None:
        """Set up an accepted connection."""
        super().set_socket_options(conn)
        if hasattr(socket, "TCP_NOTSENT_LOWAT"):
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)

    def maintenance(self, now: float) -> None:
        """Look for connections that stall."""
        for channel in list(self.active_channels.values()):
            channel.end_if_stalled(now)


def listen(host: str, port: int) -> list[socket.socket]:
    """Return a listening socket for every address of ``host``.

    Raises:
        ConfigError: there cannot be one.
    """
    # The system would take every interface for no host.
    if not host:
        raise ConfigError("cannot listen at an empty --host; 0.0.0.0 is every interface")
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


def create_server(
    component: WSGIApplication, sockets: Sequence[socket.socket], *, threads: int, limits: ServerLimits
) -> tuple[MultiSocketServer, str]:
    """Return a server on listening sockets with its address; its ``run`` serves, its ``close`` ends it."""
    adjustments = Adjustments(
        threads=threads,
        recv_bytes=_RECEIVE_BYTES,
        max_request_header_size=_HEADER_BYTES,
        # For bodies without a declared length. From this length on, waitress refuses.
        max_request_body_size=body_limit("application/x-www-form-urlencoded", Limits().max_bytes) + 1,
        # Files are sent from where they are, and there is one answer at a time: nothing has to wait for its client.
        outbuf_high_watermark=sys.maxsize,
        # Connections are counted by ourselves.
        connection_limit=sys.maxsize,
        channel_timeout=_IDLE_SECONDS,
        cleanup_interval=_LOOK_SECONDS,
        # Unlike poll, select cannot watch descriptors from 1024 on.
        asyncore_use_poll=True,
        ident="chevupload",
        # The component has an opinion on forwarded headers of its own.
        clear_untrusted_proxy_headers=False,
    )
    most = limits.connections if hasattr(select, "poll") else min(limits.connections, _SELECTED)
    connections = Connections(most, limits.connections_per_address)
    body_space = BodySpace(limits.body_bytes, is_shared=limits.connections_per_address > 0)
    dispatcher = ThreadedTaskDispatcher()
    dispatcher.queue = TaskQueue()
    dispatcher.set_thread_count(threads)
    by_descriptor: dict[int, Any] = {}
    listeners = [
        Server(
            component,
            by_descriptor,
            _sock=one,
            dispatcher=dispatcher,
            adj=adjustments,
            sockinfo=(one.family, one.type, one.proto, one.getsockname()),
            bind_socket=False,
            connections=connections,
            body_space=body_space,
            read_timeout=limits.read_timeout,
        )
        for one in sockets
    ]
    addresses = [(listener.effective_host, listener.effective_port) for listener in listeners]
    server = MultiSocketServer(by_descriptor, adjustments, addresses, dispatcher, listeners[0].log_info)
    host, port = addresses[0]
    return server, f"http://{_outside_name(host)}:{port}"


def _outside_name(host: str) -> str:
    """Return what a client on this machine calls ``host``."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        return "127.0.0.1"
    return _spelled(urllib.parse.quote(host, safe=":")) if ":" in host else host


def _spelled(host: str) -> str:
    """Return ``host`` as it stands before a port."""
    return f"[{host}]" if ":" in host else host
