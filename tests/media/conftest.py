"""Workers of other tests, which somebody may have left, are not those of a test here."""

from __future__ import annotations

import pytest

from tests.media import pools


@pytest.fixture(autouse=True)
def _only_own_workers(monkeypatch):
    """Do not count those that are there already."""
    monkeypatch.setattr(pools, "OTHERS", pools.OTHERS | pools.workers())
