"""A MariaDB server of the tests' own, in a temporary folder and reached by a socket in it."""

from __future__ import annotations

import contextlib
import getpass
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import URL

_PATIENCE_SECONDS = 300


@contextlib.contextmanager
def mariadb_server() -> Iterator[URL]:
    """Run a server, and give the URL of its first user, without a database."""
    places = "/usr/sbin:/usr/bin:/usr/local/bin"
    programs = [shutil.which(name, path=places) for name in ("mariadb-install-db", "mariadbd")]
    if None in programs:
        pytest.skip("MariaDB's server is not installed (Debian: mariadb-server)")
    install, server = map(str, programs)
    # The path of its socket has to be short.
    with tempfile.TemporaryDirectory(prefix="chevupload-my-") as folder:
        # As root, the server wants to be told whom to run as.
        place = ["--no-defaults", f"--datadir={folder}/data", f"--user={getpass.getuser()}"]
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run([install, *place, *options], check=True, capture_output=True)
        socket = Path(folder, "socket")
        options = [f"--socket={socket}", f"--pid-file={folder}/pid", f"--log-error={folder}/log", "--skip-networking"]
        # What is lost with the machine is lost with the tests.
        options += ["--innodb-buffer-pool-size=64M", "--innodb-flush-method=nosync", "--skip-innodb-doublewrite"]
        process = subprocess.Popen([server, *place, *options])
        try:
            _wait_for(socket, process)
            yield URL.create("mysql+pymysql", "root", host="localhost", query={"unix_socket": str(socket)})
        finally:
            process.terminate()
            process.wait(_PATIENCE_SECONDS)


def _wait_for(socket: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError((socket.parent / "log").read_text())
        time.sleep(0.05)
