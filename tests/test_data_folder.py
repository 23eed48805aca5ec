"""Everything in one folder, made when it is missing, shared by as many processes as there are."""

from __future__ import annotations

import io
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.test import Client

from chevupload import Config
from chevupload.errors import BackendError
from chevupload.model import Principal
from chevupload.site.data_folder import Site, _write_once
from chevupload.site.factory import embedded
from chevupload.testing.memory import MemoryStorage
from tests.support import picture


def send(component, key):
    data = {"source": (io.BytesIO(picture()), "a.png")}
    return Client(component).post("/api/1/upload", headers={"X-API-Key": key}, data=data)


def test_a_site_forgets_users_and_has_a_page(tmp_path):
    """The keys that an embedded component knows are those it lists, and takes away."""
    site = Site(tmp_path / "own")
    user_id = site.accounts.add_user("ann")
    key = site.accounts.add_key("ann").key
    component = embedded(site, renderer="inline", current_user=lambda environ: None)
    assert component.routes.keys == "settings/api"
    assert component.key_store.keys_of(user_id)
    component.forget(user_id)
    assert component.key_store.authenticate(key, {}) is None
    assert component.key_store.keys_of(user_id) == []
    component.close()
    site.close()


def test_a_folder_is_all_it_needs(tmp_path):
    """Everything is in it; a web server can reach the files, and nothing else."""
    folder = tmp_path / "deep" / "site"
    site = Site(folder)
    component = embedded(site, guest_key="guests", renderer="inline")
    assert send(component, "guests").status_code == 200
    assert send(component, "wrong").status_code == 401
    assert {name: oct(stat.S_IMODE((folder / name).stat().st_mode)) for name in ("", *os.listdir(folder))} == {
        "": "0o711",
        "images": "0o755",
        "incoming": "0o700",
        **dict.fromkeys(("secret", "chevupload.db", "chevupload.db-wal", "chevupload.db-shm"), "0o600"),
    }
    assert {"chevupload.db", "images", "incoming", "secret"} <= set(os.listdir(folder))
    site.close()


def test_embedded_is_the_same_in_one_call(tmp_path):
    """Settings are the component's; guests are off without a guest key."""
    component = embedded(tmp_path / "site", config=Config(base_url="https://a.test"), renderer="inline")
    assert send(component, "guests").status_code == 401
    site = Site(tmp_path / "site")
    site.accounts.add_user("ann")
    answer = send(component, site.accounts.add_key("ann").key)
    assert answer.json["image"]["url"].startswith("https://a.test/images/")
    site.close()
    component.catalog._database.engine.dispose()


def test_records_and_files_stay_in_the_folder(tmp_path):
    """The command line works on the folder: what it cannot see is not to be chosen."""
    with pytest.raises(TypeError, match="takes no storage"):
        embedded(tmp_path / "site", storage=MemoryStorage())


def test_keys_may_be_the_hosts(tmp_path):
    """A host's own users upload into an embedded site."""
    component = embedded(tmp_path / "site", keys=lambda key, environ: Principal(user_id=key), renderer="inline")
    assert send(component, "anybody").status_code == 200


def test_the_secret_is_made_once(tmp_path):
    """By whoever comes first; it stays, and a new one may be appended."""
    site = Site(tmp_path / "site")
    with ThreadPoolExecutor(8) as threads:
        found = set(map(tuple, threads.map(lambda _: site.secret_keys(), range(32))))
    assert len(found) == 1
    with (site.folder / "secret").open("a") as file:
        file.write("another secret of the site\n")
    assert site.secret_keys() == [*found.pop(), "another secret of the site"]
    assert [name for name in os.listdir(site.folder) if name.startswith("chevupload-")] == []
    site.close()


def test_the_second_writer_loses(tmp_path):
    """And leaves nothing behind."""
    _write_once(tmp_path / "secret", "first")
    _write_once(tmp_path / "secret", "second")
    assert (os.listdir(tmp_path), (tmp_path / "secret").read_text()) == (["secret"], "first")


def test_many_processes_may_start_at_once(tmp_path):
    """Several threads open one new folder."""

    def start(_):
        site = Site(tmp_path / "site")
        try:
            return tuple(site.secret_keys())
        finally:
            site.close()

    with ThreadPoolExecutor(6) as threads:
        assert len(set(threads.map(start, range(12)))) == 1


def test_a_database_that_is_none(tmp_path):
    """BackendError, as promised."""
    (tmp_path / "chevupload.db").write_bytes(b"no database" * 1000)
    import pytest

    with pytest.raises(BackendError):
        Site(tmp_path)
