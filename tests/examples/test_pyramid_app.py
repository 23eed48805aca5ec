"""The Pyramid example: the story, its commands, and what its visitors cannot do."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
import requests

from tests.examples.story import Browser, running, tell
from tests.support import ROOT, picture

INI = str(ROOT / "examples" / "pyramid_app" / "development.ini")
PATH = f"{ROOT}{os.pathsep}{ROOT / 'examples'}"
PSERVE = ("env", f"PYTHONPATH={PATH}", sys.executable, "-m", "pyramid.scripts.pserve", INI, "http_port={port}")


@pytest.fixture
def folder(tmp_path):
    """Return an empty folder."""
    made = tmp_path / "empty"
    made.mkdir()
    return made


@pytest.fixture
def address(folder):
    """Run the example in that folder."""
    with running(*PSERVE, folder=folder) as found:
        yield found


def sent(browser, path, files=None, **fields):
    """Send the form of a page, with its token; return the status and what the visitor is told."""
    page = browser._session.get(browser.address + path, timeout=60).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
    data = fields | {"csrf_token": token}
    answer = browser._session.post(browser.address + path, data=data, files=files, allow_redirects=False, timeout=60)
    alert = re.search(r'role="alert">([^<]*)', answer.text)
    return answer.status_code, alert.group(1) if alert else answer.headers.get("Location")


def test_story(address, folder, tmp_path):
    """A user registers, makes a key, uploads with it and with the form, and leaves; all that stays is in one folder."""
    tell(address, tmp_path)
    assert [path.name for path in folder.iterdir()] == ["pyramid-app-data"]
    assert list((folder / "pyramid-app-data" / "uploads" / "images").rglob("*.png")) == []


def test_commands(address, folder):
    """Beside the running server."""
    ann = Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})
    ann.fill("/", {}, picture=picture((320, 200)), having="picture")
    said = {}
    for command in ("create-tables", "sweep", "check"):
        run = subprocess.run(
            [sys.executable, "-m", "chevupload.contrib.pyramid", INI, command],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": PATH},
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        said[command] = run.stdout
    assert said["create-tables"] == ""
    assert said["sweep"] == "removed 0 uploads and 0 temporary files, 0 failed\n"
    assert said["check"] == "1 uploads, 0 files missing\n"


def test_forms_are_taken_from_this_site_only(address):
    """Whatever cookies a browser sends along."""
    ann = Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})
    for path in ("/", "/login", "/register", "/logout", "/delete-account"):
        for token in ({}, {"csrf_token": "x"}):
            data = {"name": "eve", "password": "correct horse"} | token
            assert ann._session.post(address + path, data=data, timeout=60).status_code == 400
    ann.see("/")


def test_what_users_write_is_text(address):
    """Never markup, wherever it is shown."""
    ann = Browser(address)
    ann.fill("/register", {"name": "<i>ann", "password": "correct horse"})
    page = ann.fill("/", {"title": 'a"><script>x</script>{token}'}, picture=picture((320, 200)), having="picture")
    assert "&lt;i&gt;ann" in page
    assert "<script>" not in page
    assert "<i>" not in page


def test_visitors_are_told_what_is_wrong(address):
    """On the same page; nobody learns which names there are at sign-in."""
    ann, bob = Browser(address), Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})
    assert sent(bob, "/register", name="ann", password="battery staple") == (400, "Somebody has this name already.")
    assert sent(bob, "/register", name="bob", password="short")[0] == 400
    for name in ("ann", "nobody"):
        assert sent(bob, "/login", name=name, password="wrong") == (400, "Name and password do not match.")
    assert sent(ann, "/", title="nothing") == (400, "Choose a picture first.")
    status, message = sent(ann, "/", {"picture": ("a.png", b"text")})
    assert (status, bool(message)) == (400, True)


def test_sign_in_leads_back(address):
    """From the page of keys and to it; never to another site."""
    ann = Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})
    ann.fill("/", {}, having="/logout")
    answer = requests.get(f"{address}/settings/api", allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/settings/api")
    for wanted, leads_to in (
        ("/settings/api", "/settings/api"),
        ("https://elsewhere.example/", "/"),
        ("//elsewhere.example/", "/"),
        ("/%5Celsewhere.example", "/"),
        ("/%09/elsewhere.example", "/"),
    ):
        found = sent(Browser(address), f"/login?next={wanted}", name="ann", password="correct horse")
        assert found == (303, address + leads_to)
