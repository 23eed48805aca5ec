"""The Bottle example: the story, and what its visitors cannot do."""

from __future__ import annotations

import contextlib
import re
import sqlite3

import pytest
import requests

from tests.examples.story import Browser, running, script, tell
from tests.support import SECONDS, picture


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return an empty folder."""
    return tmp_path_factory.mktemp("empty")


@pytest.fixture(scope="module")
def address(folder):
    """Run the example in that folder."""
    with running(*script("bottle_app.py"), folder=folder) as found:
        yield found


def test_story(address, tmp_path):
    """A user registers, makes a key, uploads with it and with the form, and leaves."""
    tell(address, tmp_path)


def test_a_user_has_a_quota(address, folder):
    """Which is the site's to change, holds for its form and for keys, and is told in words."""
    fay = Browser(address)
    fay.fill("/register", {"name": "fay", "password": "correct horse"})
    fay.fill("/", {"title": "Kept"}, picture=picture(), having="picture")
    assert "0.0 of 100 MB are used." in fay.see("/")

    with contextlib.closing(sqlite3.connect(folder / "bottle-app-data" / "site.db")) as site, site:
        site.execute("UPDATE users SET quota_bytes = 200 WHERE name = 'fay'")

    told = fay.refused("/", {"title": "Too much"}, picture=picture((400, 300)), having="picture")
    assert told == f"Quota exceeded: {len(picture())} of 200 bytes are used"
    assert "Too much" not in re.sub('value="[^"]*"', "", fay.see("/"))


def test_forms_are_taken_from_this_site_only(address):
    """Whatever cookies a browser sends along."""
    gus = Browser(address)
    gus.fill("/register", {"name": "gus", "password": "correct horse"})

    for path in ("/", "/login", "/register", "/logout", "/delete-account"):
        for token in ({}, {"token": "x"}, {"token": "ü"}):
            data = {"name": "eve", "password": "correct horse"} | token
            assert gus._session.post(address + path, data=data, timeout=SECONDS).status_code == 403
    gus.see("/")


def test_the_page_of_keys_sends_visitors_to_sign_in(address):
    """By a path of this site."""
    answer = requests.get(f"{address}/settings/api", allow_redirects=False, timeout=SECONDS)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/settings/api")
