"""The Bottle example: the story, and what its visitors cannot do."""

from __future__ import annotations

import re

import pytest
import requests

from tests.examples.story import Browser, running, script, tell
from tests.support import picture


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


def test_forms_are_taken_from_this_site_only(address):
    """Whatever cookies a browser sends along."""
    ann = Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})

    for path in ("/", "/login", "/register", "/delete-account"):
        for token in ({}, {"token": "x"}, {"token": "ü"}):
            data = {"name": "eve", "password": "correct horse"} | token
            assert ann._session.post(address + path, data=data, timeout=60).status_code == 403
    ann.see("/")


def test_what_users_write_is_text(address):
    """Never markup, wherever it is shown."""
    ann = Browser(address)
    ann.fill("/register", {"name": "<i>ann", "password": "correct horse"})
    page = ann.fill("/", {"title": 'a"><script>x</script>'}, picture=picture((320, 200)), having="picture")

    assert "&lt;i&gt;ann" in page
    assert "<script>" not in page
    assert "<i>" not in page


def test_visitors_are_told_what_is_wrong(address):
    """On the same page; nobody learns which names there are at sign-in, and nobody is sent to another site."""
    ann, bob = Browser(address), Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})

    def refused(browser, path, **fields):
        page = browser._session.get(address + path, timeout=60).text
        token = re.search(r'name="token" value="([^"]+)"', page).group(1)
        picture = {"picture": ("a.png", fields.pop("picture"))} if "picture" in fields else None
        answer = browser._session.post(address + path, data=fields | {"token": token}, files=picture, timeout=60)
        return answer.status_code, re.search(r'role="alert">([^<]*)', answer.text).group(1)

    assert refused(bob, "/register", name="ann", password="battery staple") == (409, "This name is taken.")
    assert refused(bob, "/register", name="bob", password="short")[0] == 400
    for name in ("ann", "nobody"):
        assert refused(bob, "/login", name=name, password="wrong") == (400, "Name or password is wrong.")
    assert refused(ann, "/", title="no picture", picture=b"text")[0] == 400
    assert refused(ann, "/", title="nothing")[0] == 400
    signed_in = bob.fill("/login?next=https://elsewhere.example/", {"name": "ann", "password": "correct horse"})
    assert "You are ann" in signed_in


def test_the_page_of_keys_sends_visitors_to_sign_in(address):
    """By a path of this site."""
    answer = requests.get(f"{address}/settings/api", allow_redirects=False, timeout=60)

    assert (answer.status_code, answer.headers["Location"]) == (302, "/login?next=/settings/api")
