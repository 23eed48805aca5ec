"""Uploads to fill a catalog with, and threads that start together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from chevupload.model import Upload
from chevupload.protocols import UploadRecords

T = TypeVar("T")

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
"""When every upload here came, unless a test says otherwise."""

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
_PATIENCE_SECONDS = 60


def new_upload(id_: str = "a1", **fields: Any) -> Upload:
    """Make the record of an upload, named after its id; ``fields`` replace any of its values."""
    values: dict[str, Any] = {
        "owner_id": "user",
        "created_at": NOW,
        "received_at": NOW,
        "folder": "2026/03/04",
        "name": f"name-{id_}",
        "extension": "png",
        "size": 10_000_000_000,
        "width": 1,
        "height": 2,
        "md5": "0" * 32,
        "original_filename": "ü 🐈.png",
        "storage_mode": "datefolder",
    }
    return Upload(id=id_, **(values | fields))


def ready(catalog: UploadRecords, *uploads: Upload) -> None:
    """Record uploads as ready."""
    for upload in uploads:
        catalog.reserve(upload)
        catalog.publish(upload.id)


def ids(uploads: Iterable[Upload]) -> list[str]:
    """Return the ids of uploads."""
    return [upload.id for upload in uploads]


def in_threads(count: int, work: Callable[[int], T]) -> list[T]:
    """Call ``work`` with each number below ``count``, in a thread each, all at once; return or raise what they did."""
    together = threading.Barrier(count)

    def run(number: int) -> T:
        together.wait(_PATIENCE_SECONDS)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))
