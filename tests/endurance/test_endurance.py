"""Servers that are killed while clients upload lose nothing that they acknowledged and leave nothing that they did not.

At full length this is ``python -m tests.endurance.run``; here it is a short run of each kind.
"""

from __future__ import annotations

import pytest

from tests.endurance.events import run_events, running_database
from tests.endurance.rendering import run_rendering
from tests.endurance.run import run_local, run_shared, run_views
from tests.redis_server import needs_redis

PATIENCE = 10.0
"""Shorter than the minute for which an upload whose server died stands in its repetition's way: some are given up."""


@pytest.mark.parametrize("keys", [False, True], ids=["plain", "keys"])
def test_a_server_that_is_killed(tmp_path, keys):
    """SQLite and a local disk, and everything killed at once, twice."""
    found = run_local(tmp_path, uploads=40, kills=2, keys=keys, patience=PATIENCE)
    assert found.is_sound, found
    assert found.killed == 2
    assert found.acknowledged + found.given_up >= 40
    assert found.acknowledged > 10


def test_workers_that_are_killed(tmp_path):
    """Two servers over one PostgreSQL and one S3; each key has one upload.

    A worker is killed every second in which uploads came through, three times at least.
    """
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    pytest.importorskip("moto.server", reason="moto's server is not installed")
    found = run_shared(tmp_path, uploads=40, kills=3, keys=True, workers=2, pauses=0, patience=PATIENCE)
    assert found.is_sound, found
    assert found.killed >= 3
    assert found.acknowledged + found.given_up >= 40
    assert found.acknowledged > 10


@pytest.mark.slow
def test_views_are_counted_once(tmp_path):
    """However many clients look at one picture through two servers, each view is written when these end."""
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    pytest.importorskip("moto.server", reason="moto's server is not installed")
    found = run_views(tmp_path, views=300, workers=2)
    assert (found.seen, found.broken, found.counted) == (300, 0, 300)


def test_processes_that_are_killed_between_a_commit_and_its_event(tmp_path):
    """Who stores and who tells: nothing is lost, nothing told by two at a time, and each upload in its order."""
    with running_database("sqlite", tmp_path) as url:
        found = run_events(url, tmp_path, uploads=60, kills=2, workers=2)
    assert found.is_sound, found
    assert found.events > 40


@needs_redis
def test_workers_that_are_killed_while_they_render(tmp_path):
    """A job of Celery's ends complete, and what was rendered twice was at work when its worker was killed."""
    found = run_rendering(tmp_path, uploads=200, kills=2)
    assert found.is_sound, found
