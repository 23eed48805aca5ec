"""What uploads and reads cost, beside the least they could cost and beside other ways to do them.

Measured are the CPU time of the server and all its processes, and their peak memory above idle, for files uploaded one
after another over one real HTTP connection. CPU times of different runs or machines cannot be compared, ratios can: so
all contestants take turns in every round, and each ratio is the median over the rounds. A turn lasts for as many
uploads as fill a time, the same for all: the first ones find the caches of the processor full of what the one before
has left there, which would be much of what a small picture costs. Nothing here asserts a time.

    python -m tests.benchmarks.upload [--rounds 7] [--seconds 0.5] [--only 'JPEG 1920,GIF'] [--json | --write FOLDER]

``--write docs`` makes docs/performance.md and its plot anew. Needs the extra ``benchmark`` and Linux, for its
``/proc``; with a C compiler and the headers of libjpeg-turbo, OpenSSL and SQLite, the floor in C is measured, too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from tests.benchmarks.process import Memory, pss_mb
from tests.benchmarks.report import Body, Cost, Idle, Read, Report, Start, as_json, as_text, write
from tests.benchmarks.samples import Sample, make_photo, make_samples, make_small_samples, refused_body, stored_body
from tests.benchmarks.servers import (
    Contestant,
    Floor,
    Server,
    compiled_floor,
    filedepot_way,
    ours,
    run_python,
    tutorial_way,
)

WARM_UPS = 4
"""Uploads before measuring: enough for every thread and worker process to have started and to have had one."""
TOUCHED = 10
"""Of so many uploads of each sample in a round, memory is touched before."""
MEMORY_UPLOADS = 3
READS = 100
STARTS = 3
Starter = Callable[[Path], AbstractContextManager[Server]]
_MOUNTS = {
    "Flask": "",
    "Flask with a mounted component": (
        "from chevupload.contrib.flask import ChevUpload\napp.secret_key = 'a secret of sixteen characters or more'\n"
        "app.config['CHEVUPLOAD_FOLDER'] = 'data'\nChevUpload(app)\n"
    ),
}
_IDLE = """\
import sys
from flask import Flask
app = Flask("site")
{}app.test_client().get("/")
print("ready", flush=True)
sys.stdin.read()
"""


def touch_memory(size: int) -> None:
    """Use as much memory once as the run will.

    A virtual machine gets a page from its host at the first touch, at a thousand times the price of the next ones, and
    files written fill pages too. Whoever came first would pay for all.
    """
    memory = bytearray(size)
    for start in range(0, size, 4096):
        memory[start] = 1


@contextmanager
def contestants(folder: Path) -> Iterator[dict[str, Contestant]]:
    """Start everybody, by name."""
    with ExitStack() as stack:
        found: dict[str, Contestant] = {
            "chevupload": stack.enter_context(ours(folder / "ours")),
            "floor": stack.enter_context(Floor(folder / "floor")),
            "tutorial": stack.enter_context(tutorial_way(folder / "tutorial")),
            "filedepot": stack.enter_context(filedepot_way(folder / "filedepot")),
        }
        if (program := compiled_floor(folder)) is not None:
            found["C floor"] = stack.enter_context(Floor(folder / "c-floor", program))
        else:
            progress("no floor in C: no compiler, or no headers of libjpeg-turbo, OpenSSL and SQLite")
        yield found


def takes(name: str, sample: Sample) -> bool:
    """Whether a contestant takes such a sample."""
    if name == "C floor":
        return sample.extension == "jpg"
    if name in ("tutorial", "filedepot"):
        return sample.sent == "file" and sample.extension != "mp4"
    return True


def measure_cpu(
    everybody: dict[str, Contestant], sample: Sample, rounds: int, seconds: float
) -> dict[str, Sequence[float]]:
    """Return for each contestant that takes the sample its milliseconds in every round, in turns of ``seconds``."""
    taking = {name: contestant for name, contestant in everybody.items() if takes(name, sample)}
    uploads = {}
    for name, contestant in taking.items():
        uploads[name] = max(1, round(seconds * 1_000 / contestant.cpu_ms(sample, WARM_UPS)))
    found = [{name: one.cpu_ms(sample, uploads[name]) for name, one in taking.items()} for _ in range(rounds)]
    return {name: [times[name] for times in found] for name in taking}


@contextmanager
def warmed(start: Starter, folder: Path) -> Iterator[Server]:
    """Start a server that has only seen small pictures, and count its peak from there.

    It is a new one, because a server that has worked keeps memory for the next time and would hide the peak in it.
    """
    with start(folder) as server:
        for _ in range(WARM_UPS):
            for small in make_small_samples():
                server.client.upload(small)
        server.tree.start_peak()
        yield server


def measure_memory(start: Starter, folder: Path, sample: Sample) -> Memory:
    """Measure the peak of a few uploads of ``sample``."""
    with warmed(start, folder) as server:
        for _ in range(MEMORY_UPLOADS):
            server.client.upload(sample)
        return server.tree.memory()


def measure(folder: Path, samples: Sequence[Sample], rounds: int, seconds: float) -> Report:
    """Measure everything."""
    touch_memory(sum(len(sample.content) for sample in samples) * (rounds * TOUCHED + WARM_UPS) * 2)
    costs = []
    with contestants(folder) as everybody:
        times = {sample.name: measure_cpu(everybody, sample, rounds, seconds) for sample in told(samples, "CPU")}
        reads = measure_reads(everybody, make_photo(), rounds)
    for number, sample in enumerate(told(samples, "memory")):
        costs.append(
            Cost(
                sample=sample.name,
                size=len(sample.content),
                cpu_ms=times[sample.name],
                ours=measure_memory(ours, folder / f"memory-ours-{number}", sample),
                tutorial=measure_memory(tutorial_way, folder / f"memory-tutorial-{number}", sample)
                if takes("tutorial", sample)
                else None,
            )
        )
    return Report(
        seconds=seconds,
        costs=costs,
        reads=reads,
        starts=[measure_start(folder / f"start-{number}", make_photo()) for number in range(STARTS)],
        idle=[measure_idle(folder / f"idle-{number}", name) for number, name in enumerate(_MOUNTS)],
        bodies=measure_bodies(folder, make_photo()),
    )


def measure_reads(everybody: dict[str, Contestant], sample: Sample, rounds: int) -> list[Read]:
    """Measure what a file, a thumbnail and a viewer cost, beside what a file costs by Flask's ``send_file``."""
    mine, other = everybody["chevupload"], everybody["tutorial"]
    assert isinstance(mine, Server)
    assert isinstance(other, Server)
    image, plain = mine.client.upload(sample), other.client.upload(sample)
    places = {"file": image["url"], "thumb": image["thumb"]["url"], "viewer": image["url_viewer"]}
    found: dict[str, list[float]] = {kind: [] for kind in (*places, "send_file")}
    for _ in range(rounds + 1):
        for kind, url in places.items():
            found[kind].append(mine.read_ms(url, READS))
        found["send_file"].append(other.read_ms(plain["url"], READS))
    # The first round warms up.
    return [Read(kind=kind, cpu_ms=times[1:]) for kind, times in found.items()]


def measure_start(folder: Path, sample: Sample) -> Start:
    """Measure the first and the second upload after a start, in milliseconds of the client's clock."""
    with ours(folder) as server:
        return Start(first_ms=server.elapsed_ms(sample), second_ms=server.elapsed_ms(sample))


def measure_idle(folder: Path, name: str) -> Idle:
    """Measure the memory of a process that has answered one request and waits."""
    folder.mkdir()
    with run_python(_IDLE.format(_MOUNTS[name]), folder) as process:
        return Idle(name=name, megabytes=pss_mb(process.pid))


def measure_bodies(folder: Path, sample: Sample) -> list[Body]:
    """Measure bodies of the largest allowed size: one that is refused, one that is stored."""
    return [
        measure_body(folder / "refused", "random bytes, refused", refused_body(), stored=False),
        measure_body(folder / "stored", "JPEG and filler, stored", stored_body(sample), stored=True),
    ]


def measure_body(folder: Path, name: str, body: Iterable[bytes], *, stored: bool) -> Body:
    """Measure one large body."""
    with warmed(ours, folder) as server:
        status = server.client.stream(body, stored=stored)
        return Body(name=name, status=status, ours=server.tree.memory())


def told(samples: Iterable[Sample], what: str) -> Iterator[Sample]:
    """Yield the samples, and tell whoever waits how far it is."""
    for sample in samples:
        yield sample
        progress(f"{sample.name}: {what}")


def progress(text: str) -> None:
    """Tell whoever waits."""
    print(text, file=sys.stderr)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="how often all take turns (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.5, help="how long each uploads in a round (%(default)s)")
    parser.add_argument("--only", default="", help="what to measure, such as 'JPEG 1920,GIF' (all)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON instead of tables")
    form.add_argument("--write", type=Path, metavar="FOLDER", help="write performance.md and its plot there")
    arguments = parser.parse_args()
    samples = make_samples(tuple(arguments.only.split(",")))
    with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as folder:
        report = measure(Path(folder), samples, arguments.rounds, arguments.seconds)
    if arguments.write is not None:
        write(report, arguments.write)
    elif arguments.json:
        print(json.dumps(as_json(report), indent=2))
    else:
        print(as_text(report))


if __name__ == "__main__":
    main()
