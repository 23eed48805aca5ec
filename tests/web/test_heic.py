"""HEIC goes the whole way: stored as it came, shown as JPEG, and gone with all its files."""

from __future__ import annotations

import hashlib
import io
import re

import pytest
from PIL import Image

from chevupload.config import Originals, Policy
from tests.media.heics import heic
from tests.media.pictures import oriented, photo
from tests.support import EMPTY, assert_refusal


@pytest.fixture(scope="module")
def content() -> bytes:
    """Return a picture of a telephone."""
    return heic(photo((640, 480)), exif=oriented(6))


@pytest.mark.slow
def test_it_is_stored_as_it_is_and_shown_as_jpeg(stand, content):
    """Whatever name it comes by; every address that a page shows leads to a JPEG."""
    image = stand.upload(content, "IMG_0001.JPG")
    assert (image["filename"], image["mime"], image["type"]) == ("IMG_0001.heic", "image/heic", "image")
    assert (image["width"], image["height"], image["chain"], image["duration_time"]) == (640, 480, 23, "")
    served = stand.open(image["url"])
    assert (served.data, served.content_type) == (content, "image/heic")
    for member, size in (("frame", (640, 480)), ("medium", (500, 375)), ("thumb", (320, 320))):
        served = stand.open(image[member]["url"])
        assert (served.content_type, Image.open(io.BytesIO(served.data)).size) == ("image/jpeg", size)
    assert image["display_url"] in (image["medium"]["url"], image["frame"]["url"])
    assert image["url_frame"] == image["frame"]["url"]


def test_the_viewer_shows_the_frame(stand, content):
    """The picture that browsers know, in full size behind a link; the one that was sent is among the links to copy."""
    image = stand.upload(content)
    page = stand.open(image["url_viewer"]).text
    assert re.search(
        f'<a href="{image["url_frame"]}"[^>]*><img src="{image["url_frame"]}" width="640" height="480"', page
    )
    assert f'href="{image["url"]}" download="photo.heic"' in page
    assert image["url"] in page
    assert f'<meta property="og:image" content="{image["url_frame"]}">' in page
    assert "<video" not in page


def test_a_delete_link_removes_every_file(stand, content):
    """The frame, too."""
    image = stand.upload(content)
    assert len(stand.stored()) == 4
    assert stand.open(image["delete_url"], "DELETE").status_code == 200
    assert stand.left() == EMPTY


def test_what_is_written_anew_is_a_jpeg(make, content):
    """A client that wants another width gets an upload like any JPEG's."""
    image = make().upload(content, "a.heic", width="320")
    assert (image["filename"], image["mime"], image["url_frame"]) == ("a.jpeg", "image/jpeg", "")
    assert image["width"] == 320


def test_a_site_that_keeps_no_metadata_stores_heic(make, content):
    """Told by its own hash; every file of it is without camera and place."""
    stand = make(originals=Originals(keep_exif=False))
    image = stand.upload(content, "a.heic")
    served = stand.open(image["url"]).data
    assert (image["mime"], image["size"], len(served)) == ("image/heic", len(content), len(content))
    assert image["md5"] == hashlib.md5(served).hexdigest() != hashlib.md5(content).hexdigest()
    files = [served, *(stand.open(image[name]["url"]).data for name in ("frame", "medium", "thumb"))]
    assert (b"Maker" in content, [file for file in files if b"Maker" in file]) == (True, [])


def test_a_site_may_refuse_it(refusing, content):
    """As any other format."""
    answer = refusing(policy=Policy(formats=("JPEG",))).send({"source": (io.BytesIO(content), "a.heic")})
    assert_refusal(answer, 415, 614, "Disabled image format (heic)")
