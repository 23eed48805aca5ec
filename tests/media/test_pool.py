from __future__ import annotations

import io
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from chevupload import errors
from chevupload.config import Limits
from chevupload.media import child
from chevupload.media.inline import InlineRenderer
from chevupload.media.pool import WorkerPool
from tests.media.pictures import encoded, job, left, photo, stored

SMALL = encoded(photo((700, 500)), "JPEG")
SLOW = encoded(Image.effect_noise((3_000, 3_000), 90).convert("RGB"), "JPEG", progressive=True, quality=95)


@contextmanager
def pool(**limits: Any) -> Iterator[WorkerPool]:
    made = WorkerPool(Limits(**{"decode_workers": 1} | limits))
    try:
        yield made
    finally:
        made.close()


def scripted(folder: Path, commands: str) -> WorkerPool:
    """Make a pool whose worker runs ``commands`` instead of Python."""
    script = folder / "python"
    script.write_text(f"#!/bin/sh\n{commands}\n")
    script.chmod(0o755)
    return WorkerPool(Limits(decode_workers=1), python=str(script))


def workers() -> set[int]:
    """Return the process ids of this process's workers."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes()
                parent = (entry / "stat").read_text().rsplit(")", 1)[1].split()[1]
            except OSError:
                continue
            if b"chevupload.media.worker" in command and int(parent) == os.getpid():
                found.add(int(entry.name))
    return found


def test_a_worker_does_what_the_same_code_does_inline(tmp_path: Path) -> None:
    """Both renderers give the same facts and pictures."""
    request = job(stored(tmp_path / "a", SMALL), width=600)
    inline = InlineRenderer()
    with pool() as made:
        results = [made.process(request), inline.process(request)]
    inline.close()
    facts = [(r.format, r.width, r.height, r.exif, r.original_md5, r.thumb.size, r.resized) for r in results]
    assert facts[0] == facts[1]
    assert len(left(tmp_path)) == 6


def test_refusals_keep_their_class_and_words(tmp_path: Path) -> None:
    """What the worker refuses is refused by the pool alike, and nothing is left."""
    with pool() as made:
        with pytest.raises(errors.DisabledFormat, match=r"Disabled image format \(jpeg\)"):
            made.process(job(stored(tmp_path / "a", SMALL), formats=("PNG",)))
        with pytest.raises(errors.BrokenImage):
            made.process(job(stored(tmp_path / "b", SMALL[:2_000]), width=300))
        with pytest.raises(errors.BackendError):
            made.process(job(tmp_path / "absent"))
        assert len(workers()) == 1
    assert left(tmp_path) == []


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


def test_a_deadline_kills_the_worker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A picture that takes too long is refused soon, its files are removed, and the next one gets a new worker."""
    with pool(decode_seconds=0.15) as made, caplog.at_level(logging.WARNING):
        made.warm()
        first = workers()
        with pytest.raises(errors.TooCostly):
            made.process(job(stored(tmp_path / "slow", SLOW), width=2_900))
        assert (left(tmp_path), workers()) == ([], set())
        made.process(job(stored(tmp_path / "a", SMALL)))
        assert workers().isdisjoint(first)
    assert "was killed" in caplog.text


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGSEGV, errors.BrokenImage), (signal.SIGXCPU, errors.TooCostly)])
def test_a_worker_that_dies_at_work_is_replaced(
    tmp_path: Path, number: signal.Signals, kind: type[errors.Refusal]
) -> None:
    """A crash is the picture's fault, the processor limit its cost."""
    with pool() as made:
        made.warm()
        (victim,) = workers()
        timer = threading.Timer(0.1, os.kill, (victim, number))
        timer.start()
        with pytest.raises(kind):
            made.process(job(stored(tmp_path / "slow", SLOW), width=2_900))
        timer.join()
        assert left(tmp_path) == []
        assert made.process(job(stored(tmp_path / "a", SMALL))).width == 700


def test_a_worker_that_died_idle_is_replaced(tmp_path: Path) -> None:
    """The next upload does not notice."""
    with pool() as made:
        made.warm()
        (victim,) = workers()
        os.kill(victim, signal.SIGKILL)
        os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)
        assert made.process(job(stored(tmp_path / "a", SMALL))).width == 700


def test_a_worker_that_is_gone_before_it_was_asked_is_our_fault(tmp_path: Path) -> None:
    """The picture is not blamed."""
    worker = child.Child(sys.executable, Limits())
    worker.wait_until_ready()
    (victim,) = workers()
    os.kill(victim, signal.SIGKILL)
    os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)
    with pytest.raises(errors.BackendError):
        worker.process(job(stored(tmp_path / "a", SMALL)), 5)
    assert not worker.is_fit
    worker.end()


def test_memory_is_limited(tmp_path: Path) -> None:
    """A picture that needs more memory than allowed is refused, and the worker replaced."""
    big = encoded(Image.new("RGB", (9_000, 5_000)), "PNG")
    with pool(decode_memory_bytes=200_000_000) as made:
        with pytest.raises(errors.TooCostly):
            made.process(job(stored(tmp_path / "big", big)))
        assert left(tmp_path) == []
        assert made.process(job(stored(tmp_path / "a", SMALL))).width == 700


def test_file_size_is_limited(tmp_path: Path) -> None:
    """A worker cannot fill the disk."""
    noise = encoded(Image.effect_noise((1_500, 1_500), 90), "BMP")
    with pool(max_bytes=1, max_pixels=1) as made, pytest.raises(errors.TooCostly):
        made.process(job(stored(tmp_path / "a", noise)))
    assert left(tmp_path) == []


def test_waiting_for_a_worker_is_bounded(tmp_path: Path) -> None:
    """When every worker is taken for too long the answer is Busy, inline too."""
    stored(tmp_path / "slow", SLOW)
    for made in (
        WorkerPool(Limits(decode_workers=1, queue_seconds=0.05)),
        InlineRenderer(Limits(decode_workers=1, queue_seconds=0.05)),
    ):
        if isinstance(made, WorkerPool):
            made.warm()
        thread = threading.Thread(target=made.process, args=(job(tmp_path / "slow", width=2_900),))
        thread.start()
        time.sleep(0.1)
        with pytest.raises(errors.Busy):
            made.process(job(tmp_path / "slow"))
        made.close()
        thread.join()
    assert workers() == set()


def test_threads_share_the_workers(tmp_path: Path) -> None:
    """Many threads at once are served by as many workers as allowed, each with its own result."""
    stored(tmp_path / "a", SMALL)
    paths: list[str] = []
    with pool(decode_workers=2) as made:
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
    monkeypatch.setattr(child, "MAX_JOBS", 2)
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


@pytest.mark.parametrize(
    "answer",
    [
        "no json",
        '{"error": "SystemExit", "message": "m"}',
        '{"error": "annotations", "message": "m"}',
        '{"result": {}}',
        "[]",
        '{"result": {"original": null, "medium": null, "thumb": {"path": "/etc/passwd", "size": 1}}}',
    ],
)
def test_a_worker_is_not_believed_everything(tmp_path: Path, answer: str) -> None:
    """A worker that hostile bytes took over can neither name foreign files nor raise what it likes."""
    made = scripted(tmp_path, f"read a; echo '{{}}'; read b; echo '{answer}'; exec cat >/dev/null")
    with pytest.raises(errors.BrokenImage):
        made.process(job(stored(tmp_path / "a", SMALL)))
    made.close()


ANSWER: dict[str, Any] = {
    "format": "PNG",
    "width": 8,
    "height": 6,
    "frames": 1,
    "is_360": False,
    "title": None,
    "description": None,
    "exif": None,
    "taken_at": None,
    "original": None,
    "original_md5": None,
    "resized": False,
    "thumb": {"path": "@", "size": 1},
    "medium": None,
}
"""What an honest worker says, but for the place of its thumb."""


@pytest.mark.parametrize(
    "lie",
    [
        {"format": "EXE"},
        {"format": None},
        {"width": -1},
        {"width": 8.0},
        {"height": "6"},
        {"frames": True},
        {"title": 1},
        {"description": ["x"]},
        {"taken_at": {}},
        {"original_md5": 5},
        {"exif": "text"},
        {"exif": []},
        {"is_360": "no"},
        {"resized": 1},
        {"thumb": None},
        {"thumb": {"path": "@", "size": -1}},
        {"medium": {"path": "@", "size": "1"}},
    ],
    ids=str,
)
def test_every_value_of_an_answer_has_its_type(tmp_path: Path, lie: dict[str, Any]) -> None:
    """An answer is stored and shown: one that is right in all but one value is a broken picture's, without a fault."""
    answers = [json.dumps({"result": ANSWER | values}) for values in ({}, lie)]
    # The prefix of a thumb's name has to be the job's, which only its request tells.
    name = """$(echo "$b" | sed 's/.*"prefix": "\\([^"]*\\)".*/\\1/')"""
    steps = "; ".join(f"read b; echo '{text}' | sed \"s|@|{tmp_path}/out/{name}x|g\"" for text in answers)
    made = scripted(tmp_path, f"read a; echo '{{}}'; {steps}; exec cat >/dev/null")
    request = job(stored(tmp_path / "a", SMALL))
    assert made.process(request).width == 8
    with pytest.raises(errors.BrokenImage):
        made.process(request)
    made.close()


@pytest.mark.parametrize("start", ["echo '{}'; read b", ":"])
def test_an_endless_answer_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    """A worker that never ends its line is killed before it fills the memory, at work or at its start."""
    monkeypatch.setattr(child, "MAX_ANSWER_BYTES", 200_000)
    monkeypatch.setattr(child, "END_SECONDS", 0.1)
    made = scripted(tmp_path, f"read a; {start}; exec cat /dev/zero")
    with pytest.raises(errors.BackendError if start == ":" else errors.BrokenImage):
        made.process(job(stored(tmp_path / "a", SMALL)))
    assert left(tmp_path) == []
    made.close()


@pytest.mark.timeout(20)
def test_a_worker_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Closing does not wait for ever."""
    monkeypatch.setattr(child, "END_SECONDS", 0.1)
    made = scripted(tmp_path, "read a; echo '{}'; exec sleep 60")
    made.warm()
    made.close()


def test_no_secret_reaches_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is reduced to where the modules are."""
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    with pool() as made:
        made.warm()
        (pid,) = workers()
        names = {line.split(b"=")[0] for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if line}
        assert {name for name in names if not name.startswith(b"MALLOC_")} <= {b"PYTHONPATH", b"LANG"}
        assert os.readlink(f"/proc/{pid}/cwd") == "/"


def test_a_worker_finds_what_the_server_finds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Modules may come from any entry of the server's path, relative ones included."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, "beside"])
    with pool() as made:
        made.warm()
        (pid,) = workers()
        variables = Path(f"/proc/{pid}/environ").read_text().split("\0")
    (path,) = (text.partition("=")[2] for text in variables if text.startswith("PYTHONPATH="))
    assert path.split(os.pathsep) == [os.path.abspath(entry) for entry in sys.path]
    assert str(tmp_path / "beside") in path.split(os.pathsep)


@pytest.mark.parametrize(
    ("executable", "expected"),
    [
        ("/usr/bin/python3.11", "/usr/bin/python3.11"),
        ("/opt/pypy3", "/opt/pypy3"),
        ("/Library/Python", "/Library/Python"),
        ("/usr/sbin/uwsgi", "bin/python3"),
        ("/usr/sbin/apache2", "bin/python3"),
        ("", "bin/python3"),
        (None, "bin/python3"),
    ],
)
def test_an_embedding_server_is_no_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, executable: str | None, expected: str
) -> None:
    """Where a server embeds Python, workers are started with the interpreter of its environment, if there is one."""
    monkeypatch.setattr(sys, "executable", executable)
    monkeypatch.setattr(sys, "exec_prefix", str(tmp_path))
    assert child.interpreter() == (expected if expected.startswith("/") else executable or "")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").touch()
    assert child.interpreter() == (expected if expected.startswith("/") else str(tmp_path / expected))


def test_an_inline_renderer_is_warmed_by_its_decoder() -> None:
    """After warm the first picture waits for no import."""
    code = (
        "import sys; from chevupload.media.inline import InlineRenderer\n"
        "InlineRenderer().warm(); sys.exit('PIL.Image' not in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_server_imports_no_decoder() -> None:
    """Neither the pool nor the inline renderer loads Pillow before the first picture."""
    code = "import sys, chevupload.media.pool, chevupload.media.inline; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_worker_answers_line_by_line(tmp_path: Path) -> None:
    """The protocol on its own: ready, a result, a refusal, and an end with the input."""
    path = stored(tmp_path / "a", SMALL)
    values = {name: getattr(job(path), name) for name in job(path).__dataclass_fields__}
    requests = [{}, {"job": values, "prefix": "p-"}, {"job": values | {"formats": []}, "prefix": "p-"}]
    settings = {"memory_bytes": 2_000_000_000, "file_bytes": 100_000_000, "seconds": 9.0}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "chevupload.media.worker", json.dumps(settings)],
        input="".join(json.dumps(request) + "\n" for request in requests),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.load(io.StringIO(line)) for line in done.stdout.splitlines()]
    assert [sorted(answer) for answer in answers] == [["ready"], ["result"], ["error", "message"]]
    assert all(name.startswith("p-") for name in left(tmp_path))
