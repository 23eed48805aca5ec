"""Uploads move from one storage to another: readers always find a file, and nothing is left behind."""

from __future__ import annotations

import io
import logging
import threading
import time
from datetime import timedelta

import pytest

from chevupload.config import Delivery
from chevupload.db import SqlCatalog
from chevupload.errors import ConfigError, StorageError
from chevupload.storage.local import LocalStorage
from chevupload.testing.memory import MemoryCatalog, MemoryStorage
from chevupload.testing.storage import PNG
from chevupload.uploads.moves import Moves
from chevupload.uploads.moving import MoveUploads
from tests.databases import sqlite_database
from tests.storage.object_stores import S3
from tests.support import Failing, files_in, noise

NOW = timedelta(0)
HOUR = timedelta(hours=1)


class Pair:
    """Two storages, the first of which takes uploads."""

    def __init__(self, make, old=None, new=None, **settings):
        self.old, self.new = old or MemoryStorage(), new or MemoryStorage()
        self.stand = make(storage={"old": self.old, "new": self.new}, **settings)
        self.moves = Moves(self.stand.component.context)

    def upload(self, name="a.png"):
        """Store a picture with three files, and return its record."""
        return self.find_document(self.stand.upload(noise((600, 400)), name))

    def find_document(self, document):
        """Return the record of an upload that was just answered."""
        return self.stand.catalog.get(document["id_encoded"])

    def find(self, upload):
        """Return the record of an upload as it is now."""
        return self.stand.catalog.get(upload.id)

    def sweep(self, grace=NOW):
        """Sweep a second later, and return how much could not be removed."""
        self.stand.clock.move(seconds=1)
        return self.stand.component.maintenance.sweep(grace=grace).failed

    def status(self, upload):
        """Return how each file of an upload is answered."""
        return [self.stand.open(f"/images/{path}").status_code for path in upload.paths]

    def files(self):
        """Return the paths in both storages."""
        return sorted(path for path, _ in self.old.files()), sorted(path for path, _ in self.new.files())


@pytest.fixture
def pair(make):
    """Return two storages in memory."""
    return Pair(make)


def test_files_move_and_are_read_all_the_while(pair):
    """They are in both storages until a sweep, an hour later by default, and in one afterwards."""
    upload = pair.upload()
    paths = sorted(upload.paths)
    assert pair.moves.move(upload, "new")
    assert pair.find(upload).storage == "new"
    assert pair.files() == (paths, paths)
    assert (pair.sweep(HOUR), pair.files()) == (0, (paths, paths))
    pair.stand.clock.move(hours=1)
    assert (pair.sweep(HOUR), pair.files()) == (0, ([], paths))
    assert pair.status(upload) == [200, 200, 200]
    assert pair.stand.component.maintenance.check(grace=NOW).left == 0
    assert pair.stand.catalog.moves([upload.id]) == []


def test_a_reader_who_knows_the_former_place_finds_the_file(make):
    """Even if it is gone there between the record and the file."""
    catalog = MemoryCatalog()
    pair = Pair(make, catalog=catalog)
    upload = pair.upload()
    pair.moves.move(upload, "new")
    pair.sweep()
    answers = [pair.find(upload), upload]
    catalog.find = lambda stem: answers.pop()
    assert pair.stand.open(f"/images/{upload.path}").status_code == 200
    assert answers == []


@pytest.mark.parametrize("method", ["begin_move", "switch_storage", "end_moves"])
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "behind"])
def test_a_process_dies_at_a_change_of_records(make, method, is_done):
    """Moving once more, or sweeping, goes on where it ended."""

    class Killed(BaseException):
        pass

    catalog = MemoryCatalog()

    def die(*arguments, **named):
        if is_done:
            getattr(type(catalog), method)(catalog, *arguments, **named)
        delattr(catalog, method)
        raise Killed

    pair = Pair(make, catalog=catalog)
    upload = pair.upload()
    setattr(catalog, method, die)

    def move_and_sweep():
        pair.moves.move(upload, "new")
        pair.sweep()

    with pytest.raises(Killed):
        move_and_sweep()
    now = pair.find(upload)
    assert pair.status(upload) == [200, 200, 200]
    assert now.storage == "new" or pair.moves.move(now, "new")
    assert pair.sweep() == 0
    assert (pair.files(), catalog.moves([upload.id])) == (([], sorted(upload.paths)), [])


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_process_dies_at_a_copy(make, number):
    """Once more copies the rest; without that, a sweep removes what was copied."""
    new = MemoryStorage()
    pair = Pair(make, new=Failing(new, "save", KeyboardInterrupt(), count=number, forever=False))
    upload, other = pair.upload("a.png"), pair.upload("b.png")
    with pytest.raises(KeyboardInterrupt):
        pair.moves.move(upload, "new")
    assert len([*new.files()]) == number - 1
    assert pair.moves.move(upload, "new")
    assert pair.sweep() == 0
    assert pair.files() == (sorted(other.paths), sorted(upload.paths))


def test_a_move_that_is_given_up_leaves_nothing(make):
    """A sweep takes away what was copied, and the record is where it was."""
    new = MemoryStorage()
    pair = Pair(make, new=Failing(new, "save", StorageError("away"), count=2))
    upload = pair.upload()
    with pytest.raises(StorageError, match="away"):
        pair.moves.move(upload, "new")
    assert len([*new.files()]) == 1
    assert pair.sweep() == 0
    assert (pair.files(), pair.find(upload).storage) == ((sorted(upload.paths), []), "old")
    assert pair.status(upload) == [200, 200, 200]


def test_an_upload_is_deleted_while_it_moves(make):
    """Before the switch, behind it, and by somebody who read the record before it: nothing of it is left."""

    class Deleting(MemoryStorage):
        def save(self, path, file, *, headers):
            super().save(path, file, headers=headers)
            pair.stand.component.uploads.delete(upload.id)

    pair = Pair(make, new=Deleting())
    upload = pair.upload()
    assert not pair.moves.move(upload, "new")
    assert pair.sweep() == 0
    assert pair.files() == ([], [])
    pair = Pair(make)
    for known in (pair.find, lambda upload: upload):
        upload = pair.upload(f"{len(pair.files()[0])}.png")
        assert pair.moves.move(upload, "new")
        assert pair.stand.component.uploads.delete(known(upload))
        assert pair.files() == ([], [])
    assert pair.sweep() == 0


def test_a_deletion_that_does_not_know_of_a_move_is_ended_by_the_sweep(make, tmp_path):
    """Also when the move is long over, and nothing but the record says where the files are."""
    with sqlite_database(tmp_path / "records.db") as database:
        pair = Pair(make, catalog=SqlCatalog(database))
        upload = pair.upload()
        assert pair.moves.move(upload, "new")
        assert pair.sweep() == 0
        assert pair.stand.component.uploads.delete(upload)
        assert (pair.find(upload), pair.files()) == (None, ([], sorted(upload.paths)))
        assert (pair.sweep(), pair.files()) == (0, ([], []))


def test_back_and_forth(pair):
    """What is still there is compared, not copied again; the sweep removes what is left in the other storage."""
    upload = pair.upload()
    assert pair.moves.move(upload, "new")
    pair.new.save(upload.thumb_path, io.BytesIO(b"other"), headers=PNG)
    with pytest.raises(StorageError, match="not as it was stored"):
        pair.moves.move(pair.find(upload), "old")
    pair.new.save(upload.thumb_path, pair.old.open(upload.thumb_path), headers=PNG)
    pair.old.save(upload.path, io.BytesIO(b"broken"), headers=PNG)
    assert pair.moves.move(pair.find(upload), "old")
    assert pair.sweep() == 0
    assert (pair.files(), pair.status(upload)) == ((sorted(upload.paths), []), [200, 200, 200])


def test_two_names_of_one_place(make):
    """Nothing is moved there: the files would be removed from where they are."""
    place = MemoryStorage()
    pair = Pair(make, old=place, new=place)
    upload = pair.upload()
    with pytest.raises(StorageError, match="has files at the place"):
        pair.moves.move(upload, "new")
    assert (pair.sweep(), pair.status(upload)) == (0, [200, 200, 200])


def test_a_broken_file_does_not_move(pair):
    """Of the right size even: its record has a digest."""
    upload = pair.upload()
    pair.old.save(upload.path, io.BytesIO(bytes(upload.size)), headers=PNG)
    with pytest.raises(StorageError, match="not as it was stored"):
        pair.moves.move(upload, "new")


def test_a_copy_that_differs_is_not_taken(make):
    """A store that keeps something else than it was given is found out."""

    class Lossy(MemoryStorage):
        def save(self, path, file, *, headers):
            super().save(path, io.BytesIO(file.read()[:-1] + b"x"), headers=headers)

    pair = Pair(make, new=Lossy())
    upload = pair.upload()
    with pytest.raises(StorageError, match="not as the file is"):
        pair.moves.move(upload, "new")
    assert (pair.sweep(), pair.files()[1], pair.find(upload).storage) == (0, [], "old")


def test_signed_urls_are_read_to_their_end(make, tmp_path):
    """A sweep waits for as long as one may be read that was signed before the move."""

    class Signing(MemoryStorage):
        can_sign = True

        def signed_url(self, path, *, seconds):
            return f"https://store.example/{path}?{seconds}"

    pair = Pair(make, old=Signing(), delivery={"old": Delivery(by="signed_url", signed_seconds=600)})
    upload = pair.upload()
    assert pair.moves.move(upload, "new")
    assert (pair.sweep(), len(pair.files()[0])) == (0, 3)
    pair.stand.clock.move(minutes=10)
    assert (pair.sweep(), pair.files()[0]) == (0, [])


def test_what_cannot_be_removed_stays_known(make, caplog):
    """A store that is away is asked again by the next sweep."""
    caplog.set_level(logging.CRITICAL, "chevupload")
    old = MemoryStorage()
    pair = Pair(make, old=Failing(old, "delete", StorageError("away"), forever=False))
    upload = pair.upload()
    pair.moves.move(upload, "new")
    assert (pair.sweep(), len(pair.files()[0])) == (1, 1)
    assert (pair.sweep(), pair.files()[0]) == (0, [])


def test_moves_that_cannot_be(make, pair):
    """Are refused before anything is copied."""
    upload = pair.upload()
    for target, words in (("old", "to itself"), ("third", "no storage 'third'")):
        with pytest.raises(ConfigError, match=words):
            pair.moves.move(upload, target)
    public = Pair(make, old=MemoryStorage(public_url="https://cdn.example"))
    upload = public.upload()
    with pytest.raises(ConfigError, match="own address"):
        public.moves.move(upload, "new")
    assert public.moves.move(upload, "new", change_urls=True)


@pytest.mark.parametrize("is_swept", [False, True], ids=["moving", "moved"])
def test_two_processes_move_the_same_upload(make, is_swept):
    """The late one finds copies that it has not made, and takes them for what they are."""

    class Watched(MemoryStorage):
        def exists(self, path):
            if not rivals:
                rivals.append("begun")
                rivals.append(pair.moves.move(upload, "new"))
                assert not is_swept or pair.sweep() == 0
            return super().exists(path)

    rivals = []
    pair = Pair(make, new=Watched())
    upload = pair.upload()
    assert not pair.moves.move(upload, "new")
    assert (rivals, pair.find(upload).storage, pair.sweep()) == (["begun", True], "new", 0)
    assert (pair.files(), pair.status(upload)) == (([], sorted(upload.paths)), [200, 200, 200])


def test_a_job_moves_an_owners_uploads(make, tmp_path, caplog):
    """Those of the one storage; what cannot move is counted, and the same job is there for the rest."""
    caplog.set_level(logging.CRITICAL, "chevupload")
    with sqlite_database(tmp_path / "records.db") as database:
        new = MemoryStorage()
        pair = Pair(make, catalog=SqlCatalog(database), new=Failing(new, "save", StorageError("away"), forever=False))
        uploads = [pair.upload(f"{number}.png") for number in range(3)]
        other = pair.stand.upload(filename="other.png", key="other-key")
        pair.old.save(uploads[1].path, io.BytesIO(b"broken"), headers=PNG)
        jobs = pair.stand.component.jobs
        job = jobs.start("move", source="old", target="new", owner_id="user")
        with pytest.raises(StorageError, match="away"):
            jobs.run_range(job.id)
        while jobs.run_range(job.id):
            pass
        job = jobs.progress(job.id)
        assert (job.done, job.failed, job.ended_at is None) == (3, 1, False)
        assert [pair.find(upload).storage for upload in uploads] == ["new", "old", "new"]
        assert pair.find_document(other).storage == "old"
        assert pair.sweep() == 0
        assert pair.files()[1] == sorted([*uploads[0].paths, *uploads[2].paths])


def test_jobs_that_cannot_be(pair):
    """They are refused when they are started."""
    kind = MoveUploads(pair.stand.component.context)
    for arguments, words in (({}, "needs source and target"), ({"source": "old", "target": "third"}, "no storage")):
        with pytest.raises(ConfigError, match=words):
            kind.begin(arguments)


@pytest.mark.servers
@pytest.mark.slow
def test_readers_of_a_disk_and_of_s3(make, tmp_path):
    """While uploads move from one to the other and back, every reader gets every byte."""
    with S3() as server:
        disk, bucket = LocalStorage(tmp_path / "files"), server.storage()
        pair = Pair(make, old=disk, new=bucket)
        uploads = [pair.find_document(pair.stand.upload(filename=f"{number}.png")) for number in range(2)]
        whole = {path: pair.stand.open(f"/images/{path}").data for upload in uploads for path in upload.paths}
        ending, wrong = threading.Event(), []

        def read():
            while not ending.is_set():
                for path, content in whole.items():
                    answer = pair.stand.open(f"/images/{path}")
                    if (answer.status_code, answer.data) != (200, content):
                        wrong.append((path, answer.status_code))
                    time.sleep(0.01)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            for target in ("new", "old", "new"):
                for upload in uploads:
                    assert pair.moves.move(pair.find(upload), target)
                if target == "old":
                    assert pair.sweep() == 0
        finally:
            ending.set()
            for reader in readers:
                reader.join()
        assert pair.sweep() == 0
        assert wrong == []
        assert pair.files() == ([], sorted(whole))
        assert files_in(tmp_path / "files") == []
