"""A real browser, driven as a person would: Debian's Chromium, or the one that TEST_CHEVUPLOAD_CHROMIUM names."""

from __future__ import annotations

import pytest

from tests.browser.chromium import MILLISECONDS, find_chromium, started


@pytest.fixture(scope="module")
def browser():
    """Return a running browser, for no longer than it is needed.

    While it runs, an event loop does, too, and Django refuses to work beside one.
    """
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if find_chromium() is None:
        pytest.skip("there is no chromium on this machine")
    from playwright.sync_api import expect

    expect.set_options(timeout=MILLISECONDS)
    with started() as browser:
        yield browser


@pytest.fixture
def open_page(browser):
    """Return a function that opens an empty page, whose console must not complain.

    What begins like ``forgiven`` is forgiven, such as :data:`tests.browser.chromium.REFUSED`. Other keywords are those
    of a browser's context.
    """
    contexts, complaints = [], []

    def open_page(*, forgiven=None, **settings):
        context = browser.new_context(**settings)
        contexts.append(context)
        context.set_default_timeout(MILLISECONDS)
        page = context.new_page()

        def hear(message):
            is_forgiven = forgiven is not None and message.text.startswith(forgiven)
            if message.type == "error" and not is_forgiven:
                complaints.append(message.text)

        page.on("console", hear)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def page(open_page):
    """Return an empty page whose console and requests must not complain."""
    return open_page()
