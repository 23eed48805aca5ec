"""The sweep removes what is over, and the check finds what is missing."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from chevupload.db import Database, SqlCatalog, sqlite_engine
from chevupload.errors import CatalogError, ConfigError, StorageError
from chevupload.testing.memory import MemoryCatalog, MemoryStorage
from chevupload.uploads import sweep
from chevupload.uploads.consistency import CheckReport
from chevupload.uploads.intent_log import IntentLog
from chevupload.uploads.sweep import Sweep, SweepReport
from tests.support import EMPTY, SECRET, Failing, files_in, noise

HOUR = timedelta(hours=1)


def test_expired_uploads_are_swept(stand):
    """At the moment they expire, and no other."""
    stand.upload(filename="stays.png")
    gone = stand.upload(filename="goes.png", expiration="600")
    stand.clock.move(seconds=599)
    assert stand.component.maintenance.sweep(grace=HOUR) == SweepReport(uploads=0, temporary_files=0, failed=0)
    stand.clock.move(seconds=1)
    assert stand.component.maintenance.sweep(grace=HOUR) == SweepReport(uploads=1, temporary_files=0, failed=0)
    assert stand.stored() == ["2026/03/04/stays.png", "2026/03/04/stays.th.png"]
    assert stand.open(gone["url"]).status_code == 404


def test_one_failure_does_not_stop_the_rest(make):
    """It is counted and logged, and tried again next time."""
    files = MemoryStorage()
    stand = make(storage=Failing(files, "delete", StorageError("away"), forever=False))
    for name in ("a.png", "b.png"):
        stand.upload(filename=name, expiration="600")
    stand.clock.move(hours=1)
    assert stand.component.maintenance.sweep(grace=HOUR) == SweepReport(uploads=1, temporary_files=0, failed=1)
    assert stand.component.maintenance.sweep(grace=HOUR) == SweepReport(uploads=1, temporary_files=0, failed=0)
    assert list(files.files()) == []


def test_what_cannot_be_removed_stops_no_other(make, caplog):
    """However many pages there are, and at whatever place: each sweep tries it once, and the rest is gone."""

    class Stuck(MemoryStorage):
        def delete(self, path):
            if "stuck" in path:
                raise StorageError("not yours")
            super().delete(path)

    stand = make(storage=Stuck())
    for name in ("stuck", "b", "c", "stuck-2", "e"):
        stand.upload(filename=f"{name}.png", expiration="600")
    stand.clock.move(hours=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "PAGE_SIZE", 2)
        assert stand.component.maintenance.sweep(grace=HOUR) == SweepReport(uploads=3, temporary_files=0, failed=2)
        assert stand.component.maintenance.sweep(grace=HOUR) == SweepReport(uploads=0, temporary_files=0, failed=2)
    assert sorted(stand.storage._files) == [
        f"2026/03/04/{name}.png" for name in ("stuck-2", "stuck-2.th", "stuck", "stuck.th")
    ]
    assert caplog.text.count("could not be swept") == 4


def test_a_catalog_that_fails_for_a_page_gets_it_back(make):
    """Its files are gone and its records are there: the next sweep finishes it."""
    stand = make(catalog=Failing(MemoryCatalog(), "forget", CatalogError("away"), forever=False))
    for name in ("a.png", "b.png"):
        stand.upload(filename=name, expiration="600")
    stand.clock.move(hours=1)
    assert stand.component.maintenance.sweep(grace=HOUR) == SweepReport(uploads=0, temporary_files=0, failed=2)
    assert stand.component.maintenance.sweep(grace=HOUR) == SweepReport(uploads=2, temporary_files=0, failed=0)
    assert stand.left() == EMPTY


def test_a_deletion_that_cannot_be_finished_is_counted(make):
    """A storage that stays away keeps its records for the next sweep."""
    stand = make(storage=lambda local: Failing(local, "delete", StorageError("away")))
    stand.upload(expiration="600")
    stand.clock.move(hours=1)
    for _ in range(2):
        assert stand.component.maintenance.sweep(grace=HOUR) == SweepReport(uploads=0, temporary_files=0, failed=1)


def test_an_intent_that_cannot_be_settled_does_not_stop_the_rest(make, caplog, tmp_path):
    """The other entries are settled, what has expired goes, and the next sweep settles what is left."""
    database = Database(sqlite_engine(tmp_path / "records.db"))
    database.create_tables()
    catalog = Failing(SqlCatalog(database), "get", CatalogError("away"), count=2, forever=False)
    stand = make(catalog=catalog)
    stand.upload(expiration="600")
    (expired,) = catalog.uploads()
    intents = IntentLog(str(stand.incoming), [SECRET])
    for name in ("a", "b"):
        intents.add(replace(expired, id=name, name=name))
    stand.clock.move(hours=1)
    assert stand.component.maintenance.sweep(grace=timedelta(0)).uploads == 1
    assert "could not be settled" in caplog.text
    assert (len(files_in(stand.incoming)), stand.stored()) == (1, [])
    stand.component.maintenance.sweep(grace=timedelta(0))
    assert stand.left() == EMPTY
    database.engine.dispose()


def test_old_temporary_files_are_removed(stand):
    """Ours only, and old ones only; folders stay."""
    old = time.time() - 7200
    for name in ("chevupload-spool-old", "other-old"):
        (stand.incoming / name).write_bytes(b"x")
        os.utime(stand.incoming / name, (old, old))
    (stand.incoming / "chevupload-spool-young").write_bytes(b"x")
    (stand.incoming / "chevupload-spool-folder").mkdir()
    assert stand.component.maintenance.sweep(grace=HOUR).temporary_files == 1
    assert sorted(os.listdir(stand.incoming)) == ["chevupload-spool-folder", "chevupload-spool-young", "other-old"]


def test_the_storages_own_temporary_files_are_removed(make, tmp_path):
    """A component may spool elsewhere than where its storage receives."""
    spools = tmp_path / "spools"
    spools.mkdir()
    stand = make(spool_folder=str(spools))
    for folder in (spools, stand.incoming):
        (folder / "chevupload-spool-x").write_bytes(b"x")
        os.utime(folder / "chevupload-spool-x", (0, 0))
    assert stand.component.maintenance.sweep(grace=HOUR).temporary_files == 2


class _Slippery:
    """The system's folder for temporary files: one file vanishes under our hands, one is somebody else's."""

    def __init__(self, *errors):
        self.files = [_File(error) for error in errors]


class _File:
    def __init__(self, error):
        self._error = error

    def stat(self):
        return os.stat_result([0] * 10)

    def unlink(self):
        if self._error:
            raise self._error


def test_temporary_files_of_others_do_not_stop_a_sweep(stand, monkeypatch, caplog):
    """A file that vanished is fine, one that may not be removed is logged, and the rest goes."""
    files = _Slippery(FileNotFoundError(), PermissionError("not yours"), None).files
    monkeypatch.setattr(Sweep, "_temporary_files", lambda sweep: iter(files))
    with caplog.at_level(logging.WARNING):
        assert stand.component.maintenance.sweep(grace=HOUR).temporary_files == 1
    assert "could not be removed" in caplog.text


def test_a_catalog_that_is_away_is_told(make):
    """There is nothing to sweep without records."""
    stand = make(catalog=Failing(MemoryCatalog(), "withdraw_stalled", CatalogError("away")))
    with pytest.raises(CatalogError):
        stand.component.maintenance.sweep(grace=HOUR)


def test_check_finds_missing_files(stand):
    """Each by upload and path."""
    image = stand.upload(noise((600, 400)), "a.png")
    stand.upload(filename="b.png")
    assert stand.component.maintenance.check() == CheckReport(uploads=2, missing=())
    (stand.images / "2026/03/04/a.md.png").unlink()
    (stand.images / "2026/03/04/a.png").unlink()
    missing = ((image["id_encoded"], "2026/03/04/a.md.png"), (image["id_encoded"], "2026/03/04/a.png"))
    assert stand.component.maintenance.check() == CheckReport(uploads=2, missing=missing)


def test_a_sweep_beside_another_removes_nothing_new(make):
    """A name that another sweep has set free, and a new upload has taken, keeps its files."""
    stand = make()
    stand.upload(filename="same.png", expiration="600")
    stand.clock.move(hours=1)
    claim = stand.catalog.claim

    def and_meanwhile(**arguments):
        page = claim(**arguments)
        stand.catalog.claim = claim
        stand.clock.move(hours=2)
        assert stand.component.maintenance.sweep(grace=HOUR).uploads == 1, "it takes this one for dead"
        stand.upload(filename="same.png")
        return page

    stand.catalog.claim = and_meanwhile
    stand.component.maintenance.sweep(grace=HOUR)
    assert stand.component.maintenance.check() == CheckReport(uploads=1, missing=())


def test_regular_sweeps_end_with_the_component(stand):
    """They go on though one fails, end at close(), and may begin anew."""
    swept = threading.Semaphore(0)

    def fail(**arguments):
        swept.release()
        raise KeyError("broken")

    stand.catalog.withdraw_expired = fail
    before = {*threading.enumerate()}
    for _ in range(2):
        stand.component.maintenance.sweep_every(0.001)
        with pytest.raises(ConfigError, match="already"):
            stand.component.maintenance.sweep_every(1)
        for _ in range(3):
            assert swept.acquire(timeout=300)
        stand.component.close()
        begun = {*threading.enumerate()} - before
        assert [thread for thread in begun if thread.name == "chevupload-sweep"] == []
    stand.component.close()


def test_a_regular_sweep_stops_between_two_pages(stand, monkeypatch):
    """close() does not wait for all the rest."""
    monkeypatch.setattr(sweep, "PAGE_SIZE", 1)
    for name in ("a.png", "b.png", "c.png"):
        stand.upload(filename=name, expiration="600")
        stand.clock.move(seconds=1)
    stand.clock.move(hours=1)
    removing, go_on = threading.Event(), threading.Event()
    delete = stand.component.context.storages.by_name[""].delete

    def wait(path):
        removing.set()
        assert go_on.wait(300)
        delete(path)

    stand.component.context.storages.by_name[""].delete = wait
    stand.component.maintenance.sweep_every(0.001)
    assert removing.wait(300)
    ending = threading.Thread(target=stand.component.close)
    ending.start()
    while stand.component.maintenance._regular is not None:
        time.sleep(0.001)
    go_on.set()
    ending.join()
    assert stand.stored() == [f"2026/03/04/{name}" for name in ("b.png", "b.th.png", "c.png", "c.th.png")]


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_the_time_between_sweeps_is_positive(stand, seconds):
    """Anything else would never pause."""
    with pytest.raises(ConfigError, match="must be positive"):
        stand.component.maintenance.sweep_every(seconds)
