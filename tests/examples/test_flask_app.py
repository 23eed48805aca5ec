"""The Flask example, run as its docstring says."""

from __future__ import annotations

import re
import sys
from urllib.parse import urljoin

import pytest
import requests

from tests.examples.story import Browser, curl, running, script, tell
from tests.support import PNG, ROOT, SECONDS, picture


@pytest.fixture
def folder(tmp_path):
    """Return an empty folder."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_it_tells_the_story(folder):
    """From an empty folder, in which it leaves one."""
    with running(*script("flask_app.py"), folder=folder) as address:
        tell(address, folder)

    assert sorted(path.name for path in folder.iterdir()) == ["flask-app-data", "holiday.png"]


def test_another_server_runs_it(folder):
    """Again on what is there already."""
    command = (sys.executable, "-m", "waitress", "--listen=127.0.0.1:{port}", "flask_app:app")
    command = ("env", f"PYTHONPATH={ROOT}:{ROOT / 'examples'}", *command)

    with running(*command, folder=folder) as address:
        tell(address, folder)
    with running(*command, folder=folder) as address:
        assert "Pictures of bob" in Browser(address).fill("/login", {"name": "bob", "password": "battery staple"})


def test_forms_are_taken_from_this_site_only(folder):
    """Whatever cookies a browser sends along."""
    with running(*script("flask_app.py"), folder=folder) as address:
        for path in ("/", "/login", "/register", "/logout", "/delete-account"):
            assert requests.post(address + path, data={"name": "eve"}, timeout=SECONDS).status_code == 400


def test_a_key_never_becomes_somebody_elses(folder):
    """The next user is not taken for the one who left."""
    picture = folder / "picture.png"
    picture.write_bytes(PNG)

    with running(*script("flask_app.py"), folder=folder) as address:
        ann = Browser(address)
        ann.fill("/register", {"name": "ann", "password": "correct horse"})
        made = ann.fill("/settings/api", {"label": "laptop", "action": "make"}, having='id="label"')
        key = re.search(r'id="key"[^>]*value="([^"]+)"', made)[1]
        ann.fill("/", {}, having="/delete-account")
        Browser(address).fill("/register", {"name": "bob", "password": "battery staple"})

        assert curl(address, key, picture).rpartition("\n")[2] == "401"


def test_sharp_screens_get_sharp_thumbnails(folder):
    """The list names a second picture for them, where the one that was uploaded is large enough."""
    with running(*script("flask_app.py"), folder=folder) as address:
        ann = Browser(address)
        ann.fill("/register", {"name": "ann", "password": "correct horse"})
        made = ann.fill("/settings/api", {"label": "laptop", "action": "make"}, having='id="label"')
        key = re.search(r'id="key"[^>]*value="([^"]+)"', made)[1]
        for size in ((900, 700), (600, 600)):
            files = {"source": ("a.png", picture(size), "image/png")}
            requests.post(f"{address}/api/1/upload", files=files, headers={"X-API-Key": key}, timeout=SECONDS)
        (sharp,) = re.findall(r'srcset="([^" ]+) 2x"', ann.see("/"))
        assert len(requests.get(urljoin(address, sharp), timeout=SECONDS).content) > 0
