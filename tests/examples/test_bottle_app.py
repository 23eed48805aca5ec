"""The Bottle example: the story, and what its visitors cannot do."""

from __future__ import annotations

import contextlib
import re
import sqlite3

import pytest
import requests

from tests.examples.story import Browser, running, script, tell
from tests.support import SECONDS, picture


@pytest.fixture
def address(tmp_path):
    """Run the example in an empty folder."""
    folder = tmp_path / "empty"
    folder.mkdir()
    with running(*script("bottle_app.py"), folder=folder) as found:
        yield found


def test_story(address, tmp_path):
    """A user registers, makes a key, uploads with it and with the form, and leaves."""
    tell(address, tmp_path)


def test_a_user_has_a_quota(address, tmp_path):
    """Which is the site's to change, holds for its form and for keys, and is told in words."""
    ann = Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})
    ann.fill("/", {"title": "Kept"}, picture=picture(), having="picture")
    assert "0.0 of 100 MB are used." in ann.see("/")

    with contextlib.closing(sqlite3.connect(tmp_path / "empty" / "bottle-app-data" / "site.db")) as site, site:
        site.execute("UPDATE users SET quota_bytes = 200")

    told = ann.refused("/", {"title": "Too much"}, picture=picture((400, 300)), having="picture")
    assert told == f"Quota exceeded: {len(picture())} of 200 bytes are used"
    assert "Too much" not in re.sub('value="[^"]*"', "", ann.see("/"))


def test_forms_are_taken_from_this_site_only(address):
    """Whatever cookies a browser sends along."""
    ann = Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})

    for path in ("/", "/login", "/register", "/logout", "/delete-account"):
        for token in ({}, {"token": "x"}, {"token": "ü"}):
            data = {"name": "eve", "password": "correct horse"} | token
            assert ann._session.post(address + path, data=data, timeout=SECONDS).status_code == 403
    ann.see("/")


def test_the_page_of_keys_sends_visitors_to_sign_in(address):
    """By a path of this site."""
    answer = requests.get(f"{address}/settings/api", allow_redirects=False, timeout=SECONDS)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/settings/api")
