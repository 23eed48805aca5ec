"""What the benchmark found, as tables for people or as JSON for programs."""

from __future__ import annotations

import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from process import Memory

MEMORY_GOAL_MB = 15
_LIBRARIES = ("pillow", "sqlalchemy", "werkzeug", "webob", "waitress", "flask", "flask-sqlalchemy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU milliseconds of one picture, a number for each round, and the memory."""

    picture: str
    size: int
    floor_ms: Sequence[float]
    ours_ms: Sequence[float]
    tutorial_ms: Sequence[float]
    ours: Memory
    tutorial: Memory

    def ratio(self, over: str) -> float:
        """Return ours over ``floor`` or ``tutorial``: the median of each round's ratio, so that drifts cancel out."""
        others: Sequence[float] = getattr(self, f"{over}_ms")
        return statistics.median(mine / other for mine, other in zip(self.ours_ms, others, strict=True))

    @property
    def goals(self) -> dict[str, float]:
        """The ratios aimed at. A PNG has to be decoded whole, so there is less to save."""
        return {"floor": 1.25, "tutorial": 0.5} if self.picture.startswith("PNG") else {"floor": 1.35, "tutorial": 0.25}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The answer of our own server to one large body, and its memory."""

    name: str
    status: int
    ours: Memory


def as_text(costs: Sequence[Cost], bodies: Sequence[Body], *, uploads: int) -> str:
    """Return the tables."""
    rounds = len(costs[0].ours_ms)
    head = f"CPU per upload: medians of {rounds} rounds of {uploads} uploads. Memory: peak above idle, all processes."
    return "\n\n".join([head, *map(_table, costs), _bodies_table(bodies), _machine()])


def as_json(costs: Sequence[Cost], bodies: Sequence[Body], *, uploads: int) -> dict[str, Any]:
    """Return the same as a document."""
    return {
        "machine": _machine(),
        "uploads": uploads,
        "memory_goal_mb": MEMORY_GOAL_MB,
        "pictures": [
            asdict(cost)
            | {f"ours_over_{other}": round(cost.ratio(other), 3) for other in cost.goals}
            | {f"ours_over_{other}_goal": goal for other, goal in cost.goals.items()}
            for cost in costs
        ],
        "bodies": [asdict(body) for body in bodies],
    }


def _table(cost: Cost) -> str:
    rows = [
        (f"{cost.picture}, {cost.size / 1000:,.0f} KB", "CPU ms", "peak MB", "idle MB", ""),
        ("floor", f"{statistics.median(cost.floor_ms):.1f}", "", "", ""),
        ("ours", f"{statistics.median(cost.ours_ms):.1f}", *_memory_cells(cost.ours)),
        ("tutorial", f"{statistics.median(cost.tutorial_ms):.1f}", *_memory_cells(cost.tutorial)[:2], ""),
    ]
    rows += [
        (f"ours / {other}", f"{cost.ratio(other):.2f}", "", "", f"goal {goal}") for other, goal in cost.goals.items()
    ]
    return _aligned(rows)


def _bodies_table(bodies: Sequence[Body]) -> str:
    rows = [("100 MB bodies, ours", "status", "peak MB", "idle MB", "")]
    rows += [(body.name, str(body.status), *_memory_cells(body.ours)) for body in bodies]
    return _aligned(rows)


def _memory_cells(memory: Memory) -> tuple[str, str, str]:
    return f"{memory.peak_mb:.1f}", f"{memory.idle_mb:.1f}", f"goal {MEMORY_GOAL_MB} MB peak"


def _aligned(rows: Sequence[tuple[str, str, str, str, str]]) -> str:
    lines = [f"{name:<28}{left:>8}{middle:>9}{right:>9}   {note}".rstrip() for name, left, middle, right, note in rows]
    return "\n".join([lines[0], "-" * 54, *lines[1:]])


def _machine() -> str:
    libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
    return f"{_processor()}, Linux {platform.release()}, Python {sys.version.split()[0]}, {libraries}"


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} x {names[0]}" if names else platform.machine()
