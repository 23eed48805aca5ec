"""A real browser, driven as a person would: Debian's Chromium, or the one that CHEVUPLOAD_TEST_CHROMIUM names."""

from __future__ import annotations

import os
import shutil

import pytest

_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
"""Nothing of the browser's own goes to the network."""


@pytest.fixture(scope="module")
def browser():
    """Return a running browser, for no longer than it is needed.

    While it runs, an event loop does, too, and Django refuses to work beside one.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = os.environ.get("CHEVUPLOAD_TEST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    """Return an empty page whose console and requests must not complain."""
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    context.close()
    assert complaints == []
