"""Records with every ability but a few."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from chevupload.protocols.albums import EditableAlbumRecords
from chevupload.protocols.records import (
    CategoryRecords,
    DuplicateRecords,
    EditableRecords,
    IdempotentRecords,
    OwnedRecords,
    ViewedRecords,
)
from chevupload.protocols.upkeep import CheckableRecords, SweepableRecords


@runtime_checkable
class Catalog(
    OwnedRecords,
    EditableRecords,
    IdempotentRecords,
    DuplicateRecords,
    EditableAlbumRecords,
    CategoryRecords,
    ViewedRecords,
    SweepableRecords,
    CheckableRecords,
    Protocol,
):
    """Records with every ability but that of joining a host's transaction."""
