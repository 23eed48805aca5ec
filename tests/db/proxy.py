"""A way to a database server that a test can cut, close or keep silent."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import URL

from tests.ports import free_port

_READ_BYTES = 65_536


class Proxy:
    """Hands connections on to the server of ``url``; its own ``url`` leads through it.

    Attributes:
        on_loss: when it is set, what the server says next is lost, and this is called.
        is_silent: whether new connections are taken and never answered.
    """

    def __init__(self, url: URL) -> None:
        self._upstream = _address(url)
        self._port = free_port()
        self._listener = socket.create_server(("127.0.0.1", self._port))
        query = {name: value for name, value in url.query.items() if name not in ("host", "port", "unix_socket")}
        self.url = url.set(host="127.0.0.1", port=self._port, query=query)
        self.on_loss: Callable[[], None] | None = None
        self.is_silent = False
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def cut(self) -> None:
        """End every connection that there is, as a server does that is started anew."""
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Refuse new connections, and end those that there are."""
        # A thread that waits in accept would keep the socket listening.
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def open(self) -> None:
        """Take connections again."""
        self._listener = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def on_data(self, source: socket.socket, data: bytes, *, is_answer: bool) -> None:
        """Look at what is handed on; a subclass may."""

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                self._open.add(near)
                if self.is_silent:
                    threading.Thread(target=self._carry, args=[near, near, None], daemon=True).start()
                    continue
                far = socket.socket(*self._upstream[0])
                far.connect(self._upstream[1])
                self._open.add(far)
                for ends in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._carry, args=ends, daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, is_answer: bool | None) -> None:
        """Hand on what ``source`` says, an answer or not; None is neither, and stays unheard."""
        with contextlib.suppress(OSError):
            while data := source.recv(_READ_BYTES):
                if is_answer and self.on_loss is not None:
                    lost, self.on_loss = self.on_loss, None
                    lost()
                    break
                if is_answer is not None:
                    self.on_data(source, data, is_answer=is_answer)
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()
        self._open.discard(source)


def _address(url: URL) -> tuple[tuple[int, int], Any]:
    """Return where the server of ``url`` listens: a socket in a folder, or a port."""
    query: Mapping[str, Any] = url.query
    port = url.port or query.get("port") or (5432 if url.get_backend_name() == "postgresql" else 3306)
    host = query.get("host") or url.host or "127.0.0.1"
    path = query.get("unix_socket") or (f"{host}/.s.PGSQL.{port}" if host.startswith("/") else None)
    if path:
        return (socket.AF_UNIX, socket.SOCK_STREAM), path
    return (socket.AF_INET, socket.SOCK_STREAM), (host, int(port))
