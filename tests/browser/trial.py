"""The main path as a new user takes it: ``python -m tests.browser.trial``, or ``… trial firefox``.

It knows nothing of the pages but what is written on them and what assistive technology tells: roles, names, texts.
Twelve pictures are uploaded, all links copied as Markdown, one picture is looked at and deleted. Each step says what
was seen. Firefox is driven by WebDriver BiDi, which playwright speaks to Firefox's own releases; newer versions of
playwright ask for what an ESR does not have, and 1.57 does not: ``pip install playwright==1.57.*``.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chevupload import Policy
from chevupload.cli.example import write_example
from tests.browser.chromium import MILLISECONDS, started
from tests.browser.sites import site

COUNT = 12


@contextlib.contextmanager
def firefox() -> Iterator[Any]:
    """Give a running Firefox; None where there is none that can be driven."""
    from playwright.sync_api import Error, sync_playwright

    path = shutil.which("firefox-esr") or shutil.which("firefox")
    if path is None:
        print("skipped: there is no Firefox on this machine")
        yield None
        return
    with sync_playwright() as driver:
        browser = driver.firefox.launch(channel="moz-firefox", executable_path=path)
        try:
            browser.new_context().close()
        except Error as error:
            print(f"skipped: this playwright cannot drive Firefox {browser.version}: {error.message.splitlines()[0]}")
            yield None
        else:
            yield browser
        browser.close()


@contextlib.contextmanager
def trial_site(folder: Path) -> Iterator[str]:
    """Serve a site where guests upload; give its address."""
    with site(folder, signed_in=False, policy=Policy(guest_page=True)) as running:
        yield running.address


def pictures(folder: Path) -> list[Path]:
    """Make what is uploaded."""
    return [write_example(folder / f"photo {number:02}.jpg") for number in range(COUNT)]


class Trial:
    """A new user at a site, in a browser.

    Attributes:
        complaints: errors of the pages' scripts.
    """

    def __init__(self, address: str, browser: Any) -> None:
        """Begin at the start page."""
        self._address = address
        self._context = browser.new_context(viewport={"width": 1280, "height": 800})
        self._context.set_default_timeout(MILLISECONDS)
        self._page = self._context.new_page()
        self.complaints: list[str] = []
        self._page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def __call__(self, files: list[Path]) -> None:
        """Go the whole way."""
        self.upload(files)
        self.copy()
        self.look_and_delete()
        self.refresh()

    def upload(self, files: list[Path]) -> None:
        """Choose files at the start page, and send them."""
        page = self._page
        page.goto(self._address)
        page.get_by_role("heading", name="Upload", level=1).wait_for()
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose files").click()
        chooser.value.set_files(files)
        page.get_by_role("button", name=f"Upload {COUNT} files").click()
        page.get_by_role("heading", name="Uploaded", level=1).wait_for()
        page.get_by_role("status").get_by_text(f"{COUNT} uploaded").wait_for()
        self._say("uploaded", page.title())

    def copy(self) -> None:
        """Copy all as Markdown; the clipboard is read by pasting into a field."""
        page = self._page
        page.get_by_label("Copy as").select_option("Markdown")
        page.get_by_role("button", name="Copy all", exact=True).click()
        page.get_by_role("status").get_by_text("Copied").wait_for()
        other = self._context.new_page()
        other.set_content("<textarea aria-label=Here></textarea>")
        other.get_by_label("Here").focus()
        other.keyboard.press("Control+v")
        lines = other.get_by_label("Here").input_value().splitlines()
        other.close()
        assert len(lines) == COUNT, lines
        assert all(line.startswith("[![photo") for line in lines), lines
        self._say("copied", f"{len(lines)} lines: {lines[0]}")

    def look_and_delete(self) -> None:
        """Open a picture from its card, come back, and delete it from its menu."""
        page = self._page
        page.get_by_role("link", name="photo 03").first.click()
        page.get_by_role("heading", name="photo 03", level=1).wait_for()
        page.get_by_role("link", name="photo 03: show at full size").wait_for()
        self._say("looked at", page.title())
        page.go_back()
        page.get_by_role("heading", name="Uploaded", exact=False).first.wait_for()
        page.locator("summary").and_(page.get_by_title("More: photo 03")).or_(
            page.get_by_label("More: photo 03")
        ).click()
        page.get_by_role("link", name="Delete …").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        page.get_by_role("status").get_by_text(f"{COUNT - 1} uploaded").wait_for()
        self._say("deleted", f"{COUNT - 1} left")

    def refresh(self) -> None:
        """Nothing is lost by it."""
        self._page.reload()
        self._page.get_by_role("heading", name="Uploaded from this browser").wait_for()
        assert self._page.get_by_role("listitem").filter(has_text="photo").count() == COUNT - 1
        self._say("refreshed", "the list is there")
        self._context.close()

    def _say(self, step: str, seen: str) -> None:
        print(f"{step}: {seen}", flush=True)


def main() -> int:
    """Go the way in the browser that is named, and say how it went."""
    with tempfile.TemporaryDirectory() as work, firefox() if "firefox" in sys.argv else started() as browser:
        if browser is None:
            return 0
        print(f"{browser.browser_type.name} {browser.version}")
        with trial_site(Path(work, "site")) as address:
            trial = Trial(address, browser)
            trial(pictures(Path(work)))
        print("complaints:", trial.complaints or "none")
        return 1 if trial.complaints else 0


if __name__ == "__main__":
    sys.exit(main())
