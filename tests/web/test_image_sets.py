"""Pages, codes and previews offer browsers the additional renditions, where these show the same picture."""

from __future__ import annotations

import html
import io
import re

import pytest

from chevupload import Renditions
from chevupload.config import Routes
from tests.media.films import film
from tests.media.heics import heic
from tests.media.pictures import animation, photo
from tests.support import noise

WIDE = {"w800": "800x", "s600": "x300", "w300": "300x", "s90": "90x90^"}


@pytest.fixture
def stand(make):
    """Return a site with two sizes above the medium picture, one below, and a square."""
    return make(
        renditions=Renditions(medium_side=400, extra=WIDE), routes=Routes(oembed="oembed", upload_page="upload")
    )


def sets(page):
    """Return the attributes of each picture of a page that has a choice, and of its HTML code."""
    pattern = r'<img src="([^"]*)" srcset="([^"]*)" sizes="([^"]*)"'
    code = re.search(r'<option data-format="html" value="([^"]*)"', page)[1]
    return re.findall(pattern, page), re.findall(pattern, html.unescape(code))


def test_a_viewer_and_its_code_offer_them(stand):
    """The page all of them below the picture itself; code those above the medium picture, which keeps its place."""
    image = stand.upload(noise((900, 600)), "a.png")
    urls = {name: image[name]["url"] for name in ("image", "medium", *WIDE)}
    (shown,), (code,) = sets(stand.open(image["url_viewer"]).text)
    smaller = f"{urls['w300']} 300w, {urls['s600']} 450w, {urls['w800']} 800w, {urls['image']} 900w"
    assert shown == (urls["image"], smaller, "min(100vw, 72rem)")
    larger = f"{urls['medium']} 400w, {urls['s600']} 450w, {urls['w800']} 800w"
    assert code == (urls["medium"], larger, "400px")


def test_a_page_after_an_upload_without_scripts_does(stand):
    """It has the medium picture, and the codes."""
    token = re.search(r'name="token" value="([^"]*)"', stand.open("/upload").text)
    fields = {"source": (io.BytesIO(noise((900, 600))), "a.png"), "key": "user-key"}
    page = stand.send(fields | ({"token": token[1]} if token else {}), key=None, path="/upload").text
    shown, code = sets(page)
    assert [set_[2] for set_ in (*shown, *code)] == ["400px", "400px"]


@pytest.mark.parametrize(
    ("make_content", "arguments", "name"),
    [(noise, ((80, 60),), "a.png"), (animation, ("GIF", (900, 600)), "a.gif"), (noise, ((90, 90),), "a.png")],
    ids=["small", "moving", "square"],
)
def test_without_a_choice_there_is_none(stand, make_content, arguments, name):
    """A picture that is small, or that would stop moving."""
    image = stand.upload(make_content(*arguments), name)
    assert sets(stand.open(image["url_viewer"]).text) == ([], [])


@pytest.mark.slow
def test_framed_pictures_have_one_and_films_have_none(stand):
    """A browser chooses no poster."""
    image = stand.upload(heic(photo((900, 600))), "a.heic")
    (shown,), (code,) = sets(stand.open(image["url_viewer"]).text)
    assert shown[0] == image["url_frame"]
    assert code[0] == image["medium"]["url"]
    assert image["w800"]["url"] in shown[1]
    page = stand.open(stand.upload(film(size=(900, 600)), "a.mp4")["url_viewer"]).text
    assert "srcset" not in page


def test_oembed_has_the_smallest_that_is_large_enough(stand):
    """Of those that show the whole picture."""
    image = stand.upload(noise((900, 600)), "a.png")
    for width, name in ((90, "w300"), (400, "medium"), (401, "s600"), (451, "w800"), (801, "image")):
        answer = stand.open(f"/oembed?url={image['url_viewer']}&format=json&maxwidth={width}")
        assert answer.json["url"] == image[name]["url"], width
