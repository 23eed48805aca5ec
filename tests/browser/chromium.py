"""Where the browser is, and how it is started: for tests, and for the pictures in the documentation."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]
"""Nothing of the browser's own goes to the network."""
MILLISECONDS = 120_000
"""After which something did not happen; how long it takes says how busy the machine is."""
REFUSED = "Failed to load resource:"
"""What a browser complains of an answer of 400 and above, and of one that never comes."""


def find_chromium() -> str | None:
    """Return the path of the browser, if there is one."""
    return os.environ.get("TEST_CHEVUPLOAD_CHROMIUM") or shutil.which("chromium")


@contextlib.contextmanager
def started() -> Iterator[Any]:
    """Give a running browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_chromium(), args=_ARGUMENTS, timeout=MILLISECONDS)
        try:
            yield browser
        finally:
            browser.close()
