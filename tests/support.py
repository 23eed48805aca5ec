"""Pictures, clocks and a component on real files, for every test that sends requests."""

from __future__ import annotations

import base64
import functools
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

from PIL import Image
from werkzeug.test import EnvironBuilder, TestResponse, run_wsgi_app
from werkzeug.wrappers import Request

from chevupload.app import ChevUpload
from chevupload.config import Config
from chevupload.model import Album, Category, Principal, Upload
from chevupload.storage.local import LocalStorage
from chevupload.testing.memory import MemoryCatalog, StaticKeys
from chevupload.uploads.hooks import Hooks

ROOT = Path(__file__).parent.parent
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECRET = "a secret of sixteen characters or more"
IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
"""Whether tests that can try more or less of the same try more."""
UPLOAD = "/api/1/upload"
SECONDS = 300
"""After which something does not come any more. How long it takes says how busy the machine is."""
NEVER = datetime(2000, 1, 1, tzinfo=UTC)
FOREVER = datetime(9000, 1, 1, tzinfo=UTC)

PRINCIPALS = {
    "admin-key": Principal(user_id="admin", is_admin=True),
    "user-key": Principal(user_id="user"),
    "other-key": Principal(user_id="other"),
    "small-key": Principal(user_id="small", max_bytes=1_000),
    "guest-key": Principal(),
}
ALBUMS = (Album("ownalbum", "user", "Own"), Album("foreign", "other", "Foreign"))


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **distance: float) -> None:
        """Move on."""
        self.now += timedelta(**distance)


def picture(size: tuple[int, int] = (8, 6), format: str = "PNG", color: Any = (200, 30, 30), **options: Any) -> bytes:
    """Encode a picture of one color."""
    file = io.BytesIO()
    Image.new("RGB", size, color).save(file, format, **options)
    return file.getvalue()


@functools.cache
def noise(size: tuple[int, int] = (400, 300)) -> bytes:
    """Encode a picture that no encoder makes small: of each size the same, however often it is asked for."""
    file = io.BytesIO()
    Image.merge("RGB", [Image.effect_noise(size, 90) for _ in range(3)]).save(file, "PNG")
    return file.getvalue()


def animation(frames: int = 3) -> bytes:
    """Encode an animated GIF."""
    file = io.BytesIO()
    first, *others = [Image.new("RGB", (20, 10), (80 * number, 0, 0)) for number in range(frames)]
    first.save(file, "GIF", save_all=True, append_images=others)
    return file.getvalue()


def exif_jpeg(tags: dict[int, str], **options: Any) -> bytes:
    """Encode a JPEG with these Exif tags and a place."""
    exif = Image.Exif()
    for tag, value in tags.items():
        exif[tag] = value
    gps = exif.get_ifd(0x8825)
    gps[1], gps[2] = "N", (48.0, 12.0, 30.0)
    return picture((60, 40), "JPEG", exif=exif, **options)


PNG = picture()
BASE64 = base64.b64encode(PNG).decode()
JSON_TYPE = "application/json; charset=UTF-8"
LEAKS = ("Traceback", 'File "', ".py", "/tmp", "Error(", "SELECT", "sqlite", "secret detail")


def file(content: bytes = PNG, name: str = "photo.png") -> tuple[io.BytesIO, str]:
    """Make a file field of a form."""
    return (io.BytesIO(content), name)


def assert_refusal(answer: TestResponse, status: int, code: int, message: str | None = None) -> None:
    """Assert that ``answer`` is a refusal in JSON that tells nothing about us."""
    assert (answer.status_code, answer.content_type) == (status, JSON_TYPE), answer.text
    document = answer.json
    assert list(document) == ["status_code", "error", "status_txt"]
    assert (document["status_code"], document["error"]["code"]) == (status, code)
    assert message is None or document["error"]["message"] == message
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert [leak for leak in LEAKS if leak in answer.text] == []


def files_in(folder: Path) -> list[str]:
    """List every file below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def records(catalog: Any) -> list[Upload]:
    """List every record, in whatever state."""
    found = {upload.id: upload for upload in catalog.uploads()}
    catalog.withdraw_stalled(now=NEVER, pending_since=FOREVER)
    return [*found.values(), *deleting(catalog)]


def deleting(catalog: Any) -> list[Upload]:
    """List what is half deleted; the claims on it are taken away."""
    return list(catalog.claim(now=NEVER, since=FOREVER, limit=10_000))


class NoNetwork:
    """A fetcher for tests that have nothing to fetch."""

    def fetch(self, url: str, into: Any) -> str | None:
        """Tell that a test went out."""
        raise AssertionError(f"{url} was to be fetched")


def gathered(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return keywords of a component, with what belongs into its config and its hooks gathered in these."""
    parts = dict(settings)
    for name, kind in (("config", Config), ("hooks", Hooks)):
        inside = {field.name: parts.pop(field.name) for field in fields(kind) if field.name in parts}
        parts[name] = replace(parts.get(name, kind()), **inside)
    return parts


class Stand:
    """A component on real files, and a client that sends it requests through the WSGI validator."""

    def __init__(self, folder: Path, prefix: str = "", *, catalog: Any = None, storage: Any = None, **settings: Any):
        self.prefix = prefix
        self.folder = folder
        self.images, self.incoming = folder / "images", folder / "incoming"
        self.clock = settings.pop("clock", None) or Clock()
        self.catalog = catalog or MemoryCatalog(albums=ALBUMS, categories=[Category(3, "Animals")])
        self.incoming.mkdir()
        local = LocalStorage(self.images, incoming=self.incoming)
        self.storage = storage(local) if callable(storage) else storage or local
        self._settings: dict[str, Any] = {
            "keys": StaticKeys(PRINCIPALS),
            "secret_keys": [SECRET],
            "renderer": "inline",
            "fetcher": NoNetwork(),
            "spool_folder": str(self.incoming),
            "clock": self.clock,
        }
        self.base = f"http://site.test{prefix}"
        self.start(**settings)

    def start(self, **settings: Any) -> None:
        """Put the component together; once more with other settings, on the same records and files."""
        self._settings |= settings
        self.component = ChevUpload(catalog=self.catalog, storage=self.storage, **gathered(self._settings))
        self._application = validator(self.component)

    def open(self, path: str, method: str = "GET", **request: Any) -> TestResponse:
        """Send one request to a path below the mount point, or to a whole URL."""
        path = path.removeprefix(self.base) or "/"
        request.setdefault("base_url", f"{self.base}/")
        stream, length = request.pop("stream", None), request.pop("length", None)
        environ = EnvironBuilder(path, method=method, **request).get_environ()
        body = environ["wsgi.input"]
        if stream is not None:
            # A body as a server hands it over: of a declared length, or chunked.
            environ.pop("CONTENT_LENGTH", None)
            environ |= {"wsgi.input": stream, "CONTENT_TYPE": request["content_type"]}
            environ |= {"wsgi.input_terminated": True} if length is None else {"CONTENT_LENGTH": str(length)}
        sent = Request(environ.copy())
        try:
            return TestResponse(*run_wsgi_app(self._application, environ, buffered=True), request=sent)
        finally:
            body.close()

    def send(self, data: Any, *, key: str | None = "user-key", path: str = UPLOAD, **request: Any) -> TestResponse:
        """POST a form with the key in the header."""
        headers = dict(request.pop("headers", {})) | ({"X-API-Key": key} if key else {})
        return self.open(path, request.pop("method", "POST"), data=data, headers=headers, **request)

    def upload(self, content: bytes | None = None, filename: str = "photo.png", **fields: Any) -> dict[str, Any]:
        """Upload one picture and return the image document."""
        key = fields.pop("key", "user-key")
        content = picture() if content is None else content
        answer = self.send({"source": (io.BytesIO(content), filename), **fields}, key=key)
        assert answer.status_code == 200, answer.text
        document: dict[str, Any] = answer.json["image"]
        return document

    def stored(self) -> list[str]:
        """List the stored files."""
        return files_in(self.images) if self.images.exists() else []

    def left(self) -> dict[str, list[Any]]:
        """Say what there is: records in any state, stored files, temporary files."""
        return {"records": records(self.catalog), "files": self.stored(), "spools": files_in(self.incoming)}


EMPTY: dict[str, list[Any]] = {"records": [], "files": [], "spools": []}


class Failing:
    """A part whose methods raise, one by one: the ``count``-th call of ``method`` and, if ``forever``, all later."""

    def __init__(self, part: Any, method: str, error: BaseException, *, count: int = 1, forever: bool = True) -> None:
        self._part, self._method, self._error = part, method, error
        self._left, self._forever = count, forever
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        return self._call if name == self._method else found

    def _next(self) -> int:
        """Count a call, of which several may come at once."""
        with self._lock:
            self._left -= 1
            return self._left

    def _call(self, *arguments: Any, **named: Any) -> Any:
        left = self._next()
        if left == 0 or (left < 0 and self._forever):
            raise self._error
        return getattr(self._part, self._method)(*arguments, **named)


class Trickle:
    """A request body that counts what is read of it."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        """Read, and count."""
        data = self._content.read(size)
        self.read_bytes += len(data)
        return data

    def readline(self, size: int = -1) -> bytes:
        """Read a line, and count."""
        data = self._content.readline(size)
        self.read_bytes += len(data)
        return data

    def readlines(self, hint: int = -1) -> list[bytes]:
        """Read lines."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over lines."""
        while line := self.readline():
            yield line


def environment() -> dict[str, str]:
    """Return the environment of a process that finds this package first."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}


class Server:
    """A real server in a process group of its own: ``chevupload serve`` on a data folder, or by a ``.toml`` file.

    Tests send more in a minute than people: it has no flood limit, unless ``flood`` says one; None is the usual one.
    """

    def __init__(
        self, site: Path, *options: str, flood: str | None = "off", variables: Mapping[str, str] | None = None
    ) -> None:
        self.folder = site
        command = [sys.executable, "-m", "chevupload", "serve", "--port", "0", *options]
        command += ["--config" if site.suffix == ".toml" else "--data", str(site)]
        command += [] if flood is None else ["--flood", flood]
        log = site.parent / f"{site.name}.log"
        self.log = log.open("ab")
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            start_new_session=True,
            env={**environment(), **(variables or {})},
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert " at http" in first, log.read_text()
        self.address = first.rpartition(" at ")[2].strip()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def workers(self) -> list[int]:
        """List the processes of its group but itself."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != self.process.pid:
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                if int(fields[2]) == self.process.pid and fields[0] != "Z":
                    found.append(int(entry.name))
        return found

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """End it, and return its status and what else it printed."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=SECONDS)
        self.log.close()
        return self.process.returncode, rest

    def wait_for_workers(self) -> list[int]:
        """Wait until no worker is left, and list those that stay."""
        deadline = time.monotonic() + SECONDS
        while (left := self.workers()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return left
