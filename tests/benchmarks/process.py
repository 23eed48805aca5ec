"""What a process and all its descendants have cost: CPU time and memory, as the Linux kernel counts them.

CPU time comes from each process's CPU clock, the one that ``clock_getcpuclockid(3)`` names. It counts user and system
time of all threads, those that ended included, in nanoseconds. ``/proc/<pid>/stat`` counts the same in ticks of 10 ms,
which is most of a small upload, and ``/proc/<pid>/schedstat`` only the main thread, or with ``task/`` only the threads
still alive. For children that ended and were waited for there is nothing but the ticks of ``stat``; they are added, and
so no work is lost when a worker process is replaced.

Memory comes from the high-water mark of the resident set, reset before the work. Marks are summed over the processes:
as if all had been at their peak at once, with shared pages counted in each, so the sum is an upper bound.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_CPUCLOCK_SCHED = 2
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Megabytes in use when idle, and the peak above that."""

    idle_mb: float
    peak_mb: float


class ProcessTree:
    """A process and its descendants, looked up anew at each question."""

    def __init__(self, root: int) -> None:
        """Begin at the process with the id ``root``."""
        self._root = root
        self._idle: dict[int, int] = {}

    def cpu_ms(self) -> float:
        """Return the CPU milliseconds used so far."""
        while True:
            try:
                return sum(_cpu_seconds(process) for process in self.processes()) * 1000
            except OSError:  # one ended while being read, and is its parent's time from now on
                if not (_PROC / str(self._root)).exists():
                    raise

    def start_peak(self) -> None:
        """Forget the peaks so far; from here on they are counted above what is in use now."""
        processes = self.processes()
        for process in processes:
            (_PROC / str(process) / "clear_refs").write_text("5")
        self._idle = {process: _status_bytes(process, "VmRSS") for process in processes}

    def memory(self) -> Memory:
        """Return the sums since :meth:`start_peak`; of a process that is new since then, all is peak."""
        peaks = {process: _status_bytes(process, "VmHWM") for process in self.processes()}
        above = sum(peak - self._idle.get(process, 0) for process, peak in peaks.items())
        return Memory(idle_mb=round(sum(self._idle.values()) / 1e6, 2), peak_mb=round(above / 1e6, 2))

    def processes(self) -> list[int]:
        """Return the ids of all of them, the root first."""
        children: dict[int, list[int]] = {}
        for folder in _PROC.iterdir():
            if folder.name.isdigit() and (fields := _stat_fields(folder)):
                children.setdefault(int(fields[1]), []).append(int(folder.name))
        found = [self._root]
        for process in found:
            found += children.get(process, [])
        return found


def pss_mb(process: int) -> float:
    """Return the memory of one process in megabytes, of pages that it shares its share."""
    lines = (_PROC / str(process) / "smaps_rollup").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6, 1)


def _cpu_seconds(process: int) -> float:
    """Return the time of a process's threads and of the children it has waited for."""
    fields = _stat_fields(_PROC / str(process))
    if fields is None:
        raise ProcessLookupError(process)
    ended_children = (int(fields[13]) + int(fields[14])) / _TICKS_PER_SECOND
    return time.clock_gettime(~process << 3 | _CPUCLOCK_SCHED) + ended_children


def _stat_fields(folder: Path) -> list[str] | None:
    """Return what follows the process's name in ``stat``, whose first field is the state; None if it has ended."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _status_bytes(process: int, name: str) -> int:
    lines = (_PROC / str(process) / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
