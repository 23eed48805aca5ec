"""Every parameter of an upload arrives in answer, record and file."""

from __future__ import annotations

import hashlib
import io
import re
from datetime import timedelta

import pytest
from PIL import Image

from chevupload.config import Policy
from tests.support import BASE64, NOW, UPLOAD, animation, exif_jpeg, file, noise


def test_texts(stand):
    """Title, description, tags, album, category and nsfw arrive in answer and record."""
    image = stand.upload(
        title="<b>T</b>" + "x" * 200,
        description="two\nlines",
        tags=" b , a,b, no/slash, no#hash," + "l" * 33,
        album_id="ownalbum",
        category_id="3",
        nsfw="yes",
    )
    assert image["title"] == ("<b>T</b>" + "x" * 200)[:100]
    assert image["description"] == "two\nlines"
    assert [tag["name"] for tag in image["tags"]] == ["b", "a"]
    assert image["tags_string"] == "b, a"
    assert (image["category_id"], image["nsfw"]) == (3, 1)
    assert stand.catalog.get(image["id_encoded"]).album_id == "ownalbum"


def test_name_is_a_title(stand):
    """ImgBB's ``name`` is the title unless there is one; without both it is the file name."""
    assert stand.upload(name="N")["title"] == "N"
    assert stand.upload(name="N", title="T")["title"] == "T"
    assert stand.upload(filename="my_file--name .png")["title"] == "my file name "[:12]
    assert re.fullmatch(r"[0-9a-f]{12}", stand.send({"source": BASE64}).json["image"]["title"])


def test_zero_and_empty_are_absent(stand):
    """An empty value is an absent one, and so is 0."""
    image = stand.upload(title="", width="0", expiration="0", category_id="0", nsfw="", album_id="")
    assert (image["width"], image["expiration_date_gmt"], image["category_id"]) == (8, None, None)
    assert (image["title"], image["nsfw"], image["source_md5"]) == ("photo", 0, None)


def test_json_booleans_are_words(stand):
    """They say yes or no; as a time to live they are refused, not taken for a second."""
    sent = {"method": "POST", "headers": {"X-API-Key": "user-key"}}
    image = stand.open(UPLOAD, json={"source": BASE64, "nsfw": True, "format": None}, **sent).json["image"]
    assert image["nsfw"] == 1
    assert stand.open(UPLOAD, json={"source": BASE64, "nsfw": False}, **sent).json["image"]["nsfw"] == 0
    before = stand.left()
    for name in ("expiration", "width", "category_id"):
        answer = stand.open(UPLOAD, json={"source": BASE64, name: True}, **sent)
        assert (answer.status_code, answer.json["error"]["message"].startswith(f"Invalid {name}")) == (400, True)
    assert stand.left() == before


def test_width_resizes_the_stored_original(stand):
    """Height follows, the file is replaced, and source_md5 keeps the first hash."""
    content = noise((300, 200))
    image = stand.upload(content, width="150")
    assert (image["width"], image["height"], image["ratio"]) == (150, 100, 1.5)
    assert image["source_md5"] == hashlib.md5(content).hexdigest()
    body = stand.open(image["url"]).data
    assert (hashlib.md5(body).hexdigest(), len(body)) == (image["md5"], image["size"])
    with Image.open(io.BytesIO(body)) as stored:
        assert stored.size == (150, 100)


def test_width_of_an_animation_is_ignored(stand):
    """Frames stay."""
    image = stand.upload(animation(), "a.gif", width="10")
    assert (image["width"], image["is_animated"], image["source_md5"]) == (20, 1, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT5M", timedelta(minutes=5)),
        ("600", timedelta(minutes=10)),
        ("1", timedelta(minutes=5)),
        ("P1M", timedelta(days=31)),
        ("P9Y", timedelta(days=365)),
    ],
)
def test_expiration(stand, text, expected):
    """Durations and seconds, between five minutes and a year."""
    image = stand.upload(expiration=text)
    assert image["expiration_date_gmt"] == f"{NOW + expected:%Y-%m-%d %H:%M:%S}"


def test_use_file_date_is_for_admins(stand):
    """The picture's date becomes the upload's, in folder and answer; that of others is ignored, nonsense included."""
    content = exif_jpeg({0x0132: "2020:02:03 04:05:06"})
    image = stand.upload(content, "a.jpg", key="admin-key", use_file_date="1", expiration="600")
    assert (image["date_gmt"], "/2020/02/03/a.jpg" in image["url"]) == ("2020-02-03 04:05:06", True)
    record = stand.catalog.get(image["id_encoded"])
    assert (record.received_at, record.expires_at) == (NOW, NOW + timedelta(seconds=600))
    image = stand.upload(content, "a.jpg", use_file_date="nonsense")
    assert image["date_gmt"] == "2026-03-04 05:06:07"
    assert stand.upload(key="admin-key", use_file_date="1")["date_gmt"] == "2026-03-04 05:06:07"


@pytest.mark.parametrize("date", ["0001:01:01 00:00:00", "9999:12:31 23:59:59", "1500:01:01 00:00:00"])
@pytest.mark.parametrize("zone", ["America/Santiago", "Asia/Tokyo"])
def test_file_dates_at_the_ends_of_time(make, date, zone):
    """A date that another zone cannot spell is no fault of ours."""
    from zoneinfo import ZoneInfo

    stand = make(policy=Policy(timezone=ZoneInfo(zone)))
    content = exif_jpeg({0x0132: date})
    answer = stand.send({"source": file(content, "a.jpg"), "use_file_date": "1"}, key="admin-key")
    assert answer.status_code == 200
    assert stand.open(answer.json["image"]["url"]).status_code == 200
    assert stand.open(answer.json["image"]["url_viewer"]).status_code == 200
