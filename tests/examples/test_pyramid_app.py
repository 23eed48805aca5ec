"""The Pyramid example: the story, its commands, and what its visitors cannot do."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import requests

from tests.examples.story import Browser, running, tell
from tests.support import ROOT, SECONDS, picture

INI = str(ROOT / "examples" / "pyramid_app" / "development.ini")
PATH = f"{ROOT}{os.pathsep}{ROOT / 'examples'}"
PSERVE = ("env", f"PYTHONPATH={PATH}", sys.executable, "-m", "pyramid.scripts.pserve", INI, "http_port={port}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return an empty folder."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def address(folder):
    """Run the example in that folder."""
    with running(*PSERVE, folder=folder) as found:
        yield found


def test_story(address, folder, tmp_path):
    """A user registers, makes a key, uploads with it and with the form, and leaves; all that stays is in one folder."""
    tell(address, tmp_path)
    assert [path.name for path in folder.iterdir()] == ["pyramid-app-data"]
    assert list((folder / "pyramid-app-data" / "uploads" / "images").rglob("*.png")) == []


def test_commands(address, folder):
    """Beside the running server."""
    fay = Browser(address)
    fay.fill("/register", {"name": "fay", "password": "correct horse"})
    fay.fill("/", {}, picture=picture((320, 200)), having='name="picture"')
    said = {}
    for command in ("create-tables", "sweep", "check"):
        run = subprocess.run(
            [sys.executable, "-m", "chevupload.contrib.pyramid", INI, command],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": PATH},
            capture_output=True,
            text=True,
            check=True,
            timeout=SECONDS,
        )
        said[command] = run.stdout
    assert said["create-tables"] == ""
    assert said["sweep"] == "removed 0 uploads and 0 temporary files\n"
    assert said["check"] == "1 upload checked\n"


def test_forms_are_taken_from_this_site_only(address):
    """Whatever cookies a browser sends along."""
    gus = Browser(address)
    gus.fill("/register", {"name": "gus", "password": "correct horse"})
    for path in ("/", "/login", "/register", "/logout", "/delete-account"):
        for token in ({}, {"csrf_token": "x"}):
            data = {"name": "eve", "password": "correct horse"} | token
            assert gus._session.post(address + path, data=data, timeout=SECONDS).status_code == 400
    gus.see("/")


def test_the_page_of_keys_sends_visitors_to_sign_in(address):
    """By a path of this site."""
    answer = requests.get(f"{address}/settings/api", allow_redirects=False, timeout=SECONDS)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/settings/api")
