"""What one upload costs, beside the least it could cost and beside the way tutorials do it.

Measured are the CPU time of the server and all its processes, and their peak memory above idle, for pictures uploaded
one after another over one real HTTP connection. CPU times of different runs or machines cannot be compared, ratios can:
so all three take turns in every round, and each ratio is the median over the rounds. Nothing here asserts a time.

    python tests/benchmarks/upload.py [--rounds 7] [--uploads 5] [--json]

Needs the extra ``benchmark`` and Linux, for its ``/proc``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pictures import Picture, make_pictures, make_small_pictures, refused_body, stored_body
from process import Memory
from report import Body, Cost, as_json, as_text
from servers import Floor, Server, ours, tutorial_way

WARM_UPS = 4
"""Uploads before measuring: enough for every thread and worker process to have started and to have had one."""
MEMORY_UPLOADS = 3
Start = Callable[[Path], AbstractContextManager[Server]]


def touch_memory(size: int) -> None:
    """Use as much memory once as the run will.

    A virtual machine gets a page from its host at the first touch, at a thousand times the price of the next ones, and
    files written fill pages too. Whoever came first would pay for all.
    """
    memory = bytearray(size)
    for start in range(0, size, 4096):
        memory[start] = 1


def measure_cpu(folder: Path, pictures: Iterable[Picture], rounds: int, uploads: int) -> dict[str, list[list[float]]]:
    """Return for each picture's name the rounds' milliseconds of floor, ours and tutorial."""
    found: dict[str, list[list[float]]] = {}
    with Floor(folder / "floor") as floor, ours(folder / "ours") as mine, tutorial_way(folder / "tutorial") as other:
        contestants = (floor, mine, other)
        for picture in pictures:
            for contestant in contestants:
                contestant.cpu_ms(picture, WARM_UPS)
            found[picture.name] = [
                [contestant.cpu_ms(picture, uploads) for contestant in contestants] for _ in range(rounds)
            ]
            progress(f"{picture.name}: CPU")
    return found


@contextmanager
def warmed(start: Start, folder: Path) -> Iterator[Server]:
    """Start a server that has only seen small pictures, and count its peak from there.

    It is a new one, because a server that has worked keeps memory for the next time and would hide the peak in it.
    """
    with start(folder) as server:
        for _ in range(WARM_UPS):
            for small in make_small_pictures():
                server.client.upload(small)
        server.tree.start_peak()
        yield server


def measure_memory(start: Start, folder: Path, picture: Picture) -> Memory:
    """Measure the peak of a few uploads of ``picture``."""
    with warmed(start, folder) as server:
        for _ in range(MEMORY_UPLOADS):
            server.client.upload(picture)
        return server.tree.memory()


def measure(folder: Path, rounds: int, uploads: int) -> tuple[list[Cost], list[Body]]:
    """Measure everything."""
    pictures = make_pictures()
    touch_memory(sum(len(picture.content) for picture in pictures) * (rounds * uploads + WARM_UPS) * 4)
    times = measure_cpu(folder, pictures, rounds, uploads)
    costs = []
    for number, picture in enumerate(pictures):
        floor, mine, other = zip(*times[picture.name], strict=True)
        cost = Cost(
            picture=picture.name,
            size=len(picture.content),
            floor_ms=floor,
            ours_ms=mine,
            tutorial_ms=other,
            ours=measure_memory(ours, folder / f"memory-ours-{number}", picture),
            tutorial=measure_memory(tutorial_way, folder / f"memory-tutorial-{number}", picture),
        )
        costs.append(cost)
        progress(f"{picture.name}: memory")
    return costs, measure_bodies(folder, pictures[0])


def measure_bodies(folder: Path, picture: Picture) -> list[Body]:
    """Measure bodies of the largest allowed size: one that is refused, one that is stored."""
    return [
        measure_body(folder / "refused", "random bytes, refused", refused_body(), stored=False),
        measure_body(folder / "stored", "JPEG and filler, stored", stored_body(picture), stored=True),
    ]


def measure_body(folder: Path, name: str, body: Iterable[bytes], *, stored: bool) -> Body:
    """Measure one large body."""
    with warmed(ours, folder) as server:
        status = server.client.stream(body, stored=stored)
        return Body(name=name, status=status, ours=server.tree.memory())


def progress(text: str) -> None:
    """Tell whoever waits how far it is."""
    print(text, file=sys.stderr)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7, help="how often all take turns (%(default)s)")
    parser.add_argument("--uploads", type=int, default=5, help="uploads of each in one round (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as folder:
        costs, bodies = measure(Path(folder), arguments.rounds, arguments.uploads)
    if arguments.json:
        print(json.dumps(as_json(costs, bodies, uploads=arguments.uploads), indent=2))
    else:
        print(as_text(costs, bodies, uploads=arguments.uploads))


if __name__ == "__main__":
    main()
