"""What is shown where people paste a viewer's link: tags in its head."""

from __future__ import annotations

import html
import re

import pytest

from chevupload.config import Renditions, Routes
from tests.media.films import film
from tests.support import noise


def tags(stand, image):
    """Read the tags of an upload's page, in which none is there twice."""
    page = stand.open(image["url_viewer"]).text
    found = re.findall(r'<meta (property|name)="((?:og|twitter):[^"]*)" content="([^"]*)">', page)
    assert all(kind == ("name" if name.startswith("twitter:") else "property") for kind, name, _ in found)
    assert len({name for _, name, _ in found}) == len(found)
    return {name: html.unescape(value) for _, name, value in found}


def test_a_picture(stand):
    """Absolute links, with type and size of what they lead to."""
    image = stand.upload(noise((600, 400)), title='A "cat"', description="D" * 400)
    medium = image["medium"]["url"]
    assert tags(stand, image) == {
        "og:type": "photo",
        "og:title": 'A "cat"',
        "og:description": "D" * 300,
        "og:url": image["url_viewer"],
        "og:image": medium,
        "og:image:type": "image/png",
        "og:image:width": "500",
        "og:image:height": "333",
        "og:image:alt": 'A "cat"',
        "twitter:card": "summary_large_image",
        "twitter:title": 'A "cat"',
        "twitter:description": "D" * 200,
        "twitter:image": medium,
        "twitter:image:alt": 'A "cat"',
    }
    assert f'<link rel="canonical" href="{image["url_viewer"]}">' in stand.open(image["url_viewer"]).text


@pytest.mark.slow
def test_sizes_are_those_of_the_files(stand):
    """What a preview makes room for is what it then gets."""
    from io import BytesIO

    from PIL import Image

    for size in ((600, 401), (8, 6), (501, 3), (1000, 999)):
        found = tags(stand, stand.upload(noise(size), title="x"))
        with Image.open(BytesIO(stand.open(found["og:image"]).data), formats=["PNG"]) as shown:
            assert (found["og:image:width"], found["og:image:height"]) == tuple(map(str, shown.size))


def test_a_video(stand):
    """The film itself, and a frame of it as the picture."""
    found = tags(stand, image := stand.upload(film(size=(64, 48)), filename="a.mp4"))
    assert found["og:type"] == "video.other"
    assert {name: value for name, value in found.items() if name.startswith("og:video")} == {
        "og:video": image["url"],
        "og:video:type": "video/mp4",
        "og:video:width": str(image["width"]),
        "og:video:height": str(image["height"]),
    }
    assert (found["og:image"], found["og:image:type"]) == (image["url_frame"], "image/jpeg")
    assert found["twitter:card"] == "summary_large_image"


def test_what_is_secure_is_said_to_be(make):
    """Over https only."""
    stand = make(base_url="https://pictures.example")
    image = stand.upload()
    found = tags(stand, image | {"url_viewer": image["path_viewer"]})
    assert found["og:image:secure_url"] == found["og:image"] == image["url"]


@pytest.mark.parametrize("kind", ["picture", "video"])
def test_what_is_not_safe_for_work_is_not_shown(stand, kind):
    """A title and a page, but neither picture nor video, in any tag."""
    image = stand.upload(film(), filename="a.mp4", nsfw="1") if kind == "video" else stand.upload(nsfw="1")
    found = tags(stand, image)
    assert (found["og:type"], found["twitter:card"]) == ("website", "summary")
    assert [name for name in found if "image" in name or "video:" in name] == []
    assert [value for value in found.values() if "/images/" in value] == []


def test_other_sites_are_told_where_to_ask(make):
    """As long as there is a route to ask at."""
    stand = make(routes=Routes(oembed="oembed"))
    image = stand.upload(title="A & B")
    head = stand.open(image["url_viewer"]).text
    found = re.search(r'<link rel="alternate" type="application/json\+oembed" href="([^"]+)" title="([^"]+)">', head)
    assert html.unescape(found[2]) == "A & B"
    assert stand.open(html.unescape(found[1])).json["url"] == image["url"]
    without = make()
    assert "oembed" not in without.open(without.upload()["url_viewer"]).text


@pytest.mark.slow
def test_renditions_decide(make):
    """The medium picture is as wide as the site has it, or as high."""
    for renditions, width, height in (
        (Renditions(medium_side=100), "100", "50"),
        (Renditions(medium_side=100, medium_fixed="height"), "200", "100"),
    ):
        stand = make(renditions=renditions)
        found = tags(stand, stand.upload(noise((400, 200))))
        assert (found["og:image:width"], found["og:image:height"]) == (width, height)


def test_types_are_those_that_embedders_test(stand):
    """By the rules of Discourse, which shows pictures and films by themselves where these hold."""
    picture = tags(stand, stand.upload())
    assert re.search("photo|image", picture["og:type"])
    assert picture["og:image"]
    video = tags(stand, stand.upload(film(), filename="a.mp4"))
    assert re.match(r"video[/.]", video["og:type"])
    assert (video["og:video:type"], bool(video["og:video"])) == ("video/mp4", True)
