"""The servers that unfriendly clients are let loose on, each in a folder of its own, with a key and a large file."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import requests

from chevupload.site.data_folder import Site
from tests.benchmarks.attackers import Target
from tests.benchmarks.process import ProcessTree
from tests.examples.story import Browser
from tests.nginx import running_nginx
from tests.ports import free_port
from tests.support import ROOT, picture

_LARGE_BYTES = 40_000_000
_LONGEST_PAGE = "/api/1/openapi.json"
_START_SECONDS = 60
_SITE_APP = """
from chevupload import Config, Delivery, Routes, embedded

config = Config(routes=Routes(health="health"), trusted_proxies={proxies}, delivery=Delivery({delivery}))
application = embedded("data", config=config)
application.warm()
"""
_GUNICORN = (
    "-m",
    "gunicorn",
    "--worker-class",
    "gthread",
    "--workers",
    "2",
    "--threads",
    "16",
    "--keep-alive",
    "30",
    "--no-control-socket",
)
_HOSTS = {
    "flask": "flask_app:app",
    "pyramid": "pyramid_server:application",
    "bottle": "bottle_app:app",
    "django": "django_server:application",
    "falcon": "falcon_app:application",
}
_SERVERS = {
    "pyramid_server.py": """
from pyramid.paster import get_app

application = get_app("{root}/examples/pyramid_app/development.ini", options={{"http_port": "0"}})
""",
    "django_server.py": """
from django_app import application
from django.core.management import call_command

call_command("migrate", verbosity=0)
""",
}
"""What gunicorn loads of those examples that are not one module with an application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A running server."""

    target: Target
    key: str
    """The key of another user than the unfriendly ones'."""
    probed: str
    """The path of what answers quickly: its health, or a host's page."""
    trees: tuple[ProcessTree, ...]
    folders: tuple[Path, ...]
    """Its temporary files are below these."""

    def memory_mb(self) -> float:
        """Return the resident memory of its processes; pages that they share are counted in each."""
        return sum(map(_resident, self._processes())) / 1e6

    def temporary_mb(self) -> float:
        """Return the size of temporary files, those without a name among them."""
        found: dict[tuple[int, int], int] = {}
        for process in self._processes():
            for link in Path(f"/proc/{process}/fd").glob("*"):
                with contextlib.suppress(OSError):
                    if os.readlink(link).startswith(tuple(map(str, self.folders))):
                        status = link.stat()
                        found[status.st_dev, status.st_ino] = status.st_size
        return sum(found.values()) / 1e6

    def _processes(self) -> list[int]:
        return [process for tree in self.trees for process in tree.processes()]


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@contextlib.contextmanager
def serve(folder: Path, checkout: Path, *options: str) -> Iterator[Stage]:
    """Run ``chevupload serve``."""
    keys = _make_users(folder / "data")
    command = (
        "-m",
        "chevupload",
        "serve",
        "--data",
        str(folder / "data"),
        "--port",
        "{port}",
        "--flood",
        "off",
        *options,
    )
    with _running(command, folder, checkout, "/health") as (port, tree):
        yield _stage(port, tree, keys, folder)


@contextlib.contextmanager
def gunicorn(folder: Path, checkout: Path, *, proxies: int = 0, delivery: str = "") -> Iterator[Stage]:
    """Run gunicorn as the example of a deployment does."""
    keys = _make_users(folder / "data")
    (folder / "site_app.py").write_text(_SITE_APP.format(proxies=proxies, delivery=delivery))
    command = (*_GUNICORN, "--bind", "127.0.0.1:{port}", "site_app:application")
    with _running(command, folder, checkout, "/health") as (port, tree):
        yield _stage(port, tree, keys, folder)


@contextlib.contextmanager
def nginx(folder: Path, checkout: Path, *, delivery: str = "") -> Iterator[Stage]:
    """Run the same behind nginx, set up as in the example, but for the rate of uploads, which the probe would meet."""
    with gunicorn(folder, checkout, proxies=1, delivery=delivery) as behind:
        port = free_port()
        text = (ROOT / "examples/deployment/nginx.conf").read_text()
        for old, new in {
            "server 127.0.0.1:8000;": f"server 127.0.0.1:{behind.target.port};",
            "listen 80;": f"listen 127.0.0.1:{port};",
            "rate=5r/s": "rate=1000r/s",
            "/var/lib/chevupload/data": str(folder / "data"),
        }.items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        with running_nginx(text, port) as nginx_folder:
            front = ProcessTree(_pid_in(nginx_folder / "nginx.pid"))
            stage = _stage(port, behind.trees[0], (behind.target.key, behind.key), folder)
            yield replace(stage, trees=(*stage.trees, front), folders=(*stage.folders, nginx_folder))


@contextlib.contextmanager
def x_accel(folder: Path, checkout: Path) -> Iterator[Stage]:
    """Run the same, nginx sending the files by itself once gunicorn has said which."""
    # nginx's own user has to reach the folder, and temporary folders are their owner's alone.
    folder.chmod(0o755)
    with nginx(folder, checkout, delivery='by="x_accel", location="/stored"') as stage:
        yield stage


def _pid_in(file: Path) -> int:
    """Return the id that nginx writes, which may be a moment after it listens."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if text := file.read_text().strip():
            return int(text)
        time.sleep(0.05)
    raise RuntimeError(f"{file} stays empty")


def host(name: str) -> Callable[[Path, Path], contextlib.AbstractContextManager[Stage]]:
    """Return what runs an example's host under gunicorn."""

    @contextlib.contextmanager
    def run(folder: Path, checkout: Path) -> Iterator[Stage]:
        for file, text in _SERVERS.items():
            (folder / file).write_text(text.format(root=checkout))
        # Loaded once: the examples make their tables when they are loaded, which two processes at once would both try.
        command = (*_GUNICORN, "--preload", "--bind", "127.0.0.1:{port}", _HOSTS[name])
        with _running(command, folder, checkout, "/login") as (port, tree):
            keys = (_register(port, "ann"), _register(port, "bob"))
            yield _stage(port, tree, keys, folder, probed="/login")

    return run


def _register(port: int, name: str) -> str:
    """Register at a host, and return a key that is made on its page."""
    browser = Browser(f"http://127.0.0.1:{port}")
    browser.fill("/register", {"name": name, "password": "correct horse"})
    made = browser.fill("/settings/api", {"label": "laptop", "action": "make"}, having='id="label"')
    key = re.search(r'id="key"[^>]*value="([^"]+)"', made)
    assert key, made
    return key.group(1)


SERVERS: dict[str, Callable[[Path, Path], contextlib.AbstractContextManager[Stage]]] = {
    "serve": serve,
    "gunicorn": gunicorn,
    "nginx": nginx,
    "x_accel": x_accel,
    **{name: host(name) for name in _HOSTS},
}


def _make_users(folder: Path) -> tuple[str, str]:
    """Return the keys of two users of a new site."""
    site = Site(folder)
    for name in ("ann", "bob"):
        site.accounts.add_user(name)
    keys = site.accounts.add_key("ann").key, site.accounts.add_key("bob").key
    site.close()
    return keys


@contextlib.contextmanager
def _running(command: tuple[str, ...], folder: Path, checkout: Path, path: str) -> Iterator[tuple[int, ProcessTree]]:
    """Run a Python program until the block ends, ``{port}`` in it being a free one, with the code of ``checkout``."""
    port = free_port()
    (folder / "tmp").mkdir()
    paths = os.pathsep.join(map(str, (checkout, checkout / "examples", folder)))
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *(part.replace("{port}", str(port)) for part in command)],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": paths, "TMPDIR": str(folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(process, f"http://127.0.0.1:{port}{path}", log)
        yield port, ProcessTree(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(requests.ConnectionError):
            requests.get(url, timeout=_START_SECONDS)
            return
        time.sleep(0.05)
    raise RuntimeError(log.read_text())


def _stage(port: int, tree: ProcessTree, keys: tuple[str, str], folder: Path, probed: str = "/health") -> Stage:
    """Upload the large file, and say where everything is; the first key is that of the unfriendly."""
    key, another = keys
    # Every decoder ignores what follows the end of a picture.
    content = picture((640, 480), "JPEG") + bytes(_LARGE_BYTES)
    answer = requests.post(
        f"http://127.0.0.1:{port}/api/1/upload",
        headers={"X-API-Key": key},
        files={"source": ("large.jpg", content, "image/jpeg")},
        timeout=_START_SECONDS,
    )
    assert answer.status_code == 200, answer.text
    large = re.sub(r"^https?://[^/]+", "", answer.json()["image"]["url"])
    target = Target(port=port, key=key, large_file=large, page=_LONGEST_PAGE)
    return Stage(target=target, key=another, probed=probed, trees=(tree,), folders=(folder / "tmp",))
