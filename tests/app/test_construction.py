"""A component that is put together wrongly says so before its first request."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta

import pytest

from chevupload import app
from chevupload.errors import ConfigError
from chevupload.store.memory import MemoryCatalog, MemoryStorage, StaticKeys
from tests.support import PRINCIPALS, SECRET


@pytest.mark.parametrize(
    "settings",
    [
        {"base_url": "example.org"},
        {"trusted_proxies": -1},
        {"decode": "thread"},
        {"secret_keys": []},
        {"secret_keys": ["short"]},
        {"keys": "user-key"},
    ],
)
def test_mistakes_are_found_at_construction(settings):
    """ConfigError is raised before the first request."""
    values = {
        "keys": StaticKeys(PRINCIPALS),
        "catalog": MemoryCatalog(),
        "storage": MemoryStorage(),
        "secret_keys": [SECRET],
        "decode": "inline",
    }
    with pytest.raises(ConfigError):
        app.ChevUpload(**(values | settings))


def test_the_clock_is_in_utc():
    """The default clock is aware."""
    assert app.utc_now().tzinfo is UTC
    assert abs(app.utc_now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_storage_in_memory_spools_in_the_systems_folder(tmp_path, monkeypatch):
    """Without an incoming folder the system's is taken."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    component = app.ChevUpload(
        keys=StaticKeys(PRINCIPALS),
        catalog=MemoryCatalog(),
        storage=MemoryStorage(),
        secret_keys=[SECRET],
        decode="inline",
    )
    (tmp_path / "chevupload-spool-left").touch()
    assert component.upkeep.sweep(grace=timedelta(0)).temporary_files == 1
