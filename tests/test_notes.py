"""A note says which files an upload had, whoever died since, and believes nobody else's."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta

import pytest

from chevupload.errors import StorageError
from chevupload.model import Upload
from chevupload.notes import PREFIX, Notes
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


def test_a_note_goes_with_an_error(notes, tmp_path):
    """What was undone at once needs no sweep."""
    with pytest.raises(KeyError), notes.noted(UPLOAD):
        raise KeyError
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
