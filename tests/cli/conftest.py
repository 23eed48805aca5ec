"""Real servers, none of which outlives a failed start, or a test."""

from __future__ import annotations

import contextlib
import os
import signal

import pytest

from chevupload.site.data_folder import Site
from tests.cli.operator_site import OperatorSite
from tests.support import Server


@pytest.fixture(scope="module")
def site_folder(tmp_path_factory):
    """Return a data folder whose name asks for quoting."""
    return tmp_path_factory.mktemp("sites") / "my site, 1"


class MortalServer(Server):
    """A server that does not outlive a failed start, or a test."""

    def __init__(self, folder, *options, **more):
        try:
            super().__init__(folder, *options, **more)
        except BaseException:
            self.kill()
            raise

    def kill(self):
        """End what is left of its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        self.log.close()


@pytest.fixture(scope="module")
def start():
    """Return a function that starts servers, none of which is left at the end."""
    servers = []

    def start_server(folder, *options, **more):
        servers.append(MortalServer(folder, *options, **more))
        return servers[-1]

    try:
        yield start_server
    finally:
        for running in servers:
            running.kill()


@pytest.fixture(scope="module")
def server(start, site_folder):
    """Run a server with a user and a guest key."""
    site = Site(site_folder)
    site.accounts.add_user("ann")
    site.close()
    with start(site_folder, "--guest-key", "guests", "--sweep-minutes", "0.02") as running:
        yield running


@pytest.fixture
def operator_site(tmp_path, capsys, monkeypatch):
    """Return a site in a data folder, and what runs the commands of its operator."""
    return OperatorSite(tmp_path / "site", capsys, monkeypatch)
