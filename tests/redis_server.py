"""A real Redis for tests, which can be killed, stopped and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.ports import free_port, wait_for

needs_redis = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="Redis is not installed: apt-get install redis-server"
)


class RedisServer:
    """A Redis at a free port, which keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"redis://127.0.0.1:{self.port}/1"
        self.start()

    def start(self) -> None:
        """Start it, without what it had counted."""
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self._process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL, start_new_session=True)
        wait_for(self.port)

    def pause(self) -> None:
        """Let it answer nothing, and keep its connections."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
