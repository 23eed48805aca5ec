"""Clients as their users install them, and a server that they take for the one in their code.

Most clients have the address of ImgBB in their code, and none is edited: each runs in namespaces of its own
(``inside.py``), where that name leads to the server under test, at the real port 443, and with a certificate that the
environment tells it to trust, as behind a company's proxy. One mechanism serves Python and Node, however they resolve
names, and what runs there cannot reach the real ImgBB. It needs Linux and the right to make namespaces, which users
have unless it was taken from them; without it these tests are skipped.
"""

from __future__ import annotations

import base64
import os
import shlex
import shutil
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.clients.clients import CLIENTS, Client
from tests.clients.installing import install
from tests.clients.outside import Outside
from tests.fetch.hostile import World, answer, certificate
from tests.support import SECONDS, noise

FOLDER = Path(__file__).parent
ADDRESS = "https://pictures.example"
HOSTS = ("pictures.example", "api.imgbb.com", "freeimage.host")
NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child"]
PICTURE_URL = "http://good.example/cat.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One client, given one thing, and where the component is mounted."""

    client: Client
    given: str
    prefix: str = ""

    def __str__(self):
        """Name the test."""
        return "-".join(filter(None, (self.client.name, self.given, self.prefix.strip("/"))))


def cases():
    """List what is tried: all that a client can be given, and below a prefix, too, where it takes one."""
    return [
        Case(client=client, given=given, prefix=prefix)
        for client in CLIENTS
        for given in client.sends
        for prefix in ("", "/sub/app")[: 1 + client.takes_prefix]
    ]


@pytest.fixture
def prefix(case):
    """Return where the component is mounted: at the root for clients that know nothing else."""
    return case.prefix


@pytest.fixture(scope="session")
def namespaces():
    """Skip where nobody may make them."""
    if shutil.which("unshare") is None:
        pytest.skip("clients run in namespaces of Linux, and there is no command unshare")
    tried = subprocess.run([*NAMESPACES, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"clients run in namespaces of Linux: {tried.stderr.strip()}")


@pytest.fixture(scope="session")
def tls(tmp_path_factory):
    """Return the certificate of the server's names, as a file and as a server's side of TLS."""
    return certificate(tmp_path_factory.mktemp("certificates"), *HOSTS)


@pytest.fixture(scope="session")
def picture():
    """Return the picture that everybody uploads."""
    return noise((40, 30))


@pytest.fixture
def environment(case, namespaces, request):
    """Return where the client is installed."""
    return install(request.config.cache.mkdir("clients"), case.client.pins)


@pytest.fixture
def internet(tmp_path, picture):
    """Return the world from which the component fetches URLs: there is the picture."""
    world = World(tmp_path)
    world.pages[None] = answer(picture)
    yield world
    world.close()


@pytest.fixture
def server(stand, case, tls):
    """Run the component, and return the server's side."""
    file, context = tls
    # The path of a socket is short, which that of a test's folder is not.
    with tempfile.TemporaryDirectory() as folder:
        outside = Outside(f"{folder}/socket", ssl.create_default_context(cafile=file))
        with outside.serving(stand.component, case.prefix, context):
            yield outside


@pytest.fixture
def stand(make, internet):
    """Return a component that fetches, at the time that the clients have, too."""
    return make(fetcher=internet.fetcher, clock=lambda: datetime.now(UTC))


@pytest.fixture
def run(case, environment, server, tls, tmp_path, picture):
    """Return a function that runs the client with a key, and gives what it printed and said."""
    file = tmp_path / "cat.png"
    file.write_bytes(picture)
    trusted = str(tls[0])
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "NODE_PATH": str(environment / "node_modules"),
        **dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"), trusted),
    }
    inside = [*NAMESPACES, sys.executable, str(FOLDER / "inside.py"), server.path, ",".join(HOSTS)]

    values = {
        "environment": environment,
        "programs": FOLDER / "programs",
        "address": ADDRESS + case.prefix,
        "given": case.given,
        "source": {"file": str(file), "base64": base64.b64encode(picture).decode(), "url": PICTURE_URL}[case.given],
    }

    def run_client(key, command=case.client.command):
        words = [word.format(**values, key=key) for word in shlex.split(command)]
        return subprocess.run(
            [*inside, *words], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    return run_client
