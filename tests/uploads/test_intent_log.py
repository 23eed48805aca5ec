"""The intent log says which files an upload had, whoever died since, and believes nobody else's entries."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import replace
from datetime import timedelta

import pytest

from chevupload.errors import StorageError
from chevupload.model import Upload
from chevupload.uploads.intent_log import PREFIX, IntentLog
from tests.support import NOW, SECRET, files_in

UPLOAD = Upload(
    id="a1",
    owner_id="ü",
    created_at=NOW,
    received_at=NOW,
    folder="2026/03/04",
    name="n",
    extension="png",
    size=1,
    width=2,
    height=3,
    md5="0" * 32,
    original_filename="ü 🐈.png",
    tags=("b", "a"),
    storage_mode="datefolder",
    thumb_size=4,
    expires_at=NOW + timedelta(days=1),
)


@pytest.fixture
def intents(tmp_path):
    """Return the log in an empty folder."""
    return IntentLog(str(tmp_path), [SECRET])


def later():
    return time.time() + 10


def test_an_intent_says_everything(intents, tmp_path):
    """Also after a rotation of the secret; it is nobody else's to read."""
    intents.add(UPLOAD)
    intents.add(endless := replace(UPLOAD, id="a2", expires_at=None))
    rotated = IntentLog(str(tmp_path), [SECRET, "another secret of the site"])
    assert sorted(rotated.older_than(later()), key=lambda upload: upload.id) == [UPLOAD, endless]
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_young_note_is_left_alone(intents):
    """Its transaction may not be over."""
    intents.add(UPLOAD)
    assert list(intents.older_than(time.time() - 60)) == []


def test_an_intent_of_another_version_stops_nothing(intents, tmp_path, monkeypatch, caplog):
    """It is left alone and told of, and the others are read."""
    intents.add(UPLOAD)
    monkeypatch.setattr(
        "chevupload.model.fields",
        lambda upload: [field for field in dataclasses.fields(upload) if field.name != "id"],
    )
    intents.add(replace(UPLOAD, id="a2"))
    assert list(intents.older_than(later())) == [UPLOAD]
    assert "another version" in caplog.text


def test_half_an_intent_is_none(intents, tmp_path, monkeypatch):
    """A disk that is full leaves nothing of it."""
    monkeypatch.setattr(intents._signer, "sign", lambda text: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(StorageError):
        intents.add(UPLOAD)
    assert files_in(tmp_path) == []


def test_removing_twice_is_fine(intents, tmp_path):
    """Another sweep may have been here."""
    intents.add(UPLOAD)
    intents.remove(UPLOAD)
    intents.remove(UPLOAD)
    assert files_in(tmp_path) == []


def test_what_others_wrote_is_not_believed(intents, tmp_path):
    """The folder may be everybody's: unsigned, torn and foreign entries, and folders of that name, are passed over."""
    intents.add(UPLOAD)
    (entry,) = tmp_path.iterdir()
    content = entry.read_bytes()
    entry.write_bytes(content.replace(b'"name": "n"', b'"name": "m"'))
    (tmp_path / f"{PREFIX}torn").write_bytes(content[:20])
    (tmp_path / f"{PREFIX}folder").mkdir()
    foreign = IntentLog(str(tmp_path), ["the secret of another site"])
    foreign.add(replace(UPLOAD, id="a3"))
    assert list(intents.older_than(later())) == []


def test_a_folder_that_is_away_is_told(intents, tmp_path):
    """Without an entry nothing is stored."""
    tmp_path.rmdir()
    with pytest.raises(StorageError):
        intents.add(UPLOAD)
    assert list(intents.older_than(later())) == []
    tmp_path.mkdir()
