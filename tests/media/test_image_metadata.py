"""Derived pictures carry no metadata, and originals only where the site keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chevupload.media.encoding import Outbox
from tests.media.pictures import NAMES, SRGB, animation, encoded, exif, frames, oriented, photo, processed, shown


@pytest.mark.parametrize("name", NAMES[:5])
def test_derived_pictures_carry_no_metadata(tmp_path: Path, name: str) -> None:
    """No Exif, XMP or comment in thumb and medium; the profile stays where the format has one."""
    options: dict[str, Any] = {"exif": oriented(1), "icc_profile": SRGB, "xmp": b"<x>secret</x>", "comment": b"secret"}
    result = processed(tmp_path, encoded(photo((700, 500)), name, **options))
    for file in (result.thumb, result.medium):
        assert file is not None
        data = Path(file.path).read_bytes()
        assert [word for word in (b"Maker", b"secret", b"Exif") if word in data] == []
        assert shown(file).info.get("icc_profile") == (None if name == "GIF" else SRGB)


@pytest.mark.parametrize("name", NAMES[:5])
@pytest.mark.parametrize("value", [1, 6])
def test_metadata_is_removed_when_not_kept(tmp_path: Path, name: str, value: int) -> None:
    """The stored original has none, nor has the result; a clean file is stored as it is."""
    options: dict[str, Any] = {"exif": oriented(value), "xmp": b"<x>secret</x>", "comment": b"secret"}
    result = processed(tmp_path, encoded(photo((700, 500)), name, **options), keep_exif=False)
    assert result.original is not None
    data = Path(result.original.path).read_bytes()
    assert [word for word in (b"Maker", b"secret") if word in data] == []
    assert (result.exif, result.title, result.taken_at) == (None, None, None)
    assert result.width == (500 if value == 6 and name != "GIF" else 700)
    assert processed(tmp_path, data, keep_exif=False).original is None


def test_the_date_is_read_where_metadata_is_not_kept(tmp_path: Path) -> None:
    """An admin may date an upload by its file; the texts are removed, and so is the date in the stored file."""
    block = exif([(0x010E, 2, 6, b"words\0"), (0x0132, 2, 20, b"2019:03:04 05:06:07\0")])
    result = processed(tmp_path, encoded(photo((90, 60)), "JPEG", exif=block), keep_exif=False)
    assert (result.taken_at, result.title, result.description) == ("2019-03-04 05:06:07", None, None)
    assert result.exif is None
    assert result.original is not None
    assert b"2019" not in Path(result.original.path).read_bytes()


def test_an_animated_avif_keeps_its_frames_without_metadata(tmp_path: Path) -> None:
    """It is written anew with all of them."""
    result = processed(tmp_path, animation("AVIF", (90, 60), exif=oriented(1)), keep_exif=False)
    assert (frames(result.original), "exif" in shown(result.original).info) == (3, False)


def test_metadata_of_a_jpeg_is_read(tmp_path: Path) -> None:
    """Texts, date, panorama and Exif come back with the pictures; Exif too long for JPEG is left out of a rewrite."""
    block = exif([(0x010E, 2, 6, b"words\0"), (0x0132, 2, 20, b"2019:03:04 05:06:07\0")])
    packet = b"<x tiff:Orientation='6' GPano:ProjectionType='equirectangular'/>"
    result = processed(tmp_path, encoded(photo((700, 500)), "JPEG", exif=block, xmp=packet), width=600)
    assert (result.description, result.taken_at, result.is_360) == ("words", "2019-03-04 05:06:07", True)
    assert result.exif is not None
    assert (result.exif["ImageDescription"], result.exif["width"]) == ("words", "700")
    assert b"tiff:Orientation='1'" in shown(result.original).info["xmp"]
    long = Outbox(str(tmp_path)).encode(photo((9, 9)), "JPEG", 90, exif=block + b"\0" * 70_000, xmp=packet)
    assert ("exif" in shown(long).info, "xmp" in shown(long).info) == (False, True)
