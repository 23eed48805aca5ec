"""What happened to an upload, as it is kept with the record and told to the host's handlers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, TypeAlias

from chevupload.model import Upload
from chevupload.naming import random_id

EventKind: TypeAlias = Literal["stored", "changed", "deleted", "expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. It may be told more than once: its ``id`` says that it is the same one.

    Attributes:
        id: 22 letters and digits, which no other event has.
        kind: ``stored`` once readers can see an upload; ``changed`` once they see it otherwise, because somebody has
            changed what is kept with it or its derived files were rendered again; ``deleted`` or ``expired`` once they
            cannot see it any more.
        at: when it happened.
        upload: the record at that moment, without its Exif and without what belongs to a repeated request.
        before: the same before it was changed; None of every other kind.
        number: its place among the events of its upload, larger for a later one; 0 before the event is kept.
        urls: every URL under which caches may hold something of the upload, by what it is, such as ``original``,
            ``thumb`` and ``viewer``; empty on a site without ``base_url``, and before the event is told. Those that
            only the record before had end in ``_before``.
        attempt: which attempt this is to tell it, from 1; 0 before the first one.
        handled: names of the handlers that have done their part.
        next_at: when it is to be told; while it is being told, when others may take it for forgotten.
    """

    id: str
    kind: EventKind
    at: datetime
    upload: Upload
    before: Upload | None = None
    urls: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    attempt: int = 0
    handled: frozenset[str] = frozenset()
    next_at: datetime


def new_event(kind: EventKind, upload: Upload, now: datetime, *, before: Upload | None = None) -> Event:
    """Return the event of what happens to an upload at ``now``, to be told at once."""
    earlier = None if before is None else _told(before)
    return Event(id=random_id(22), kind=kind, at=now, upload=_told(upload), before=earlier, next_at=now)


def _told(upload: Upload) -> Upload:
    return replace(upload, original_exifdata=None, request_digest=None, request_md5=None)


OnEvent: TypeAlias = Callable[[Event], object]
"""Handles one event; raises where the event is to be told again later, and
:class:`~chevupload.errors.HandlerEnded` where it wants no more of them. What it returns makes no difference."""
