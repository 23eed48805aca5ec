"""A real nginx for tests."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ports import wait_for

needs_nginx = pytest.mark.skipif(
    shutil.which("nginx") is None, reason="nginx is not installed: apt-get install nginx-light"
)


def web_user() -> str:
    """Return the user of web servers, which read no files as root."""
    return "www-data" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """Give a new folder that the web server's user may pass through."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@contextlib.contextmanager
def running_nginx(http: str, port: int) -> Iterator[Path]:
    """Run nginx with what stands in ``http {}``, which listens at ``port``, and give the folder of its log."""
    with open_folder() as folder:
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in names)
        process = f"daemon off; master_process off; pid {folder}/nginx.pid; user {web_user()};"
        path = folder / "nginx.conf"
        path.write_text(f"{process} events {{}} http {{ access_log off; {temporary}\n{http}\n}}")
        command = ("nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(path))
        with subprocess.Popen(command, start_new_session=True) as server:
            try:
                wait_for(port)
                yield folder
            finally:
                server.terminate()
