"""One story that every example has to tell, over HTTP, with the host's own users.

Every example has the same pages: ``/register`` and ``/login`` take ``name`` and ``password``, ``/`` lists the newest
pictures of who is signed in and takes another one in the field ``picture``, ``/logout`` signs out, ``/delete-account``
ends a user, and chevupload's page of keys is ``/settings/api``. Forms carry whatever tokens their host wants.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import requests

from tests.ports import free_port
from tests.support import ROOT, SECONDS, picture

_PAGE_SIZE = 24
_WRONG = "Name or password is wrong."


@contextlib.contextmanager
def running(*command: str, folder: Path) -> Iterator[str]:
    """Run a command in an empty folder, ``{port}`` in it being a free one, and give its address once it answers."""
    port = str(free_port())
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
            process.wait(SECONDS)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(url, timeout=SECONDS)
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
        answer = self._session.get(urljoin(self.address, path), timeout=SECONDS)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return answer.text

    def fill(self, path: str, fields: dict[str, str], *, picture: bytes | None = None, having: str = "") -> str:
        """Fill in the form of a page that holds ``having``, send it and return the page that follows."""
        answer = self.send(path, fields, picture=picture, having=having)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.text

    def refused(self, path: str, fields: dict[str, str], *, picture: bytes | None = None, having: str = "") -> str:
        """Do the same, see the same form again with what was typed, and return what is wrong."""
        answer = self.send(path, fields, picture=picture, having=having)
        assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
        values = {html.unescape(value) for value in re.findall(r'value="([^"]*)"', answer.text)}
        assert {fields[name] for name in fields.keys() & {"name", "title"}} <= values
        told = re.findall(r'role="alert"[^>]*>([^<]*)', answer.text)
        assert len(told) == 1, answer.text
        return html.unescape(told[0])

    def send(
        self, path: str, fields: dict[str, str], *, picture: bytes | None = None, having: str = ""
    ) -> requests.Response:
        """Do the same, and return the answer, redirects followed."""
        page = self._session.get(urljoin(self.address, path), timeout=SECONDS)
        assert page.status_code == 200, (page.status_code, page.text)
        forms = re.findall(r"<form\b([^>]*)>(.*?)</form>", page.text, re.DOTALL)
        attributes, content = next(form for form in forms if having in form[0] + form[1])
        action = re.search(r'action="([^"]*)"', attributes)
        url = urljoin(page.url, html.unescape(action.group(1)) if action else page.url)
        data = {**_hidden(content), **fields}
        files = {"picture": ("holiday.png", picture, "image/png")} if picture else None
        if files is None and "multipart" in attributes:
            # As a browser sends it when no file is chosen.
            files = {name: (None, text) for name, text in data.items()} | {"picture": ("", b"")}
            data = {}
        return self._session.post(url, data=data, files=files, timeout=SECONDS)


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
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=SECONDS).stdout


def tell(address: str, folder: Path) -> None:
    """Register, make a key, upload with it and by the page's form, sign out and in, end the user and the key."""
    ann, stranger = Browser(address), Browser(address)
    ann.fill("/register", {"name": "ann", "password": "correct horse"})
    stranger.fill("/register", {"name": "bob", "password": "battery staple"})
    assert "No pictures yet." in ann.see("/")

    made = ann.fill("/settings/api", {"label": "laptop", "action": "make"}, having='id="label"')
    key = re.search(r'id="key"[^>]*value="([^"]+)"', made)
    assert key, made
    assert key.group(1) not in ann.see("/settings/api")

    file = folder / "holiday.png"
    file.write_bytes(picture((640, 480)))
    url, _, status = curl(address, key.group(1), file).rpartition("\n")
    assert status == "200", url
    assert requests.get(url, timeout=SECONDS).content == file.read_bytes()
    assert Path(url).stem in ann.see("/")
    assert Path(url).stem not in stranger.see("/")

    ann.fill("/", {"title": "By the host's own form"}, picture=picture((320, 200)), having='name="picture"')
    page = ann.see("/")
    assert "By the host" in page
    thumbnails = _thumbnails(page)
    assert len(thumbnails) == 2
    for thumbnail in thumbnails:
        assert requests.get(urljoin(address, thumbnail), timeout=SECONDS).headers["Content-Type"] == "image/png"
    assert "Older pictures" not in page

    _change_one(ann, stranger)
    _find_older(ann, address, key.group(1))
    _be_told_what_is_wrong(address, ann)
    _come_back(address, ann)

    ann.fill("/", {}, having="/delete-account")
    assert curl(address, key.group(1), file).rpartition("\n")[2] == "401"
    assert Browser(address).refused("/login", {"name": "ann", "password": "correct horse"}) == _WRONG
    stranger.see("/")


def _thumbnails(page: str) -> list[str]:
    return [html.unescape(source) for source in re.findall(r'<img[^>]*src="([^"]+)"', page)]


def _change_one(ann: Browser, stranger: Browser) -> None:
    """Give a picture another title, and delete one; nobody does that with somebody else's."""
    ann.fill("/", {"title": "To be changed"}, picture=picture((310, 200)), having='name="picture"')
    upload_id = re.findall(r'name="id" value="([^"]+)"', ann.see("/"))[0]
    stranger.fill("/", {"title": "Their own"}, picture=picture((300, 200)), having='name="picture"')
    for action in ("save", "delete"):
        theirs = {"id": upload_id, "title": "Stolen", "action": action}
        assert stranger.send("/", theirs, having='name="id"').status_code == 404
    assert "No pictures yet." in stranger.fill("/", {"action": "delete"}, having='name="id"')
    page = ann.fill("/", {"title": "<Changed>", "action": "save"}, having=f'value="{upload_id}"')
    assert "&lt;Changed&gt;" in page
    assert "To be changed" not in page
    page = ann.fill("/", {"action": "delete"}, having=f'value="{upload_id}"')
    assert "Changed" not in page
    assert upload_id not in page


def _find_older(ann: Browser, address: str, key: str) -> None:
    """Fill more than a page, and go on to the next one, and no further."""
    for number in range(_PAGE_SIZE):
        files = {"source": ("many.png", picture((20 + number, 20)), "image/png")}
        sent = requests.post(f"{address}/api/1/upload", files=files, headers={"X-API-Key": key}, timeout=SECONDS)
        assert sent.status_code == 200, sent.text
    page = ann.see("/")
    older = re.search(r'href="([^"]*)">Older pictures<', page)
    assert older, page
    rest = ann.see(html.unescape(older.group(1)))
    assert (len(_thumbnails(page)), len(_thumbnails(rest))) == (_PAGE_SIZE, 2)
    assert "Older pictures" not in rest
    assert not {*_thumbnails(page)} & {*_thumbnails(rest)}


def _be_told_what_is_wrong(address: str, ann: Browser) -> None:
    """On the page where it was typed; nobody learns at sign-in which names there are; what users write is text."""
    carl = Browser(address)
    assert carl.refused("/register", {"name": "ann", "password": "battery staple"}) == "This name is taken."
    assert re.search("password .*(ten|10) characters", carl.refused("/register", {"name": "carl", "password": "short"}))
    for name in ("ann", "nobody", '"><b>'):
        assert carl.refused("/login", {"name": name, "password": "wrong"}) == _WRONG
    assert "characters" not in carl.see("/login")
    assert ann.refused("/", {"title": "none"}, having='name="picture"') == "Choose a picture first."
    assert ann.refused("/", {"title": '"><b>'}, picture=b"no picture", having='name="picture"')
    page = ann.fill("/", {"title": "<script>x</script>"}, picture=picture((330, 210)), having='name="picture"')
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def _come_back(address: str, ann: Browser) -> None:
    """Sign out, and after signing in be on the page that was wanted; never on another site."""
    credentials = {"name": "ann", "password": "correct horse"}
    assert "Make a key" in Browser(address).fill("/settings/api", credentials)
    answer = Browser(address).send("/?before=&more=%26", credentials)
    assert (answer.status_code, answer.url) == (200, f"{address}/?before=&more=%26")
    assert Browser(address).send("/?before=nothing", credentials).status_code == 400
    visitor = Browser(address)
    link = re.search(r'href="([^"]*)">Register<', visitor.see("/settings/api"))
    assert link
    assert "Make a key" in visitor.fill(html.unescape(link.group(1)), {"name": "dora", "password": "battery staple"})
    for site in (
        "//elsewhere.example/",
        "/%5Celsewhere.example",
        "/%09/elsewhere.example",
        "https://elsewhere.example/",
    ):
        answer = Browser(address).send(f"/login?next={site}", credentials)
        assert (answer.status_code, answer.url) == (200, f"{address}/")
    assert "Sign in" in ann.fill("/", {}, having="/logout")
    assert "Sign in" in ann.see("/")
    assert "Pictures of ann" in ann.fill("/login", credentials)
