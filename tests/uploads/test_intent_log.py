"""A note says which files an upload had, whoever died since, and believes nobody else's."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from chevupload.errors import NameTaken, StorageError
from chevupload.model import Upload
from chevupload.uploads.intent_log import PREFIX, Notes
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
def notes(tmp_path):
    """Return the notes in an empty folder."""
    return Notes(str(tmp_path), [SECRET])


def later():
    return time.time() + 10


def test_a_note_says_everything(notes, tmp_path):
    """Also after a rotation of the secret; it is nobody else's to read."""
    with notes.noted(UPLOAD), notes.noted(endless := replace(UPLOAD, id="a2", expires_at=None)):
        pass
    rotated = Notes(str(tmp_path), [SECRET, "another secret of the site"])
    assert sorted(rotated.older_than(later()), key=lambda upload: upload.id) == [UPLOAD, endless]
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_a_young_note_is_left_alone(notes):
    """Its transaction may not be over."""
    with notes.noted(UPLOAD):
        pass
    assert list(notes.older_than(time.time() - 60)) == []


def test_a_note_goes_with_a_name_that_was_taken(notes, tmp_path):
    """Nothing was written under it. On any other error nobody knows, so the note stays for the sweep."""
    with pytest.raises(NameTaken), notes.noted(UPLOAD):
        raise NameTaken
    assert files_in(tmp_path) == []
    with pytest.raises(KeyError), notes.noted(UPLOAD):
        raise KeyError
    assert list(notes.older_than(later())) == [UPLOAD]


def test_a_note_of_another_version_stops_nothing(notes, tmp_path, monkeypatch, caplog):
    """It is left alone and told of, and the others are read."""
    with notes.noted(UPLOAD):
        pass
    monkeypatch.setattr("chevupload.uploads.intent_log.asdict", lambda upload: {"other": "fields"})
    with notes.noted(replace(UPLOAD, id="a2")):
        pass
    assert list(notes.older_than(later())) == [UPLOAD]
    assert "another version" in caplog.text


def test_half_a_note_is_none(notes, tmp_path, monkeypatch):
    """A disk that is full leaves nothing of it."""
    monkeypatch.setattr(notes._signer, "sign", lambda text: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(StorageError), notes.noted(UPLOAD):
        raise AssertionError("went on without a note")
    assert files_in(tmp_path) == []


def test_removing_twice_is_fine(notes, tmp_path):
    """Another sweep may have been here."""
    with notes.noted(UPLOAD):
        pass
    notes.remove(UPLOAD)
    notes.remove(UPLOAD)
    assert files_in(tmp_path) == []


def test_what_others_wrote_is_not_believed(notes, tmp_path):
    """The folder may be everybody's: unsigned, torn and foreign notes, and folders of that name, are passed over."""
    with notes.noted(UPLOAD):
        pass
    (note,) = tmp_path.iterdir()
    content = note.read_bytes()
    note.write_bytes(content.replace(b'"name": "n"', b'"name": "m"'))
    (tmp_path / f"{PREFIX}torn").write_bytes(content[:20])
    (tmp_path / f"{PREFIX}folder").mkdir()
    foreign = Notes(str(tmp_path), ["the secret of another site"])
    with foreign.noted(replace(UPLOAD, id="a3")):
        pass
    assert list(notes.older_than(later())) == []


def test_a_folder_that_is_away_is_told(notes, tmp_path):
    """Without a note nothing is stored."""
    tmp_path.rmdir()
    with pytest.raises(StorageError), notes.noted(UPLOAD):
        raise AssertionError("went on without a note")
    assert list(notes.older_than(later())) == []
    tmp_path.mkdir()
