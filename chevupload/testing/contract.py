"""What the contracts of records share."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from chevupload.protocols import UploadRecords


class RecordsContract:
    """What the contracts share. Uploads belong to ``user``, to ``other`` or to nobody."""

    ability: ClassVar[Any]

    many = 450
    """How many uploads a catalog that reads in pages needs several of them for; fewer will do for smaller pages."""

    @pytest.fixture
    def catalog(self) -> UploadRecords:
        """Return new records without uploads."""
        raise NotImplementedError("the subclass gives a fixture `catalog`")

    def test_it_has_every_method(self, catalog: UploadRecords) -> None:
        """A site finds what it calls, and says so when it is put together rather than at the first upload."""
        assert isinstance(catalog, self.ability)
