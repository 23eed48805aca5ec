"""Workers of other tests, which somebody may have left, are not those of a test here."""

from __future__ import annotations

import pytest

from chevupload.media import resizing
from tests.media import pools


@pytest.fixture(autouse=True)
def _only_own_workers(monkeypatch):
    """Do not count those that are there already."""
    monkeypatch.setattr(pools, "OTHERS", pools.OTHERS | pools.workers())


@pytest.fixture(params=["SIMD", "Pillow"])
def _each_resizer(request, monkeypatch):
    """Resize with and without the extra ``fast``."""
    if request.param == "Pillow":
        monkeypatch.setattr(resizing, "simd", None)
    elif resizing.simd is None:
        pytest.skip("the resizer has no wheels for this system")
