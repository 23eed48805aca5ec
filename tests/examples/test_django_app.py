"""The Django project of the examples."""

from __future__ import annotations

import requests

from tests.examples.story import Browser, running, script, tell
from tests.support import SECONDS


def test_the_story(tmp_path):
    """And all is there after a new start."""
    folder = tmp_path / "site"
    folder.mkdir()
    with running(*script("django_app.py"), folder=folder) as address:
        tell(address, tmp_path)
    with running(*script("django_app.py"), folder=folder) as address:
        bob = Browser(address)
        assert "Pictures of bob" in bob.fill("/login", {"name": "bob", "password": "battery staple"})
        bob.see("/delete-account", status=405)


def test_forms_are_taken_from_this_site_only(tmp_path):
    """Whatever cookies a browser sends along."""
    folder = tmp_path / "site"
    folder.mkdir()
    with running(*script("django_app.py"), folder=folder) as address:
        for path in ("/", "/login", "/register", "/logout", "/delete-account"):
            data = {"name": "eve", "password": "correct horse"}
            assert requests.post(address + path, data=data, timeout=SECONDS).status_code == 403
