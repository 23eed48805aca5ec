"""Every stored file is read and compared with its record."""

from __future__ import annotations

import logging
import threading

import pytest

from chevupload.db import SqlCatalog
from chevupload.testing import new_upload
from tests.databases import sqlite_database
from tests.support import noise


@pytest.fixture
def stand(make, tmp_path):
    """Return a component with three uploads, with records in a database."""
    with sqlite_database(tmp_path / "records.db") as database:
        stand = make(catalog=SqlCatalog(database))
        for number in range(3):
            stand.upload(noise((60, 40)), f"{number}.png")
        yield stand


def verify(stand):
    """Verify everything, and return the job."""
    *_, job = stand.component.jobs.run(stand.component.jobs.start("verify").id, ending=threading.Event())
    assert job.ended_at is not None
    return job


def faults(caplog):
    """List what was logged of uploads; what earlier tests have left may end at any moment, and say so."""
    messages = (record.getMessage() for record in caplog.records)
    return [message for message in messages if message.startswith("upload ")]


def test_whole_files_are_said_to_be_whole(stand, caplog):
    """Nothing is logged, and nothing changed."""
    before = stand.stored()
    job = verify(stand)
    assert (job.total, job.done, job.failed) == (3, 3, 0)
    assert (stand.stored(), faults(caplog)) == (before, [])


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        ("original", lambda content: content[:-1] + bytes([content[-1] ^ 1]), "is not what was stored"),
        ("original", lambda content: content[:-1], "bytes, not"),
        ("original", None, "is missing"),
        ("thumb", lambda content: content + b"\0", "bytes, not"),
        ("thumb", None, "is missing"),
    ],
)
def test_a_fault_is_found(stand, caplog, kind, change, said):
    """Also one that changes no size. The log names the file."""
    upload = next(iter(stand.component.catalog.uploads()))
    path = upload.path if kind == "original" else upload.thumb_path
    stored = stand.images / path
    content = stored.read_bytes()
    stored.unlink()
    if change is not None:
        stored.write_bytes(change(content))
    with caplog.at_level(logging.ERROR, "chevupload"):
        assert verify(stand).failed == 1
    (message,) = faults(caplog)
    assert path in message
    assert said in message
    assert upload.id in message


def test_what_is_deleted_meanwhile_is_no_fault(stand, caplog):
    """It is there when its range is read, and gone when its files are."""
    storage, uploads = stand.component.context.storages.by_name[""], stand.component.uploads
    opened = storage.open

    def delete_first(path, part=None):
        for upload in [*stand.component.catalog.uploads()]:
            uploads.delete(upload)
        return opened(path, part)

    storage.open = delete_first
    job = verify(stand)
    assert (job.done, job.failed, faults(caplog)) == (3, 0, [])


def test_a_storage_that_is_not_there_ends_no_job(stand, caplog):
    """Its uploads are counted as failed, and the others are read."""
    stand.catalog.reserve(new_upload("elsewhere", storage="gone"))
    stand.catalog.publish("elsewhere")
    with caplog.at_level(logging.ERROR, "chevupload"):
        job = verify(stand)
    assert (job.done, job.failed) == (4, 1)
    assert "elsewhere" in caplog.text
