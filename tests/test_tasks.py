"""Tasks of a queue do what commands do, and a queue that repeats or loses them changes nothing."""

from __future__ import annotations

import random
from collections import deque

import pytest

from chevupload import Renditions, Tasks
from chevupload.db import SqlCatalog
from chevupload.errors import ConfigError, StorageError
from tests.databases import sqlite_database
from tests.support import file

COUNT = 25


class ListQueue(deque):
    """A queue in memory."""

    def enqueue(self, name, arguments):
        self.append((name, arguments))


@pytest.fixture
def queue():
    """Return a queue."""
    return ListQueue()


@pytest.fixture
def told():
    """Return the ids of uploads that handlers were told of."""
    return []


@pytest.fixture
def stand(make, tmp_path, told):
    """Return a site with uploads."""
    with sqlite_database(tmp_path / "records.db") as database:
        stand = make(catalog=SqlCatalog(database), on_event={"one": lambda event: told.append(event.upload.id)})
        for number in range(COUNT):
            stand.component.uploads.save(file()[0], owner="7", filename=f"{number}.png")
        stand.start(renditions=Renditions(thumb_side=9))
        yield stand


@pytest.fixture
def tasks(stand, queue):
    """Return its tasks."""
    return Tasks(stand.component, queue, parallel=3)


def work(tasks, queue):
    while queue:
        tasks.run(*queue.popleft())


def test_a_job_is_done_range_by_range(stand, tasks, queue):
    """By as many tasks at a time as was said, with an id alone."""
    job = tasks.start("render")
    assert [*queue] == [("run_range", {"job_id": job.id})] * 3
    assert (job.is_split, job.total) == (False, 0), "workers divide it"
    sizes = {upload.thumb_size for upload in stand.catalog.uploads()}
    work(tasks, queue)
    ended = stand.component.jobs.progress(job.id)
    assert (ended.done, ended.failed, ended.ended_at) == (COUNT, 0, stand.clock())
    assert not sizes & {upload.thumb_size for upload in stand.catalog.uploads()}


def test_what_a_queue_lost_is_resumed(stand, tasks, queue):
    """Once nobody works on it any more; what comes twice finds nothing to do."""
    job = stand.component.jobs.start("render")
    held = stand.catalog.claim_range(job.id, now=stand.clock(), until=stand.clock.move(minutes=1) or stand.clock())
    queue.clear()
    stand.clock.move(minutes=-1)
    tasks.run("resume")
    assert (held.number, [*queue]) == (0, []), "somebody has claimed a range"
    stand.clock.move(minutes=2)
    tasks.run("resume")
    tasks.run("resume")
    random.shuffle(queue)
    work(tasks, queue)
    assert stand.component.jobs.progress(job.id).done == COUNT
    tasks.run("resume")
    assert not queue
    tasks.run("run_range", {"job_id": job.id})
    assert not queue


def test_what_is_away_is_for_another_try(stand, tasks, queue):
    """The error reaches the library of the queue, which has its own way to try again."""

    def away(path, part=None):
        raise StorageError("away")

    job = tasks.start("render")
    storage = stand.component.context.storages.by_name[""]
    storage.open = away
    with pytest.raises(StorageError):
        tasks.run(*queue[0])
    del storage.open
    work(tasks, queue)
    assert stand.component.jobs.progress(job.id).failed == 0


def test_events_and_sweeps_are_tasks(stand, tasks, told):
    """Which do what is due, and end."""
    tasks.run("deliver")
    assert len(told) == COUNT
    upload = next(iter(stand.catalog.uploads()))
    stand.catalog.withdraw(upload.id)
    tasks.run("sweep")
    assert not stand.component.context.storages.of(upload).exists(upload.path)


def test_mistakes_are_told(stand, tasks, queue):
    """By what there is."""
    with pytest.raises(ConfigError, match="no task 'paint': run_range, resume, deliver, sweep"):
        tasks.run("paint")
    with pytest.raises(ConfigError, match="parallel"):
        Tasks(stand.component, queue, parallel=0)
