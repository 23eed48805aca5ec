"""Additional renditions in a real browser: it loads the one that is large enough, and the whole when it is asked."""

from __future__ import annotations

import io

import pytest
from playwright.sync_api import expect

from chevupload import Renditions
from tests.browser.sites import site
from tests.browser.uploading import chosen, copied, submit, tiles
from tests.support import noise

PARSE = "text => new DOMParser().parseFromString(text, 'text/html').body.innerHTML"
CHOSEN = """code => {
    document.body.innerHTML = code;
    const image = document.querySelector('img');
    return image.decode().then(() => [image.currentSrc, image.width]);
}"""


@pytest.fixture(scope="module")
def ann(tmp_path_factory):
    """Serve a site with three more sizes."""
    renditions = Renditions(extra={"w400": "400x", "w800": "800x", "s90": "90x90^"})
    with site(tmp_path_factory.mktemp("sizes") / "site", renditions=renditions) as running:
        yield running


def shown(page):
    """Return the file that the viewer shows, and its pixels."""
    return page.locator(".stage img").evaluate(
        "image => image.decode().then(() => [image.currentSrc.split('.').slice(-2).join('.'), image.naturalWidth])"
    )


def test_a_small_window_loads_a_small_picture_until_somebody_asks_for_more(open_page, ann):
    """The viewer's picture is that of the window; a click brings the whole one."""
    upload = ann.component.uploads.save(io.BytesIO(noise((900, 700))), owner=ann.user_id, filename="a.png")
    links = ann.component.links({"HTTP_HOST": ann.address.removeprefix("http://"), "wsgi.url_scheme": "http"})
    page = open_page(viewport={"width": 390, "height": 860})
    page.goto(links.viewer(upload))
    assert shown(page)[0] == "w400.png"
    page.get_by_role("link", name=": show at full size").click()
    expect(page.locator(".stage img")).to_have_js_property("naturalWidth", 900)
    assert page.locator(".stage img").bounding_box()["width"] == 900
    page = open_page(viewport={"width": 390, "height": 860}, device_scale_factor=2)
    page.goto(links.viewer(upload))
    assert shown(page)[0] == "w800.png"


def test_the_code_of_page_and_list_is_the_viewers(open_page, ann):
    """Also once the page was left; elsewhere, a screen with more pixels shows more of them in the same place."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"], device_scale_factor=2)
    page.goto(f"{ann.address}/upload")
    submit(page, chosen("b.png", noise((900, 700))))
    expect(tiles(page)).to_have_count(1)
    codes = []
    for _ in range(2):
        page.select_option("#format", "html")
        codes.append(copied(page, page.get_by_role("button", name="Copy all")))
        page.reload()
        expect(tiles(page)).to_have_count(1)
    assert codes[0] == codes[1]
    assert ".w800.png 800w" in codes[0]
    with page.expect_navigation():
        page.get_by_role("link", name="Open: b").click()
    viewers = page.locator("[data-codes] option[data-format=html]").get_attribute("value")
    assert page.evaluate(PARSE, viewers) == page.evaluate(PARSE, codes[0])
    source, width = page.evaluate(CHOSEN, viewers)
    assert (source.endswith(".w800.png"), width) == (True, 500)
