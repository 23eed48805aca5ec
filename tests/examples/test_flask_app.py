"""The Flask example, run as its docstring says."""

from __future__ import annotations

import re
import sys
from urllib.parse import urljoin

import pytest
import requests

from tests.examples.story import Browser, curl, running, script, tell
from tests.support import PNG, ROOT, SECONDS, picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return an empty folder."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def address(folder):
    """Run the example in that folder."""
    with running(*script("flask_app.py"), folder=folder) as found:
        yield found


def test_it_tells_the_story(address, folder, tmp_path):
    """From an empty folder, in which it leaves one."""
    tell(address, tmp_path)

    assert [path.name for path in folder.iterdir()] == ["flask-app-data"]


def test_another_server_runs_it(tmp_path):
    """Again on what is there already."""
    folder = tmp_path / "site"
    folder.mkdir()
    command = (sys.executable, "-m", "waitress", "--listen=127.0.0.1:{port}", "flask_app:app")
    command = ("env", f"PYTHONPATH={ROOT}:{ROOT / 'examples'}", *command)

    credentials = {"name": "bob", "password": "battery staple"}
    with running(*command, folder=folder) as address:
        bob = Browser(address)
        bob.fill("/register", credentials)
        bob.fill("/", {"title": "Kept"}, picture=picture(), having='name="picture"')
    with running(*command, folder=folder) as address:
        page = Browser(address).fill("/login", credentials)
        assert "Pictures of bob" in page
        assert "Kept" in page


def test_forms_are_taken_from_this_site_only(address):
    """Whatever cookies a browser sends along."""
    for path in ("/", "/login", "/register", "/logout", "/delete-account"):
        assert requests.post(address + path, data={"name": "eve"}, timeout=SECONDS).status_code == 400


def user_with_key(address, name):
    """Register somebody who makes a key, and return both."""
    user = Browser(address)
    user.fill("/register", {"name": name, "password": "correct horse"})
    made = user.fill("/settings/api", {"label": "laptop", "action": "make"}, having='id="label"')
    return user, re.search(r'id="key"[^>]*value="([^"]+)"', made)[1]


def test_a_key_never_becomes_somebody_elses(address, tmp_path):
    """The next user is not taken for the one who left."""
    picture = tmp_path / "picture.png"
    picture.write_bytes(PNG)

    fay, key = user_with_key(address, "fay")
    fay.fill("/", {}, having="/delete-account")
    Browser(address).fill("/register", {"name": "gus", "password": "battery staple"})

    assert curl(address, key, picture).rpartition("\n")[2] == "401"


def test_sharp_screens_get_sharp_thumbnails(address):
    """The list names a second picture for them, where the one that was uploaded is large enough."""
    ida, key = user_with_key(address, "ida")
    for size in ((900, 700), (600, 600)):
        files = {"source": ("a.png", picture(size), "image/png")}
        requests.post(f"{address}/api/1/upload", files=files, headers={"X-API-Key": key}, timeout=SECONDS)
    (sharp,) = re.findall(r'srcset="([^" ]+) 2x"', ida.see("/"))
    assert len(requests.get(urljoin(address, sharp), timeout=SECONDS).content) > 0
