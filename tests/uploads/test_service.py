"""An upload is whole or nothing: whatever fails on the way, and wherever it was interrupted."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from datetime import timedelta

import pytest

from chevupload.db import SqlCatalog
from chevupload.errors import BackendError, CatalogError, FileExists, NameTaken, StorageError
from chevupload.model import Category
from chevupload.testing.memory import MemoryCatalog, MemoryStorage
from chevupload.testing.storage import PNG as PNG_HEADERS
from tests.databases import sqlite_database
from tests.support import EMPTY, Failing, noise, picture, records

WIDE = noise((600, 400))
FOLDER = "2026/03/04"


@pytest.fixture(params=["memory", "sql"])
def catalog(request, tmp_path):
    """Return each catalog in turn."""
    if request.param == "memory":
        yield MemoryCatalog(categories=[Category(3, "Animals")])
        return
    with sqlite_database(tmp_path / "records.db") as database:
        yield SqlCatalog(database)


class Interrupted(BaseException):
    """What no handler expects, such as the end of a server's process."""


def send(stand, content=WIDE, name="photo.png"):
    return stand.send({"source": (io.BytesIO(content), name)})


def failing(method, error, **when):
    return lambda local: Failing(local, method, error, **when)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_failing_file_leaves_nothing(make, catalog, count):
    """The first, second or third file: 503, and neither record nor file."""
    stand = make(catalog=catalog, storage=failing("adopt", StorageError("full"), count=count))
    assert send(stand).status_code == 503
    assert stand.left() == EMPTY


@pytest.mark.parametrize("count", [1, 2, 3])
def test_so_it_is_in_a_storage_that_copies(make, catalog, count):
    """Likewise where files are saved and not adopted."""
    memory = MemoryStorage()
    stand = make(catalog=catalog, storage=Failing(memory, "save", StorageError("full"), count=count))
    assert send(stand).status_code == 503
    assert (stand.left(), memory._files) == (EMPTY, {})


def test_a_failing_publish_leaves_nothing(make, catalog):
    """All files are there, and are taken away again."""
    stand = make(catalog=Failing(catalog, "publish", CatalogError("away")))
    assert send(stand).status_code == 503
    assert stand.left() == EMPTY


def test_a_swept_upload_is_not_acknowledged(make, catalog):
    """A sweep that took it for abandoned wins; the client hears 503 and nothing is left."""

    class Swept(Failing):
        def _call(self, upload_id):
            stand.clock.move(hours=2)
            stand.component.maintenance.sweep(grace=timedelta(hours=1))
            return super()._call(upload_id)

    stand = make(catalog=Swept(catalog, "publish", AssertionError(), count=2))
    assert send(stand).status_code == 503
    assert stand.left() == EMPTY


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_interruption_after_a_file_was_written_leaves_nothing(make, catalog, count):
    """What is not an error at all, such as an exit, is undone like one: also the file that was just written."""

    class Late(Failing):
        def _call(self, *arguments, **named):
            left = self._next()
            getattr(self._part, self._method)(*arguments, **named)
            if left == 0:
                raise self._error

    for stand in (
        make(catalog=catalog, storage=lambda local: Late(local, "adopt", Interrupted(), count=count)),
        make(storage=Late(MemoryStorage(), "save", Interrupted(), count=count)),
    ):
        with pytest.raises(Interrupted):
            send(stand)
        assert stand.left() == EMPTY
        if isinstance(stand.storage._part, MemoryStorage):
            assert stand.storage._part._files == {}


def test_what_cannot_be_undone_now_is_swept_later(make, catalog):
    """A storage that also refuses to delete leaves a record, and the sweep finishes."""
    stand = make(
        catalog=catalog,
        storage=lambda local: Failing(
            Failing(local, "adopt", StorageError("full"), count=3), "delete", StorageError("away"), forever=False
        ),
    )
    assert send(stand).status_code == 503
    assert len(records(stand.catalog)) == 1
    assert stand.component.maintenance.sweep(grace=timedelta(hours=1)).uploads == 1
    assert stand.left() == EMPTY


@pytest.mark.parametrize(
    "stray", [f"{FOLDER}/photo.png", f"{FOLDER}/photo.md.png", f"{FOLDER}/photo.th.png"], ids=["main", "md", "th"]
)
def test_a_stray_file_in_the_way_stays(make, catalog, stray):
    """It is not overwritten, and the upload gets another name."""
    stand = make(catalog=catalog)
    path = stand.images / stray
    path.parent.mkdir(parents=True)
    path.write_bytes(b"stray")
    answer = send(stand)
    assert answer.status_code == 200
    image = answer.json["image"]
    assert image["name"] != "photo"
    assert path.read_bytes() == b"stray"
    assert stand.open(image["url"]).data == WIDE
    assert len(stand.stored()) == 4
    assert len(records(stand.catalog)) == 1


def test_a_stray_file_that_comes_in_between_stays(make, catalog):
    """One that appears after the look costs this upload, whose first file is gone: 503, and nothing is left."""
    stand = make(catalog=catalog, storage=failing("adopt", FileExists("there"), count=2, forever=False))
    assert send(stand).status_code == 503
    assert stand.left() == EMPTY


def test_a_storage_that_tells_of_a_stray_file(make, catalog):
    """A storage that copies, and knows at no cost that a path is taken: the upload gets another name."""
    memory = MemoryStorage()
    stand = make(catalog=catalog, storage=Failing(memory, "save", FileExists("there"), count=2, forever=False))
    answer = send(stand)
    assert answer.status_code == 200
    assert sorted(memory._files) == sorted(
        f"{FOLDER}/{answer.json['image']['name']}{end}.png" for end in ("", ".md", ".th")
    )


def test_a_stray_file_hides_no_fault(make, catalog):
    """Of one file there is a stranger's, another one cannot be written: a next name would not mend it."""
    memory = MemoryStorage()
    stray = Failing(memory, "save", FileExists("there"), forever=False)
    stand = make(catalog=catalog, storage=Failing(stray, "save", StorageError("full"), count=2, forever=False))
    assert send(stand).status_code == 503
    assert (stand.left(), memory._files) == (EMPTY, {})


def test_names_are_tried_again(make, catalog):
    """NameTaken leads to another name and another id."""
    stand = make(catalog=Failing(catalog, "reserve", NameTaken("taken"), forever=False))
    image = send(stand).json["image"]
    assert image["name"].startswith("photo")
    assert len(image["name"]) == len("photo") + 16


def test_no_free_name_is_503(make, catalog, caplog):
    """After a bounded number of attempts, and the log says why."""
    stand = make(catalog=Failing(catalog, "reserve", NameTaken("taken")))
    assert send(stand).status_code == 503
    assert "CatalogError: no free name\n" in caplog.text
    assert stand.left() == EMPTY


def half_done(stand, *, files, state):
    """Bring one upload into a state in which a crash might leave it."""
    stand.send({"source": (io.BytesIO(WIDE), "photo.png")})
    (upload,) = stand.catalog.uploads()
    stand.catalog.withdraw(upload.id)
    bodies = [(stand.images / path).read_bytes() for path in upload.paths]
    for path in upload.paths:
        stand.storage.delete(path)
    stand.catalog.forget([upload])
    assert stand.left() == EMPTY
    upload = replace(upload, id="half", name="half")
    stand.catalog.reserve(upload)
    for path, body in list(zip(upload.paths, bodies, strict=True))[:files]:
        stand.storage.save(path, io.BytesIO(body), headers=PNG_HEADERS)
    if state in ("ready", "deleting"):
        stand.catalog.publish(upload.id)
    if state == "deleting":
        stand.catalog.withdraw(upload.id)
    return upload


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "state"),
    [(0, "pending"), (1, "pending"), (2, "pending"), (3, "pending"), (3, "deleting"), (1, "deleting"), (0, "deleting")],
)
def test_every_half_done_state_is_swept(make, catalog, files, state):
    """Reserved only, reserved with some files, deleting with some left: nothing is shown, and nothing stays."""
    stand = make(catalog=catalog)
    upload = half_done(stand, files=files, state=state)
    assert stand.open("/image/half").status_code == 404
    assert stand.open(f"/images/{upload.path}").status_code == 404
    stand.clock.move(hours=2)
    assert stand.component.maintenance.sweep(grace=timedelta(hours=1)).uploads == 1
    assert stand.left() == EMPTY


def test_a_young_unfinished_upload_is_left_alone(make, catalog):
    """The grace period is longer than an upload takes."""
    stand = make(catalog=catalog)
    half_done(stand, files=1, state="pending")
    stand.clock.move(minutes=59)
    assert stand.component.maintenance.sweep(grace=timedelta(hours=1)).uploads == 0
    assert len(stand.stored()) == 1


@pytest.mark.slow
def test_a_published_upload_stays(make, catalog):
    """The sweep does not touch it."""
    stand = make(catalog=catalog)
    half_done(stand, files=3, state="ready")
    stand.clock.move(days=4000)
    assert stand.component.maintenance.sweep(grace=timedelta(0)).uploads == 0
    assert (len(stand.stored()), stand.open("/image/half").status_code) == (3, 200)


def test_delete_takes_everything_away_once(make, catalog):
    """True and then False; files and record are gone."""
    stand = make(catalog=catalog)
    send(stand)
    (upload,) = stand.catalog.uploads()
    assert stand.component.uploads.delete(upload) is True
    assert stand.component.uploads.delete(upload) is False
    assert stand.left() == EMPTY


def test_a_delete_that_fails_half_way_is_gone_for_readers(make, catalog):
    """The record is marked first, so a storage that is away leaves nothing to see, and the sweep finishes."""
    stand = make(catalog=catalog, storage=failing("delete", StorageError("away"), forever=False))
    image = send(stand).json["image"]
    (upload,) = stand.catalog.uploads()
    with pytest.raises(BackendError):
        stand.component.uploads.delete(upload)
    assert stand.open(image["url"]).status_code == 404
    assert stand.component.maintenance.sweep(grace=timedelta(hours=1)).uploads == 1
    assert stand.left() == EMPTY


def test_answers_tell_what_is_stored(make, catalog):
    """Sizes and hashes of the record are those of the files."""
    stand = make(catalog=catalog)
    image = send(stand).json["image"]
    for member, size in (("image", "size"), ("thumb", "thumb_size"), ("medium", "medium_size")):
        assert len(stand.open(image[member]["url"]).data) == image[member]["size"] == image[size]
    assert image["md5"] == hashlib.md5(WIDE).hexdigest()
    assert stand.left()["spools"] == []


def test_small_pictures_have_two_files(make, catalog):
    """No medium unless the picture is wider."""
    stand = make(catalog=catalog)
    assert send(stand, picture()).json["image"]["medium"]["url"] is None
    assert len(stand.stored()) == 2
