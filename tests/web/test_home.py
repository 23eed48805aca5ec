"""The start page, and the script for other sites: there where they are asked for, and nowhere else."""

from __future__ import annotations

import re

import pytest

from chevupload import Pages, Policy, Principal, Routes
from chevupload.cli.request_parser import ROUTES
from tests.support import Stand, picture

pytestmark = pytest.mark.mounts


def test_they_are_off_by_default(stand):
    """Around a host, its own paths stay its own."""
    for path in ("/", "/sdk/pup.js", "/oembed", "/api/1/oembed"):
        assert stand.component.respond({"PATH_INFO": path, "REQUEST_METHOD": "GET"}) is None


@pytest.mark.parametrize(("home", "path"), [("/", "/"), ("/", ""), ("start", "/start")])
def test_the_start_page_leads_to_the_others(make, home, path):
    """To those that are there, below the mount point; each link works. The upload page's form is there itself."""
    routes = Routes(home=home, upload_page="up", api_page="about")
    stand = make(routes=routes, pages=Pages(site_name="A & B"))
    answer = stand.open(path)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert "<title>A &amp; B</title>" in answer.text
    assert f'<form class="stack narrow" method="post" action="{stand.prefix}/up"' in answer.text
    urls = re.findall(r'<a class="card row" href="([^"]*)">', answer.text)
    assert urls == [f"{stand.prefix}/about"]
    for url in urls:
        assert stand.open(url.removeprefix(stand.prefix)).status_code == 200
    assert stand.open(path, "HEAD").data == b""
    refused = stand.open(path, "POST")
    assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")


def test_a_user_sees_the_last_uploads(make):
    """Their own six, the newest first, with no picture of what is sensitive; a guest sees none."""
    ann = Principal(user_id="user")
    current = {"user": ann}
    stand = make(
        routes=Routes(home="/", upload_page="upload"),
        policy=Policy(guest_page=True),
        current_user=lambda environ: current["user"],
    )
    assert "Recent" not in stand.open("/").text
    for number in range(7):
        stand.clock.move(seconds=1)
        stand.upload(picture((8 + number, 6)), f"n{number}.png", nsfw="1" if number == 5 else "0")
    stand.upload(key="other-key")
    page = stand.open("/").text
    recent = page[page.index('<h2 id="recent">') :]
    assert re.findall('title="(n[0-9])"', recent) == ["n6", "n5", "n4", "n3", "n2", "n1"]
    pictures = re.findall('<img src="([^"]*)"', recent)
    assert len(pictures) == 5
    assert [stand.open(url).status_code for url in pictures] == [200] * 5
    current["user"] = None
    assert "Recent" not in stand.open("/").text


def test_a_start_page_without_others(make):
    """Says what the site is."""
    answer = make(routes=Routes(home="/")).open("/")
    assert answer.status_code == 200
    assert "<h1>Pictures</h1>" in answer.text
    assert "<nav class=" not in answer.text


def test_the_script_is_kept_and_asked_for_again(make):
    """Its address stays, so browsers ask whether it has changed; any site may load it."""
    stand = make(routes=Routes(pup="sdk/pup.js", upload_page="upload"))
    answer = stand.open("/sdk/pup.js")
    assert (answer.status_code, answer.mimetype) == (200, "text/javascript")
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    again = stand.open("/sdk/pup.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert stand.open("/sdk/pup.js", "POST").status_code == 405


def test_without_an_upload_page_there_is_no_script(make):
    """It would open nothing."""
    stand = make(routes=Routes(pup="sdk/pup.js"))
    assert stand.component.routes.pup is None
    assert stand.open("/sdk/pup.js").status_code == 404


def test_a_server_of_its_own_has_them_all(tmp_path):
    """Where Chevereto has them."""
    stand = Stand(tmp_path, routes=ROUTES)
    image = stand.upload()
    for path in ("/", "/sdk/pup.js", f"/oembed?url={image['url_viewer']}"):
        assert stand.open(path).status_code == 200
    stand.component.close()
