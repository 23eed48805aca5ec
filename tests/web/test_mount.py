"""The component answers below any mount point, behind proxies and under routes of the site's choice."""

from __future__ import annotations

import pytest

from chevupload.config import Routes
from chevupload.errors import ConfigError
from chevupload.testing.memory import MemoryStorage
from tests.support import assert_refusal, file, noise

pytestmark = pytest.mark.mounts


@pytest.mark.slow
def test_links_follow_the_mount_point(stand):
    """Every link is below the host and prefix of the request, and works."""
    image = stand.upload(noise((600, 400)), title="A cat")
    names = ("url", "url_viewer", "url_short", "delete_url", "display_url")
    urls = [image[name] for name in names] + [image[name]["url"] for name in ("image", "thumb", "medium")]
    for url in urls:
        assert url.startswith(f"{stand.base}/image")
        assert stand.open(url).status_code == 200
    assert image["path_viewer"] == image["url_viewer"].removeprefix("http://site.test")


def test_base_url_wins(make):
    """A fixed address is used whatever the request says, a malformed Host included."""
    stand = make(base_url="https://cdn.example/up/")
    answer = stand.send({"source": file()}, headers={"Host": "evil.test/x"})
    image = answer.json["image"]
    assert image["url"].startswith("https://cdn.example/up/images/2026/03/04/")
    assert image["path_viewer"] == f"/up/image/photo.{image['id_encoded']}"
    assert stand.open(f"/image/photo.{image['id_encoded']}").status_code == 200
    moved = stand.open(f"/image/wrong.{image['id_encoded']}")
    assert moved.headers["Location"] == image["path_viewer"]


def test_forwarded_headers_count_behind_trusted_proxies_only(make):
    """Without a trusted proxy they are ignored; the prefix that it takes off comes before the mount point."""
    headers = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "outside.test",
        "X-Forwarded-Prefix": "/deep",
        "X-Forwarded-Port": "443",
    }
    plain, behind = make(), make(trusted_proxies=1)
    assert plain.send({"source": file()}, headers=headers).json["image"]["url"].startswith(plain.base)
    url = behind.send({"source": file()}, headers=headers).json["image"]["url"]
    assert url.startswith(f"https://outside.test/deep{behind.prefix}/images/")


def test_routes_can_be_renamed(make):
    """Renamed routes work and are what links name; the old ones are gone."""
    stand = make(routes=Routes(upload="up/load", viewer="v", video="w", files="f"))
    answer = stand.send({"source": file()}, path="/up/load")
    image = answer.json["image"]
    assert image["url"].startswith(f"{stand.base}/f/2026/")
    assert image["url_short"].startswith(f"{stand.base}/v/")
    for url in (image["url"], image["url_viewer"], image["url_short"], image["delete_url"]):
        assert stand.open(url).status_code == 200
    assert_refusal(stand.send({"source": file()}), 404, 120)
    assert stand.open(f"/image/{image['id_encoded']}").status_code == 404


def test_routes_can_be_switched_off(make):
    """What is switched off is unknown, and no answer leads there."""
    elsewhere = MemoryStorage(public_url="https://cdn.test/x")
    stand = make(routes=Routes(upload=None, viewer=None, video=None, files=None), storage=elsewhere)
    assert_refusal(stand.send({"source": file()}), 404, 120)
    assert stand.open("/image/abc").status_code == 404
    assert stand.open("/images/abc.png").status_code == 404
    stand = make(routes=Routes(viewer=None, files=None), storage=MemoryStorage(public_url="https://cdn.test/x"))
    image = stand.upload()
    assert image["url"] == image["url_viewer"] == image["url_short"] == "https://cdn.test/x/2026/03/04/photo.png"
    assert (image["path_viewer"], image["delete_url"]) == ("/x/2026/03/04/photo.png", None)


def test_files_have_to_be_somewhere(make):
    """Without a route for files and a public URL, every link would be dead."""
    with pytest.raises(ConfigError, match="public URL"):
        make(routes=Routes(files=None))
