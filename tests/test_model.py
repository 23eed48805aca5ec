from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta

import pytest

from chevupload.formats import MIME_TYPES
from chevupload.model import Principal, Upload
from chevupload.uploads.parameters import Parameters

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PICTURE = Upload(
    id="a1",
    owner_id=None,
    created_at=NOW,
    received_at=NOW,
    folder="2026/03/04",
    name="cat",
    extension="jpg",
    size=1,
    width=1,
    height=1,
    md5="0" * 32,
    original_filename="cat.jpg",
    storage_mode="datefolder",
    thumb_size=1,
)
VIDEO = replace(PICTURE, extension="mp4", medium_size=1, frame_size=1)


def test_the_files_of_a_picture():
    """A picture's files lie beside each other under Chevereto's suffixes; what was not made has no path."""
    assert PICTURE.paths == ("2026/03/04/cat.jpg", "2026/03/04/cat.th.jpg")
    assert replace(PICTURE, medium_size=1).paths == (
        "2026/03/04/cat.jpg",
        "2026/03/04/cat.md.jpg",
        "2026/03/04/cat.th.jpg",
    )
    assert (PICTURE.path, PICTURE.thumb_path) == PICTURE.paths
    assert (PICTURE.medium_path, PICTURE.frame_path) == (None, None)


def test_the_files_of_a_video():
    """Its derivatives are JPEG."""
    assert VIDEO.paths == (
        "2026/03/04/cat.mp4",
        "2026/03/04/cat.md.jpeg",
        "2026/03/04/cat.th.jpeg",
        "2026/03/04/cat.fr.jpeg",
    )


def test_a_file_without_derivatives():
    """Where no derived picture was made, the original is all there is to serve and to delete."""
    assert replace(PICTURE, thumb_size=0).paths == ("2026/03/04/cat.jpg",)


def test_a_file_without_folder():
    """Storage mode ``direct`` gives paths without a leading slash, which every storage would refuse."""
    upload = replace(PICTURE, folder="")
    assert (upload.stem, upload.paths) == ("cat", ("cat.jpg", "cat.th.jpg"))
    assert PICTURE.stem == "2026/03/04/cat"


@pytest.mark.parametrize("extension", MIME_TYPES)
def test_types_follow_the_extension(extension):
    """The stored extension alone decides what a file is served as, and what its derived pictures are called."""
    upload = replace(PICTURE, extension=extension)
    kind = "video" if extension in ("mp4", "mov", "webm") else "image"
    assert (upload.type, upload.mime.partition("/")[0]) == (kind, kind)
    derived = "jpeg" if kind == "video" or extension == "heic" else extension
    assert upload.thumb_path == f"2026/03/04/cat.th.{derived}"


@pytest.mark.parametrize(
    ("expires_at", "expired"),
    [(None, False), (NOW + timedelta(seconds=1), False), (NOW, True), (NOW - timedelta(seconds=1), True)],
)
def test_an_upload_is_gone_from_its_moment_on(expires_at, expired):
    """An upload lives up to the moment it expires, not through it; without one it lives for ever."""
    assert replace(PICTURE, expires_at=expires_at).is_expired(NOW) is expired


def test_a_principal_without_user_is_a_guest():
    """None alone makes a guest: a host whose user id is an empty text still has an owner."""
    assert Principal().is_guest
    assert not Principal(user_id="u").is_guest
    assert not Principal(user_id="").is_guest


@pytest.mark.parametrize("value", [PICTURE, Principal(), Parameters()])
def test_values_are_final(value):
    """Threads and layers may share a value, because nobody can change it on the way."""
    with pytest.raises(FrozenInstanceError):
        setattr(value, fields(value)[0].name, "x")
