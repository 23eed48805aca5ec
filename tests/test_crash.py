"""A server that is killed at any moment loses nothing that it acknowledged and leaves nothing that it did not."""

from __future__ import annotations

import hashlib
import os
import signal
import threading

import pytest
import requests

from chevupload.cli import main
from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from tests.support import FOREVER, NEVER, SECONDS, Server, deleting, files_in, noise

pytestmark = pytest.mark.slow

ROUNDS = 3
SENDERS = 6


@pytest.fixture(scope="module")
def contents():
    """Return pictures of different sizes."""
    return [noise((120 + 90 * number, 200)) for number in range(6)]


def test_killed_in_the_middle_of_uploads(tmp_path, contents, capsys):
    """Every acknowledged upload is whole after a restart; after a sweep no file and no record is left over."""
    folder = tmp_path / "site"
    site = Site(folder)
    site.accounts.add_user("user")
    key = site.accounts.add_key("user").key
    acknowledged = {}
    for number in range(ROUNDS):
        server = Server(folder)
        enough, stop = threading.Event(), threading.Event()
        wanted = len(acknowledged) + 5 + 4 * number

        def send(address, offset, enough=enough, stop=stop, wanted=wanted):
            with requests.Session() as session:
                for turn in range(1000):
                    content = contents[(turn + offset) % len(contents)]
                    try:
                        answer = session.post(
                            f"{address}/api/1/upload",
                            headers={"X-API-Key": key},
                            files={"source": ("same.png", content)},
                        )
                    except requests.RequestException:
                        return
                    if answer.status_code == 200:
                        image = answer.json()["image"]
                        acknowledged[image["id_encoded"]] = (image["path_viewer"], hashlib.md5(content).hexdigest())
                        if len(acknowledged) >= wanted:
                            enough.set()
                    if stop.is_set():
                        return

        senders = [threading.Thread(target=send, args=(server.address, offset)) for offset in range(SENDERS)]
        for sender in senders:
            sender.start()
        assert enough.wait(SECONDS)
        assert server.workers() != []
        os.kill(server.process.pid, signal.SIGKILL)
        stop.set()
        for sender in senders:
            sender.join()
        server.stop()
        assert server.wait_for_workers() == []
    assert main(["sweep", "--data", str(folder), "--grace", "0"]) == 0
    assert main(["check", "--data", str(folder)]) == 0
    capsys.readouterr()
    component = embedded(site)
    uploads = list(component.catalog.uploads())
    component.catalog.withdraw_stalled(now=NEVER, pending_since=FOREVER)
    assert deleting(component.catalog) == [], "no record is pending or half deleted"
    assert files_in(folder / "incoming") == []
    assert files_in(folder / "images") == sorted(path for upload in uploads for path in upload.paths)
    with Server(folder) as server, requests.Session() as session:
        for upload in uploads:
            body = session.get(f"{server.address}/images/{upload.path}").content
            assert hashlib.md5(body).hexdigest() == upload.md5
        for upload_id, (_, md5) in acknowledged.items():
            assert component.catalog.get(upload_id).md5 == md5
    site.close()
