"""Jobs are divided into ranges, which workers share without doing one twice at a time, and without losing one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest

from chevupload.job import Job
from chevupload.testing.records import NOW, in_threads, new_upload

MINUTE = timedelta(minutes=1)
COUNT = 23


@pytest.fixture
def catalog(catalog):
    """Return the catalog of each database with uploads of two owners, one that is pending and one that is gone."""
    for number in range(COUNT):
        upload = new_upload(f"u{number:02}", owner_id=("7", "8")[number % 2])
        catalog.reserve(upload)
        catalog.publish(upload.id)
    catalog.reserve(new_upload("pending"))
    catalog.reserve(new_upload("a-gone"))
    catalog.withdraw("a-gone")
    return catalog


def started(catalog, size=5, **arguments):
    """Return a job that is divided."""
    job = catalog.add_job(Job(id="j1", kind="render", arguments=arguments, begun_at=NOW))
    while catalog.split_job(job, size=size, limit=2):
        pass
    return catalog.job(job.id)


def ids(uploads):
    return [upload.id for upload in uploads]


def claim(catalog, after=timedelta(0)):
    return catalog.claim_range("j1", now=NOW + after, until=NOW + after + MINUTE)


def test_a_job_comes_back_as_it_went_in(catalog):
    """With its arguments, and once: who starts it again gets the one that there is, until that has ended."""
    job = Job(id="j1", kind="move", arguments={"to": "b", "from": "a"}, begun_at=NOW)
    assert catalog.add_job(job) == job
    assert catalog.add_job(replace(job, id="j2", arguments={"from": "a", "to": "b"})) == job
    other = replace(job, id="j3", kind="render", begun_at=NOW + MINUTE)
    assert catalog.add_job(other) == other
    assert catalog.job("j1") == job
    assert catalog.job("nobody") is None
    assert catalog.unfinished_jobs() == [job, other]
    assert not catalog.end_job("j1", NOW), "it is not divided"


def test_every_upload_is_in_one_range(catalog):
    """Those that readers can see, in the order of their ids."""
    job = started(catalog)
    assert (job.is_split, job.total, job.done) == (True, COUNT, 0)
    found = []
    while held := claim(catalog):
        page = catalog.range_uploads(job, held, limit=9)
        assert held.left == len(page)
        found += ids(page)
        assert held.number == len(found) - len(page)
        assert catalog.advance_range(held, None, done=held.left)
    assert found == [f"u{number:02}" for number in range(COUNT)]
    assert catalog.job("j1").done == COUNT
    assert catalog.end_job("j1", NOW + MINUTE)
    assert not catalog.end_job("j1", NOW + MINUTE)
    assert catalog.unfinished_jobs() == []
    assert catalog.job("j1").ended_at == NOW + MINUTE


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        ({"owner_id": "8"}, range(1, COUNT, 2)),
        ({"first_id": "u03", "last_id": "u17"}, range(3, 18)),
        ({"owner_id": "7", "first_id": "u03"}, range(4, COUNT, 2)),
        ({"owner_id": "nobody"}, ()),
    ],
)
def test_some_uploads_only(catalog, arguments, numbers):
    """Those of an owner, or between two ids."""
    job = started(catalog, **arguments)
    held = [*iter(lambda: claim(catalog), None)]
    assert [*chain.from_iterable(ids(catalog.range_uploads(job, one, limit=9)) for one in held)] == [
        f"u{number:02}" for number in numbers
    ]
    assert job.total == len(numbers)


def test_a_claim_ends(catalog):
    """What its worker does not go on with is the next one's, who begins where that has ended."""
    job = started(catalog, size=100)
    held = claim(catalog)
    assert (held.attempt, held.after_id) == (1, "")
    assert claim(catalog, MINUTE / 2) is None
    moved = replace(held, after_id="u09", left=COUNT - 10, until=NOW + 2 * MINUTE)
    assert catalog.advance_range(held, moved, done=10, failed=1)
    assert claim(catalog, MINUTE) is None
    again = claim(catalog, 2 * MINUTE)
    assert again == replace(moved, attempt=2, until=NOW + 3 * MINUTE)
    assert ids(catalog.range_uploads(job, again, limit=2)) == ["u10", "u11"]
    assert (catalog.job("j1").done, catalog.job("j1").failed) == (10, 1)
    assert not catalog.end_job("j1", NOW), "a range is left"


def test_who_is_late_changes_nothing(catalog):
    """Nothing is counted twice where two have done the same."""
    started(catalog, size=100)
    held = claim(catalog)
    moved = replace(held, after_id="u04", left=COUNT - 5)
    assert catalog.advance_range(held, moved, done=5)
    assert not catalog.advance_range(held, moved, done=5)
    assert not catalog.advance_range(held, None, done=COUNT)
    assert catalog.job("j1").done == 5


def test_workers_share_the_ranges(catalog):
    """Of several that divide and claim at once, each gets ranges that no other gets."""
    job = catalog.add_job(Job(id="j1", kind="render", begun_at=NOW))

    def work(number):
        found = []
        while catalog.split_job(job, size=1, limit=2) or not catalog.job("j1").is_split:
            pass
        while held := claim(catalog):
            found += ids(catalog.range_uploads(job, held, limit=9))
            assert catalog.advance_range(held, None, done=held.left)
        return found

    found = [*chain.from_iterable(in_threads(4, work))]
    assert sorted(found) == [f"u{number:02}" for number in range(COUNT)]
    assert catalog.job("j1").total == catalog.job("j1").done == COUNT
