"""A component in a host's tests keeps nothing where it is live, and is as it was afterwards."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from werkzeug.test import Client

from chevupload import Config, Delivery, Routes, Storages, embedded
from chevupload.db import Database, UserColumns, sqlite_engine
from chevupload.db.tables import READY_MODELS
from chevupload.errors import ConfigError
from chevupload.site.factory import component_from
from chevupload.testing import isolated, picture
from chevupload.testing.memory import MemoryCatalog, MemoryStorage, StaticKeys
from tests.support import SECRET, environment, files_in


def save(component, owner="1"):
    return component.uploads.save(io.BytesIO(picture()), owner=owner, filename="a.png")


@pytest.mark.slow
def test_nothing_is_kept_where_it_is_live(tmp_path):
    """Neither files nor records nor keys; and what was there before is not seen, and there again."""
    component = embedded(tmp_path / "live", renderer="inline")
    held = component.wrap(None)
    before, key = save(component), component.key_store.add_key("1")
    live = files_in(tmp_path / "live" / "images")

    with isolated(component) as folder:
        assert component.uploads.list("1") == []
        assert component.key_store.keys_of("1") == []
        upload = save(component)
        assert (folder / "images" / upload.path).exists()
        assert Client(held).get(f"/images/{upload.path}", buffered=True).status_code == 200
        component.forget("1")
        assert files_in(tmp_path / "live" / "images") == live
        assert files_in(tmp_path / "live" / "incoming") == []

    assert not folder.exists()
    assert component.uploads.list("1") == [before]
    assert [found.id for found in component.key_store.keys_of("1")] == [key.id]
    assert save(component) in component.uploads.list("1")


@pytest.mark.slow
def test_one_in_another_and_after_a_failure(tmp_path):
    """Each ends with what was before it, whatever the test did."""
    component = embedded(tmp_path / "live", renderer="inline")
    with isolated(component):
        outer = save(component)
        with pytest.raises(ZeroDivisionError), isolated(component):
            1 / len(component.uploads.list("1"))
        assert component.uploads.list("1") == [outer]
    assert component.uploads.list("1") == []


def test_files_elsewhere_are_kept_in_the_folder_and_served_by_the_component(tmp_path):
    """Whichever storages there are, and however their files are delivered when they are live."""
    storages = {"one": MemoryStorage(public_url="https://cdn.example"), "two": MemoryStorage()}
    component = component_from(
        {"database_url": f"sqlite:///{tmp_path / 'records.db'}", "secret_keys": [SECRET], "renderer": "inline"},
        storage=Storages(storages, lambda upload, principal: "two"),
        config=Config(routes=Routes(upload_page="upload"), delivery={"two": Delivery(by="x_accel", location="/files")}),
    )
    component.catalog.create_tables()
    with isolated(component) as folder:
        upload = save(component)
        assert upload.storage == "two"
        assert len(files_in(folder / "images")) == 2
        assert (
            component.links({"HTTP_HOST": "a.example", "wsgi.url_scheme": "http"})
            .file(upload, upload.path)
            .startswith("http://a.example/")
        )
    assert [list(storage.files()) for storage in storages.values()] == [[], []]
    assert component.uploads.list("1") == []


def test_records_in_the_hosts_own_database_are_the_hosts_to_isolate(tmp_path):
    """As everything else in it, such as the users whose uploads they are."""
    database = Database(sqlite_engine(tmp_path / "host.db"))
    database.create_tables()
    users = UserColumns.of(READY_MODELS["users"])
    component = component_from({"folder": tmp_path / "live", "renderer": "inline"}, database=database, users=users)
    with isolated(component):
        upload = save(component)
    assert component.uploads.list("1") == [upload]
    assert files_in(tmp_path / "live" / "images") == []
    database.engine.dispose()


def test_a_live_folder_is_not_swept_meanwhile(tmp_path):
    """Sweeps would find files there that the records of a test do not know."""
    component = component_from(
        {"folder": tmp_path / "live"}, keys=StaticKeys({}), catalog=MemoryCatalog(), renderer="inline"
    )
    component.maintenance.sweep_every(3_600)
    with pytest.raises(ConfigError, match="sweeps"), isolated(component):
        pass
    component.close()
    with isolated(component):
        assert save(component)


@pytest.mark.slow
def test_no_pytest_is_needed():
    """For unittest and Django's test runner."""
    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from chevupload.testing import isolated, picture, serve, tell_sender\n"
        "assert picture()[1:4] == b'PNG'"
    )
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
