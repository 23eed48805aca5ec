"""How many workers there are, from when to when, and who gets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from chevupload import errors
from chevupload.config import Limits
from chevupload.media.sandbox import process
from chevupload.media.sandbox.inline import InlineRenderer
from chevupload.media.sandbox.pool import WorkerPool
from chevupload.model import MediaJob
from tests.media.pictures import job, left, stored
from tests.media.pools import SMALL, pool, scripted, slow, workers


def test_workers_start_with_the_first_picture_and_end_with_close(tmp_path: Path) -> None:
    """No process before it is needed, none after; closing twice is fine, and a closed pool may be used again."""
    before = workers()
    with pool() as made:
        assert workers() == before
        made.process(job(stored(tmp_path / "a", SMALL)))
        first = workers()
        made.process(job(tmp_path / "a"))
        assert (len(first), workers()) == (1, first)
        made.close()
        made.close()
        assert workers() == before
        made.process(job(tmp_path / "a"))
    assert workers() == before


def test_warm_starts_every_worker() -> None:
    """After warm no upload waits for a start."""
    with pool(decode_workers=2) as made:
        made.warm()
        ready = workers()
        made.warm()
        assert (len(ready), workers()) == (2, ready)


def test_a_pool_that_nobody_closed_ends_its_workers() -> None:
    """The workers go with the pool."""
    made = WorkerPool(Limits(decode_workers=1))
    made.warm()
    del made
    assert workers() == set()


def test_a_worker_that_died_idle_is_replaced(tmp_path: Path) -> None:
    """The next upload does not notice."""
    with pool() as made:
        made.warm()
        (victim,) = workers()
        os.kill(victim, signal.SIGKILL)
        os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)
        assert made.process(job(stored(tmp_path / "a", SMALL))).width == 700


@pytest.mark.parametrize("moment", ["at its start", "at work"])
def test_a_picture_whose_worker_is_killed_is_tried_once_more(tmp_path: Path, moment: str) -> None:
    """Whoever ends a worker from outside, by hand or for want of memory, does no picture harm."""
    with pool() as made:
        if moment == "at work":
            made.warm()
        done: list[int] = []
        request = job(stored(tmp_path / "slow", slow()))
        thread = threading.Thread(target=lambda: done.append(made.process(request).width))
        thread.start()
        while not (first := workers()):
            time.sleep(0.005)
        time.sleep(0.1)
        for victim in first:
            os.kill(victim, signal.SIGKILL)
        thread.join()
        assert done == [3_000]
        # One that was done before it was killed may take a moment to end.
        while not first.isdisjoint(workers()):
            time.sleep(0.005)
        assert len(left(tmp_path)) == 2


@pytest.mark.parametrize("moment", ["read a", "read a; echo '{}'; read b"])
def test_a_picture_whose_workers_are_all_killed_is_not_blamed(tmp_path: Path, moment: str) -> None:
    """After the second one, the client is told to come back."""
    made = scripted(tmp_path, f"echo x >>{tmp_path}/starts; {moment}; kill -KILL $$")
    with pytest.raises(process.WorkerKilled):
        made.process(job(stored(tmp_path / "a", SMALL)))
    assert (tmp_path / "starts").read_text() == "x\nx\n"
    made.close()


def test_signals_for_the_server_do_not_end_its_workers(tmp_path: Path) -> None:
    """A service manager signals every process of a server, at whatever moment: its workers end when it lets them."""
    with pool(decode_workers=2) as made:
        done: list[int] = []
        request = job(stored(tmp_path / "a", SMALL))
        thread = threading.Thread(target=lambda: done.append(made.process(request).width))
        thread.start()
        while not (first := workers()):
            time.sleep(0.001)
        while thread.is_alive():
            for victim in first:
                for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1):
                    os.kill(victim, number)
            time.sleep(0.01)
        assert (done, workers()) == ([700], first)


def test_starting_a_worker_keeps_no_signal_from_the_server() -> None:
    """What is kept back meanwhile comes through afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with pool() as made:
        made.warm()
        assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def busy(folder: Path, **limits: Any) -> tuple[WorkerPool, threading.Thread]:
    """Return a pool whose only worker is at work in a thread, until a file ``go`` is there.

    What it is given is a line each in a file ``jobs``, and is refused; the first is from ``many``.
    """
    work = f"printf '%s\\n' \"$b\" >>{folder}/jobs; while [ ! -e {folder}/go ]; do sleep 0.02; done"
    refusal = """echo '{"error": "NotAnImage", "message": "m"}'"""
    made = scripted(folder, f"read a; echo '{{}}'; while read -r b; do {work}; {refusal}; done", **limits)
    thread = send(made, job(stored(folder / "a", SMALL)), "many")
    while not (folder / "jobs").exists():
        time.sleep(0.01)
    return made, thread


def send(made: WorkerPool, request: MediaJob, client: str = "") -> threading.Thread:
    """Start a thread in which a picture is refused, by a worker or because too many wait."""

    def work() -> None:
        with pytest.raises((errors.NotAnImage, errors.Busy)):
            made.process(request, client=client)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_another_senders_picture_comes_before_a_second_one(tmp_path: Path) -> None:
    """However many pictures one sender sends, another one's waits for one of them only."""
    made, first = busy(tmp_path, waiting_uploads=3)
    many, one = job(tmp_path / "a"), job(stored(tmp_path / "b", SMALL))
    threads = [first, *(send(made, many, "many") for _ in range(3))]
    waiting = made._workers.places._waiting
    while len(waiting) < 3:
        time.sleep(0.01)
    with pytest.raises(errors.Busy):
        made.process(many, client="many")
    threads.append(send(made, one, "one"))
    while [waiter.sender for waiter in waiting] != ["many", "many", "one"]:
        time.sleep(0.01)
    (tmp_path / "go").touch()
    for thread in threads:
        thread.join()
    made.close()
    jobs = [json.loads(line)["job"] for line in (tmp_path / "jobs").read_text().splitlines()]
    assert [Path(one["source"]).name for one in jobs] == ["a", "b", "a", "a"]


def test_waiting_for_a_worker_is_bounded(tmp_path: Path) -> None:
    """When every worker is taken for too long the answer is Busy, inline too."""
    made, thread = busy(tmp_path, queue_seconds=0.05)
    with pytest.raises(errors.Busy):
        made.process(job(tmp_path / "a"))
    (tmp_path / "go").touch()
    thread.join()
    made.close()
    inline = InlineRenderer(Limits(decode_workers=1, queue_seconds=0.05))
    with inline._places.held("", seconds=0), pytest.raises(errors.Busy):
        inline.process(job(tmp_path / "a"))


def test_threads_share_the_workers(tmp_path: Path) -> None:
    """Many threads at once are served by as many workers as allowed, each with its own result."""
    stored(tmp_path / "a", SMALL)
    paths: list[str] = []
    with pool(decode_workers=2, waiting_uploads=10) as made:
        threads = [
            threading.Thread(target=lambda: paths.append(made.process(job(tmp_path / "a")).thumb.path))
            for _ in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(set(paths)), len(workers())) == (12, 2)


def test_a_forked_process_has_workers_of_its_own(tmp_path: Path) -> None:
    """A forked server process neither uses nor ends its parent's workers."""
    stored(tmp_path / "a", SMALL)
    with pool() as made:
        made.warm()
        before = workers()
        pid = os.fork()
        if not pid:
            code = 1
            try:
                width = made.process(job(tmp_path / "a")).width
                code = 0 if (width, len(workers())) == (700, 1) and workers().isdisjoint(before) else 2
                made.close()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert workers() == before
        assert made.process(job(tmp_path / "a")).width == 700


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_process_forked_while_workers_are_busy_has_every_place(tmp_path: Path) -> None:
    """Those that the parent's uploads hold are never given back in the child, which keeps no pipe to their workers."""
    made, thread = busy(tmp_path)
    (held,) = made._workers._all
    pid = os.fork()
    if not pid:
        code = 1
        try:
            (tmp_path / "go").touch()
            made.process(job(tmp_path / "a"))
        except errors.NotAnImage:
            made.close()
            code = 0 if held._process.stdin.closed and held._process.stdout.closed else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    thread.join()
    made.close()


def test_a_busy_worker_ends_after_its_job_when_the_pool_is_closed(tmp_path: Path) -> None:
    """It is not kept for a next one."""
    made, thread = busy(tmp_path)
    made.close()
    assert len(workers()) == 1
    (tmp_path / "go").touch()
    thread.join()
    assert workers() == set()


def test_a_fork_after_the_pool_is_gone_is_no_concern() -> None:
    """A pool that is gone leaves nothing to forget."""
    made = WorkerPool(Limits(decode_workers=1))
    del made
    pid = os.fork()
    if not pid:
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_workers_retire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its share of jobs a worker is replaced."""
    monkeypatch.setattr(process, "MAX_JOBS", 2)
    stored(tmp_path / "a", SMALL)
    with pool() as made:
        seen = set()
        for _ in range(4):
            made.process(job(tmp_path / "a"))
            seen |= workers()
        assert (len(seen), workers()) == (2, set())


@pytest.mark.parametrize("program", ["/nonexistent/python", "/bin/false"])
def test_a_worker_that_does_not_start_is_our_fault(tmp_path: Path, program: str) -> None:
    """The answer is a backend error, again and again, and no place is lost."""
    made = WorkerPool(Limits(decode_workers=1, queue_seconds=0.2), python=program)
    for _ in range(2):
        with pytest.raises(errors.BackendError):
            made.process(job(stored(tmp_path / "a", SMALL)))
    with pytest.raises(errors.BackendError):
        made.warm()
    made.close()


def test_an_inline_renderer_is_warmed_by_its_decoder() -> None:
    """After warm the first picture waits for no import."""
    code = (
        "import sys; from chevupload.media.sandbox.inline import InlineRenderer\n"
        "InlineRenderer().warm(); sys.exit('PIL.Image' not in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_server_imports_no_decoder() -> None:
    """Neither the pool nor the inline renderer loads Pillow before the first picture."""
    code = "import sys, chevupload.media.sandbox.pool, chevupload.media.sandbox.inline; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
