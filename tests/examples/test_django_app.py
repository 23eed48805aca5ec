"""The Django project of the examples."""

from __future__ import annotations

import re

import requests

from tests.examples.story import Browser, running, script, tell


def test_the_story(tmp_path):
    """Sign in, make a key, upload with curl, see the picture, end the user and the key; again after a new start."""
    folder = tmp_path / "site"
    folder.mkdir()
    with running(*script("django_app.py"), folder=folder) as address:
        tell(address, tmp_path)
    with running(*script("django_app.py"), folder=folder) as address:
        bob = Browser(address)
        bob.fill("/login", {"name": "bob", "password": "battery staple"})
        assert "Pictures of bob" in bob.see("/")
        assert "already exists" in bob.fill("/register", {"name": "bob", "password": "battery staple"})
        refused = bob.fill("/", {"title": "<b>"}, picture=b"no picture", having="picture")
        assert re.search('class="errorlist"', refused)
        assert "No pictures yet" in refused
        bob.see("/delete-account", status=405)
        signed_out_and_back(address)


def signed_out_and_back(address):
    """Who is sent to sign in comes back, and is sent nowhere else."""
    eve = Browser(address)
    page = eve.fill("/settings/api", {"name": "bob", "password": "battery staple"})
    assert "Make a key" in page
    page = Browser(address).fill("/login?next=https://evil.example/", {"name": "bob", "password": "battery staple"})
    assert "Pictures of bob" in page
    wrong = Browser(address).fill("/login", {"name": "<b>", "password": "wrong"})
    assert "do not fit together" in wrong
    assert re.search('value="&lt;b&gt;"', wrong)
    assert requests.post(f"{address}/logout", timeout=30).status_code == 403
