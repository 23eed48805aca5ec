"""Stored files have safe names in the folder of their date, and the metadata that the site wants."""

from __future__ import annotations

import io
import json
import re
import zlib
from datetime import timedelta

import pytest
from PIL import Image

from chevupload.config import Originals, Policy
from tests.support import PNG, exif_jpeg, picture


@pytest.mark.parametrize("header", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
def test_a_date_that_nobody_counts_to_is_ignored(stand, header):
    """The file comes as if nothing had been asked, and is closed."""
    url = stand.upload()["url"]
    headers = {header: "Thu, 01 Jan 99999 00:00:00 GMT", "Range": "bytes=0-3"}
    assert stand.open(url, headers=headers).status_code in (200, 206)


def test_naming(make):
    """original, random, mixed and id."""
    names = {}
    for naming in ("original", "random", "mixed", "id"):
        image = make(policy=Policy(naming=naming)).upload(filename="photo.png")
        names[naming] = image["name"]
        assert image["original_filename"] == "photo.png"
        if naming == "id":
            assert image["name"] == image["id_encoded"]
    assert names["original"] == "photo"
    assert re.fullmatch("[0-9a-f]{32}", names["random"])
    assert re.fullmatch("photo[0-9a-f]{16}", names["mixed"])


def test_a_taken_name_gets_a_suffix(stand):
    """The second upload of a name, in whatever case, has 16 digits appended."""
    first, second = stand.upload(filename="a.png"), stand.upload(filename="A.jpg")
    assert first["name"] == "a"
    assert re.fullmatch("A[0-9a-f]{16}", second["name"])


def test_the_extension_comes_from_the_content(stand):
    """The client's is believed for the spelling of jpg only; BMP is stored as PNG."""
    jpeg = picture(format="JPEG")
    assert stand.upload(jpeg, "a.exe")["extension"] == "jpeg"
    assert stand.upload(jpeg, "b.JPG")["extension"] == "jpg"
    assert stand.upload(PNG, "c.jpg")["filename"] == "c.png"
    image = stand.upload(picture(format="BMP"), "d.bmp")
    assert (image["extension"], image["mime"], image["source_md5"]) == ("png", "image/png", None)
    assert stand.open(image["url"]).data[:4] == b"\x89PNG"


def test_storage_mode_direct(make):
    """Without date folders."""
    image = make(policy=Policy(storage_mode="direct")).upload()
    assert (image["storage_mode"], image["url"].endswith("/images/photo.png")) == ("direct", True)


def test_exif_is_kept_or_stripped(make):
    """Kept it is described as Chevereto does; stripped, no stored file knows a place, a camera or a text any more."""
    content = exif_jpeg({0x010F: "Camera maker", 0x010E: "A description"})
    kept = make()
    image = kept.upload(content, "a.jpg")
    exif = json.loads(image["original_exifdata"])
    assert (exif["FileName"], exif["FileSize"], exif["Make"]) == ("a.jpg", str(len(content)), "Camera maker")
    assert image["description"] == "A description"
    stripped = make(originals=Originals(keep_exif=False))
    image = stripped.upload(content, "a.jpg")
    assert image["original_exifdata"] is None
    stored = [(stripped.images / name).read_bytes() for name in stripped.stored()]
    assert len(stored) == 2
    for body in stored:
        with Image.open(io.BytesIO(body)) as opened:
            assert dict(opened.getexif().get_ifd(0x8825)) == {}
        assert b"Camera maker" not in body


def test_hostile_file_names(stand):
    """No name leads out of the folder, and none is lost."""
    for name in (
        "../../etc/passwd",
        "..\\..\\x.png",
        ".htaccess",
        "a.php.png",
        "con",
        "file-upload[0]",
        "日本.png",
        ".",
    ):
        image = stand.upload(picture(color=(zlib.crc32(name.encode()) % 255, 1, 2)), name)
        assert re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", image["name"])
        assert stand.open(image["url"]).status_code == 200
        assert stand.open(image["thumb"]["url"]).status_code == 200
    assert all(name.startswith("2026/03/04/") for name in stand.stored())


def test_the_date_follows_the_policys_zone(make):
    """``date`` is in the site's zone, ``date_gmt`` in UTC, and folders follow ``date``."""
    from datetime import timezone

    image = make(policy=Policy(timezone=timezone(timedelta(hours=-6)))).upload()
    assert (image["date"], image["date_gmt"]) == ("2026-03-03 23:06:07", "2026-03-04 05:06:07")
    assert "/2026/03/03/" in image["url"]
