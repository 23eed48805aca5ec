"""What records promise that keep jobs: every upload in one range, every range one worker's, nothing counted twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest

from chevupload.protocols import JobRecords
from chevupload.records.job import Job, JobRange
from chevupload.testing.contract import RecordsContract
from chevupload.testing.records import MINUTE, NOW, ids, in_threads, new_upload

NAMES = [f"u{number:02}" for number in range(23)]


def filled(catalog: JobRecords) -> JobRecords:
    """Return a catalog with uploads of two owners in turn, one that is pending and one that is gone."""
    for number, name in enumerate(NAMES):
        catalog.reserve(new_upload(name, owner_id=("7", "8")[number % 2]))
        catalog.publish(name)
    catalog.reserve(new_upload("pending"))
    catalog.reserve(new_upload("a-gone"))
    catalog.withdraw("a-gone")
    return catalog


def started(catalog: JobRecords, arguments: Mapping[str, str] | None = None, *, size: int = 5) -> Job:
    """Return the job ``j1`` on such uploads, divided into ranges of this size."""
    job = filled(catalog).add_job(Job(id="j1", kind="render", arguments=arguments or {}, begun_at=NOW))
    while catalog.split_job(job, size=size, limit=2):
        pass
    return found(catalog)


def found(catalog: JobRecords) -> Job:
    """Return the job as it is now."""
    job = catalog.job("j1")
    assert job is not None
    return job


def claim(catalog: JobRecords, after: timedelta = timedelta(0)) -> JobRange | None:
    """Claim a range some time ``after`` NOW, for a minute."""
    return catalog.claim_range("j1", now=NOW + after, until=NOW + after + MINUTE)


def claims(catalog: JobRecords) -> Iterator[JobRange]:
    """Claim one range after the other."""
    while held := claim(catalog):
        yield held


def one_claim(catalog: JobRecords, after: timedelta = timedelta(0)) -> JobRange:
    """Claim a range that has to be there."""
    held = claim(catalog, after)
    assert held is not None
    return held


class JobRecordsContract(RecordsContract):
    """The promises of :class:`~chevupload.protocols.JobRecords`."""

    ability = JobRecords

    def test_a_job_comes_back_as_it_went_in(self, catalog: JobRecords) -> None:
        """With its arguments, and once: who starts it again gets the one that there is, until that has ended."""
        job = Job(id="j1", kind="move", arguments={"to": "b", "from": "a"}, begun_at=NOW)
        assert catalog.add_job(job) == job
        assert catalog.add_job(replace(job, id="j2", arguments={"from": "a", "to": "b"})) == job
        other = replace(job, id="j3", kind="render", begun_at=NOW + MINUTE)
        assert catalog.add_job(other) == other
        assert catalog.job("j1") == job
        assert catalog.job("nobody") is None
        assert [*catalog.unfinished_jobs()] == [job, other]
        assert not catalog.end_job("j1", NOW), "it is not divided"

    def test_every_upload_is_in_one_range(self, catalog: JobRecords) -> None:
        """Those that readers can see, in the order of their ids; a job without ranges may end, once."""
        job = started(catalog)
        assert (job.is_split, job.total, job.done) == (True, len(NAMES), 0)
        names: list[str] = []
        for held in claims(catalog):
            page = catalog.range_uploads(job, held, limit=9)
            assert (held.left, held.number) == (len(page), len(names))
            names += ids(page)
            assert catalog.advance_range(held, None, done=held.left)
        assert names == NAMES
        assert found(catalog).done == len(NAMES)
        assert catalog.end_job("j1", NOW + MINUTE)
        assert not catalog.end_job("j1", NOW + MINUTE)
        assert not catalog.unfinished_jobs()
        assert found(catalog).ended_at == NOW + MINUTE

    @pytest.mark.parametrize(
        ("arguments", "names"),
        [
            ({"owner_id": "8"}, NAMES[1::2]),
            ({"first_id": "u03", "last_id": "u17"}, NAMES[3:18]),
            ({"owner_id": "7", "first_id": "u03"}, NAMES[4::2]),
            ({"owner_id": "nobody"}, []),
        ],
    )
    def test_some_uploads_only(self, catalog: JobRecords, arguments: dict[str, str], names: list[str]) -> None:
        """Those of an owner, or between two ids."""
        job = started(catalog, arguments)
        pages = [ids(catalog.range_uploads(job, held, limit=9)) for held in claims(catalog)]
        assert [*chain.from_iterable(pages)] == names
        assert job.total == len(names)

    def test_a_claim_ends(self, catalog: JobRecords) -> None:
        """What its worker does not go on with is the next one's, who begins where that has ended."""
        job = started(catalog, size=100)
        assert catalog.claimed_until("j1") == NOW
        held = one_claim(catalog)
        assert (held.attempt, held.after_id) == (1, "")
        assert claim(catalog, MINUTE / 2) is None
        moved = replace(held, after_id="u09", left=len(NAMES) - 10, until=NOW + 2 * MINUTE)
        assert catalog.advance_range(held, moved, done=10, failed=1)
        assert catalog.claimed_until("j1") == NOW + 2 * MINUTE
        assert claim(catalog, MINUTE) is None
        again = one_claim(catalog, 2 * MINUTE)
        assert again == replace(moved, attempt=2, until=NOW + 3 * MINUTE)
        assert ids(catalog.range_uploads(job, again, limit=2)) == NAMES[10:12]
        assert (found(catalog).done, found(catalog).failed) == (10, 1)
        assert not catalog.end_job("j1", NOW), "a range is left"
        assert catalog.advance_range(again, None, done=again.left)
        assert catalog.claimed_until("j1") is None

    def test_who_is_late_changes_nothing(self, catalog: JobRecords) -> None:
        """Nothing is counted twice where two have done the same."""
        started(catalog, size=100)
        held = one_claim(catalog)
        moved = replace(held, after_id="u04", left=len(NAMES) - 5)
        assert catalog.advance_range(held, moved, done=5)
        assert not catalog.advance_range(held, moved, done=5)
        assert not catalog.advance_range(held, None, done=len(NAMES))
        assert found(catalog).done == 5

    def test_workers_share_the_ranges(self, catalog: JobRecords) -> None:
        """Of several that divide and claim at once, each gets ranges that no other gets."""
        job = filled(catalog).add_job(Job(id="j1", kind="render", begun_at=NOW))

        def work(number: int) -> list[str]:
            names: list[str] = []
            while catalog.split_job(job, size=1, limit=2) or not found(catalog).is_split:
                pass
            for held in claims(catalog):
                names += ids(catalog.range_uploads(job, held, limit=9))
                assert catalog.advance_range(held, None, done=held.left)
            return names

        names = [*chain.from_iterable(in_threads(4, work))]
        assert sorted(names) == NAMES
        assert found(catalog).total == found(catalog).done == len(NAMES)
