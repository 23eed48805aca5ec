"""Events as rows."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from chevupload.model import Upload
from chevupload.records.event import Event

logger = logging.getLogger("chevupload")


def event_row(event: Event) -> dict[str, Any]:
    """Return the row of a new event."""
    return {
        **{name: getattr(event, name) for name in ("id", "at", "kind", "attempt", "next_at")},
        "upload_id": event.upload.id,
        "owner_id": event.upload.owner_id,
        "facts": event.upload.to_json(),
        "before": None if event.before is None else event.before.to_json(),
        "handled": _spelled(event.handled),
    }


def postponed(event: Event) -> dict[str, Any]:
    """Return what changes of the row of an event that is told later."""
    values = {"next_at": event.next_at, "attempt": event.attempt, "handled": _spelled(event.handled)}
    return {"one": event.number, "one_id": event.id, **{f"new_{name}": value for name, value in values.items()}}


def event_of(row: Row[Any], until: datetime) -> Event | None:
    """Return the event of a row that is claimed ``until`` then; None if another version has written it."""
    try:
        upload = Upload.from_json(row.facts)
        before = None if row.before is None else Upload.from_json(row.before)
    except (KeyError, TypeError, ValueError):
        logger.exception("an event of another version is left alone: %s", row.id)
        return None
    return Event(
        **{name: getattr(row, name) for name in ("id", "at", "kind", "number")},
        upload=upload,
        before=before,
        attempt=row.attempt + 1,
        handled=frozenset(row.handled.split()),
        next_at=until,
    )


def _spelled(handled: frozenset[str]) -> str:
    return " ".join(sorted(handled))
