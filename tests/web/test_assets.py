"""The pages' style sheet and scripts: files that browsers keep until they change."""

from __future__ import annotations

import json
import re

import pytest

from chevupload import Pages, Routes
from chevupload.web.assets import Assets
from tests.support import ROOT

pytestmark = pytest.mark.mounts

FOLDER = ROOT / "chevupload" / "web" / "static"
NAMES = sorted(path.name for path in FOLDER.iterdir())


def folder_of(stand):
    """Return the path of the current version, below the mount point."""
    return re.search(r'href="([^"]*)/style\.css"', stand.open("/nothing").text).group(1).removeprefix(stand.prefix)


@pytest.mark.parametrize("name", NAMES)
def test_files_are_served_as_they_are(stand, name):
    """With their type, for a year, to GET and HEAD."""
    answer = stand.open(f"{folder_of(stand)}/{name}")
    assert (answer.status_code, answer.data) == (200, (FOLDER / name).read_bytes())
    kinds = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert answer.content_type == kinds[name.rpartition(".")[2]] + "; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    head = stand.open(f"{folder_of(stand)}/{name}", "HEAD")
    assert (head.data, dict(head.headers)) == (b"", dict(answer.headers))


def test_scripts_import_what_is_there():
    """Beside themselves, so that the version is the same."""
    for name in NAMES:
        imported = re.findall(r'^import .* from "(.*)";$', (FOLDER / name).read_text(), re.MULTILINE)
        assert {path.removeprefix("./") for path in imported} <= set(NAMES)


def test_another_version_gets_what_there_is(stand):
    """A page that was open during an update goes on; nothing of it is kept."""
    answer = stand.open("/chevupload-assets/0123/style.css")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-cache")


@pytest.mark.parametrize("path", ["x", "x/none.css", "x/../page.py", "x/assets/style.css", "style.css", "x/", "x/a/é"])
def test_nothing_else_is_there(stand, path):
    """Only those files, by their names."""
    assert stand.open(f"/chevupload-assets/{path}").status_code == 404


def test_a_site_can_stand_beside_programs(make):
    """Its manifest tells name and start, is never kept for long, and is there where the site has a page to begin at."""
    stand = make(routes=Routes(home="/", upload_page="upload"), pages=Pages(site_name="A & B"))
    page = stand.open("/").text
    path = re.search('<link rel="manifest" href="([^"]*)">', page)[1].removeprefix(stand.prefix)
    answer = stand.open(path)
    assert (answer.status_code, answer.mimetype) == (200, "application/manifest+json")
    assert answer.headers["Cache-Control"] == "no-cache"
    manifest = json.loads(answer.data)
    assert (manifest["name"], manifest["start_url"]) == ("A & B", f"{stand.prefix}/")
    assert stand.open(manifest["start_url"].removeprefix(stand.prefix)).status_code == 200
    assert manifest["start_url"].startswith(manifest["scope"])
    icon = f"{path.rpartition('/')[0]}/{manifest['icons'][0]['src']}"
    assert stand.open(icon).mimetype == "image/svg+xml"
    assert stand.open(path, "POST").status_code == 405
    without = make()
    assert 'rel="manifest"' not in without.open("/nothing").text
    assert without.open(path).status_code == 404


def test_they_are_only_read(stand):
    """405 with what there is."""
    answer = stand.open("/chevupload-assets/x/style.css", "POST")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")


def test_the_address_changes_with_the_content(monkeypatch):
    """With that of any of the files."""
    one, other = Assets("a"), Assets("a")
    other._files = {**one._files, "page.js": b"// another"}
    assert one.folder("/m") != other.folder("/m")
    assert one.folder("/m").startswith("/m/a/")


def test_without_a_route_pages_load_nothing(make):
    """And its path is the host's."""
    stand = make(routes=Routes(assets=None))
    answer = stand.open(stand.upload()["url_viewer"])
    assert "<script" not in answer.text
    assert "stylesheet" not in answer.text
    assert stand.component.respond({"PATH_INFO": "/chevupload-assets/x/style.css", "REQUEST_METHOD": "GET"}) is None


def test_they_come_from_where_the_page_is(make):
    """Below the path of base_url, whatever its host: a policy of 'self' lets nothing else in."""
    stand = make(base_url="https://elsewhere.test/deep")
    assert 'href="/deep/chevupload-assets/' in stand.open("/nothing").text


def test_a_malformed_host_header_still_gets_a_styled_page(stand):
    """The refusal of it, too, has its style."""
    image = stand.upload()
    answer = stand.open(image["path_viewer"].removeprefix(stand.prefix), headers={"Host": "no host!"})
    assert answer.status_code == 400
    assert f'href="{stand.prefix}/chevupload-assets/' in answer.text
