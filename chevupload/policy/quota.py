"""How much an owner keeps, and how much of it an owner may keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

from chevupload.errors import QuotaExceeded

if TYPE_CHECKING:
    from chevupload.model import Upload

Counted: TypeAlias = Literal["originals", "all"]
"""Whose bytes count: those of originals alone, or those of their derived pictures, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What an owner keeps: the number of uploads, and the bytes of their files as far as these count."""

    files: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, upload: Upload, counted: Counted) -> Self:
        """Return what one upload adds."""
        return cls(files=1, bytes=upload.size if counted == "originals" else sum(upload.sizes.values()))

    def __add__(self, other: Usage) -> Usage:
        """Return both together."""
        return Usage(files=self.files + other.files, bytes=self.bytes + other.bytes)

    def __sub__(self, other: Usage) -> Usage:
        """Return what is left without the other, which may be more."""
        return Usage(files=self.files - other.files, bytes=self.bytes - other.bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How much an owner may keep: uploads, and bytes; None is any number."""

    files: int | None = None
    bytes: int | None = None

    def check(self, used: Usage, upload: Usage) -> None:
        """Let an upload in beside what is used.

        Raises:
            QuotaExceeded: there is no room for it.
        """
        both = used + upload
        if (self.files is not None and both.files > self.files) or (self.bytes is not None and both.bytes > self.bytes):
            raise self.exceeded(used)

    def exceeded(self, used: Usage) -> QuotaExceeded:
        """Return the refusal of an upload, which tells what is used and what is allowed."""
        parts = [f"{used.files:,} of {self.files:,} files"] if self.files is not None else []
        parts += [f"{used.bytes:,} of {self.bytes:,} bytes"] if self.bytes is not None else []
        return QuotaExceeded(f"{QuotaExceeded.text}: {' and '.join(parts)} are used")


UNLIMITED = Quota()
