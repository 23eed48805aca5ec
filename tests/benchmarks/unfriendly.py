"""What unfriendly clients do to everybody else: how long health and a small upload take while they hold on.

    python -m tests.benchmarks.unfriendly [--servers serve,gunicorn,nginx] [--clients "paused readers,pipeliners"]
                                          [--seconds 10] [--count N] [--checkout FOLDER] [--json]

Each kind of client has a new server, and ``--seconds`` to do its worst, while somebody else, at another address of this
machine, asks for health and uploads a picture of some pixels, in turns. ``serve`` is ``chevupload serve``, ``gunicorn``
is gthread as the example of a deployment has it, ``nginx`` the same behind nginx with the example's configuration,
``x_accel`` that with files sent by nginx itself; ``flask``, ``pyramid``, ``bottle``, ``django`` and ``falcon`` are the
examples' hosts under that gunicorn, and a page of theirs stands for health. ``--checkout`` takes the code of another
checkout. Nothing here asserts a time, and nothing leaves this machine. Needs the extra ``test``, Linux and, for
``nginx`` and ``x_accel``, nginx.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.benchmarks.attackers import ATTACKS, attacking
from tests.benchmarks.stages import SERVERS, Stage
from tests.support import ROOT, picture

_ELSEWHERE = "127.0.0.2"
"""Where the probe comes from; all of 127.0.0.0/8 is this machine."""
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What was seen. Times are in seconds; None where nothing was answered."""

    server: str
    client: str
    count: int
    alive: int
    """Connections of the unfriendly that were still open at the end."""
    answered: dict[str, int]
    """Answers by request: ``health`` and ``upload``."""
    unanswered: dict[str, int]
    median: dict[str, float | None]
    maximum: dict[str, float | None]
    memory_mb: float
    """The peak of all processes above what they had before."""
    temporary_mb: float
    """The peak of temporary files."""


class Probe:
    """Somebody who wants nothing but an answer."""

    def __init__(self, stage: Stage) -> None:
        """Ask this server."""
        self._stage = stage
        self._count = 0
        self.seconds: dict[str, list[float]] = {"health": [], "upload": []}
        self.unanswered = {"health": 0, "upload": 0}

    def run(self, seconds: float) -> None:
        """Ask in turns."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.ask("health", lambda connection: connection.request("GET", self._stage.probed))
            self.ask("upload", self._upload)
            time.sleep(_LOOK_SECONDS / 5)

    def ask(self, name: str, send: Callable[[http.client.HTTPConnection], None]) -> None:
        """Ask on a new connection, and note how long it took."""
        started = time.monotonic()
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._stage.target.port, timeout=_PATIENCE_SECONDS, source_address=(_ELSEWHERE, 0)
        )
        try:
            send(connection)
            answer = connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException):
            self.unanswered[name] += 1
        else:
            if answer.status == 200:
                self.seconds[name].append(time.monotonic() - started)
            else:
                self.unanswered[name] += 1
        finally:
            connection.close()

    def _upload(self, connection: http.client.HTTPConnection) -> None:
        self._count += 1
        content = picture((8 + self._count % 50, 6))
        head = b'--b\r\nContent-Disposition: form-data; name="source"; filename="a.png"\r\n\r\n'
        headers = {"X-API-Key": self._stage.key, "Content-Type": "multipart/form-data; boundary=b"}
        connection.request("POST", "/api/1/upload", head + content + b"\r\n--b--\r\n", headers)


class Watch:
    """Looks at what a server takes, until it is told to end."""

    def __init__(self, stage: Stage) -> None:
        """Look at this server, whose memory now is what is counted from."""
        self._stage = stage
        self._before = stage.memory_mb()
        self.memory_mb = self.temporary_mb = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.memory_mb = max(self.memory_mb, self._stage.memory_mb() - self._before)
            self.temporary_mb = max(self.temporary_mb, self._stage.temporary_mb())

    def close(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()


def measure(server: str, client: str, *, seconds: float, count: int | None, checkout: Path) -> Row:
    """Let one kind of client loose on one server."""
    with tempfile.TemporaryDirectory(prefix="unfriendly-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with SERVERS[server](folder, checkout) as stage:
            probe = Probe(stage)
            # The decoders of both processes, and everything that is loaded late, are there before anything is measured.
            probe.run(1)
            probe = Probe(stage)
            watch = Watch(stage)
            try:
                with attacking(client, stage.target, count) as attack:
                    time.sleep(1)
                    probe.run(seconds)
                    alive = attack.alive()
            finally:
                watch.close()
    return Row(
        server=server,
        client=client,
        count=ATTACKS[client][1] if count is None else count,
        alive=alive,
        answered={kind: len(found) for kind, found in probe.seconds.items()},
        unanswered=probe.unanswered,
        median={kind: round(statistics.median(found), 3) if found else None for kind, found in probe.seconds.items()},
        maximum={kind: round(max(found), 3) if found else None for kind, found in probe.seconds.items()},
        memory_mb=round(watch.memory_mb),
        temporary_mb=round(watch.temporary_mb),
    )


def as_line(row: Row) -> str:
    """Return a row of a table in Markdown."""

    def cell(kind: str) -> str:
        if row.median[kind] is None:
            return f"none of {row.unanswered[kind]}"
        lost = f", {row.unanswered[kind]} without an answer" if row.unanswered[kind] else ""
        return f"{row.median[kind]} / {row.maximum[kind]}{lost}"

    return (
        f"| {row.server} | {row.count} {row.client} | {row.alive} | {cell('health')} | {cell('upload')} "
        f"| {row.memory_mb} | {row.temporary_mb} |"
    )


HEAD = """| server | clients | open at the end | health, median / maximum s | small upload | memory MB | temporary MB |
| --- | --- | --- | --- | --- | --- | --- |"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--servers", default="serve,gunicorn,nginx", help=f"of {', '.join(SERVERS)} (%(default)s)")
    parser.add_argument("--clients", default=",".join(ATTACKS), help="(%(default)s)")
    parser.add_argument("--seconds", type=float, default=10, help="how long each is let loose (%(default)s)")
    parser.add_argument("--count", type=int, help="how many of each kind, instead of each kind's own number")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="whose code is run (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each row")
    arguments = parser.parse_args()
    if not arguments.json:
        print(HEAD, flush=True)
    for server in arguments.servers.split(","):
        for client in arguments.clients.split(","):
            print(f"{server}: {client}", file=sys.stderr)
            row = measure(
                server, client, seconds=arguments.seconds, count=arguments.count, checkout=arguments.checkout.resolve()
            )
            print(json.dumps(asdict(row)) if arguments.json else as_line(row), flush=True)


if __name__ == "__main__":
    main()
