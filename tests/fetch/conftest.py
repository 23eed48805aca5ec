"""Worlds to fetch from, ended after each test."""

from __future__ import annotations

import pytest

from tests.fetch.hostile import World


@pytest.fixture
def nobody_trusted(monkeypatch, tmp_path_factory):
    """Trust no certificate unless a test does: the same on every machine, and quick."""
    folder = tmp_path_factory.getbasetemp() / "no-certificates"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))


@pytest.fixture
def worlds(nobody_trusted, tmp_path):
    """Return a function that makes worlds, and ends them after the test; nothing that they fetched is left."""
    made = []

    def make(*arguments, **settings):
        made.append(World(tmp_path, *arguments, **settings))
        return made[-1]

    yield make
    for world in made:
        world.close()
    assert not list(tmp_path.glob("chevupload-spool-*"))


@pytest.fixture
def world(worlds):
    """Return a world with default rules."""
    return worlds()
