"""How many uploads a second a server takes from 1, 8 and 32 clients, and how long these wait.

Our server and the tutorial way, both under waitress with as many threads, take turns. The clients are threads of one
other process on the same machine, each with one connection, on which it uploads the same photograph again and again;
their own work is part of what the machine does meanwhile. A client that is told that the server is busy tries again
after a second: such answers are counted as refused, and in no other number. Nothing here asserts a time.

    python -m tests.benchmarks.throughput [--seconds 10] [--rounds 3] [--clients 1,8,32]

Needs the extra ``benchmark`` and Linux.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path

from tests.benchmarks.samples import Sample, make_photo
from tests.benchmarks.servers import ROOT, Client, Server, ours, tutorial_way

WARM_UPS = 8
BUSY = HTTPStatus.SERVICE_UNAVAILABLE
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Uploads in a number of seconds, how many milliseconds each took, in order of size, and how many were refused."""

    seconds: float
    milliseconds: list[float]
    refused: int

    @property
    def rate(self) -> float:
        """Uploads a second."""
        return len(self.milliseconds) / self.seconds

    def within(self, share: float) -> float:
        """Return the milliseconds within which this share of all uploads was answered."""
        return self.milliseconds[min(int(len(self.milliseconds) * share), len(self.milliseconds) - 1)]


def upload_for(sample: Sample, port: int, key: str, *, clients: int, seconds: float) -> Load:
    """Upload from so many clients at once for so long. What was begun is waited for, and counted."""
    found: list[float] = []
    refused: list[int] = []
    begun = time.monotonic()

    def work() -> None:
        client = Client(port, key)
        while (start := time.monotonic()) - begun < seconds:
            status, answer = client.try_to_upload(sample)
            if status == BUSY:
                refused.append(status)
                time.sleep(PAUSE_SECONDS)
                continue
            assert status == HTTPStatus.OK, answer
            found.append((time.monotonic() - start) * 1000)
        client.close()

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Load(seconds=time.monotonic() - begun, milliseconds=sorted(found), refused=len(refused))


def measure(server: Server, sample: Sample, *, clients: int, seconds: float) -> Load:
    """Let a process of its own upload."""
    command = [sys.executable, "-m", "tests.benchmarks.throughput", "--upload-to", str(server.port), server.key]
    command += ["--clients", str(clients), "--seconds", str(seconds)]
    done = subprocess.run(command, input=sample.content, stdout=subprocess.PIPE, cwd=ROOT, check=True)
    return Load(**json.loads(done.stdout))


def line(name: str, clients: int, loads: list[Load]) -> str:
    """Return a line of the table: medians over the rounds."""
    numbers = [
        statistics.median(found)
        for found in (
            [load.rate for load in loads],
            *([load.within(share) for load in loads] for share in (0.5, 0.95, 0.99)),
            [load.refused for load in loads],
        )
    ]
    return f"{name:<12}{clients:>8}" + "".join(f"{number:>12.1f}" for number in numbers)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each turn (%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often all take turns (%(default)s)")
    parser.add_argument("--clients", default="1,8,32", help="how many at once (%(default)s)")
    parser.add_argument("--upload-to", nargs=2, metavar=("PORT", "KEY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.upload_to is not None:
        port, key = arguments.upload_to
        sample = Sample(name="the photograph", extension="jpg", content=sys.stdin.buffer.read())
        load = upload_for(sample, int(port), key, clients=int(arguments.clients), seconds=arguments.seconds)
        print(json.dumps(asdict(load)))
        return
    sample = make_photo()
    print(f"{'server':<12}{'clients':>8}{'uploads/s':>12}{'p50 ms':>12}{'p95 ms':>12}{'p99 ms':>12}{'refused':>12}")
    with (
        tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as folder,
        ours(Path(folder) / "ours") as mine,
        tutorial_way(Path(folder) / "tutorial") as other,
    ):
        servers = {"chevupload": mine, "tutorial": other}
        for server in servers.values():
            server.cpu_ms(sample, WARM_UPS)
        for clients in map(int, arguments.clients.split(",")):
            loads: dict[str, list[Load]] = {name: [] for name in servers}
            for _ in range(arguments.rounds):
                for name, server in servers.items():
                    loads[name].append(measure(server, sample, clients=clients, seconds=arguments.seconds))
            for name, found in loads.items():
                print(line(name, clients, found), flush=True)


if __name__ == "__main__":
    main()
