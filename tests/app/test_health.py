"""A load balancer learns which part is away, and nothing else."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chevupload import health
from chevupload.config import Routes
from chevupload.errors import CatalogError, StorageError
from chevupload.settings import component_from
from chevupload.store.memory import MemoryCatalog
from tests.support import LEAKS, Failing

WELL = {"status": "ok", "database": "ok", "storage": "ok"}
ROUTES = Routes(health="health")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Return the clock that says how long an answer is remembered."""
    times = [0.0]
    monkeypatch.setattr(health, "monotonic", lambda: times[0])
    return times


def test_all_is_well(make):
    """Both parts answer; nobody keeps the answer; it is there for GET and HEAD."""
    stand = make(routes=ROUTES)
    answer = stand.open("/health")
    assert (answer.status_code, answer.json, answer.headers["Cache-Control"]) == (200, WELL, "no-store")
    head = stand.open("/health", "HEAD")
    assert (head.status_code, head.data) == (200, b"")
    assert stand.open("/health", "OPTIONS").headers["Allow"] == "GET, HEAD, OPTIONS"
    refused = stand.open("/health", "POST")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("error", [CatalogError("secret detail"), KeyError("secret detail")])
def test_a_database_that_is_away(make, error, caplog):
    """503 says which part, the log says why; and it is looked again."""
    catalog = Failing(MemoryCatalog(), "get", error, forever=False)
    stand = make(routes=ROUTES, catalog=catalog)
    answer = stand.open("/health")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert answer.json == {"status": "away", "database": "away", "storage": "ok"}
    assert [leak for leak in LEAKS if leak in answer.text] == []
    assert "secret detail" in caplog.text


def test_a_storage_that_is_away(make, clock):
    """Until it is back."""
    stand = make(routes=ROUTES, storage=lambda local: Failing(local, "exists", StorageError("away"), forever=False))
    away = {"status": "away", "database": "ok", "storage": "away"}
    assert stand.open("/health").json == away
    clock[0] = 0.9
    assert stand.open("/health").json == away
    clock[0] = 1.0
    assert stand.open("/health").json == WELL


def test_a_disk_that_is_away(make):
    """A storage whose folder is gone is away, though no file of its own is asked for."""
    stand = make(routes=ROUTES)
    stand.images.rename(stand.folder / "elsewhere")
    assert stand.open("/health").json == {"status": "away", "database": "ok", "storage": "away"}


def test_a_flood_costs_one_look(make):
    """However many ask at once."""
    looks = []

    class Counting(MemoryCatalog):
        def get(self, upload_id):
            looks.append(upload_id)
            return super().get(upload_id)

    stand = make(routes=ROUTES, catalog=Counting())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: stand.open("/health").json, range(40)))
    assert (answers, len(looks)) == ([WELL] * 40, 1)


def test_nobody_waits_for_long(make, monkeypatch):
    """While one look gets no answer, the others are told so."""
    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 0.01)
    looking, go_on = threading.Event(), threading.Event()

    class Hanging(MemoryCatalog):
        def get(self, upload_id):
            looking.set()
            assert go_on.wait(30)

    stand = make(routes=ROUTES, catalog=Hanging())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(stand.open, "/health")
        assert looking.wait(30)
        try:
            assert stand.open("/health").status_code == 503
        finally:
            go_on.set()
        assert first.result().json == WELL


def test_around_a_host_it_is_off(make, tmp_path):
    """The path is the host's, unless a setting says where."""
    assert make().open("/health").status_code == 404
    component = component_from({"folder": str(tmp_path / "site"), "health_route": "up/health"})
    assert component.routes.health == "up/health"
