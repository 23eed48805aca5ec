"""A real server for a host under test, in a thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_SECONDS = 30.0
_PAUSE_SECONDS = 0.001


@contextmanager
def serve(application: WSGIApplication, *, port: int = 0) -> Iterator[str]:
    """Run ``application`` on a real server, waitress, in a thread; give its address. Port 0 is any that is free."""
    from waitress.server import create_server  # noqa: PLC0415  # an extra, for those who have no server of their own

    server = create_server(application, host="127.0.0.1", port=port, threads=8, clear_untrusted_proxy_headers=False)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    # Before its threads wait for requests, it would warn of each that there is none for it.
    while server.task_dispatcher.active_count:
        time.sleep(_PAUSE_SECONDS)
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        # First its threads, which tell the loop when they have answered.
        server.task_dispatcher.shutdown()
        # Closed in its own loop, which ends when there is nothing left to wait for; it may be faster than who asks it.
        with suppress(OSError):
            server.trigger.pull_trigger(lambda: _close(server))
        thread.join(timeout=_SECONDS)


def _close(server: Any) -> None:
    for channel in list(server.active_channels.values()):
        channel.handle_close()
    server.close()
