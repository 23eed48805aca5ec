"""Videos go the whole way: answered as the specification's example, played, deleted and swept with all their files."""

from __future__ import annotations

import base64
import io
import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from PIL import Image

from chevupload.config import Limits, Policy
from chevupload.model import FileHeaders
from chevupload.testing.memory import MemoryStorage
from chevupload.uploads.consistency import CheckReport
from chevupload.uploads.sweep import SweepReport
from tests.media.films import NAMES, film
from tests.support import EMPTY, Clock, assert_refusal, picture

STEM = "2024/10/10/Badgers-animated-music-video"
IMAGES = f"http://site.test/images/{STEM}"
TITLE = "Badgers animated music video MrWeebl"
SIZE = 3_011_299


def pictured(suffix: str, extension: str, mime: str, **more: Any) -> dict[str, Any]:
    name = f"Badgers-animated-music-video{suffix}"
    url = f"{IMAGES}{suffix}.{extension}"
    return {"filename": f"{name}.{extension}", "name": name, "mime": mime, "extension": extension, "url": url, **more}


EXAMPLE: dict[str, Any] = {
    "name": "Badgers-animated-music-video",
    "extension": "mp4",
    "size": SIZE,
    "width": 496,
    "height": 360,
    "date": "2024-10-10 16:58:00",
    "date_gmt": "2024-10-10 19:58:00",
    "title": TITLE,
    "tags": [],
    "description": None,
    "nsfw": 0,
    "storage_mode": "datefolder",
    "md5": str,
    "source_md5": None,
    "original_filename": "Badgers-animated-music-video.mp4",
    "original_exifdata": None,
    "views": 0,
    "category_id": None,
    "chain": 21,
    "thumb_size": int,
    "medium_size": 0,
    "frame_size": int,
    "expiration_date_gmt": "2024-10-10 20:28:00",
    "likes": 0,
    "is_animated": 0,
    "is_approved": 1,
    "is_360": 0,
    "duration": 73,
    "type": "video",
    "tags_string": "",
    # Only a storage elsewhere is a "url" in the specification.
    "file": {"resource": {"type": "path"}},
    "id_encoded": str,
    "filename": "Badgers-animated-music-video.mp4",
    "mime": "video/mp4",
    "url": f"{IMAGES}.mp4",
    "ratio": 1.3777777777777778,
    "size_formatted": "3 MB",
    "frame": pictured(".fr", "jpeg", "image/jpeg", size=int),
    "image": pictured("", "mp4", "video/mp4", size=SIZE),
    "thumb": pictured(".th", "jpeg", "image/jpeg", size=int),
    "url_frame": f"{IMAGES}.fr.jpeg",
    "medium": dict.fromkeys(["filename", "name", "mime", "extension", "url"]),
    "duration_time": "01:13",
    "url_viewer": "http://site.test/clip/Badgers-animated-music-video-MrWeebl.ID",
    "path_viewer": "/clip/Badgers-animated-music-video-MrWeebl.ID",
    "url_short": "http://site.test/clip/ID",
    "display_url": f"{IMAGES}.fr.jpeg",
    "display_width": 496,
    "display_height": 360,
    "views_label": "views",
    "likes_label": "likes",
    "how_long_ago": "moments ago",
    "date_fixed_peer": "2024-10-10 19:58:00",
    "title_truncated": "Badgers animated music vi...",
    "title_truncated_html": "Badgers animated music vi...",
    "is_use_loader": False,
    "display_title": TITLE,
    "delete_url": str,
}
"""What the specification's second example says of a film of 73 seconds; a type where the value is the bytes' own."""


@pytest.fixture
def prefix() -> str:
    """Mount at the root, where the site of the example stands."""
    return ""


def padded(data: bytes, size: int) -> bytes:
    """Append a box that every player passes over."""
    return data + struct.pack(">I4s", size - len(data), b"free") + bytes(size - len(data) - 8)


def agrees(expected: Any, found: Any) -> bool:
    if isinstance(expected, type):
        return type(found) is expected and found not in (0, "")
    if isinstance(expected, dict):
        return sorted(expected) == sorted(found) and all(agrees(expected[name], found[name]) for name in expected)
    return (type(found), found) == (type(expected), expected)


@pytest.mark.slow
def test_the_answer_is_the_specifications_example(make):
    """Every member, its type, and its value wherever that does not come from the bytes."""
    clock = Clock(datetime(2024, 10, 10, 19, 58, tzinfo=UTC))
    stand = make(policy=Policy(timezone=timezone(timedelta(hours=-3))), clock=clock)
    content = padded(film("mp4", (496, 360), 73), SIZE)
    image = stand.upload(content, "Badgers-animated-music-video.mp4", title=TITLE, expiration="PT30M")
    document = {
        name: value.replace(image["id_encoded"], "ID") if "viewer" in name or name == "url_short" else value
        for name, value in image.items()
    }
    assert {name: value for name, value in document.items() if not agrees(EXAMPLE[name], value)} == {}
    assert list(document) == list(EXAMPLE)


def test_the_title_is_the_files(stand):
    """The name of the file in the specification's example gives its title."""
    assert stand.upload(film(), "Badgers _ animated music video _ MrWeebl.mp4")["title"] == TITLE


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("declared", ["video/mp4", "application/octet-stream", "image/jpeg"])
def test_the_content_decides(stand, name, declared):
    """Whatever name and type a client declares, format, extension and type are the content's."""
    content = film(NAMES[name], (640, 360))
    answer = stand.send({"source": (io.BytesIO(content), "film.jpg", declared)}, key="guest-key")
    image = answer.json["image"]
    assert (image["type"], image["extension"], image["filename"]) == ("video", name.lower(), f"film.{name.lower()}")
    assert (image["chain"], image["display_width"], image["display_height"]) == (23, "500", 281)
    served = stand.open(image["url"])
    assert (served.data, served.content_type) == (content, image["mime"])


def test_a_picture_that_is_sent_as_a_video_is_a_picture(stand):
    """The declared type is not believed here either."""
    answer = stand.send({"source": (io.BytesIO(picture()), "film.mp4", "video/mp4")})
    assert (answer.json["image"]["type"], answer.json["image"]["extension"]) == ("image", "png")


def test_base64_of_a_video(stand):
    """A film is a source like any other, and gets the extension of its content."""
    answer = stand.send({"source": base64.b64encode(film("webm")).decode()})
    assert answer.json["image"]["original_filename"].endswith(".webm")


def test_every_stored_file_has_its_own_type(make):
    """The pictures of a film are JPEG files, for a storage that serves them itself and for us."""
    storage = Types()
    stand = make(storage=storage)
    image = stand.upload(film("mp4", (640, 360)), "a.mp4")
    assert sorted(storage.types.items()) == [
        ("2026/03/04/a.fr.jpeg", "image/jpeg"),
        ("2026/03/04/a.md.jpeg", "image/jpeg"),
        ("2026/03/04/a.mp4", "video/mp4"),
        ("2026/03/04/a.th.jpeg", "image/jpeg"),
    ]
    for member, size in (("frame", (640, 360)), ("medium", (500, 281)), ("thumb", (320, 320))):
        served = stand.open(image[member]["url"])
        assert (served.content_type, Image.open(io.BytesIO(served.data)).size) == ("image/jpeg", size)
        assert len(served.data) == image[member]["size"]


class Types(MemoryStorage):
    """A storage that remembers of which type its files are."""

    def __init__(self) -> None:
        super().__init__()
        self.types: dict[str, str] = {}

    def save(self, path: str, file: Any, *, headers: FileHeaders) -> None:
        self.types[path] = headers.content_type
        super().save(path, file, headers=headers)


def test_the_viewer_plays(stand):
    """It shows the frame until it is asked to play, and seeks by ranges."""
    content = film()
    image = stand.upload(content, "a.mp4")
    page = stand.open(image["url_viewer"])
    assert (
        f'<video src="{image["url"]}" poster="{image["url_frame"]}" width="64" height="48" controls preload="none"'
    ) in page.text
    assert "autoplay" not in page.text
    assert " · 4 seconds" in page.text
    assert "<dt>Length</dt><dd>4 seconds</dd>" in page.text
    assert "media-src 'self'" in page.headers["Content-Security-Policy"]
    assert f'<meta property="og:image" content="{image["url_frame"]}">' in page.text
    assert f"[video]{image['url']}[/video]" in page.text
    part = stand.open(image["url"], headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.data) == (206, content[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
    assert part.headers["Accept-Ranges"] == "bytes"
    assert stand.open(image["url_viewer"], "HEAD").status_code == 200
    assert stand.open(f"/image/{image['id_encoded']}").headers["Location"].endswith(image["path_viewer"])


def test_a_delete_link_removes_every_file(stand):
    """The frame, too."""
    image = stand.upload(film("mp4", (640, 360)), "a.mp4")
    asking = stand.open(image["delete_url"])
    assert "The video, its thumbnails" in asking.text
    assert len(stand.stored()) == 4
    assert stand.open(image["delete_url"], "DELETE").status_code == 200
    assert stand.left() == EMPTY
    assert stand.open(image["url_frame"]).status_code == 404


def test_expiry_and_sweep_cover_the_frame(stand):
    """It is gone for readers at its moment, and from the disk with the next sweep."""
    image = stand.upload(film(), "a.mp4", expiration="600")
    stand.clock.move(seconds=600)
    assert [stand.open(image[name]["url"]).status_code for name in ("image", "frame", "thumb")] == [410] * 3
    assert stand.component.maintenance.sweep() == SweepReport(uploads=1, temporary_files=0, failed=0)
    assert stand.left() == EMPTY


def test_a_missing_frame_is_found(stand):
    """The check looks for every file of a film."""
    image = stand.upload(film(), "a.mp4")
    (stand.images / "2026/03/04/a.fr.jpeg").unlink()
    assert stand.component.maintenance.check() == CheckReport(
        uploads=1, missing=((image["id_encoded"], "2026/03/04/a.fr.jpeg"),)
    )


@pytest.mark.parametrize(
    ("policy", "content", "status", "code", "message"),
    [
        (Policy(), film()[:300], 400, 100, "Invalid video file provided"),
        (Policy(), film("matroska", codec="h264"), 415, 613, "Unavailable image format"),
        (Policy(formats=("JPEG", "WEBM")), film(), 415, 614, "Disabled image format (mp4)"),
    ],
    ids=["broken", "other", "disabled"],
)
def test_refusals(refusing, policy, content, status, code, message):
    """Broken films, other containers and formats that the site switched off are told apart."""
    answer = refusing(policy=policy).send({"source": (io.BytesIO(content), "a.mp4", "video/mp4")})
    assert_refusal(answer, status, code, message)


@pytest.mark.parametrize(
    ("limits", "key"),
    [(Limits(), "small-key"), (Limits(max_guest_bytes=900), "guest-key"), (Limits(max_pixels=64 * 48 - 1), "user-key")],
    ids=["user", "guest", "pixels"],
)
def test_limits(refusing, limits, key):
    """A sender's bytes, and the pixels of one frame."""
    answer = refusing(limits=limits).send({"source": (io.BytesIO(film()), "a.mp4")}, key=key)
    assert_refusal(answer, 413, 400)
