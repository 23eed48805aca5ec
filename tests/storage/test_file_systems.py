"""File systems that lack what most have: the site works on them, and says once what is not there."""

from __future__ import annotations

import io
import json
import logging
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import Client

from chevupload import filesystem as folders
from chevupload.cli import main
from chevupload.site.data_folder import Site, _write_once
from chevupload.site.factory import embedded
from chevupload.storage.local import LocalStorage
from chevupload.testing import AdoptingStorageContract
from tests.storage.file_system import mounted
from tests.support import picture

pytestmark = pytest.mark.slow

EVERYTHING = ("modes", "links", "sync", "times")


@pytest.fixture(scope="module", params=["modes", "links", "sync", "times"])
def mount(request, tmp_path_factory):
    """Return where a file system is mounted that lacks one thing."""
    with mounted(tmp_path_factory.mktemp("fuse"), request.param) as path:
        yield path


@pytest.fixture(scope="module")
def poor(tmp_path_factory):
    """Return where a file system is mounted that lacks everything."""
    with mounted(tmp_path_factory.mktemp("fuse"), *EVERYTHING) as path:
        yield path


@pytest.fixture
def log(caplog):
    """Return what is logged from now on, as if nothing had been said before."""
    folders._log_lack.cache_clear()
    with caplog.at_level(logging.WARNING, logger="chevupload"):
        yield caplog


class TestPoorLocalStorage(AdoptingStorageContract):
    """The local storage keeps its promises where a file system can do as little as possible."""

    @pytest.fixture(params=[False, True], ids=["quick", "fsync"])
    def storage(self, request, poor, tmp_path):
        """Return a new one."""
        return LocalStorage(poor / tmp_path.name / str(request.param), fsync=request.param)


def upload(component, key):
    data = {"source": (io.BytesIO(picture()), "a.png")}
    return Client(component).post("/api/1/upload", headers={"X-API-Key": key}, data=data)


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_a_site_works_without(mount, tmp_path, umask, log):
    """It starts, takes an upload, gives it back and deletes it, whatever is lacking."""
    before = os.umask(umask)
    try:
        site = Site(mount / tmp_path.name)
        component = embedded(site, guest_key="guests", renderer="inline")
        answer = upload(component, "guests")
        assert answer.status_code == 200, answer.text
        client = Client(component)
        with client.get(answer.json["image"]["url"]) as file:
            assert file.status_code == 200
        assert client.post(answer.json["image"]["delete_url"]).status_code == 200
        assert component.maintenance.check().missing == ()
    finally:
        os.umask(before)
    component.close()
    site.close()


def test_what_is_lacking_is_told_once(poor, tmp_path, log):
    """By name and with the system's own words, and not again with every upload."""
    storage = LocalStorage(poor / tmp_path.name, fsync=True)
    for number in range(3):
        storage.save(f"{number}/a.png", io.BytesIO(b"1"), headers=None)
    messages = (record.getMessage() for record in log.records)
    assert sorted(message for message in messages if "going on without" in message) == [
        "the file system cannot change modes (Operation not permitted): going on without",
        "the file system cannot sync a folder (Invalid argument): going on without",
    ]


def test_of_many_first_starts_one_makes_the_secret(poor, tmp_path):
    """Without hard links, too: each reads the same, whole, and nothing else stays."""
    folder = poor / tmp_path.name
    folder.mkdir()
    path = folder / "secret"

    def start(number):
        _write_once(path, f"secret {number}")
        return path.read_text()

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(start, range(32)))) == 1
    assert os.listdir(folder) == ["secret"]


def test_settings_for_a_client_are_written(poor, tmp_path):
    """The command that writes a file for its owner's eyes writes it where nobody can say whose eyes."""
    path = poor / f"{tmp_path.name}.json"
    for _ in range(2):
        assert main(["client-config", "sharex", "--key", "k", "--output", str(path), "--force"]) == 0
    assert json.loads(path.read_text())["DestinationType"]
