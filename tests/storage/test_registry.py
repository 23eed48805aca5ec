"""Several storages in one site: each upload goes to the one that the host chooses, and is found there ever after."""

from __future__ import annotations

import dataclasses
import io
import logging
import threading
from datetime import timedelta

import pytest

from chevupload.db import SqlCatalog
from chevupload.errors import ConfigError, FileExists, RequestDenied, StorageError, UnknownStorage
from chevupload.storage.fsspec_storage import FsspecStorage
from chevupload.storage.local import LocalStorage
from chevupload.storage.registry import Storages
from chevupload.testing.memory import MemoryCatalog, MemoryStorage
from chevupload.testing.storage import PNG as HEADERS
from tests.databases import sqlite_database
from tests.support import ALBUMS, EMPTY, PNG, Failing, assert_refusal, file, noise


def by_owner(upload, principal):
    """Keep the files of users in memory, and those of guests in another one."""
    return "guests" if principal.is_guest else "users"


def two():
    return {"users": MemoryStorage(), "guests": MemoryStorage(public_url="https://cdn.example/g")}


@pytest.fixture(params=["memory", "sql"])
def catalog(request, tmp_path):
    """Return each catalog, which has to keep the name."""
    if request.param == "memory":
        yield MemoryCatalog(albums=ALBUMS)
        return
    with sqlite_database(tmp_path / "records.db") as database:
        yield SqlCatalog(database)


@pytest.mark.slow
def test_each_upload_goes_where_the_host_says(make, catalog):
    """Saving, reading, links, checking and deleting happen in the upload's own storage, and in no other."""
    storages = two()
    stand = make(catalog=catalog, storage=Storages(storages, by_owner))
    own = stand.upload(noise((60, 40)), "own.png")
    guests = stand.upload(noise((60, 40)), "guests.png", key="guest-key")
    assert sorted(path.rpartition("/")[2] for path in storages["users"]._files) == ["own.png", "own.th.png"]
    assert sorted(path.rpartition("/")[2] for path in storages["guests"]._files) == ["guests.png", "guests.th.png"]
    assert own["url"].startswith(stand.base)
    assert guests["url"] == "https://cdn.example/g/2026/03/04/guests.png"
    assert stand.open(own["url"]).status_code == 200
    assert stand.open("/images/2026/03/04/guests.png").headers["Location"] == guests["url"]
    assert {upload.storage for upload in catalog.uploads()} == {"users", "guests"}
    assert stand.component.maintenance.check().missing == ()
    storages["guests"]._files.pop("2026/03/04/guests.th.png")
    ((_, path),) = stand.component.maintenance.check().missing
    assert path == "2026/03/04/guests.th.png"
    stand.open(guests["delete_url"], "POST")
    assert storages["guests"]._files == {}
    assert len(storages["users"]._files) == 2


def test_what_expires_is_swept_from_its_own_storage(make):
    """The sweep goes where the files are."""
    storages = two()
    stand = make(storage=Storages(storages, by_owner))
    stand.upload(key="guest-key", expiration="PT5M")
    stand.clock.move(minutes=6)
    assert stand.component.maintenance.sweep().uploads == 1
    assert storages["guests"]._files == {}


def test_without_a_choice_the_first_is_taken(make):
    """Several storages may be there only because older uploads are in them."""
    stand = make(storage=two())
    stand.upload(key="guest-key")
    assert [upload.storage for upload in stand.catalog.uploads()] == ["users"]


def test_the_choice_sees_album_and_type_and_may_refuse(make):
    """It is given the whole draft, and a refusal of its own reaches the client, with nothing stored."""
    seen = []

    def choose(upload, principal):
        seen.append((upload.type, upload.album_id, principal.user_id))
        if upload.album_id is None:
            raise RequestDenied("Choose an album")
        return "users"

    stand = make(storage=Storages(two(), choose))
    assert_refusal(stand.send({"source": file()}), 403, 401, "Choose an album")
    stand.upload(album_id="ownalbum")
    assert seen == [("image", None, "user"), ("image", "ownalbum", "user")]
    assert len(list(stand.catalog.uploads())) == 1


def test_a_choice_that_is_none_of_them_is_our_fault(make, caplog):
    """It answers 503 and stores nothing, and the log says which name it was."""
    stand = make(storage=Storages(two(), lambda upload, principal: "gone"))
    assert_refusal(stand.send({"source": file()}), 503, 503)
    assert "choose names 'gone'" in caplog.text
    assert stand.left() == EMPTY


@pytest.mark.slow
def test_a_storage_that_is_not_there_any_more_loses_nothing(make, caplog):
    """Its files answer 503, pages still list its uploads, and deleting waits in the sweep until it is back."""
    storages = two()
    stand = make(storage=Storages(storages, lambda upload, principal: "guests"))
    image = stand.upload(PNG)
    path = "/images/2026/03/04/photo.png"
    guests = stand.component.context.storages.by_name.pop("guests")
    with caplog.at_level(logging.ERROR):
        assert stand.open(path).status_code == 503
    assert "'guests', which is not there" in caplog.text
    assert stand.open(image["url_viewer"]).status_code == 200
    with pytest.raises(UnknownStorage):
        stand.component.maintenance.check()
    assert stand.open(image["delete_url"], "POST").status_code == 503
    assert stand.component.maintenance.sweep().failed == 1
    assert len(guests._files) == 2
    stand.component.context.storages.by_name["guests"] = guests
    assert stand.component.maintenance.sweep().uploads == 1
    assert guests._files == {}


@pytest.mark.parametrize(
    ("storage", "choose", "reason"),
    [
        ({}, None, "no storage at all"),
        ({"a b": MemoryStorage()}, None, "not a usable name"),
        ({"a": object()}, None, "storage must be such as LocalStorage"),
        (MemoryStorage(), by_owner, "storages by name"),
    ],
)
def test_mistakes_are_told_at_construction(storage, choose, reason):
    """Whoever puts storages together wrongly reads what is wrong before the first upload."""
    with pytest.raises(ConfigError, match=reason):
        Storages(storage, choose)


class Meeting(MemoryStorage):
    """A storage in which every save waits until so many are under way."""

    def __init__(self, count):
        super().__init__()
        self.barrier = threading.Barrier(count, timeout=300)

    def save(self, path, file, *, headers):
        self.barrier.wait()
        super().save(path, file, headers=headers)


def test_the_files_of_an_upload_are_written_at_the_same_time(make):
    """A store that is far away is waited for once: picture, medium and thumbnail are all on their way together."""
    stand = make(storage=Meeting(3))
    image = stand.upload(noise((600, 400)))
    assert image["medium"]["url"] is not None
    assert len(stand.storage._files) == 3


@pytest.mark.slow
def test_an_undo_waits_for_every_write(make):
    """When one file cannot be written, what the others write meanwhile is removed, too, however late it is there."""

    class Late(MemoryStorage):
        failed = threading.Event()

        def save(self, path, file, *, headers):
            if ".th." in path:
                self.failed.set()
                raise StorageError("full")
            assert self.failed.wait(300)
            threading.Event().wait(0.2)
            super().save(path, file, headers=headers)

    stand = make(storage=Late())
    assert_refusal(stand.send({"source": file(noise((600, 400)))}), 503, 503)
    assert stand.storage._files == {}
    assert stand.left() == EMPTY


@pytest.mark.slow
def test_a_strangers_file_is_left_alone_and_the_next_name_taken(make):
    """A store that has such a file already says so; what was written beside it goes, and the upload gets a new name."""

    class Exclusive(MemoryStorage):
        def save(self, path, file, *, headers):
            if path in self._files:
                raise FileExists(path)
            super().save(path, file, headers=headers)

    storage = Exclusive()
    storage._files["2026/03/04/photo.th.png"] = b"a stranger's"
    stand = make(storage=storage)
    image = stand.upload(noise((600, 400)))
    assert image["name"] != "photo"
    assert storage._files.pop("2026/03/04/photo.th.png") == b"a stranger's"
    assert sorted(storage._files) == sorted(next(iter(stand.catalog.uploads())).paths)


@pytest.mark.slow
def test_a_strangers_file_does_not_hide_a_fault(make):
    """A store that fails for one file is away, even if another file of the upload only needs another name."""

    class Mixed(MemoryStorage):
        def save(self, path, file, *, headers):
            if path == "2026/03/04/photo.png":
                raise FileExists(path)
            if path == "2026/03/04/photo.th.png":
                raise StorageError("full")
            super().save(path, file, headers=headers)

    stand = make(storage=Mixed())
    assert_refusal(stand.send({"source": file(noise((600, 400)))}), 503, 503)
    assert stand.left() == EMPTY


def test_a_store_is_told_of_each_file(make):
    """Its type, the client's name with the content's extension, and a time: for ever, or none where it expires."""

    class Told(MemoryStorage):
        def __init__(self):
            super().__init__()
            self.told = {}

        def save(self, path, file, *, headers):
            self.told[path.rpartition("/")[2]] = headers
            super().save(path, file, headers=headers)

    stand = make(storage=Told())
    stand.upload(noise((60, 40)), "my 'föto.bmp.exe")
    told = stand.storage.told
    assert [headers.cache_control for headers in told.values()] == ["public, max-age=31536000, immutable"] * 2
    assert [headers.content_type for headers in told.values()] == ["image/png"] * 2
    assert [headers.content_disposition for name, headers in sorted(told.items())] == [
        "inline; filename=\"my _f_to.bmp.png\"; filename*=UTF-8''my%20%27f%C3%B6to.bmp.png",
        "inline; filename=\"my _f_to.bmp.th.png\"; filename*=UTF-8''my%20%27f%C3%B6to.bmp.th.png",
    ]
    assert all("\n" not in text and text.isascii() for one in told.values() for text in dataclasses.astuple(one))
    told.clear()
    stand.upload(PNG, "a.png", expiration="PT5M")
    assert told["a.png"].cache_control == "public, max-age=0, must-revalidate"


def test_a_local_storage_beside_others_receives_what_is_spooled(make, tmp_path):
    """Uploads that go elsewhere are copied, and those that stay are moved."""
    stand = make(storage=lambda local: Storages({"far": MemoryStorage(), "": local}, lambda upload, _: upload.name))
    assert_refusal(stand.send({"source": file(name="elsewhere.png")}), 503, 503)
    stand.upload(PNG, "far.png")
    assert stand.stored() == []
    assert len(stand.storage.by_name["far"]._files) == 2
    assert stand.left()["spools"] == []


def test_names_are_taken_once_in_the_whole_site(make):
    """A name of an upload is one in the whole site, whatever the storage: its links hold no storage."""
    turns = iter(["users", "guests"])
    stand = make(storage=Storages(two(), lambda upload, principal: next(turns)))
    first, second = stand.upload(PNG, "same.png"), stand.upload(PNG, "same.png")
    assert first["name"] == "same"
    assert second["name"] != "same"


def test_a_storage_away_is_503(make):
    """And the record waits for the sweep."""
    stand = make(storage={"a": Failing(MemoryStorage(), "save", StorageError("away"))})
    assert_refusal(stand.send({"source": file()}), 503, 503)
    stand.clock.move(hours=2)
    stand.component.maintenance.sweep(grace=timedelta(0))
    assert stand.left() == EMPTY


def test_a_check_looks_into_every_storage(make):
    """A file without a record is told with its storage's name, and removed there alone."""

    storages = {"one": FsspecStorage("memory://check-one"), "two": FsspecStorage("memory://check-two")}
    stand = make(storage=Storages(storages, lambda upload, principal: "one"))
    stand.upload(PNG, "a.png")
    path = "2026/03/04/b.png"
    storages["two"].save(path, io.BytesIO(b"stray"), headers=HEADERS)
    try:
        report = stand.component.maintenance.check(repair=True, grace=timedelta(0))
        assert (report.missing, report.strays, report.removed) == ((), (f"two:{path}",), (f"two:{path}",))
        assert (list(storages["two"].files()), len(list(storages["one"].files()))) == ([], 2)
    finally:
        stand.component.uploads.delete_all("user")


def test_two_names_may_stand_for_one_place(make, tmp_path):
    """Whoever gives a storage a name, and keeps it without one for older uploads, loses no file to a repair."""
    stand = make(storage={"": LocalStorage(tmp_path / "files"), "disk": LocalStorage(tmp_path / "files")})
    image = stand.upload(PNG)
    report = stand.component.maintenance.check(repair=True, grace=timedelta(0))
    assert (report.strays, report.missing) == ((), ())
    assert stand.open(image["url"]).status_code == 200
