"""One story that every example has to tell, over HTTP, with the host's own users.

Every example has the same pages: ``/register`` and ``/login`` take ``name`` and ``password``, ``/`` lists the pictures
of who is signed in and takes another one in the field ``picture``, ``/delete-account`` ends a user, and chevupload's
page of keys is ``/settings/api``. Forms carry whatever tokens their host wants.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import requests

from tests.support import ROOT, picture

_SECONDS = 60


@contextlib.contextmanager
def running(*command: str, folder: Path) -> Iterator[str]:
    """Run a command in an empty folder, ``{port}`` in it being a free one, and give its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    log = folder.with_suffix(".log")
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.replace("{port}", port) for part in command],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}/login", log)
            yield f"http://127.0.0.1:{port}"
            assert process.poll() is None, log.read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(_SECONDS)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(url, timeout=5)
            return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def script(name: str) -> tuple[str, ...]:
    """Return the command that runs an example's script on a port."""
    return (sys.executable, str(ROOT / "examples" / name), "{port}")


class Browser:
    """A person with a browser: keeps cookies, and fills in forms as they stand on their pages."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._session = requests.Session()

    def see(self, path: str, status: int = 200) -> str:
        """Open a page and return its text."""
        answer = self._session.get(urljoin(self.address, path), timeout=_SECONDS)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.text

    def fill(self, path: str, fields: dict[str, str], *, picture: bytes | None = None, having: str = "") -> str:
        """Fill in the form of a page that holds ``having``, send it and return the page that follows."""
        page = self._session.get(urljoin(self.address, path), timeout=_SECONDS)
        assert page.status_code == 200, (page.status_code, page.text)
        forms = re.findall(r"<form\b([^>]*)>(.*?)</form>", page.text, re.DOTALL)
        attributes, content = next(form for form in forms if having in form[0] + form[1])
        action = re.search(r'action="([^"]*)"', attributes)
        url = urljoin(page.url, html.unescape(action.group(1)) if action else page.url)
        data = {**_hidden(content), **fields}
        files = {"picture": ("holiday.png", picture, "image/png")} if picture else None
        answer = self._session.post(url, data=data, files=files, timeout=_SECONDS)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.text


def _hidden(form: str) -> dict[str, str]:
    found = {}
    for tag in re.findall(r'<input[^>]*type="hidden"[^>]*>', form):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        found[attributes["name"]] = html.unescape(attributes.get("value", ""))
    return found


def curl(address: str, key: str, file: Path) -> str:
    """Upload as the documentation says, and return the status and what was answered."""
    command = ["curl", "--silent", "--show-error", "--write-out", "\n%{http_code}", "-H", f"X-API-Key: {key}"]
    command += ["-F", f"source=@{file}", "-F", "format=txt", f"{address}/api/1/upload"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS).stdout


def tell(address: str, folder: Path) -> None:
    """Sign in, make a key, upload with curl, see the picture on the host's page, end the user and with it the key."""
    ann, stranger = Browser(address), Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})
    stranger.fill("/register", {"name": "bob", "password": "battery staple"})
    ann.see("/")

    made = ann.fill("/settings/api", {"label": "laptop", "action": "make"}, having='id="label"')
    key = re.search(r'id="key"[^>]*value="([^"]+)"', made)
    assert key, made
    assert key.group(1) not in ann.see("/settings/api")

    file = folder / "holiday.png"
    file.write_bytes(picture((640, 480)))
    url, _, status = curl(address, key.group(1), file).rpartition("\n")
    assert status == "200", url
    assert requests.get(url, timeout=_SECONDS).content == file.read_bytes()
    assert Path(url).stem in ann.see("/")
    assert Path(url).stem not in stranger.see("/")

    ann.fill("/", {"title": "By the host's own form"}, picture=picture((320, 200)), having="picture")
    page = ann.see("/")
    assert "By the host" in page
    thumbnails = [html.unescape(source) for source in re.findall(r'<img[^>]*src="([^"]+)"', page)]
    assert len(thumbnails) == 2
    for thumbnail in thumbnails:
        assert requests.get(urljoin(address, thumbnail), timeout=_SECONDS).headers["Content-Type"] == "image/png"

    ann.fill("/", {}, having="/delete-account")
    assert curl(address, key.group(1), file).rpartition("\n")[2] == "401"
    stranger.see("/")
