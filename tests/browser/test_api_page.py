"""The page that describes the API in a real browser, with the keyboard alone."""

from __future__ import annotations

import json

import pytest

from chevupload import Config, Routes
from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from chevupload.testing import serve
from tests import sharex
from tests.support import picture

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")


@pytest.fixture
def site(tmp_path):
    """Serve a site with the page; return its address and a key."""
    site = Site(tmp_path / "site")
    site.accounts.add_user("ann")
    key = site.accounts.add_key("ann", label="x").key
    component = embedded(site, config=Config(routes=Routes(api_page="api-v1")), renderer="inline")
    with serve(component) as address:
        yield address, key
    component.close()
    site.close()


def test_settings_are_made_and_downloaded_with_the_keyboard(page, site, tmp_path):
    """The key goes in, the file comes out, its client uploads with it, and no address ever holds the key."""
    address, key = site
    addresses = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(f"{address}/api-v1")
    page.get_by_label("API key", exact=True).focus()
    page.keyboard.type(key)
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    shown = page.get_by_role("region", name="Settings for ShareX").inner_text()
    assert json.loads(shown)["Headers"] == {"X-API-Key": key}
    button = page.get_by_role("button", name="Download 127.0.0.1")
    button.focus()
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename.endswith(".sxcu")
    waiting.value.save_as(tmp_path / "site.sxcu")
    (tmp_path / "a.png").write_bytes(picture())
    assert sharex.upload(tmp_path / "site.sxcu", tmp_path / "a.png").url.startswith(address)
    assert [one for one in addresses if key in one] == []


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off_or_out_of_reach(page, site, width, scheme):
    """On a phone and on a screen, light and dark, with everything opened; axe finds nothing, either."""
    address, _ = site
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/api-v1")
    for summary in page.locator("summary").all():
        summary.click()
    assert page.locator("details:not([open])").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    # What scrolls by itself can be reached with the keyboard.
    unreachable = """() => [...document.querySelectorAll('pre, .wide')]
        .filter(one => one.scrollWidth > one.clientWidth && one.tabIndex < 0).length"""
    assert page.evaluate(unreachable) == 0
    found = axe.Axe().run(page).response["violations"]
    assert [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found] == []
