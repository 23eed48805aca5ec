"""Every catalog of ours keeps the promises that a host's own has to keep."""

from __future__ import annotations

import pytest

from chevupload.model import Album, Category
from chevupload.testing import CatalogContract, EventRecordsContract
from chevupload.testing.memory import MemoryCatalog


class TestMemoryCatalog(CatalogContract, EventRecordsContract):
    """The catalog in a dict."""

    @pytest.fixture
    def catalog(self):
        """Return a new catalog."""
        return MemoryCatalog(albums=[Album("album", "user", "Cats")], categories=[Category(1, "Animals")])


@pytest.mark.slow
class TestSqlCatalog(CatalogContract, EventRecordsContract):
    """The catalog in a database, on SQLite and on PostgreSQL."""

    @pytest.fixture
    def catalog(self, catalog):
        """Return the catalog of each database."""
        return catalog
