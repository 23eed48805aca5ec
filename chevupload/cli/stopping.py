"""Runs a waitress server until somebody ends it, and lets what is under way come to its end then."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from waitress import wasyncore
from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

_LOOK_SECONDS = 0.1
"""How often what is left is looked at."""
_THREADS_SECONDS = 1.0
"""How long threads that have nothing to do may take to end; waitress warns of those that are still there."""


def run(server: Any, *, stop_seconds: float) -> None:
    """Serve until SIGINT or SIGTERM comes.

    Then nobody is accepted any more, connections where nothing is under way are closed, and requests that are being
    received, worked on or answered come to their end within ``stop_seconds``. A second signal ends them at once.

    Raises:
        KeyboardInterrupt: a second signal came.
    """
    # One server listens at one address; where there are several, another object holds them.
    by_descriptor: dict[int, Any] = server.map if hasattr(server, "map") else server._map
    try:
        with _stop_signals(by_descriptor) as signals:
            while not signals:
                _turn(by_descriptor, server.adj.asyncore_loop_timeout)
            _finish(by_descriptor, time.monotonic() + stop_seconds)
    finally:
        server.task_dispatcher.shutdown(timeout=_THREADS_SECONDS)
        wasyncore.close_all(by_descriptor)


@contextmanager
def _stop_signals(by_descriptor: dict[int, Any]) -> Iterator[list[int]]:
    """Collect the signals that come meanwhile; the second one raises."""
    found: list[int] = []

    def note(number: int, frame: object) -> None:
        if found:
            raise KeyboardInterrupt
        found.append(number)
        # Whatever the loop waits for, it has something to do now.
        next(one for one in by_descriptor.values() if isinstance(one, BaseWSGIServer)).pull_trigger()

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield found
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _turn(by_descriptor: dict[int, Any], seconds: float) -> None:
    """Do what can be done now, or wait until there is something to do, for ``seconds`` at most."""
    wasyncore.loop(timeout=seconds, map=by_descriptor, use_poll=True, count=1)


def _finish(by_descriptor: dict[int, Any], deadline: float) -> None:
    for one in list(by_descriptor.values()):
        if isinstance(one, BaseWSGIServer):
            _accept_all(one, by_descriptor)
            wasyncore.dispatcher.close(one)
    # What clients have sent by now is under way, too.
    _turn(by_descriptor, 0)
    while (channels := _channels(by_descriptor)) and time.monotonic() < deadline:
        for channel in channels:
            requests = [*channel.requests] + ([channel.request] if channel.request is not None else [])
            for request in requests:
                request.headers["CONNECTION"] = "close"
            channel.will_close |= not requests and not channel.total_outbufs_len
        _turn(by_descriptor, _LOOK_SECONDS)


def _accept_all(listener: BaseWSGIServer, by_descriptor: dict[int, Any]) -> None:
    """Accept who is connected already, for all that a client can know."""
    count = -1
    while len(by_descriptor) != count:
        count = len(by_descriptor)
        listener.handle_accept()


def _channels(by_descriptor: dict[int, Any]) -> list[Any]:
    return [one for one in by_descriptor.values() if isinstance(one, HTTPChannel)]
