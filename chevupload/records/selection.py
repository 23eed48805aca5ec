"""Which uploads somebody means, and what uploads come to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chevupload.model import Upload
from chevupload.policy.quota import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The ready uploads for which all of this is true; None and False ask for nothing.

    Attributes:
        owner_id: whose they are.
        of_guests: they are nobody's.
        received_from: when they came, or later.
        received_before: they came before that.
        min_bytes: how large their originals are at least; ``max_bytes`` at most.
        md5: of the original, or of what was received for it.
        album_id: in which album they are.
        type: image or video.
    """

    owner_id: str | None = None
    of_guests: bool = False
    received_from: datetime | None = None
    received_before: datetime | None = None
    min_bytes: int | None = None
    max_bytes: int | None = None
    md5: str | None = None
    album_id: str | None = None
    type: Literal["image", "video"] | None = None

    def has(self, upload: Upload) -> bool:
        """Whether an upload is one of them."""
        return (
            self.owner_id in (None, upload.owner_id)
            and not (self.of_guests and upload.owner_id is not None)
            and (self.received_from is None or upload.received_at >= self.received_from)
            and (self.received_before is None or upload.received_at < self.received_before)
            and (self.min_bytes is None or upload.size >= self.min_bytes)
            and (self.max_bytes is None or upload.size <= self.max_bytes)
            and self.md5 in (None, upload.md5, upload.source_md5)
            and self.album_id in (None, upload.album_id)
            and self.type in (None, upload.type)
        )


EVERYTHING = Selection()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What the ready uploads of a site come to, expired ones too. Bytes are those of all files.

    Attributes:
        by_extension: of the stored originals, such as ``jpg``.
        by_owner: those who keep most bytes, the one with most first; None is all guests together.
    """

    by_extension: Mapping[str, Usage]
    by_owner: Sequence[tuple[str | None, Usage]]
