"""``events deliver`` tells a site's handlers what happened, once or until it is told to end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from chevupload.cli import main
from chevupload.cli.stop_flag import StopFlag
from tests.support import environment, file

SITE = """
import io
from pathlib import Path

from chevupload import Hooks, embedded

FOLDER = Path(__file__).parent


def write_down(event):
    if (FOLDER / "away").exists():
        raise RuntimeError("away")
    with open(FOLDER / "told", "a") as file:
        print(event.kind, event.upload.id, file=file)


component = embedded(FOLDER / "site", renderer="inline", hooks=Hooks(on_event={"file": write_down}))
silent = embedded(FOLDER / "site", renderer="inline")
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a module that makes a site whose handler writes into a file."""
    name = f"site_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(SITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return __import__(name)


@pytest.fixture
def run(site, capsys):
    """Return a function that runs the command on a component of that module."""

    def run_command(*options, component="component"):
        status = main(["events", "deliver", "--app", f"{site.__name__}:{component}", *options])
        captured = capsys.readouterr()
        return status, captured.out.strip(), captured.err.strip()

    return run_command


def test_events_are_told(site, run, tmp_path):
    """What waits is status 1, for those who look after the site."""
    upload = site.component.uploads.save(file()[0], owner="7")
    (tmp_path / "away").touch()
    status, output, _ = run()
    assert (status, output) == (1, "told 0 events, 1 wait for another attempt, 0 given up")
    (tmp_path / "away").unlink()
    assert json.loads(run("--json")[1]) == {"told": 0, "postponed": 0, "given_up": 0}
    site.component.uploads.save(file()[0], owner="7")
    assert run()[:2] == (0, "told 1 events, 0 wait for another attempt, 0 given up")
    assert upload.id not in (tmp_path / "told").read_text()


def test_a_site_without_handlers_says_so(run):
    """Somebody expects them to be there."""
    status, _, errors = run(component="silent")
    assert (status, errors) == (1, "Error: nobody handles events: Hooks(on_event=...) has no handler")


@pytest.mark.slow
def test_watching_tells_what_comes_and_ends_when_told_to(site, tmp_path):
    """Events that come meanwhile are told within a second or so; SIGTERM ends it well."""
    command = [
        sys.executable,
        "-m",
        "chevupload",
        "events",
        "deliver",
        "--watch",
        "--app",
        f"{site.__name__}:component",
    ]
    told = tmp_path / "told"
    with subprocess.Popen(command, cwd=tmp_path, env=environment()) as process:
        try:
            for number in (1, 2):
                site.component.uploads.save(file()[0], owner="7")
                while not told.exists() or len(told.read_text().splitlines()) < number:
                    assert process.poll() is None
                    time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def test_a_signal_while_the_flag_is_looked_at_ends_nothing_for_ever():
    """Its handler runs in the thread that it interrupts, at any line of it: what it does must wait for no lock."""
    flag = StopFlag()

    def interrupt(frame, event, argument):
        if frame.f_code is StopFlag.wait.__code__:
            flag.set()
        return interrupt

    sys.settrace(interrupt)
    try:
        flag.wait(0.001)
    finally:
        sys.settrace(None)
    assert flag.is_set()
