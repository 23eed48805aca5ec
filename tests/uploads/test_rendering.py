"""Pictures are rendered again under the eyes of their readers, who find each at every moment."""

from __future__ import annotations

import threading

import pytest

from chevupload import Renditions
from chevupload.db import SqlCatalog
from chevupload.errors import CatalogError, ConfigError
from chevupload.records.move import Move
from chevupload.storage.local import LocalStorage
from chevupload.testing.memory import MemoryStorage
from tests.databases import sqlite_database
from tests.support import noise


@pytest.fixture
def catalog(tmp_path):
    """Return records in a database."""
    with sqlite_database(tmp_path / "records.db") as database:
        yield SqlCatalog(database)


def render(stand):
    """Render everything again, and return the job."""
    *_, job = stand.component.jobs.run(stand.component.jobs.start("render").id, ending=threading.Event())
    return job


def test_readers_find_each_picture_at_every_moment(make, catalog):
    """Whole, as it was before or as it is now."""
    stand = make(catalog=catalog)
    images = [stand.upload(noise((60, 40)), f"{number}.png") for number in range(5)]
    ending, answers = threading.Event(), []

    def read():
        while not ending.is_set():
            for image in images:
                answer = stand.open(image["thumb"]["url"])
                answers.append((answer.status_code, answer.data[-8:], int(answer.headers["Content-Length"])))

    reader = threading.Thread(target=read)
    reader.start()
    for side in (30, 20, 40):
        stand.start(renditions=Renditions(thumb_side=side))
        assert render(stand).failed == 0
    ending.set()
    reader.join()
    assert {status for status, _, _ in answers} == {200}
    assert {end for _, end, _ in answers} == {b"IEND\xaeB`\x82"}
    assert len(stand.stored()) == 2 * len(images)


def test_what_the_settings_ask_for_now_is_made(make, catalog):
    """Also a medium picture where there was none, which goes again when nobody wants it."""
    stand = make(catalog=catalog)
    upload = catalog.get(stand.upload(noise((60, 40)), "a.png")["id_encoded"])
    assert upload.medium_size == 0
    stand.start(renditions=Renditions(medium_side=30))
    render(stand)
    again = catalog.get(upload.id)
    assert again.sizes == {path: (stand.images / path).stat().st_size for path in again.paths}
    assert (len(again.paths), len(stand.stored())) == (3, 3)
    stand.start(renditions=Renditions(medium_side=300))
    render(stand)
    assert (len(catalog.get(upload.id).paths), len(stand.stored())) == (2, 2)


def test_what_moves_meanwhile_is_rendered_where_it_is_then(make, catalog, tmp_path):
    """The job stops there, and goes on with the record of now; no file of before is removed."""
    storages = {name: LocalStorage(tmp_path / name) for name in ("old", "new")}
    stand = make(catalog=catalog, storage=storages)
    upload = catalog.get(stand.upload(noise((60, 40)), "a.png")["id_encoded"])
    stand.start(renditions=Renditions(thumb_side=20))
    process = stand.component.renderer.process

    def move_meanwhile(job, **more):
        stand.component.renderer.process = process
        now = stand.clock()
        assert catalog.begin_move(Move(upload_id=upload.id, paths=upload.paths, source="old", target="new", at=now))
        for path in upload.paths:
            with storages["old"].open(path) as file:
                storages["new"].save(path, file, headers=None)
        assert catalog.switch_storage(upload, "new", now=now)
        return process(job, **more)

    stand.component.renderer.process = move_meanwhile
    with pytest.raises(CatalogError, match="moved while it was rendered"):
        render(stand)
    assert storages["old"].exists(upload.path)
    assert render(stand).done == 1
    again = catalog.get(upload.id)
    assert again.thumb_size != upload.thumb_size
    with storages["new"].open(again.thumb_path) as file:
        assert len(file.read()) == again.thumb_size


def test_a_storage_that_replaces_nothing_is_refused(make, catalog):
    """Readers would have to miss each picture for a moment."""

    class Plain:
        def __init__(self):
            inner = MemoryStorage()
            self.save, self.open, self.delete = inner.save, inner.open, inner.delete
            self.exists, self.url = inner.exists, inner.url

    stand = make(catalog=catalog, storage=Plain())
    with pytest.raises(ConfigError, match="cannot replace files"):
        stand.component.jobs.start("render")
