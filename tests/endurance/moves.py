"""Kills processes that move uploads from one storage to another, while others read, delete and sweep them.

    python -m tests.endurance.moves sqlite|postgresql [--to bucket|disk] [--uploads 2000] [--kills 20]

A local disk and an S3. In the end every upload that was not deleted is in the other storage, the first one is empty,
and nobody who read one has had anything else than its file. Needs the extra ``test``, and Linux.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import io
import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from chevupload.app import ChevUpload
from chevupload.testing import new_upload
from chevupload.testing.storage import PNG
from tests.endurance.events import running_database
from tests.endurance.move_worker import make_component
from tests.storage.object_stores import S3
from tests.support import ROOT, environment

PATIENCE_SECONDS = 1_800.0
KILLED = ("move", "move", "sweep")
OTHERS = ("read", "read", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveOutcome:
    """The numbers of a run; those from ``wrong`` on have to be none.

    Attributes:
        uploads: that were there at the beginning.
        deleted: of these, while the others moved.
        reads: of files, by all readers.
        wrong: answers to readers that were not the file.
        lost: files of uploads that are not where the record says.
        left: files that no record names, in both storages.
        unmoved: uploads that are still in the first storage.
        failed: uploads that the job could not move.
    """

    uploads: int
    kills: int
    deleted: int
    reads: int
    seconds: float
    wrong: int
    lost: int
    left: int
    unmoved: int
    failed: int

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not any((self.wrong, self.lost, self.left, self.unmoved, self.failed))


def run_moves(url: URL, server: S3, folder: Path, *, source: str, uploads: int, kills: int) -> MoveOutcome:
    """Move so many uploads, with processes that are killed so often."""
    settings: dict[str, Any] = {
        "url": url.render_as_string(hide_password=False),
        "disk": str(folder / "disk"),
        "bucket": _new_bucket(server),
        "options": server.options,
        # A tenth goes during the time that a move takes at least.
        "pause": 0.05,
    }
    component = make_component(settings)
    component.catalog.create_tables()
    files = _fill(component, source, uploads)
    target = "disk" if source == "bucket" else "bucket"
    settings["going"] = [f"u{number}" for number in range(0, uploads, 10)]
    settings["files"] = {path: digest for path, (upload_id, digest) in files.items() if upload_id[-1] != "0"}
    settings["job"] = job = component.jobs.start("move", source=source, target=target).id
    (folder / "settings.json").write_text(json.dumps(settings))
    begun = time.monotonic()
    running = [(kind, _start(kind, folder)) for kind in (*KILLED, *OTHERS)]
    try:
        for number in range(1, kills + 1):
            _wait(lambda share=uploads * number // (kills + 1): component.jobs.progress(job).done >= share)
            place = random.randrange(len(KILLED))
            kind, process = running[place]
            process.kill()
            process.wait()
            running[place] = (kind, _start(kind, folder))
        _wait(lambda: component.jobs.progress(job).ended_at is not None)
        _wait(lambda: not any(component.catalog.get(upload_id) for upload_id in settings["going"]))
        _wait(lambda: not component.catalog.moves([f"u{number}" for number in range(uploads)]))
    finally:
        for _, process in running:
            process.kill()
            process.wait()
    seconds = time.monotonic() - begun
    lines = [line.split() for line in (folder / "read").read_text().splitlines()]
    there = {name: {*storage.files()} for name, storage in component.context.storages.by_name.items()}
    records = [*component.catalog.uploads()]
    wanted = {(upload.storage, path, size) for upload in records for path, size in upload.sizes.items()}
    found = {(name, path, size) for name, known in there.items() for path, size in known}
    return MoveOutcome(
        uploads=uploads,
        kills=kills,
        deleted=uploads - len(records),
        reads=sum(int(line[1]) for line in lines if line[0] == "read"),
        seconds=round(seconds, 1),
        wrong=sum(line[0] == "wrong" for line in lines),
        lost=len(wanted - found),
        left=len(found - wanted),
        unmoved=sum(upload.storage == source for upload in records),
        failed=component.jobs.progress(job).failed,
    )


def _new_bucket(server: S3) -> str:
    _, root = server.storage()._files.rooted()
    return f"s3://{root}"


def _fill(component: ChevUpload, source: str, uploads: int) -> dict[str, tuple[str, str]]:
    """Store uploads of two files each, and return by their paths whose they are, and digests."""
    storage = component.context.storages.by_name[source]
    files: dict[str, tuple[str, str]] = {}
    for number in range(uploads):
        content, thumb = random.randbytes(3_000), random.randbytes(500)
        digest = hashlib.md5(content).hexdigest()
        upload = new_upload(f"u{number}", size=len(content), thumb_size=len(thumb), md5=digest, storage=source)
        component.catalog.reserve(upload)
        for path, data in zip(upload.paths, (content, thumb), strict=True):
            storage.save(path, io.BytesIO(data), headers=PNG)
            files[path] = (upload.id, hashlib.md5(data).hexdigest())
        component.catalog.publish(upload.id)
    return files


def _start(kind: str, folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.endurance.move_worker", kind, str(folder)]
    with (folder / "errors").open("ab") as errors:
        return subprocess.Popen(command, cwd=ROOT, env=environment(), stderr=errors)


def _wait(is_done) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_done():
        assert time.monotonic() < deadline, "nothing goes on"
        time.sleep(0.5)


def main() -> int:
    """Run at full length, and print the numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("database", choices=["sqlite", "postgresql"])
    parser.add_argument("--to", choices=["bucket", "disk"], default="bucket")
    parser.add_argument("--uploads", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    source = "disk" if options.to == "bucket" else "bucket"
    with tempfile.TemporaryDirectory(prefix="chevupload-moves-") as name, S3() as server:
        folder = Path(name)
        with running_database(options.database, folder) as url:
            found = run_moves(url, server, folder, source=source, uploads=options.uploads, kills=options.kills)
        errors = (folder / "errors").read_text()
    print(errors[-3_000:], file=sys.stderr)
    print(json.dumps(dataclasses.asdict(found) | {"is_sound": found.is_sound}))
    return 0 if found.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
