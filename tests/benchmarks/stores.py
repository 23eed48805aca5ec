"""How long an upload to a store takes that is far away, beside the slowest of its own puts.

The store is an S3 in a process of its own that takes 30 ms longer for each answer. An upload of three files is made in
every round; its picture work, which the renderer counts, is taken off. What is left is compared with the slowest put of
the same upload, and with all of its puts together, which is what files that are put one after another would take. The
ratios are medians over the rounds. Nothing here asserts a time.

    python -m tests.benchmarks.stores [--rounds 30] [--delay 0.03]

Needs the extra ``test``, for its S3.
"""

from __future__ import annotations

import argparse
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import fsspec

from chevupload import Config
from chevupload.app import ChevUpload
from chevupload.config import Limits
from chevupload.db import Database, SqlCatalog, sqlite_engine
from chevupload.media.sandbox.pool import WorkerPool
from chevupload.model import FileHeaders, Principal
from chevupload.storage.fsspec_storage import FsspecStorage
from tests.benchmarks.samples import make_photo

ROOT = Path(__file__).resolve().parents[2]
WARM_UPS = 3


class Timed:
    """A renderer that counts its seconds."""

    def __init__(self, renderer: Any) -> None:
        """Count those of ``renderer``."""
        self._renderer = renderer
        self.seconds = 0.0

    def process(self, job: Any, *, client: str = "") -> Any:
        """Do one job."""
        start = time.perf_counter()
        try:
            return self._renderer.process(job, client=client)
        finally:
            self.seconds += time.perf_counter() - start

    def warm(self) -> None:
        """Be ready."""
        self._renderer.warm()

    def close(self) -> None:
        """End."""
        self._renderer.close()


class TimedStorage(FsspecStorage):
    """A storage that writes down how many seconds each of its puts took."""

    puts: list[float]

    def save(self, path: str, file: BinaryIO, *, headers: FileHeaders) -> None:
        """Store a file."""
        start = time.perf_counter()
        super().save(path, file, headers=headers)
        self.puts.append(time.perf_counter() - start)


@contextmanager
def distant_store(delay: float) -> Iterator[TimedStorage]:
    """Start an S3 that is ``delay`` seconds away."""
    command = [sys.executable, "-m", "tests.storage.object_stores", str(delay)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        options = {"key": "key", "secret": "secret", "endpoint_url": server.stdout.readline().strip()}
        fsspec.filesystem("s3", **options).mkdir("bucket")
        yield TimedStorage("s3://bucket/pictures", options=options)
        server.communicate()


def measure(folder: Path, storage: TimedStorage, rounds: int) -> list[tuple[float, float, float, float]]:
    """Return for each round the seconds of the slowest put, of all puts, of the rest of the upload, and of its work."""
    database = Database(sqlite_engine(folder / "records.db"))
    database.create_tables()
    renderer = Timed(WorkerPool(Limits()))
    component = ChevUpload(
        keys=lambda key, environ: Principal(user_id="one"),
        catalog=SqlCatalog(database),
        storage=storage,
        secret_keys=["a secret of sixteen characters or more"],
        config=Config(spool_folder=str(folder)),
        renderer=renderer,
    )
    content = make_photo().content
    found = []
    for _ in range(WARM_UPS + rounds):
        storage.puts, renderer.seconds = [], 0.0
        start = time.perf_counter()
        component.uploads.save(io.BytesIO(content), owner="one", filename="photo.jpeg")
        seconds = time.perf_counter() - start
        assert len(storage.puts) == 3
        found.append((max(storage.puts), sum(storage.puts), seconds - renderer.seconds, renderer.seconds))
    component.close()
    database.engine.dispose()
    return found[WARM_UPS:]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=30, help="how many uploads (%(default)s)")
    parser.add_argument("--delay", type=float, default=0.03, help="seconds that the store is away (%(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder, distant_store(arguments.delay) as storage:
        found = measure(Path(folder), storage, arguments.rounds)
    slowest, puts, rest, work = (statistics.median(times) * 1000 for times in zip(*found, strict=True))
    print(f"the slowest put of an upload      {slowest:7.1f} ms")
    print(f"all of its three puts together    {puts:7.1f} ms")
    print(f"the upload without picture work   {rest:7.1f} ms")
    print(f"the picture work                  {work:7.1f} ms")
    print(f"upload / slowest put              {statistics.median(rest / one for one, _, rest, _ in found):7.2f}")
    print(f"upload / all puts                 {statistics.median(rest / three for _, three, rest, _ in found):7.2f}")


if __name__ == "__main__":
    main()
