"""A load balancer learns which part is away, and nothing else."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from chevupload.config import Routes
from chevupload.errors import CatalogError, StorageError
from chevupload.protocols import ProbedStorage
from chevupload.site.factory import component_from
from chevupload.testing.memory import MemoryCatalog, MemoryStorage, StaticKeys
from chevupload.web import health
from tests.support import LEAKS, PRINCIPALS, Failing

WELL = {"status": "ok", "database": "ok", "storage": "ok"}
ROUTES = Routes(health="health")


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Return the clock that says how long an answer is remembered."""
    times = [0.0]
    monkeypatch.setattr(health, "monotonic", lambda: times[0])
    monkeypatch.setattr(health, "_PATIENCE_SECONDS", 300.0)
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
    stand = make(routes=ROUTES, storage=lambda local: Failing(local, "probe", StorageError("away"), forever=False))
    away = {"status": "away", "database": "ok", "storage": "away"}
    assert stand.open("/health").json == away
    clock[0] = 0.9
    assert stand.open("/health").json == away
    clock[0] = 1.0
    assert stand.open("/health").json == WELL


def test_what_a_storage_has_to_be_asked_for_by_a_file(make):
    """One of a host's own may have nothing else to tell it by."""
    own = MemoryStorage()
    away = Failing(own, "exists", StorageError("away"))
    assert not isinstance(own, ProbedStorage)
    assert make(routes=ROUTES, storage=away).open("/health").json["storage"] == "away"
    assert make(routes=ROUTES, storage=own).open("/health").json == WELL


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
            assert go_on.wait(300)

    stand = make(routes=ROUTES, catalog=Hanging())
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(stand.open, "/health")
        assert looking.wait(300)
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


@pytest.mark.parametrize("name", ["images", "incoming"])
def test_a_folder_that_cannot_be_written_to_is_away(make, name, monkeypatch):
    """Nothing could be stored in it."""
    stand = make(routes=ROUTES)
    allowed = os.access
    refused = str(stand.folder / name)
    # Whoever runs the tests may be allowed everything.
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != refused and allowed(path, mode))
    assert stand.open("/health").json == {"status": "away", "database": "ok", "storage": "away"}


def test_storages_are_named_to_admins_only(make, caplog):
    """What a site calls them is nobody else's business; anybody learns that one is away."""
    broken = Failing(MemoryStorage(), "exists", StorageError("away"))
    stand = make(routes=ROUTES, storage={"main": MemoryStorage(), "archive-eu": broken})
    told = {"status": "away", "database": "ok", "storage": "away"}
    named = {"status": "away", "database": "ok", "storage main": "ok", "storage archive-eu": "away"}
    for headers in ({}, {"X-API-Key": "user-key"}, {"X-API-Key": "wrong"}, {"X-API-Key": "k" * 600}):
        answer = stand.open("/health", headers=headers)
        assert (answer.status_code, answer.json) == (503, told), headers
    assert stand.open("/health?key=admin-key").json == told, "a query gets into logs"
    assert stand.open("/health", headers={"X-API-Key": "admin-key"}).json == named
    assert "archive-eu is away" in caplog.text


def test_health_of_keys_that_are_away(make):
    """Whoever shows a key then is told what anybody is."""
    stand = make(routes=ROUTES, keys=Failing(StaticKeys(PRINCIPALS), "authenticate", KeyError("away")))
    assert stand.open("/health", headers={"X-API-Key": "admin-key"}).json == WELL


def test_liveness_touches_nothing(make):
    """The process answers, whatever is away."""
    away = StorageError("away")
    stand = make(
        routes=Routes(health="health", liveness="health/live"),
        catalog=Failing(MemoryCatalog(), "get", away),
        storage=lambda local: Failing(local, "probe", away),
    )
    answer = stand.open("/health/live")
    assert (answer.status_code, answer.json, answer.headers["Cache-Control"]) == (200, {"status": "ok"}, "no-store")
    assert stand.open("/health/live", "HEAD").data == b""
    assert stand.open("/health/live", "POST").status_code == 405
    assert stand.open("/health").status_code == 503
