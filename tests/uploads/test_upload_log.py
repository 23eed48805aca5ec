"""Each upload leaves one record in the log: what it was, how long it took, how it ended; and nothing secret."""

from __future__ import annotations

import io
import json
import logging

import pytest

from chevupload.cli.log import JsonFormatter
from chevupload.errors import StorageError
from tests.support import PNG, Failing, file, noise

STEPS = ["receive", "check", "render", "reserve", "put", "publish", "total"]


@pytest.fixture
def entries(caplog):
    """Return the records of uploads."""
    caplog.set_level(logging.INFO, "chevupload.uploads")

    class Entries:
        def __iter__(self):
            return (record for record in caplog.records if record.name == "chevupload.uploads")

        def one(self):
            (record,) = self
            caplog.clear()
            return record

    return Entries()


def test_a_stored_upload(stand, entries):
    """Its id, size and format, and the time of each step."""
    content = noise((600, 400))
    image = stand.upload(content, "secret name.png")
    record = entries.one()
    facts = (record.outcome, record.status, record.code, record.owner, record.bytes, record.upload_id)
    assert facts == ("stored", 200, 200, "user", len(content), image["id_encoded"])
    assert (record.type, record.format, record.levelname) == ("image", "png", "INFO")
    assert list(record.milliseconds) == STEPS
    times = record.milliseconds
    assert all(time >= 0 for time in times.values())
    assert sum(time for step, time in times.items() if step != "total") <= times["total"] + 0.01
    assert "secret name" not in JsonFormatter().format(record)
    assert "user-key" not in JsonFormatter().format(record)


def test_a_guests_upload_and_one_of_the_hosts_own(stand, entries):
    """Guests have no id; what the host saves is an upload like any other."""
    stand.upload(key="guest-key")
    assert entries.one().owner is None
    stand.component.uploads.save(io.BytesIO(PNG), owner=7)
    record = entries.one()
    assert (record.outcome, record.owner, list(record.milliseconds)) == ("stored", "7", STEPS)


@pytest.mark.parametrize(
    ("source", "key", "facts", "steps"),
    [
        (PNG, "wrong", (401, 100, None, None), ["total"]),
        ("!", "user-key", (400, 120, "user", None), ["total"]),
        (b"text", "user-key", (400, 610, "user", 4), ["receive", "check", "total"]),
    ],
    ids=["key", "base64", "picture"],
)
def test_a_refused_upload(stand, entries, source, key, facts, steps):
    """With what the client was told, and the steps that it came to."""
    sent = file(source) if isinstance(source, bytes) else source
    status = stand.send({"source": sent}, key=key).status_code
    record = entries.one()
    assert (record.status, record.code, record.owner, record.bytes) == facts
    assert (record.outcome, record.status, record.upload_id) == ("refused", status, None)
    assert list(record.milliseconds) == steps


@pytest.mark.parametrize(("error", "status"), [(StorageError("away"), 503), (KeyError("x"), 500)])
def test_a_failed_upload(make, entries, error, status):
    """Our side, whatever it was."""
    stand = make(storage=lambda local: Failing(local, "adopt", error))
    assert stand.send({"source": file()}).status_code == status
    record = entries.one()
    assert (record.outcome, record.status, record.code, list(record.milliseconds)[-2:]) == (
        "failed",
        status,
        status,
        ["reserve", "total"],
    )


def test_a_repeated_upload(stand, entries):
    """It is the first one's, and costs what it cost to receive."""
    for outcome in ("stored", "repeated"):
        answer = stand.send({"source": file()}, headers={"Idempotency-Key": "a key of mine"})
        record = entries.one()
        assert (record.outcome, record.upload_id) == (outcome, answer.json["image"]["id_encoded"])
        assert "a key of mine" not in JsonFormatter().format(record)
    assert list(record.milliseconds) == ["receive", "total"]


def test_nothing_is_written_where_nobody_listens(stand, entries, caplog):
    """Questions of browsers are no uploads, and a logger that is off costs no record."""
    stand.open("/api/1/upload", "OPTIONS")
    stand.open("/api/1/upload", "PUT")
    caplog.set_level(logging.WARNING, "chevupload.uploads")
    stand.upload()
    assert list(entries) == []


def test_records_are_spelled_as_json(stand, entries):
    """One line each, with time, level, logger and message, and an exception in it."""
    stand.upload()
    line = JsonFormatter().format(entries.one())
    assert "\n" not in line
    document = json.loads(line)
    assert list(document)[:4] == ["time", "level", "logger", "message"]
    assert (document["logger"], document["outcome"]) == ("chevupload.uploads", "stored")
    try:
        raise ValueError("ü\nx")
    except ValueError as error:
        record = logging.makeLogRecord({"msg": "%s\n!", "args": ("ü",), "exc_info": (ValueError, error, None)})
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "ü\n!"
    assert json.loads(line)["exception"].endswith("ValueError: ü\nx")
