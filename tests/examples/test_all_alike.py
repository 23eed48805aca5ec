"""What every example says in the same words, and how it looks."""

from __future__ import annotations

import re

import pytest

from tests.support import ROOT

EXAMPLES = ROOT / "examples"
PAGES = [
    *(EXAMPLES / f"{host}_app.py" for host in ("bottle", "django", "falcon", "flask")),
    EXAMPLES / "pyramid_app/pages.py",
]


@pytest.mark.parametrize("file", PAGES, ids=lambda file: file.name)
def test_pages_are_alike(file):
    """The style is one file, and the words are the same."""
    text = file.read_text()
    buttons = ("Sign out", "Older pictures", "Delete my account, with all pictures and keys", "Already registered?")
    words = ("site.css", 'class="site"', *buttons)
    assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("file", [*PAGES[:-1], EXAMPLES / "pyramid_app/__init__.py", EXAMPLES / "plain_wsgi.py"])
def test_a_checkout_can_start_it(file):
    """By the two lines that each begins with."""
    install, start = re.findall(r"^    (.*)$", file.read_text(), re.MULTILINE)[:2]
    assert install.startswith("python3 -m venv .venv && .venv/bin/pip install --quiet -e '.[serve")
    assert ".venv/bin/" in start
    assert "8000" in start
    assert "http://127.0.0.1:{port}" in file.read_text()
