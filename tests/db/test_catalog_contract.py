"""Every catalog of ours keeps the promises that a host's own has to keep."""

from __future__ import annotations

import pytest

from chevupload.model import Album, Category
from chevupload.testing import (
    CatalogContract,
    ErasableRecordsContract,
    EventRecordsContract,
    JobRecordsContract,
    MovableRecordsContract,
    SearchableRecordsContract,
    TicketRecordsContract,
    UsageRecordsContract,
)
from chevupload.testing.memory import MemoryCatalog

CONTRACTS = (
    CatalogContract,
    ErasableRecordsContract,
    EventRecordsContract,
    MovableRecordsContract,
    SearchableRecordsContract,
    TicketRecordsContract,
    UsageRecordsContract,
)


class TestMemoryCatalog(*CONTRACTS):
    """The catalog in a dict."""

    @pytest.fixture
    def catalog(self):
        """Return a new catalog."""
        return MemoryCatalog(albums=[Album("album", "user", "Cats")], categories=[Category(1, "Animals")])


@pytest.mark.slow
class TestSqlCatalog(*CONTRACTS, JobRecordsContract):
    """The catalog in a database, on SQLite, PostgreSQL and MariaDB, read in pages of a tenth of their usual size."""

    many = 50

    @pytest.fixture
    def small_pages(self, monkeypatch):
        """Let catalogs read in small pages."""
        monkeypatch.setattr("chevupload.db.pages.SqlPages.page_size", 20)
        monkeypatch.setattr("chevupload.db.search.WINDOW", 30)

    @pytest.fixture
    def catalog(self, small_pages, catalog):
        """Return the catalog of each database."""
        return catalog
