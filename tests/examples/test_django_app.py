"""The Django project of the examples."""

from __future__ import annotations

import sys

import requests

from tests.examples.story import Browser, running, tell
from tests.support import ROOT, SECONDS

QUICK_TO_HASH = """
import runpy, sys
from django.contrib.auth.hashers import PBKDF2PasswordHasher

PBKDF2PasswordHasher.iterations = 1_000
del sys.argv[0]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script in which Django hashes passwords a thousand times faster: the story tries a score of them."""
DJANGO = (sys.executable, "-c", QUICK_TO_HASH, str(ROOT / "examples" / "django_app.py"), "{port}")


def test_the_story(tmp_path):
    """And all is there after a new start."""
    folder = tmp_path / "site"
    folder.mkdir()
    with running(*DJANGO, folder=folder) as address:
        tell(address, tmp_path)
    with running(*DJANGO, folder=folder) as address:
        bob = Browser(address)
        assert "Pictures of bob" in bob.fill("/login", {"name": "bob", "password": "battery staple"})
        bob.see("/delete-account", status=405)


def test_forms_are_taken_from_this_site_only(tmp_path):
    """Whatever cookies a browser sends along."""
    folder = tmp_path / "site"
    folder.mkdir()
    with running(*DJANGO, folder=folder) as address:
        for path in ("/", "/login", "/register", "/logout", "/delete-account"):
            data = {"name": "eve", "password": "correct horse"}
            assert requests.post(address + path, data=data, timeout=SECONDS).status_code == 403
