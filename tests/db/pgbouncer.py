"""A PgBouncer of the tests' own in front of a PostgreSQL: its defaults, with transactions as what clients share."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL

from tests.ports import free_port, wait_for

_CONFIGURATION = """
[databases]
* = {server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
logfile = {folder}/log
"""


@contextlib.contextmanager
def running_pgbouncer(server: URL) -> Iterator[URL]:
    """Run one in front of ``server``, and give its URL; every database of the server is reached by its name."""
    program = shutil.which("pgbouncer", path=f"{os.defpath}:/usr/sbin:/usr/local/bin")
    if program is None:
        pytest.skip("PgBouncer is not installed (Debian: pgbouncer)")
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="chevupload-pgb-") as name:
        folder = Path(name)
        (folder / "ini").write_text(_CONFIGURATION.format(server=_connection(server), port=port, folder=folder))
        process = subprocess.Popen([program, "--quiet", str(folder / "ini")], **_user(server, folder))
        try:
            wait_for(port)
            query = {name: value for name, value in server.query.items() if name not in ("host", "port")}
            yield server.set(host="127.0.0.1", port=port, query=query)
        finally:
            process.terminate()
            process.wait()


def _connection(server: URL) -> str:
    """Return how PgBouncer reaches ``server``."""
    parts = {
        "host": server.host or server.query.get("host") or "127.0.0.1",
        "port": server.port or server.query.get("port"),
        "user": server.username,
        "password": server.password,
    }
    return " ".join(f"{name}={value}" for name, value in parts.items() if value)


def _user(server: URL, folder: Path) -> dict[str, Any]:
    """Return whom to run it as: it refuses root, and has to reach the server's socket."""
    if os.geteuid() != 0:
        return {}
    socket = Path(str(server.query.get("host", "")))
    user = pwd.getpwuid(socket.stat().st_uid) if socket.is_absolute() and socket.is_dir() else pwd.getpwnam("nobody")
    for path in (folder, folder / "ini"):
        os.chown(path, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
