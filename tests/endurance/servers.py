"""What the clients of an endurance run talk to, and what is done to it: servers, an object store, and their ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.ports import free_port
from tests.support import environment

PATIENCE_SECONDS = 300


class Group:
    """A program and its children, in a process group of its own, listening at a port of this machine."""

    def __init__(self, command: list[str], port: int, log: Path) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self._log = log.open("ab")
        self.process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, start_new_session=True, env=environment()
        )
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    raise RuntimeError(f"{command} did not start:\n{log.read_text()}") from None
                time.sleep(0.05)

    def children(self) -> list[int]:
        """List the processes that the program itself has started, and that are alive."""
        return [pid for pid, parent, _ in _processes() if parent == self.process.pid]

    def kill(self) -> None:
        """Kill all of it at once, and wait until nothing of it is left; twice is fine."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._await_end()

    def stop(self) -> None:
        """End it as a service manager does."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._await_end()

    def _await_end(self) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while any(group == self.process.pid for _, _, group in _processes()):
            assert time.monotonic() < deadline, "some of its processes do not end"
            time.sleep(0.05)
        self._log.close()


def _processes() -> Iterator[tuple[int, int, int]]:
    """Yield id, parent and process group of every process that is alive."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent, group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if state != "Z":
                    yield int(entry.name), int(parent), int(group)


class Serve(Group):
    """``chevupload serve``, which is killed as a whole and started again."""

    def __init__(self, folder: Path, log: Path) -> None:
        port = free_port()
        command = [sys.executable, "-m", "chevupload", "serve", "--data", str(folder), "--port", str(port)]
        super().__init__([*command, "--sweep-minutes", "0.05", "--flood", "off"], port, log)


class Gunicorn(Group):
    """Some workers, each of which may be killed at any moment, and which sweep nothing."""

    def __init__(self, log: Path, workers: int) -> None:
        port = free_port()
        options = [
            "--workers",
            str(workers),
            "--threads",
            "4",
            "--worker-class",
            "gthread",
            "--bind",
            f"127.0.0.1:{port}",
        ]
        # No worker is ended for its slowness, nor before it has written what it counted.
        options += ["--timeout", "300", "--graceful-timeout", "300"]
        # Loaded once, before the workers are forked: a new one serves at once, where importing takes seconds.
        command = [
            sys.executable,
            "-m",
            "gunicorn",
            "--preload",
            "--no-control-socket",
            *options,
            "tests.endurance.site:make_application()",
        ]
        super().__init__(command, port, log)


class ObjectStore(Group):
    """An S3 server that keeps everything in its memory, and therefore is paused and not killed."""

    def __init__(self, log: Path) -> None:
        port = free_port()
        super().__init__([sys.executable, "-m", "moto.server", "-p", str(port)], port, log)

    def pause(self, seconds: float) -> None:
        """Let it answer nobody for a while."""
        os.killpg(self.process.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.killpg(self.process.pid, signal.SIGCONT)
