"""Batch work ends complete, whoever dies or fails meanwhile, and starts once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from chevupload.db import SqlCatalog
from chevupload.errors import CatalogError, ConfigError, StorageError
from chevupload.testing import new_upload
from chevupload.testing.memory import MemoryCatalog
from chevupload.uploads.jobs import Jobs
from tests.databases import sqlite_database

COUNT = 12


class Kind:
    """A kind that notes what was done, and fails as it is told."""

    name = "note"
    range_size = 5
    step_size = 2
    parameters = frozenset({"word"})

    def __init__(self):
        self.calls, self.done = [], []
        self.errors = {}
        self.failing = set()

    def begin(self, arguments):
        self.calls.append(("begin", arguments.get("word")))

    def run(self, uploads, arguments):
        ids = [upload.id for upload in uploads]
        for id_ in ids:
            if error := self.errors.get(id_):
                raise error
        self.done += ids
        return len({*ids} & self.failing)

    def end(self, arguments):
        self.calls.append(("end", arguments.get("word")))


@pytest.fixture
def kind():
    """Return the kind."""
    return Kind()


@pytest.fixture
def stand(make, tmp_path):
    """Return a site with records in a database."""
    with sqlite_database(tmp_path / "records.db") as database:
        yield make(catalog=SqlCatalog(database))


@pytest.fixture
def names(stand):
    """Return the ids of uploads that are there."""
    found = [f"u{number:02}" for number in range(COUNT)]
    for name in found:
        stand.catalog.reserve(new_upload(name))
        stand.catalog.publish(name)
    return found


@pytest.fixture
def jobs(stand, kind, names):
    """Return the batch work of a site with uploads, whose one kind it is."""
    return Jobs(stand.component.context, [kind])


def run(jobs, job):
    """Work on a job until it has ended, and return it."""
    *_, last = jobs.run(job.id, ending=threading.Event())
    return last


def test_every_upload_is_done_once(jobs, kind, names):
    """Between what comes before the first and after the last."""
    job = jobs.start("note", word="a")
    assert (job.total, job.done, job.ended_at) == (COUNT, 0, None)
    kind.failing = {"u03"}
    ended = run(jobs, job)
    assert kind.done == names
    assert (ended.done, ended.failed) == (COUNT, 1)
    assert ended.ended_at is not None
    assert kind.calls == [("begin", "a"), ("end", "a")]
    assert jobs.run_range(job.id) is False
    assert jobs.unfinished() == []


def test_a_job_is_divided_as_it_is_worked_on(jobs, kind, names, monkeypatch):
    """By those who find no range: some at a time, and none is left out."""
    monkeypatch.setattr("chevupload.uploads.jobs._IDS_AT_ONCE", 5)
    job = jobs.add("note")
    assert (job.total, job.is_split) == (0, False)
    totals = [now.total for now in jobs.run(job.id, ending=threading.Event())]
    assert (totals, kind.done) == ([5, 10, 12], names)
    assert jobs.progress(job.id).ended_at is not None


def test_a_job_of_nothing_ends(jobs, kind):
    """With what comes after the last one."""
    assert run(jobs, jobs.start("note", owner_id="nobody")).ended_at is not None
    assert kind.calls == [("begin", None), ("end", None)]


def test_a_job_is_resumed_by_starting_it_again(jobs, kind, names):
    """What was asked to end gives the rest back after the step at work."""
    job = jobs.start("note")
    ending = threading.Event()
    kind.run, before = lambda uploads, arguments: (ending.set(), before(uploads, arguments))[1], kind.run
    assert jobs.run_range(job.id, ending=ending)
    assert (jobs.progress(job.id).done, kind.done) == (2, names[:2])
    again = jobs.start("note")
    assert again.id == job.id
    ending.clear()
    kind.run = before
    run(jobs, again)
    assert kind.done == names
    assert jobs.start("note").id != job.id


def test_what_a_dead_worker_had_claimed_is_done_later(jobs, kind, names, stand):
    """From where it was, once its claim is over."""

    class Killed(BaseException):
        pass

    job = jobs.start("note")
    kind.errors = {"u02": Killed()}
    with pytest.raises(Killed):
        jobs.run_range(job.id)
    kind.errors = {}
    assert jobs.run_range(job.id)
    assert jobs.run_range(job.id)
    assert not jobs.run_range(job.id)
    assert kind.done == names[:2] + names[5:]
    stand.clock.move(minutes=5)
    run(jobs, job)
    assert kind.done == names[:2] + names[5:] + names[2:5]
    assert jobs.progress(job.id).done == COUNT


def test_what_is_away_is_tried_again_and_then_left_out(jobs, kind, names):
    """The range is free at once for whoever tries next, and a step that fails for ever stops no other."""
    job = jobs.start("note")
    kind.errors = {"u02": StorageError("away")}
    for _ in range(4):
        with pytest.raises(StorageError):
            jobs.run_range(job.id)
    kind.errors = {"u02": StorageError("away"), "u10": StorageError("away")}
    with pytest.raises(StorageError):
        jobs.run_range(job.id)
    kind.errors.pop("u10")
    ended = run(jobs, job)
    assert [name for name in names if name not in kind.done] == ["u02", "u03"]
    assert (ended.done, ended.failed) == (COUNT, 2)


def test_uploads_that_are_gone_are_no_work(jobs, kind, names, stand):
    """They count as done: the number of all does not change."""
    job = jobs.start("note")
    for name in names[3:]:
        stand.catalog.withdraw(name)
    assert run(jobs, job).done == COUNT
    assert kind.done == names[:3]


def test_who_is_late_goes_on_with_nothing(jobs, kind, names, stand):
    """A worker that took longer than its claim leaves the range to the next one, who counts."""
    job = jobs.start("note")

    def late(uploads, arguments):
        kind.run = before
        stand.clock.move(minutes=6)
        jobs.run_range(job.id)
        return before(uploads, arguments)

    kind.run, before = late, kind.run
    jobs.run_range(job.id)
    assert kind.done == names[:5] + names[:2]
    assert jobs.progress(job.id).done == 5


def test_what_is_no_job_is_refused(jobs, make, kind):
    """In words that say what is."""
    with pytest.raises(ConfigError, match="no jobs 'paint': note"):
        jobs.start("paint")
    with pytest.raises(ConfigError, match="no arguments colour"):
        jobs.start("note", colour="red")
    with pytest.raises(ConfigError, match="no job nobody"):
        jobs.progress("nobody")
    with pytest.raises(ConfigError, match="JobRecords"):
        Jobs(make(catalog=MemoryCatalog()).component.context, [kind]).unfinished()


def test_an_owner_is_erased(stand):
    """With uploads that are expired; those of others stay."""
    jobs = stand.component.jobs
    for owner in ("7", "8"):
        for number in range(3):
            upload = new_upload(f"o{owner}n{number}", owner_id=owner, expires_at=stand.clock() - timedelta(days=1))
            stand.catalog.reserve(upload)
            stand.catalog.publish(upload.id)
    job = run(jobs, jobs.start("erase", owner_id="7"))
    assert (job.total, job.done, job.failed) == (3, 3, 0)
    assert [upload.owner_id for upload in stand.catalog.uploads()] == ["8"] * 3
    with pytest.raises(ConfigError, match="owner_id"):
        jobs.start("erase")


def test_a_forgotten_user_leaves_nothing_half_done(stand):
    """Neither what is on its way in, nor what has expired or was half deleted before."""
    catalog = stand.catalog
    catalog.reserve(new_upload("pending", owner_id="7"))
    for name in ("ready", "half", "expired"):
        expires_at = stand.clock() - timedelta(days=1) if name == "expired" else None
        catalog.reserve(new_upload(name, owner_id="7", expires_at=expires_at))
        catalog.publish(name)
    catalog.withdraw("half")
    stand.component.forget("7")
    assert catalog.remaining("7", limit=9) == []


def test_a_record_that_stays_ends_the_erasing_of_its_owner(stand):
    """With an error that names it, once nothing else is left."""
    catalog = stand.catalog
    for number in range(250):
        catalog.reserve(new_upload(f"n{number}", owner_id="7"))
    forget = catalog.forget
    catalog.forget = lambda uploads: forget([upload for upload in uploads if upload.id != "n7"])
    with pytest.raises(CatalogError, match="such as n7"):
        stand.component.forget("7")
    assert [upload.id for upload in catalog.remaining("7", limit=9)] == ["n7"]


def test_interruptions_are_no_attempts(jobs, kind, names):
    """However often somebody stops before a step has begun, no upload is given up for it."""
    ending = threading.Event()
    ending.set()
    job = jobs.start("note")
    for _ in range(8):
        assert jobs.run_range(job.id, ending=ending)
    *_, ended = jobs.run(job.id, ending=threading.Event())
    assert (kind.done, ended.done, ended.failed) == (names, COUNT, 0)
