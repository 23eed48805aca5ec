"""``events deliver`` tells a site's handlers what happened, once or until it is told to end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest
import requests

from chevupload.cli import main
from chevupload.cli.sites import ChosenSite
from chevupload.cli.stop_flag import StopFlag
from chevupload.site.data_folder import Site
from tests.support import FOREVER, NEVER, PNG, SECONDS, environment, file

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


def test_a_handler_that_had_enough_is_told_again(site, capsys):
    """By its name; a name that nobody has, or whose handler is told all events, is a mistake."""
    site.component.catalog.end_handler("file")
    options = ["--app", f"{site.__name__}:component"]
    assert main(["events", "resume", "file", *options]) == 0
    assert capsys.readouterr().out == "file is told what happens from now on\n"
    assert not site.component.catalog.ended_handlers()
    for name, words in (("file", "the handler 'file' is told all events"), ("other", "no handler 'other': file is")):
        assert main(["events", "resume", name, *options]) == 1
        assert words in capsys.readouterr().err


class TestStandAlone:
    """A site in a data folder has its webhook from the environment, or by options of its server."""

    SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    URL = "https://receiver.invalid/hook"

    @pytest.fixture
    def folder(self, tmp_path, monkeypatch):
        """Return the folder of a site whose variables name a webhook."""
        pytest.importorskip("standardwebhooks", reason="the extra webhooks is not installed")
        monkeypatch.setenv("CHEVUPLOAD_WEBHOOK_URL", self.URL)
        monkeypatch.setenv("CHEVUPLOAD_WEBHOOK_SECRETS", f"{self.SECRET} {self.SECRET}")
        monkeypatch.setenv("CHEVUPLOAD_BASE_URL", "https://pictures.example")
        Site(tmp_path / "site").close()
        return str(tmp_path / "site")

    def test_commands_keep_events_and_send_them(self, folder, capsys):
        """With the addresses of the server."""
        with ChosenSite(data=folder).open_component() as component:
            component.uploads.save(file()[0], owner="7", title="A cat")
            (event,) = component.catalog.claim_events(now=FOREVER, until=NEVER, limit=9)
            assert component.links().viewer(event.upload).startswith("https://pictures.example/image/A-cat.")
        assert main(["events", "deliver", "--data", folder]) == 1
        assert "1 wait for another attempt" in capsys.readouterr().out

    def test_a_webhook_has_both(self, folder, monkeypatch, capsys):
        """Nobody takes events that are not signed."""
        monkeypatch.delenv("CHEVUPLOAD_WEBHOOK_SECRETS")
        for command in (["sweep"], ["serve", "--port", "0"]):
            assert main([*command, "--data", folder]) == 1
            assert "a webhook needs both" in capsys.readouterr().err

    @pytest.mark.slow
    def test_the_server_sends_events(self, start, tmp_path):
        """In a thread of its own, which ends with it."""
        pytest.importorskip("standardwebhooks", reason="the extra webhooks is not installed")
        options = ("--guest-key", "guest", "--webhook-url", self.URL, "--webhook-secret", self.SECRET)
        server = start(tmp_path / "site", *options)
        requests.post(f"{server.address}/api/1/upload", files={"source": PNG}, data={"key": "guest"}).raise_for_status()
        log = tmp_path / "site.log"
        deadline = time.monotonic() + SECONDS
        while "handler webhook failed for event" not in log.read_text():
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        assert server.stop()[0] == 0


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
            assert process.wait(timeout=SECONDS) == 0
        finally:
            process.kill()


def test_a_signal_while_the_flag_is_looked_at_ends_nothing_for_ever():
    """Its handler runs in the thread that it interrupts, at any line of it: what it does must wait for no lock."""
    flag = StopFlag()

    def interrupt(frame, event, argument):
        if frame.f_code is StopFlag.wait.__code__:
            flag.set()
        return interrupt

    measuring = sys.gettrace()
    sys.settrace(interrupt)
    try:
        flag.wait(0.001)
    finally:
        sys.settrace(measuring)  # nothing that this process runs later would count as covered without it
    assert flag.is_set()
