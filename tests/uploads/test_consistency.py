"""What a check finds between records and files, a repair mends; what is not ours stays."""

from __future__ import annotations

import io
import logging
import os
import re
import secrets
from datetime import timedelta

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from chevupload import Storages
from chevupload.config import Policy, Renditions
from chevupload.errors import StorageError
from chevupload.storage.fsspec_storage import FsspecStorage
from chevupload.testing.memory import MemoryCatalog, MemoryStorage
from chevupload.testing.storage import PNG
from tests.support import EMPTY, Failing, noise, records

NOW = timedelta(0)
FOLDER = "2026/03/04"


@pytest.fixture
def told():
    """Return what on_delete was told."""
    return []


@pytest.fixture
def stand(make, told):
    """Return a component that tells of deletions."""
    return make(on_delete=lambda upload: told.append(upload.id))


def check(stand, **how):
    return stand.component.maintenance.check(**{"grace": NOW} | how)


def test_an_original_of_another_size_is_told_and_left(stand, told, caplog):
    """Somebody may have made the files smaller: nobody removes the only copy of a picture."""
    image = stand.upload(noise((600, 400)), "a.png")
    os.truncate(stand.images / FOLDER / "a.png", 7)
    before = stand.stored()
    report = check(stand, repair=True)
    assert (report.missing, report.left) == (((image["id_encoded"], f"{FOLDER}/a.png"),), 1)
    assert (report.withdrawn, report.rendered, told) == ((), (), [])
    assert "its original has another size" in caplog.text
    assert stand.stored() == before
    assert [record.id for record in records(stand.catalog)] == [image["id_encoded"]]


def test_an_upload_without_its_original_is_withdrawn(stand, told, caplog):
    """The rest of it goes, the host is told, and so is the log."""
    lost, kept = stand.upload(noise((600, 400)), "lost.png"), stand.upload(filename="kept.png")
    (stand.images / FOLDER / "lost.png").unlink()
    report = check(stand)
    assert (report.missing, report.left) == (((lost["id_encoded"], f"{FOLDER}/lost.png"),), 1)
    assert told == []
    report = check(stand, repair=True)
    assert (report.withdrawn, report.left) == ((lost["id_encoded"],), 0)
    assert told == [lost["id_encoded"]]
    assert "its original is missing" in caplog.text
    assert stand.stored() == [f"{FOLDER}/kept.png", f"{FOLDER}/kept.th.png"]
    assert [record.id for record in records(stand.catalog)] == [kept["id_encoded"]]


@pytest.mark.parametrize("damage", [os.unlink, lambda path: os.truncate(path, 7)])
def test_a_missing_picture_is_rendered_again(stand, told, damage):
    """At its place, and as large as the record says from then on."""
    image = stand.upload(noise((600, 400)), "a.png")
    before = {path.name: path.read_bytes() for path in (stand.images / FOLDER).iterdir()}
    damage(stand.images / FOLDER / "a.md.png")
    report = check(stand, repair=True)
    assert (report.rendered, report.withdrawn, report.left) == ((image["id_encoded"],), (), 0)
    assert check(stand).missing == ()
    assert {path.name: path.read_bytes() for path in (stand.images / FOLDER).iterdir()} == before
    assert stand.open(image["medium"]["url"]).status_code == 200
    assert (told, stand.left()["spools"]) == ([], [])


@pytest.mark.slow
def test_all_derived_pictures_may_be_rendered_again(stand):
    """Whoever removes them all, because others are wanted, gets them; what an upload did not have, it does not get."""
    for number in range(12):
        stand.upload(filename=f"{number}.png")
    for path in list((stand.images / FOLDER).glob("*.th.png")):
        path.unlink()
    stand.start(renditions=Renditions(medium_side=4))
    before = stand.stored()
    report = check(stand, repair=True)
    assert (len(before), len(report.rendered), report.left) == (12, 12, 0)
    assert len(stand.stored()) == 24


def test_what_is_deleted_while_it_is_rendered_is_gone(stand):
    """No file comes back behind a deletion."""
    image = stand.upload(noise((600, 400)), "a.png")
    (stand.images / FOLDER / "a.th.png").unlink()
    process = stand.component.renderer.process

    def delete_meanwhile(job, **more):
        assert stand.component.uploads.delete(image["id_encoded"])
        return process(job)

    stand.component.renderer.process = delete_meanwhile
    check(stand, repair=True)
    assert stand.left() == EMPTY


def test_what_is_not_made_any_more_goes_from_the_record(stand):
    """The size of what is rendered now is recorded, and no size of what is not."""
    image = stand.upload(noise((600, 400)), "a.png")
    upload = stand.catalog.get(image["id_encoded"])
    stand.start(renditions=Renditions(medium_side=700, thumb_side=20))
    (stand.images / FOLDER / "a.th.png").unlink()
    assert check(stand, repair=True).rendered == (upload.id,)
    again = stand.catalog.get(upload.id)
    assert (again.medium_size, 0 < again.thumb_size < upload.thumb_size) == (0, True)
    assert stand.stored() == [f"{FOLDER}/a.png", f"{FOLDER}/a.th.png"]
    assert check(stand).left == 0


def test_a_picture_that_cannot_be_rendered_is_left(stand, caplog):
    """An original that is not accepted any more is reported, and stays."""
    image = stand.upload(filename="a.png")
    (stand.images / FOLDER / "a.th.png").unlink()
    stand.start(policy=Policy(formats=("JPEG",)))
    with caplog.at_level(logging.ERROR):
        report = check(stand, repair=True)
    assert (report.rendered, report.withdrawn, report.left) == ((), (), 1)
    assert "could not be mended" in caplog.text
    assert stand.open(image["url"]).status_code == 200


def test_an_original_that_cannot_be_read_does_not_stop_a_repair(make, caplog):
    """A library may raise what it likes in the middle of a file: that upload is left, and the next one is mended."""

    class Unreadable(io.BytesIO):
        def read(self, size=-1):
            raise RuntimeError("an error of the library's own")

    class Breaking(MemoryStorage):
        def open(self, path):
            file = super().open(path)
            return Unreadable(file.getvalue()) if path.endswith("/a.png") else file

    storage = Breaking()
    stand = make(storage=storage)
    for name in ("a", "b"):
        stand.upload(filename=f"{name}.png")
        storage.delete(f"{FOLDER}/{name}.th.png")
    with caplog.at_level(logging.ERROR):
        report = check(stand, repair=True)
    assert (len(report.rendered), report.left) == (1, 1)
    assert "could not be mended" in caplog.text
    assert storage.exists(f"{FOLDER}/b.th.png")


def test_files_without_a_record_are_removed_when_they_are_old(stand):
    """Ours by their place and name alone: what others have put there stays, and so does what is on its way in."""
    image = stand.upload(filename="a.png")
    ours = [f"{FOLDER}/{name}.png" for name in ("b", "b.th", "a.md", "A")] + ["2020/01/01/x.y_Z-1.fr.jpeg"]
    foreign = [f"{FOLDER}/{name}" for name in ("notes.txt", ".hidden.png", "deep/a.png")]
    foreign += ["favicon.png", "2026/03/a.png", "ü.png"]
    for path in (*ours, *foreign):
        (stand.images / path).parent.mkdir(parents=True, exist_ok=True)
        (stand.images / path).write_bytes(b"x")
    pending = stand.catalog.get(image["id_encoded"])
    assert check(stand, grace=timedelta(hours=1), repair=True).strays == ()
    report = check(stand)
    assert (sorted(report.strays), report.foreign, report.left) == (sorted(ours), len(foreign), len(ours))
    report = check(stand, repair=True)
    assert (sorted(report.removed), report.left) == (sorted(ours), 0)
    assert stand.stored() == sorted([*foreign, *pending.paths])


def test_files_of_records_in_any_state_are_the_sweeps(stand):
    """What is on its way in, or out, has a record, and is nobody's stray."""
    for name in ("pending.png", "deleting.png"):
        stand.upload(filename=name)
    pending, deleting = sorted(stand.catalog.uploads(), key=lambda upload: upload.name, reverse=True)
    stand.catalog._records[pending.id].state = "pending"
    stand.catalog.withdraw(deleting.id)
    assert check(stand, repair=True).strays == ()
    assert len(stand.stored()) == 4


def test_a_file_whose_record_is_seen_later_stays(make):
    """What no record knew when the files were listed is looked for once more before it is removed."""

    class Late(MemoryCatalog):
        is_seen = False

        def uploads(self):
            return super().uploads() if self.is_seen else iter(())

        def holders(self, stems):
            found = super().holders(stems) if self.is_seen else []
            self.is_seen = True
            return found

    stand = make(catalog=Late())
    stand.upload(filename="a.png")
    before = stand.stored()
    assert sorted(check(stand, repair=True).strays) == before
    assert stand.stored() == before


def test_what_is_deleted_while_it_is_looked_for_is_not_missing(make):
    """Its record was read before it was deleted, and its files are looked for afterwards."""

    class Deleting(MemoryStorage):
        def files(self):
            return iter(())

        def open(self, path):
            stand.component.uploads.delete(image["id_encoded"])
            return super().open(path)

    stand = make(storage=Deleting())
    image = stand.upload(filename="a.png")
    report = check(stand)
    assert (report.uploads, report.missing) == (1, ())


def test_files_in_folders_of_digits_are_ours_where_the_policy_has_them(make):
    """Those without digits stay ours: the policy may be new."""
    stand = make()
    old = stand.upload(filename="old.png")
    stand.start(policy=Policy(hash_folders=True))
    new = stand.upload(filename="new.png")
    path = stand.catalog.get(new["id_encoded"]).path
    assert re.fullmatch(f"[0-9a-f]{{2}}/{FOLDER}/new.png", path)
    assert stand.open(new["url"]).status_code == stand.open(old["url"]).status_code == 200
    for stray in (f"00/{FOLDER}/stray.png", f"{FOLDER}/stray.png"):
        (stand.images / stray).parent.mkdir(parents=True, exist_ok=True)
        (stand.images / stray).write_bytes(b"x")
    (stand.images / "00" / "foreign.png").write_bytes(b"x")
    report = check(stand, repair=True)
    assert (len(report.removed), report.foreign, report.left) == (2, 1, 0)
    (stand.images / path).unlink()
    assert check(stand, repair=True).withdrawn == (new["id_encoded"],)
    assert stand.component.uploads.delete(old["id_encoded"])
    assert stand.stored() == ["00/foreign.png"]


def test_without_dates_every_name_may_be_ours(make):
    """Where the policy stores directly."""
    stand = make(policy=Policy(storage_mode="direct"))
    stand.upload(filename="a.png")
    (stand.images / "b.png").write_bytes(b"x")
    assert check(stand, repair=True).removed == ("b.png",)


@pytest.mark.parametrize("kind", ["memory", "fsspec"])
def test_other_storages_are_listed_too(make, kind):
    """Below the root, whatever is above it."""
    root = f"{secrets.token_hex(4)}/files"
    storage = MemoryStorage() if kind == "memory" else FsspecStorage(MemoryFileSystem(), root)
    stand = make(storage=storage)
    stand.upload(filename="a.png")
    storage.save("2026/03/05/b.png", io.BytesIO(b"x"), headers=PNG)
    storage.delete("2026/03/04/a.th.png")
    report = check(stand, repair=True)
    assert (report.removed, len(report.rendered), report.left) == (("2026/03/05/b.png",), 1, 0)
    assert sorted(path for path, _ in storage.files()) == ["2026/03/04/a.png", "2026/03/04/a.th.png"]


@pytest.mark.parametrize("wrong", ["files", "records"])
def test_the_wrong_place_is_not_cleaned(make, wrong):
    """A disk that is not mounted, or the database of another site, costs no record and no file."""
    stand, other = make(), make()
    for number in range(10):
        stand.upload(filename=f"{number}.png")
    records_of, files_of = (stand, other) if wrong == "files" else (other, stand)
    mixed = make(catalog=records_of.catalog, storage=files_of.storage)
    with pytest.raises(StorageError, match="not of one site"):
        check(mixed, repair=True)
    assert len(records(stand.catalog)) == 10
    assert len(stand.stored()) == 20


@pytest.mark.parametrize("wrong", ["files", "records"])
def test_the_wrong_place_of_one_of_several_is_not_cleaned(make, wrong):
    """A disk that is not mounted beside one that is, or a bucket that is somebody else's, costs nothing either."""
    right, full, other = MemoryStorage(), MemoryStorage(), MemoryStorage()
    stand = make(
        storage=Storages(
            {"right": right, "full": full}, lambda upload, principal: "right" if upload.name == "a" else "full"
        )
    )
    stand.upload(filename="a.png")
    for number in range(10 if wrong == "files" else 0):
        stand.upload(filename=f"{number}.png")
    for number in range(10 if wrong == "records" else 0):
        other.save(f"{FOLDER}/{number}.png", io.BytesIO(b"x"), headers=PNG)
    mixed = make(catalog=stand.catalog, storage={"right": right, "full": other})
    assert check(mixed).misplaced == ("full",)
    with pytest.raises(StorageError, match="in storage 'full'"):
        check(mixed, repair=True)
    assert len(records(stand.catalog)) == (11 if wrong == "files" else 1)
    assert len(list(other.files())) == (0 if wrong == "files" else 10)


def test_a_storage_that_is_away_is_not_an_empty_one(stand):
    """Nothing is missing because its disk is."""
    stand.upload()
    os.rename(stand.images, stand.folder / "elsewhere")
    with pytest.raises(StorageError):
        check(stand, repair=True)
    os.rename(stand.folder / "elsewhere", stand.images)
    assert check(stand).left == 0


def test_one_failure_does_not_stop_a_repair(make):
    """What cannot be removed now is left for the next one."""
    stand = make(storage=lambda local: Failing(local, "delete", StorageError("away"), forever=False))
    stand.upload(filename="a.png")
    for name in ("b.png", "c.png"):
        (stand.images / FOLDER / name).write_bytes(b"x")
    stand.component.context.storages.by_name[""] = stand.storage
    report = check(stand, repair=True)
    assert (len(report.strays), len(report.removed), report.left) == (2, 1, 1)
    assert check(stand, repair=True).left == 0
