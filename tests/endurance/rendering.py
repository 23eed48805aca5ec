"""Celery's workers that are killed while they render uploads again lose none, and render none for nothing.

    python -m tests.endurance.rendering --uploads 10000 --kills 10

A worker is a process with two of its own, and is killed with them. Redis and the site's database are real ones.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from chevupload import ChevUpload, Config, Renditions, embedded
from tests.databases import data_folder
from tests.redis_server import RedisServer
from tests.support import ROOT, environment, files_in, picture

PATIENCE_SECONDS = 300.0
PROCESSES = 2


@dataclass(frozen=True, kw_only=True)
class RenderingOutcome:
    """What became of a job, and of its uploads.

    Attributes:
        repeated: uploads that were rendered more than once: those that were at work when their worker was killed.
        unchanged: uploads whose record says another size than the one of now, or whose file has another one.
        strangers: files that belong to no upload.
    """

    uploads: int
    kills: int
    seconds: float
    done: int
    failed: int
    has_ended: bool
    repeated: int
    unchanged: int
    strangers: int

    @property
    def is_sound(self) -> bool:
        """Whether the job is complete, and each upload was rendered once in effect."""
        return (
            self.has_ended
            and self.done == self.uploads
            and self.failed == self.unchanged == self.strangers == 0
            and self.repeated <= self.kills * PROCESSES
        )


def run_rendering(folder: Path, *, uploads: int, kills: int) -> RenderingOutcome:
    """Start a job of so many uploads, and kill its worker so many times."""
    redis = RedisServer(folder)
    try:
        component = _site(folder, uploads)
        before = {upload.thumb_size for upload in component.catalog.uploads()}
        begun = time.monotonic()
        variables = environment() | {"TEST_CHEVUPLOAD_FOLDER": str(folder), "TEST_CHEVUPLOAD_REDIS": redis.url}
        start = "from tests.endurance.celery_site import tasks; print(tasks.start('render').id)"
        job_id = subprocess.check_output([sys.executable, "-c", start], cwd=ROOT, env=variables, text=True).strip()
        worker = _worker(folder, variables)
        for number in range(1, kills + 1):
            _wait(component, job_id, uploads * number // (kills + 1))
            _kill(worker)
            worker = _worker(folder, variables)
        _wait(component, job_id, uploads)
        os.killpg(worker.pid, signal.SIGTERM)
        worker.wait(PATIENCE_SECONDS)
        return _outcome(component, folder, job_id, before, kills=kills, seconds=time.monotonic() - begun)
    finally:
        redis.kill()


def _site(folder: Path, uploads: int) -> ChevUpload:
    settings = Config(renditions=Renditions(thumb_side=40))
    component = embedded(data_folder(folder / "site"), renderer="inline", config=settings)
    content = picture((50, 50))
    for number in range(uploads):
        component.uploads.save(BytesIO(content), owner="7", filename=f"{number}.png")
    return component


def _worker(folder: Path, variables: dict[str, str]) -> subprocess.Popen[bytes]:
    options = ["worker", "--beat", "--concurrency", str(PROCESSES), "--loglevel", "warning", "--without-mingle"]
    command = [sys.executable, "-m", "celery", "--app", "tests.endurance.celery_site", *options]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, env=variables, stderr=log, stdout=log, start_new_session=True)


def _kill(worker: subprocess.Popen[bytes]) -> None:
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _wait(component: ChevUpload, job_id: str, done: int) -> None:
    """Wait until so many uploads are done, and for the end of a job of which all are."""
    last, deadline = -1, time.monotonic() + PATIENCE_SECONDS
    while (job := component.jobs.progress(job_id)).done < done or (done == job.total and job.ended_at is None):
        if job.done > last:
            last, deadline = job.done, time.monotonic() + PATIENCE_SECONDS
        assert time.monotonic() < deadline, "nothing goes on"
        time.sleep(0.05)


def _outcome(
    component: ChevUpload, folder: Path, job_id: str, before: set[int], *, kills: int, seconds: float
) -> RenderingOutcome:
    job, images = component.jobs.progress(job_id), folder / "site" / "images"
    uploads = [*component.catalog.uploads()]
    rendered = Counter((folder / "rendered").read_text().split())
    sizes = {path: (images / path).stat().st_size for path in files_in(images)}
    return RenderingOutcome(
        uploads=len(uploads),
        kills=kills,
        seconds=round(seconds, 1),
        done=job.done,
        failed=job.failed,
        has_ended=job.ended_at is not None,
        repeated=sum(count > 1 for count in rendered.values()),
        unchanged=sum(
            upload.thumb_size in before
            or upload.id not in rendered
            or any(sizes[path] != size for path, size in upload.sizes.items())
            for upload in uploads
        ),
        strangers=len(sizes.keys() - {path for upload in uploads for path in upload.paths}),
    )


def main() -> int:
    """Run at full length, and print the numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--uploads", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chevupload-rendering-") as name:
        found = run_rendering(Path(name), uploads=options.uploads, kills=options.kills)
    print(json.dumps(dataclasses.asdict(found) | {"is_sound": found.is_sound}))
    return 0 if found.is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
