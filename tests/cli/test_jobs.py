"""``render`` and ``verify`` need no broker, and go on where an interruption or a kill has stopped them."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys

import pytest

from chevupload import Config, Renditions, embedded
from chevupload.cli import main
from tests.databases import data_folder
from tests.support import SECONDS, environment, file, files_in

SITE = """
import sys
from datetime import timedelta
from pathlib import Path

from chevupload import Config, Renditions, embedded
from chevupload.uploads import jobs

jobs._CLAIMED = timedelta(seconds=1)
settings = Config(renditions=Renditions(thumb_side=20))
component = embedded(Path(__file__).parent / "site", renderer="inline", config=settings)
process = component.renderer.process


def when_told(job, **more):
    print("one", flush=True)
    sys.stdin.readline()
    return process(job, **more)


component.renderer.process = when_told
"""
COUNT = 25


@pytest.fixture
def folder(tmp_path):
    """Return a data folder with uploads of two users."""
    component = embedded(
        data_folder(tmp_path / "site"), renderer="inline", config=Config(renditions=Renditions(thumb_side=40))
    )
    for number in range(COUNT):
        component.uploads.save(file()[0], owner=("7", "8")[number % 2], filename=f"{number}.png")
    component.close()
    return tmp_path / "site"


def uploads(folder):
    component = embedded(folder, renderer="inline")
    found = [*component.catalog.uploads()]
    component.close()
    return found


def run(capsys, *words):
    status = main([*words])
    return status, capsys.readouterr().out.strip()


def test_all_are_rendered_again(folder, capsys):
    """With the settings of now, and those of one user or between two ids if it is said."""
    before = {upload.id: upload.thumb_size for upload in uploads(folder)}
    assert run(capsys, "render", "--data", str(folder), "--owner", "8") == (0, "render: 12 of 12 uploads, 0 failed")
    changed = [upload for upload in uploads(folder) if upload.thumb_size != before[upload.id]]
    assert {upload.owner_id for upload in changed} == {"8"}
    ids = sorted(before)
    status, output = run(capsys, "render", "--data", str(folder), "--first", ids[3], "--last", ids[9], "--json")
    found = json.loads(output)
    assert (status, found["total"], found["done"], found["failed"], found["has_ended"]) == (0, 7, 7, 0, True)


def test_one_that_cannot_be_rendered_is_told(folder, capsys):
    """By the status, and it stays as it is; the others are done."""
    broken = uploads(folder)[4]
    path = folder / "images" / broken.path
    path.chmod(0o600)
    path.write_bytes(b"no picture")
    assert run(capsys, "render", "--data", str(folder)) == (1, f"render: {COUNT} of {COUNT} uploads, 1 failed")
    assert (folder / "images" / broken.thumb_path).exists()


def test_files_are_verified(folder, capsys):
    """By the status, which says that one is another."""
    assert run(capsys, "verify", "--data", str(folder)) == (0, f"verify: {COUNT} of {COUNT} uploads, 0 failed")
    broken = uploads(folder)[4]
    path = folder / "images" / broken.path
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[::-1])
    assert run(capsys, "verify", "--data", str(folder)) == (1, f"verify: {COUNT} of {COUNT} uploads, 1 failed")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_the_same_command_goes_on(folder, number):
    """After Ctrl-C, which ends it well, and after a kill; each upload is rendered once, but for the one at work."""
    (folder.parent / "site_app.py").write_text(SITE)
    command = [sys.executable, "-m", "chevupload", "render", "--app", "site_app:component", "--json"]
    printed = []
    for turn in range(3):
        process = subprocess.Popen(
            command,
            cwd=folder.parent,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            stderr=subprocess.DEVNULL,
        )
        if turn < 2:
            # Five are let through, the sixth waits.
            process.stdin.write("go on\n" * 5)
            process.stdin.flush()
            while printed.count("one") < 6 * (turn + 1):
                printed.append(process.stdout.readline().strip())
            process.send_signal(number)
        printed += process.communicate(timeout=SECONDS)[0].split("\n")
        if turn < 2:
            assert process.returncode == (-number if number == signal.SIGKILL else 130)
    documents = [json.loads(line) for line in printed if line.startswith("{")]
    last = documents[-1]
    assert (process.returncode, last["total"], last["done"], last["has_ended"]) == (0, COUNT, COUNT, True)
    assert {document["job"] for document in documents} == {last["job"]}
    assert printed.count("one") <= COUNT + (2 if number == signal.SIGKILL else 0)
    sizes = {upload.thumb_size for upload in uploads(folder)}
    assert len(sizes) == 1
    for upload in uploads(folder):
        assert (folder / "images" / upload.thumb_path).stat().st_size == upload.thumb_size


MOVING = """
from pathlib import Path

from chevupload import LocalStorage, component_from

FOLDER = Path(__file__).parent
storages = {name: LocalStorage(FOLDER / name) for name in ("old", "new")}
component = component_from({"folder": str(FOLDER / "site")}, storage=storages, renderer="inline")
"""


def test_uploads_move_to_another_storage(tmp_path, monkeypatch, capsys):
    """All of them, or an owner's; a storage that is not there is refused."""
    (tmp_path / "moving_site.py").write_text(MOVING)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    component = importlib.import_module("moving_site").component
    component.catalog.create_tables()
    for owner in ("7", "8"):
        component.uploads.save(file()[0], owner=owner, filename=f"{owner}.png")
    options = ["--app", "moving_site:component", "--from", "old"]
    assert main(["move", *options, "--to", "third"]) == 1
    assert "no storage 'third'" in capsys.readouterr().err
    assert main(["move", *options, "--to", "new", "--owner", "7"]) == 0
    assert capsys.readouterr().out == "move: 1 of 1 upload, 0 failed\n"
    assert main(["move", *options, "--to", "new", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["done"] == 2
    assert main(["sweep", "--grace", "0", "--app", "moving_site:component"]) == 0
    assert [name for name in files_in(tmp_path / "old") if not name.startswith(".")] == []
    assert len(files_in(tmp_path / "new")) == 4
