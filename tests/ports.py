"""Ports of this machine for the servers that tests start."""

from __future__ import annotations

import contextlib
import secrets
import socket
import time

_PORTS = range(10_000, 32_768)
"""Below those that Linux gives to connections, and to servers that leave the choice to it."""
_given: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens at, and that nobody gets by chance before the asker listens there."""
    while True:
        # Not from ``random``: whose seed may be the same in several processes.
        port = secrets.choice(_PORTS)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            if port not in _given:
                _given.add(port)
                return port


def wait_for(port: int, seconds: float = 300.0) -> None:
    """Wait until somebody listens at ``port``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=seconds).close()
        except OSError:
            assert time.monotonic() < deadline, "the server does not listen"
            time.sleep(0.05)
        else:
            return
