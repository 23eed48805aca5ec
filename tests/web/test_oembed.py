"""oEmbed: other sites ask what to show of a viewer link, and get what fits."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from chevupload.config import Routes
from tests.media.films import film
from tests.support import assert_refusal, noise

pytestmark = pytest.mark.mounts

ROUTE = "/oembed"


@pytest.fixture
def stand(make):
    """Return a component that answers there."""
    return make(routes=Routes(oembed="oembed"))


def ask(stand, url, **query):
    text = "".join(f"&{name}={value}" for name, value in query.items())
    return stand.open(f"{ROUTE}?url={quote(url, safe='')}{text}")


def test_a_picture(stand):
    """The file with its size, a thumbnail, and whose site it is; pages of other sites may read it."""
    image = stand.upload(noise((60, 40)), title="A cat")
    answer = ask(stand, image["url_viewer"], format="json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.json == {
        "version": "1.0",
        "type": "photo",
        "title": "A cat",
        "provider_name": "site.test",
        "provider_url": f"{stand.base}/",
        "url": image["url"],
        "width": 60,
        "height": 40,
        "thumbnail_url": image["thumb"]["url"],
        "thumbnail_width": 320,
        "thumbnail_height": 320,
    }
    for other in (image["url_short"], image["url_viewer"] + "?x=1#y", image["url_viewer"].replace("site", "SITE")):
        assert ask(stand, other).json == answer.json


@pytest.mark.slow
@pytest.mark.parametrize(
    ("box", "size", "file"),
    [
        ({}, (800, 600), "image"),
        ({"maxwidth": 640}, (640, 480), "image"),
        ({"maxwidth": 500}, (500, 375), "medium"),
        ({"maxwidth": 400, "maxheight": 150}, (200, 150), "medium"),
        ({"maxwidth": 0, "maxheight": ""}, (800, 600), "image"),
    ],
)
def test_what_is_shown_fits(stand, box, size, file):
    """In its own shape, from the smallest file that is large enough; a thumbnail that does not fit is left out."""
    image = stand.upload(noise((800, 600)))
    found = ask(stand, image["url_viewer"], **box).json
    assert ((found["width"], found["height"]), found["url"]) == (size, image[file]["url"])
    assert ("thumbnail_url" in found) == (min(box.get("maxwidth") or 999, box.get("maxheight") or 999) >= 320)


def test_a_video_is_markup_that_runs_nothing(stand):
    """A video element, with every value escaped."""
    image = stand.upload(film(), filename="a.mp4", title='"><script>x</script>')
    found = ask(stand, image["url_viewer"]).json
    assert found["type"] == "video"
    assert found["html"].startswith(
        f'<video src="{image["url"]}" poster="{image["url_frame"]}" width="{image["width"]}"'
    )
    assert re.findall(r"<(\w+)", found["html"]) == ["video", "a"]
    assert "autoplay" not in found["html"]


def test_what_is_not_safe_for_work_is_a_link(stand):
    """Nobody's page shows it unasked."""
    found = ask(stand, stand.upload(nsfw="1", title="Careful")["url_viewer"]).json
    assert (found["type"], found["title"]) == ("link", "Careful")
    assert not [value for value in found.values() if "/images/" in str(value)]


def test_what_expires_is_not_kept_longer(stand):
    """Whoever asked is told for how long the answer holds; after that there is none."""
    image = stand.upload(expiration="PT1H")
    stand.clock.move(minutes=10)
    assert ask(stand, image["url_viewer"]).json["cache_age"] == 3000
    stand.clock.move(minutes=50)
    assert_refusal(ask(stand, image["url_viewer"]), 410, 410)


def test_what_is_deleted_is_gone(stand):
    """At once."""
    image = stand.upload()
    stand.open(image["delete_url"], "DELETE")
    assert_refusal(ask(stand, image["url_viewer"]), 404, 404)


def test_only_viewers_of_this_site(stand):
    """Neither other sites' addresses, nor files, delete links and pages of our own."""
    image = stand.upload()
    viewer = image["url_viewer"]
    for url in (
        viewer.replace("site.test", "other.test"),
        viewer.replace("http:", "ftp:"),
        f"http://site.test@other.test/image/{image['id_encoded']}",
        image["url"],
        image["delete_url"],
        f"{stand.base}/",
        f"{stand.base}/image/none",
        "http://[/",
        "x",
    ):
        assert_refusal(ask(stand, url), 404, 404)


def test_what_cannot_be_meant_is_refused(stand):
    """No address, a box without a number, and a format that is not there."""
    viewer = stand.upload()["url_viewer"]
    assert_refusal(stand.open(ROUTE), 400, 400)
    assert_refusal(ask(stand, viewer, maxwidth="wide"), 400, 400)
    assert_refusal(ask(stand, viewer, format="png"), 400, 400)
    assert_refusal(ask(stand, viewer, format="xml"), 501, 501)
    answer = stand.open(ROUTE, "POST")
    assert_refusal(answer, 405, 405)
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


def test_it_can_be_renamed_and_switched_off(make):
    """Without viewers there is nothing to ask for."""
    assert make(routes=Routes(oembed="api/1/oembed")).open("/api/1/oembed").status_code == 400
    for routes in (Routes(), Routes(oembed="oembed", viewer=None, video=None)):
        stand = make(routes=routes)
        assert stand.component.routes.oembed is None
        assert stand.open(ROUTE).status_code == 404
