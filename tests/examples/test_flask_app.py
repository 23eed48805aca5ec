"""The Flask example, run as its docstring says."""

from __future__ import annotations

import re
import sys

import pytest
import requests

from tests.examples.story import Browser, curl, running, script, tell
from tests.support import PNG, ROOT


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
    command = (sys.executable, "-m", "waitress", "--host=127.0.0.1", "--port={port}", "flask_app:app")

    for _ in ("once", "again"):
        with running("env", f"PYTHONPATH={ROOT}:{ROOT / 'examples'}", *command, folder=folder) as address:
            tell(address, folder)
            Browser(address).fill("/register", {"name": "carl", "password": "correct horse"})


def test_it_is_safe(folder):
    """Nobody is signed in by a guess, sent elsewhere, or acted for by another site; what users write is text."""
    with running(*script("flask_app.py"), folder=folder) as address:
        eve = Browser(address)
        shown = eve.fill("/register", {"name": "<b>eve</b>", "password": "correct horse"})
        assert "&lt;b&gt;eve&lt;/b&gt;" in shown
        assert "do not go together" in Browser(address).fill(
            "/register", {"name": "<b>eve</b>", "password": "battery staple"}
        )
        assert "do not go together" in Browser(address).fill("/register", {"name": "short", "password": "short"})
        for fields in ({"name": "<b>eve</b>", "password": "wrong horse"}, {"name": "nobody", "password": "x" * 10}):
            assert "do not go together" in Browser(address).fill("/login", fields)
        assert "API keys" in Browser(address).fill("/settings/api", {"name": "<b>eve</b>", "password": "correct horse"})
        home = Browser(address).fill(
            "/login?next=https://elsewhere.example/", {"name": "<b>eve</b>", "password": "correct horse"}
        )
        assert "eve&lt;/b&gt;’s pictures" in home
        assert 'role="alert"' in eve.fill("/", {"title": ""}, picture=b"no picture", having="picture")
        for path in ("/", "/login", "/register", "/delete-account"):
            assert requests.post(address + path, data={"name": "eve"}, timeout=30).status_code == 400


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
