"""The Falcon example: the story, and what its visitors cannot do."""

from __future__ import annotations

import pytest
import requests

from tests.examples.story import Browser, running, script, tell
from tests.support import SECONDS


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Run the example in an empty folder."""
    with running(*script("falcon_app.py"), folder=tmp_path_factory.mktemp("empty")) as found:
        yield found


def test_story(address, tmp_path):
    """A user registers, makes a key, uploads with it and with the form, and leaves."""
    tell(address, tmp_path)


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
