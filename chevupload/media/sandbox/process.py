"""One worker process as its parent sees it: start it, ask it, believe it only so far, kill it.

Its other side is :mod:`chevupload.media.sandbox.worker`.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import secrets
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from chevupload import errors
from chevupload.config import MAX_EXTRA, Limits
from chevupload.errors import BackendError, BrokenImage, ChevuploadError, Refusal, TooCostly
from chevupload.formats import FORMATS
from chevupload.media.sandbox.messages import encoded
from chevupload.model import ExtraFile, MediaFile, MediaJob, MediaResult
from chevupload.naming import EXTRA_NAME
from chevupload.spool import PREFIX

START_SECONDS = 60.0
"""How long a worker may take to start; it imports Pillow, which takes 0.2 s on an idle machine."""
END_SECONDS = 2.0
"""How long an idle worker may take to end before it is killed."""
MAX_JOBS = 2_000
"""Jobs after which a worker retires: what a library leaks ends with it."""
MAX_ANSWER_BYTES = 8_000_000
"""Longest answer; an honest one, Exif included, has less than a tenth of that."""

_ALLOCATOR = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_MMAP_THRESHOLD_": "16000000",
    "MALLOC_TRIM_THRESHOLD_": "20971520",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Settings of glibc's allocator: up to 20 MB stay with the worker between two pictures. Given back and taken anew,
their page faults are a tenth of the cost of a small photograph, and of an AVIF of two megapixels. What is larger comes
in pages of 2 MB where Linux gives such to programs that ask: of a WebP, page faults are a third."""
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
"""NumPy, which comes with the extra ``fast``, starts threads for all processors, and reserves memory for each."""

_log = logging.getLogger(__name__)


def _signals(*names: str) -> frozenset[int]:
    """Return signals by their names; not every system has all of them, and this is imported on each."""
    return frozenset(int(getattr(signal, name)) for name in names if hasattr(signal, name))


_SERVERS_SIGNALS = _signals("SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM", "SIGUSR1", "SIGUSR2")
"""What service managers and terminals send to a server, often to every process of it. The server ends its workers by
itself, once they are needed no more."""
_COSTLY = _signals("SIGXCPU", "SIGXFSZ")
"""How a worker ends by its own limits; or with exit code 1, by a MemoryError where nobody could catch it."""
_CRASHES = _signals("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP")


class WorkerKilled(BackendError):
    """A worker was ended by somebody else: by hand, or by the kernel for want of memory."""


class _Flood(Exception):
    """A worker says more than any answer holds."""


def interpreter() -> str:
    """Return the Python to start workers with; ``sys.executable`` is the server where one embeds Python, as uWSGI."""
    executable = sys.executable or ""
    beside = os.path.join(sys.exec_prefix, "bin", "python3")
    is_python = os.path.basename(executable).lower().startswith(("python", "pypy"))
    return executable if is_python or not os.path.exists(beside) else beside


class Process:
    """One process."""

    def __init__(self, python: str, limits: Limits) -> None:
        """Start it, without waiting for it.

        Raises:
            BackendError: it cannot be started.
        """
        settings = {
            "memory_bytes": limits.decode_memory_bytes,
            "file_bytes": max(limits.max_bytes, 4 * limits.max_pixels) + 1_000_000,
            "seconds": limits.decode_seconds,
        }
        # Kept back by the new process, too, from its very start.
        kept_back = signal.pthread_sigmask(signal.SIG_BLOCK, _SERVERS_SIGNALS)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - nothing of a request is in it
                [python, "-P", "-m", "chevupload.media.sandbox.worker", json.dumps(settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env=_environment(),
            )
        except OSError as error:
            raise BackendError("a media worker cannot be started") from error
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, kept_back)
        self._received = b""
        self._jobs = 0
        self._is_ready = False
        self._is_broken = False

    @property
    def is_usable(self) -> bool:
        """Whether it may be given another job."""
        return self._is_ready and not self._is_broken and self._jobs < MAX_JOBS and self._process.poll() is None

    def wait_until_ready(self) -> None:
        """Wait until it takes jobs.

        Raises:
            WorkerKilled: somebody else ended it.
            BackendError: it does not start.
        """
        if self._is_ready:
            return
        try:
            self._send({})
            self._receive(START_SECONDS)
        except (OSError, EOFError, _Flood) as error:
            code = self.end()
            kind = WorkerKilled if _was_killed(code) else BackendError
            raise kind(f"a media worker did not start, exit code {code}") from error
        self._is_ready = True

    def process(self, job: MediaJob, seconds: float) -> MediaResult:
        """Let it do one job in at most ``seconds``; on any error nothing is left in the job's folder.

        Raises:
            Refusal: the picture is not accepted.
            WorkerKilled: somebody else ended it.
            BackendError: its files cannot be read or written.
        """
        # Names of this job's own, so that they can be removed when it cannot tell any more.
        prefix = f"{PREFIX}{secrets.token_hex(8)}-"
        self._jobs += 1
        self._is_broken = True  # until it has answered as it should
        try:
            return self._result(job, prefix, seconds)
        except BaseException:
            if self._is_broken:
                self.kill()
            for path in Path(job.folder).glob(f"{prefix}*"):
                path.unlink(missing_ok=True)
            raise

    def _result(self, job: MediaJob, prefix: str, seconds: float) -> MediaResult:
        try:
            self._send({"job": job, "prefix": prefix})
            outcome = _checked(json.loads(self._receive(seconds)), job.folder, prefix)
        except TimeoutError as error:
            _log.warning("media worker %d was killed after %.1f s", self._process.pid, seconds)
            raise TooCostly from error
        except (EOFError, OSError) as error:
            raise self._death() from error
        except (_Flood, ValueError, TypeError, AttributeError, KeyError) as error:
            _log.warning("media worker %d was killed, its answer was none", self._process.pid)
            raise BrokenImage from error
        # Where one picture was too much for it, another one may be, too.
        self._is_broken = isinstance(outcome, TooCostly)
        if isinstance(outcome, ChevuploadError):
            raise outcome
        return outcome

    def _death(self) -> Refusal | WorkerKilled:
        """Return what it means that the worker has ended before it answered."""
        code = self.end()
        _log.warning("media worker %d ended with exit code %s", self._process.pid, code)
        if _was_killed(code):
            return WorkerKilled(f"a media worker was killed, exit code {code}")
        return TooCostly() if code == 1 or -(code or 0) in _COSTLY else BrokenImage()

    def _send(self, document: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(encoded(document))

    def _receive(self, seconds: float) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        deadline = time.monotonic() + seconds
        while b"\n" not in self._received:
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(math.ceil(left * 1000)):
                raise TimeoutError
            piece = os.read(descriptor, 65_536)
            if not piece:
                raise EOFError
            self._received += piece
            if len(self._received) > MAX_ANSWER_BYTES:
                raise _Flood
        line, _, self._received = self._received.partition(b"\n")
        return line

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.wait()

    def end(self) -> int | None:
        """Let it end, or kill it when it does not; return its exit code, None if it had to be killed."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        code = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(END_SECONDS)
        self.kill()
        return code

    def forget(self) -> None:
        """Close the pipes in a forked child of the server: this process is not its parent's."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        self._process.returncode = 0


def _was_killed(code: int | None) -> bool:
    """Whether an exit code says that somebody else ended the process, which neither crashed nor reached a limit."""
    return code is not None and code < 0 and -code not in _CRASHES | _COSTLY


def _environment() -> dict[str, str]:
    """Return what a worker may know of the server's environment: where the modules are, and nothing secret."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
    return kept | {"PYTHONPATH": path, "LANG": "C.UTF-8", **_ALLOCATOR, **_ONE_THREAD}


def _checked(answer: Any, folder: str, prefix: str) -> MediaResult | ChevuploadError:
    """Build the result or the error that a worker sent: a process that hostile bytes may have taken over."""
    if "error" in answer:
        kind = getattr(errors, answer["error"])
        if not issubclass(kind, ChevuploadError):
            raise TypeError(kind)
        return kind(str(answer["message"]))  # type: ignore[no-any-return]
    values = dict(answer["result"])
    for name in ("original", "thumb", "medium", "frame"):
        if values[name] is not None:
            values[name] = MediaFile(**values[name])
    result = MediaResult(**values | {"extras": tuple(ExtraFile(**file) for file in values["extras"])})
    for file in result.files:
        head, tail = os.path.split(file.path)
        if head != folder.rstrip("/") or not tail.startswith(prefix) or os.path.islink(file.path):
            raise ValueError(file.path)
    if not _is_typed(result):
        raise TypeError(result)
    return result


def _is_typed(result: MediaResult) -> bool:
    """Whether every value that is stored or answered has its type."""
    sides = [side for extra in result.extras for side in (extra.width, extra.height)]
    sizes = [file.size for file in result.files]
    counts = (result.width, result.height, result.frames, result.duration, *sizes, *sides)
    names = [extra.name for extra in result.extras]
    texts = (result.title, result.description, result.taken_at, result.original_md5, result.camera)
    return (
        result.format in FORMATS
        and isinstance(result.thumb, MediaFile)
        and (result.frame is not None) == FORMATS[result.format].is_framed
        and all(type(count) is int and count >= 0 for count in counts)
        and all(text is None or isinstance(text, str) for text in texts)
        and len(names) == len({*names}) <= MAX_EXTRA
        and all(re.fullmatch(EXTRA_NAME, name) for name in names)
        and all(isinstance(flag, bool) for flag in (result.is_360, result.resized, result.converted))
        and (result.exif is None or isinstance(result.exif, dict))
    )
