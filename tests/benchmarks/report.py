"""What the benchmark found, as tables for people, as JSON for programs, or as a page with a plot."""

from __future__ import annotations

import platform
import statistics
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.process import Memory

MEMORY_GOAL_MB = 15
CONTESTANTS = ("chevupload", "floor", "C floor", "tutorial", "filedepot")
GOALS: Mapping[str, Mapping[str, float]] = {
    "JPEG 1920x1280": {"floor": 1.1, "C floor": 1.4},
    "JPEG 4000x3000": {"C floor": 1.2},
    "JPEG 6000x4000": {"C floor": 1.18},
    "PNG": {"floor": 0.7, "tutorial": 0.33},
    "WebP": {"floor": 0.75},
    "AVIF": {"floor": 1.05},
    "HEIC": {"floor": 0.6},
    "GIF": {"floor": 1.6},
    "MP4": {"floor": 0.75},
}
"""Ratios of our time over that of others which are aimed at, by how the sample's name begins."""
_LIBRARIES = (
    "pillow",
    "av",
    "pi-heif",
    "isal",
    "kornia-rs",
    "cykooz.resizer",
    "sqlalchemy",
    "werkzeug",
    "webob",
    "waitress",
    "flask",
    "filedepot",
)
_PLOT = "performance.svg"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU milliseconds of one sample, a number for each contestant and round, and the memory."""

    sample: str
    size: int
    cpu_ms: Mapping[str, Sequence[float]]
    ours: Memory
    tutorial: Memory | None

    @property
    def ratios(self) -> dict[str, float]:
        """Ours over each other's: the median of each round's ratio, so that drifts cancel out."""
        mine = self.cpu_ms["chevupload"]
        return {
            name: round(statistics.median(one / other for one, other in zip(mine, times, strict=True)), 2)
            for name, times in self.cpu_ms.items()
            if name != "chevupload"
        }

    @property
    def goals(self) -> Mapping[str, float]:
        """The ratios aimed at; base64 has none, since it is compared with the same picture as a file."""
        if "base64" in self.sample:
            return {}
        return next((goals for name, goals in GOALS.items() if self.sample.startswith(name)), {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """CPU milliseconds of one kind of read, a number for each round."""

    kind: str
    cpu_ms: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """How long the first and the second upload after a start take, in milliseconds."""

    first_ms: float
    second_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Idle:
    """Memory of a process that waits."""

    name: str
    megabytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The answer of our own server to one large body, and its memory."""

    name: str
    status: int
    ours: Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything."""

    seconds: float
    costs: Sequence[Cost]
    reads: Sequence[Read]
    starts: Sequence[Start]
    idle: Sequence[Idle]
    bodies: Sequence[Body]


def as_json(report: Report) -> dict[str, Any]:
    """Return a document."""
    ratios = {cost.sample: {"ratios": cost.ratios, "goals": dict(cost.goals)} for cost in report.costs}
    return {"machine": _machine(), "memory_goal_mb": MEMORY_GOAL_MB, **asdict(report), "ratios": ratios}


def as_text(report: Report) -> str:
    """Return tables in Markdown, which people can read as they are."""
    rounds = len(report.costs[0].cpu_ms["chevupload"])
    head = (
        f"CPU milliseconds of an upload, medians of {rounds} rounds, in each of which everyone uploads for"
        f" {report.seconds} seconds; in brackets how many times as long chevupload takes. Memory is the peak above idle"
        " of all processes."
    )
    return "\n\n".join([_wrapped(head), *_tables(report), _wrapped(f"Measured on {_machine()}.")])


def write(report: Report, folder: Path) -> None:
    """Write the page and its plot into ``folder``."""
    text = _PAGE.format(date=datetime.now(UTC).date(), plot=_PLOT, tables=as_text(report))
    (folder / "performance.md").write_text(text)
    _draw(report.costs, folder / _PLOT)


def _tables(report: Report) -> Iterable[str]:
    yield _table(
        ["file", "KB", *CONTESTANTS, "goal", "MB, ours", "MB, tutorial"],
        [
            [
                cost.sample,
                f"{cost.size / 1000:,.0f}",
                *(_cell(cost, name) for name in CONTESTANTS),
                ", ".join(f"{goal} x {name}" for name, goal in cost.goals.items()),
                f"{cost.ours.peak_mb:.1f}",
                "-" if cost.tutorial is None else f"{cost.tutorial.peak_mb:.1f}",
            ]
            for cost in report.costs
        ],
    )
    yield _table(["read", "CPU ms"], [[read.kind, f"{statistics.median(read.cpu_ms):.2f}"] for read in report.reads])
    yield _table(
        ["upload after a start", "ms"],
        [
            ["the first", f"{statistics.median(start.first_ms for start in report.starts):.0f}"],
            ["the second", f"{statistics.median(start.second_ms for start in report.starts):.0f}"],
        ],
    )
    yield _table(["idle process", "MB"], [[idle.name, f"{idle.megabytes:.0f}"] for idle in report.idle])
    yield _table(
        ["body of 100 MB", "status", f"peak MB, goal {MEMORY_GOAL_MB}"],
        [[body.name, str(body.status), f"{body.ours.peak_mb:.1f}"] for body in report.bodies],
    )


def _cell(cost: Cost, name: str) -> str:
    if name not in cost.cpu_ms:
        return "-"
    time = f"{statistics.median(cost.cpu_ms[name]):.1f}"
    return time if name not in cost.ratios else f"{time} ({cost.ratios[name]:.2f})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 120)


def _draw(costs: Sequence[Cost], path: Path) -> None:
    """Draw how long others take for each sample, as a multiple of our time."""
    import matplotlib as mpl

    mpl.use("svg")
    # The same input is to give the same file.
    mpl.rcParams["svg.hashsalt"] = "chevupload"
    import matplotlib.pyplot as plt

    others = [name for name in CONTESTANTS if name != "chevupload"]
    shown = [cost for cost in costs if "base64" not in cost.sample]
    figure, axes = plt.subplots(figsize=(9, 0.62 * len(shown) + 1.2))
    height = 0.8 / len(others)
    for number, name in enumerate(others):
        places = [place + number * height for place, cost in enumerate(shown) if name in cost.ratios]
        axes.barh(places, [1 / cost.ratios[name] for cost in shown if name in cost.ratios], height, label=name)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks([place + 0.3 for place in range(len(shown))], [cost.sample for cost in shown])
    axes.invert_yaxis()
    axes.set_xlabel("CPU time of an upload; chevupload takes 1")
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def _machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return f"{_processor()}, Linux {platform.release()}, Python {sys.version.split()[0]}, {libraries}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()


_PAGE = """\
# Performance

Made by `python -m tests.benchmarks.upload --write docs` on {date}. Look at the
ratios: times of other machines differ.

- `floor` does with the same libraries what nobody can leave out, without HTTP and in one process;
- `C floor` does that in C, for JPEG;
- `tutorial` is Flask, Flask-SQLAlchemy and Pillow as their introductions use them;
- `filedepot` is that library's field for files with two thumbnails, which are PNG of every picture.

![CPU time of others as a multiple of chevupload's]({plot})

{tables}

How many uploads a second a server takes is measured by `python -m tests.benchmarks.throughput`.
"""
