"""A move of an upload between two storages, as it is kept with the records until one has none of its files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Says that files of an upload may be in a storage besides that of its record.

    Attributes:
        upload_id: whose files.
        paths: of every file; none of them was in ``target`` before.
        source: name of the storage that had the files when the move began.
        target: name of the storage that they are copied to.
        at: when it began, or when the record was changed.
        kept_in: which of the two the upload's record names; None once there is no record. Only claimed moves have it.
    """

    upload_id: str
    paths: tuple[str, ...]
    source: str
    target: str
    at: datetime
    kept_in: str | None = None

    @property
    def left_in(self) -> tuple[str, ...]:
        """Names of the storages from which the files are to be removed."""
        return tuple(name for name in (self.source, self.target) if name != self.kept_in)
