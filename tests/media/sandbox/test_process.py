"""A worker as its server sees it: how it is started, what it may answer, when it is ended."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chevupload import errors
from chevupload.config import Limits
from chevupload.media.sandbox import process
from tests.media.pictures import job, left, stored
from tests.media.pools import SMALL, pool, scripted, slow, workers


def test_a_deadline_kills_the_worker(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A picture that takes too long is refused soon, its files are removed, and the next one gets a new worker."""
    with pool(decode_seconds=0.3) as made, caplog.at_level(logging.WARNING):
        made.warm()
        first = workers()
        with pytest.raises(errors.TooCostly):
            made.process(job(stored(tmp_path / "slow", slow()), width=2_900))
        assert (left(tmp_path), workers()) == ([], set())
        # A machine with much to do may need longer for any.
        made._limits = replace(made._limits, decode_seconds=300.0)
        made.process(job(stored(tmp_path / "a", SMALL)))
        assert workers().isdisjoint(first)
    assert "was killed" in caplog.text


@pytest.mark.parametrize(("number", "kind"), [(signal.SIGSEGV, errors.BrokenImage), (signal.SIGXCPU, errors.TooCostly)])
def test_a_worker_that_dies_at_work_is_replaced(
    tmp_path: Path, number: signal.Signals, kind: type[errors.Refusal]
) -> None:
    """A crash is the picture's fault, the processor limit its cost."""
    dies = f"mkdir {tmp_path}/died && {{ read a; echo '{{}}'; read b; kill -{number.value} $$; }}"
    made = scripted(tmp_path, f'{dies}\nexec {sys.executable} "$@"')
    request = job(stored(tmp_path / "a", SMALL))
    with pytest.raises(kind):
        made.process(request)
    assert (left(tmp_path), (tmp_path / "died").is_dir()) == ([], True)
    assert made.process(request).width == 700
    made.close()


def test_a_worker_that_is_gone_before_it_was_asked_is_our_fault(tmp_path: Path) -> None:
    """The picture is not blamed, and may be tried by another one."""
    worker = process.Process(sys.executable, Limits())
    worker.wait_until_ready()
    (victim,) = workers()
    os.kill(victim, signal.SIGKILL)
    os.waitid(os.P_PID, victim, os.WEXITED | os.WNOWAIT)
    with pytest.raises(process.WorkerKilled):
        worker.process(job(stored(tmp_path / "a", SMALL)), 5)
    assert not worker.is_usable
    worker.end()


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
    "frame": None,
    "duration": 0,
    "extras": [],
}
"""What an honest worker says, but for the place of its thumb."""
EXTRA = {"path": "@", "size": 1, "name": "w80", "width": 8, "height": 6}
NAME = """$(echo "$b" | sed 's/.*"prefix": "\\([^"]*\\)".*/\\1/')x"""
"""A file's name with the prefix of the job, which only its request tells, in a script that read it into ``b``."""


def test_a_worker_cannot_name_a_link(tmp_path: Path) -> None:
    """A link in the job's own folder may lead to any file of the server's."""
    answer = json.dumps({"result": ANSWER})
    steps = f"read b; file={tmp_path}/out/{NAME}; ln -s /etc/passwd $file; echo '{answer}' | sed \"s|@|$file|g\""
    made = scripted(tmp_path, f"read a; echo '{{}}'; {steps}; exec cat >/dev/null")
    with pytest.raises(errors.BrokenImage):
        made.process(job(stored(tmp_path / "a", SMALL)))
    assert left(tmp_path) == []
    made.close()


@pytest.mark.parametrize("ending", ["exit 3", """echo '{"error": "TooCostly", "message": "m"}'; exec cat >/dev/null"""])
def test_nothing_is_left_of_a_job_that_failed(tmp_path: Path, ending: str) -> None:
    """What its worker wrote goes, whether it could remove it or not."""
    made = scripted(tmp_path, f"read a; echo '{{}}'; read b; touch {tmp_path}/out/{NAME}; {ending}")
    with pytest.raises(errors.Refusal):
        made.process(job(stored(tmp_path / "a", SMALL)))
    assert left(tmp_path) == []
    made.close()


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
        {"frame": {"path": "@", "size": 1}},
        {"format": "MP4"},
        {"format": "MP4", "frame": {"path": "/etc/passwd", "size": 1}},
        {"duration": 1.5},
        {"duration": -1},
        {"extras": [EXTRA | {"path": "/etc/passwd"}]},
        {"extras": [EXTRA | {"name": "../a"}]},
        {"extras": [EXTRA | {"width": "5"}]},
        {"extras": [EXTRA, EXTRA]},
        {"extras": [EXTRA | {"name": f"w{number}"} for number in range(10, 19)]},
    ],
    ids=str,
)
def test_every_value_of_an_answer_has_its_type(tmp_path: Path, lie: dict[str, Any]) -> None:
    """An answer is stored and shown: one that is right in all but one value is a broken picture's, without a fault."""
    answers = [json.dumps({"result": ANSWER | values}) for values in ({}, lie)]
    steps = "; ".join(f"read b; echo '{text}' | sed \"s|@|{tmp_path}/out/{NAME}|g\"" for text in answers)
    made = scripted(tmp_path, f"read a; echo '{{}}'; {steps}; exec cat >/dev/null")
    request = job(stored(tmp_path / "a", SMALL))
    assert made.process(request).width == 8
    with pytest.raises(errors.BrokenImage):
        made.process(request)
    made.close()


@pytest.mark.parametrize("start", ["echo '{}'; read b", ":"])
def test_an_endless_answer_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    """A worker that never ends its line is killed before it fills the memory, at work or at its start."""
    monkeypatch.setattr(process, "MAX_ANSWER_BYTES", 200_000)
    monkeypatch.setattr(process, "END_SECONDS", 0.1)
    made = scripted(tmp_path, f"read a; {start}; exec cat /dev/zero")
    with pytest.raises(errors.BackendError if start == ":" else errors.BrokenImage):
        made.process(job(stored(tmp_path / "a", SMALL)))
    assert left(tmp_path) == []
    made.close()


def test_a_worker_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Closing does not wait for ever."""
    monkeypatch.setattr(process, "END_SECONDS", 0.1)
    made = scripted(tmp_path, "read a; echo '{}'; exec sleep 10000")
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
        told = {name for name in names if not name.startswith(b"MALLOC_")}
        assert told == {b"PYTHONPATH", b"LANG", b"GLIBC_TUNABLES", b"OPENBLAS_NUM_THREADS"}
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
    assert process.interpreter() == (expected if expected.startswith("/") else executable or "")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").touch()
    assert process.interpreter() == (expected if expected.startswith("/") else str(tmp_path / expected))
