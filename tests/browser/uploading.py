"""The upload page as a person uses it, and a site whose server may be slow, busy or away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from chevupload.errors import FloodDetected
from chevupload.wsgi.responses import refusal_answer
from tests.support import PNG

_CLIPBOARD = """async () => {
    for (let left = 3000; left; left -= 1) {
        const text = await navigator.clipboard.readText();
        if (text) return text;
        await new Promise((done) => { setTimeout(done, 20); });
    }
    throw new Error("nothing was copied");
}"""
_SECONDS = 120
"""How long a request waits at most that nobody lets pass."""


def chosen(name: str = "photo.png", content: bytes = PNG, mime: str = "image/png") -> Any:
    """Return a file as a file chooser gives it."""
    return {"name": name, "mimeType": mime, "buffer": content}


def choose(page: Any, *files: Any) -> None:
    """Choose files."""
    page.set_input_files("#source", list(files))


def submit(page: Any, *files: Any) -> None:
    """Choose files and upload what is chosen."""
    if files:
        choose(page, *files)
    page.locator("#start").click()


def copied(page: Any, button: Any) -> str:
    """Press what copies, and return what it has copied. The page may use the clipboard."""
    page.evaluate("navigator.clipboard.writeText('')")
    button.click()
    text: str = page.evaluate(_CLIPBOARD)
    return text


def rows(page: Any) -> Any:
    """Return the rows of what is chosen and sent."""
    return page.locator("#rows > li")


def tiles(page: Any) -> Any:
    """Return the cards of what is uploaded."""
    return page.locator("#tiles > li:visible")


def wait_for_pictures(page: Any) -> None:
    """Wait until every card that is seen has its picture: who loses its server before complains."""
    for tile in tiles(page).all():
        expect(tile.locator("img")).to_have_js_property("complete", True)


class Gate:
    """Lets uploads wait, or answers them with 503 or 429, so that a test sees what a page does then."""

    def __init__(self, component: Any) -> None:
        self._component = component
        self._open = threading.Event()
        self._lock = threading.Lock()
        self._under_way = 0
        self.most = 0
        self.is_busy = self.is_flooded = False
        self.open()

    def open(self) -> None:
        """Let uploads pass, those that wait, too."""
        self.is_busy = self.is_flooded = False
        self._open.set()

    def close(self) -> None:
        """Let uploads wait from now on."""
        self.most = 0
        self._open.clear()

    def wait_for(self, count: int) -> None:
        """Wait until so many uploads have come."""
        self._wait(lambda: self.most >= count, f"{count} uploads to come")

    def finish(self) -> None:
        """Let uploads pass, and wait until none is under way: also one that its page has given up is stored."""
        self.open()
        self._wait(lambda: not self._under_way, "uploads to end")

    def _wait(self, is_so: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not is_so():
            assert time.monotonic() < deadline, f"waited for {what}"
            time.sleep(0.05)

    def __call__(self, environ: Any, start_response: Any) -> Any:
        """Answer a request."""
        if environ["REQUEST_METHOD"] != "POST":
            return self._component(environ, start_response)
        if self.is_busy:
            start_response("503 Service Unavailable", [("Content-Length", "0"), ("Retry-After", "1")])
            return []
        if self.is_flooded:
            headers = (("Retry-After", "3000"),)
            answer = refusal_answer("json", FloodDetected("You can only upload 500 images per hour", headers=headers))
            return answer(environ, start_response)
        with self._lock:
            self._under_way += 1
            self.most = max(self.most, self._under_way)
        self._open.wait(_SECONDS)
        try:
            return self._component(environ, start_response)
        finally:
            with self._lock:
                self._under_way -= 1
