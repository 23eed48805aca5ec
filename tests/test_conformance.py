"""Facts about the wire, each in a table: what existing clients and recorded answers rely on."""

from __future__ import annotations

import io
from datetime import UTC, timedelta
from typing import Any

import pytest

from chevupload.config import Config, Policy, Renditions
from chevupload.model import Upload
from chevupload.protocols import Storage
from chevupload.spool import format_bytes
from chevupload.storage.registry import Storages
from chevupload.testing.memory import MemoryStorage
from chevupload.web.api_json import escape_html, image_document, ratio, success_document
from chevupload.web.urls import Links
from tests.support import NOW, noise

RENDITIONS = Renditions()
MEMBERS = [
    "name",
    "extension",
    "size",
    "width",
    "height",
    "date",
    "date_gmt",
    "title",
    "tags",
    "description",
    "nsfw",
    "storage_mode",
    "md5",
    "source_md5",
    "original_filename",
    "original_exifdata",
    "views",
    "category_id",
    "chain",
    "thumb_size",
    "medium_size",
    "frame_size",
    "expiration_date_gmt",
    "likes",
    "is_animated",
    "is_approved",
    "is_360",
    "duration",
    "type",
    "tags_string",
    "file",
    "id_encoded",
    "filename",
    "mime",
    "url",
    "ratio",
    "size_formatted",
    "frame",
    "image",
    "thumb",
    "url_frame",
    "medium",
    "duration_time",
    "url_viewer",
    "path_viewer",
    "url_short",
    "display_url",
    "display_width",
    "display_height",
    "views_label",
    "likes_label",
    "how_long_ago",
    "date_fixed_peer",
    "title_truncated",
    "title_truncated_html",
    "is_use_loader",
    "display_title",
    "delete_url",
]
FILE_MEMBERS = ["filename", "name", "mime", "extension", "url", "size"]


def document(
    imgbb: bool = False,
    renditions: Renditions = RENDITIONS,
    storage: Storage | None = None,
    tag_url: str | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Describe an upload of 900 by 601 pixels with a thumbnail."""
    values = {
        "id": "abc",
        "owner_id": "user",
        "created_at": NOW,
        "received_at": NOW,
        "folder": "2026/03/04",
        "name": "a",
        "extension": "png",
        "size": 1000,
        "width": 900,
        "height": 601,
        "md5": "0" * 32,
        "original_filename": "a.png",
        "storage_mode": "datefolder",
        "thumb_size": 10,
    }
    links = Links(
        {},
        config=Config(base_url="https://x.test", renditions=renditions, policy=Policy(tag_url=tag_url)),
        storages=Storages(storage or MemoryStorage()),
        sign=lambda upload_id: f"sign-{upload_id}",
        signed_url=lambda upload, path: None,
    )
    upload = Upload(**(values | fields))
    return image_document(upload, links, timezone=UTC, renditions=renditions, imgbb=imgbb)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1049, "1 KB"),
        (1050, "1.1 KB"),
        (53_237, "53.2 KB"),
        (296_362, "296.4 KB"),
        (999_950, "1000 KB"),
        (3_011_299, "3 MB"),
        (1_000_000_000, "1 GB"),
    ],
)
def test_size_formatted(size, expected):
    """Decimal units, one decimal, halves up."""
    assert format_bytes(size) == expected


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [(2, 1, 2), (300, 300, 1), (1, 2, 0.5), (1240, 900, 1.3777777777777778), (3, 2, 1.5)],
)
def test_ratio(width, height, expected):
    """An integer where it divides exactly."""
    found = ratio(width, height)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        (None, ""),
        ("x" * 28, "x" * 28),
        ("x" * 29, "x" * 25 + "..."),
        ("x" * 24 + " " + "y" * 9, "x" * 24 + "..."),
        ("é" * 29, "é" * 25 + "..."),
    ],
)
def test_title_truncated(title, expected):
    """28 characters stay, longer ones are cut to 25 and dots."""
    assert document(title=title)["title_truncated"] == expected


def test_escaping():
    """Named entities, without double encoding of what is text."""
    assert escape_html('<a href="x">\'&amp;') == "&lt;a href=&quot;x&quot;&gt;&apos;&amp;amp;"


@pytest.mark.parametrize(
    ("fields", "url", "width", "height", "chain"),
    [
        ({}, "a.png", 900, 601, 5),
        ({"size": 200_000}, "a.png", 900, 601, 5),
        ({"size": 200_001}, "a.th.png", "320", "320", 5),
        ({"medium_size": 20}, "a.md.png", "500", 334, 7),
        ({"medium_size": 20, "size": 9_000_000}, "a.md.png", "500", 334, 7),
        ({"medium_size": 20, "width": 20_000, "height": 1}, "a.md.png", "500", 1, 7),
        ({"extension": "mp4", "frame_size": 30, "medium_size": 40}, "a.fr.jpeg", 900, 601, 23),
        ({"extension": "mp4", "frame_size": 50, "medium_size": 40}, "a.md.jpeg", "500", 334, 23),
        ({"extension": "mp4", "frame_size": 50, "size": 9_000_000}, "a.fr.jpeg", 900, 601, 21),
    ],
)
def test_display_and_chain(fields, url, width, height, chain):
    """What pages show, and which files there are."""
    found = document(**fields)
    assert found["display_url"] == f"https://x.test/images/2026/03/04/{url}"
    assert (found["display_width"], found["display_height"]) == (width, height)
    assert found["chain"] == chain


def test_members_and_their_order():
    """Every member of the specification's examples; ``frame`` for videos only."""
    assert list(document()) == [name for name in MEMBERS if name != "frame"]
    video = document(extension="mp4", frame_size=5, medium_size=5, duration=75)
    assert list(video) == MEMBERS
    for name in ("frame", "image", "thumb", "medium"):
        assert list(video[name]) == FILE_MEMBERS
    assert (video["type"], video["duration_time"], video["mime"]) == ("video", "01:15", "video/mp4")
    assert video["url_viewer"] == "https://x.test/clip/abc"
    assert video["url_frame"] == video["frame"]["url"] == "https://x.test/images/2026/03/04/a.fr.jpeg"


def test_a_missing_medium_has_null_members():
    """Five of them, and no size."""
    assert document()["medium"] == dict.fromkeys(["filename", "name", "mime", "extension", "url"])
    assert document()["thumb"] == {
        "filename": "a.th.png",
        "name": "a.th",
        "mime": "image/png",
        "extension": "png",
        "url": "https://x.test/images/2026/03/04/a.th.png",
        "size": 10,
    }


def test_types_and_constants():
    """What has one value always, and what changes its type."""
    found = document(is_animated=True, nsfw=True, is_360=True, expires_at=NOW + timedelta(days=1), size=5_000_001)
    expected = {
        "date": "2026-03-04 05:06:07",
        "date_gmt": "2026-03-04 05:06:07",
        "date_fixed_peer": "2026-03-04 05:06:07",
        "expiration_date_gmt": "2026-03-05 05:06:07",
        "views": 0,
        "likes": 0,
        "is_approved": 1,
        "is_animated": 1,
        "is_360": 1,
        "nsfw": 1,
        "duration_time": "",
        "url_frame": "",
        "file": {"resource": {"type": "path"}},
        "views_label": "views",
        "likes_label": "likes",
        "how_long_ago": "moments ago",
        "is_use_loader": True,
        "display_title": "a.png",
        "title": None,
        "delete_url": "https://x.test/image/abc/delete/sign-abc",
        "path_viewer": "/image/abc",
    }
    assert {name: found[name] for name in expected} == expected
    assert document(size=5_000_000)["is_use_loader"] is False


def test_tags():
    """Objects with the escaped and the quoted name; the URL is where the host has tags, and a text in any case."""
    (tag,) = document(tags=("a&b c",))["tags"]
    assert tag == {"name": "a&b c", "name_safe_html": "a&amp;b c", "url_key": "a%26b%20c", "url": "/tag/a%26b%20c"}
    (tag,) = document(tags=("a&b c",), tag_url="https://host.test/find?tag={tag}#found")["tags"]
    assert tag["url"] == "https://host.test/find?tag=a%26b%20c#found"


def test_a_file_with_a_url_of_its_storage_is_said_to_have_one():
    """``path`` is a file that this server sends, ``url`` one that its storage sends itself."""
    public = MemoryStorage(public_url="https://cdn.test/x")
    assert [document(storage=storage)["file"]["resource"]["type"] for storage in (None, public)] == ["path", "url"]


def test_the_side_that_a_setting_gives_is_a_text():
    """Of the medium picture: its width, or its height where that is fixed; the other one follows."""
    for fixed, expected in (("width", ("500", 334)), ("height", (749, "500"))):
        found = document(renditions=Renditions(medium_fixed=fixed), medium_size=10)
        assert (found["display_width"], found["display_height"]) == expected


def test_imgbb_members():
    """``id`` beside ``id_encoded``, and seconds."""
    found = document(imgbb=True, expires_at=NOW + timedelta(hours=1))
    assert (found["id"], found["time"], found["expiration"]) == ("abc", int(NOW.timestamp()), 3600)
    assert document(imgbb=True)["expiration"] == 0
    assert list(success_document({}, imgbb=True)) == ["status_code", "status", "success", "data", "status_txt"]


def test_the_whole_way(stand):
    """An answer as clients see it has the same members."""
    answer = stand.send({"source": (io.BytesIO(noise((600, 400))), "a.png")})
    assert list(answer.json) == ["status_code", "success", "image", "status_txt"]
    assert list(answer.json["image"]) == [name for name in MEMBERS if name != "frame"]
    assert answer.json["image"]["display_width"] == "500"
