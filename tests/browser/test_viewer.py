"""The viewer in a real browser: what is shown keeps its shape, can be read and seen, whatever it is."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.sites import site
from tests.support import picture

SIZES = {
    "portrait": (1200, 1600),
    "landscape": (1600, 1200),
    "small": (40, 30),
    "screenshot": (900, 9000),
    "panorama": (6000, 400),
    "line": (3, 2000),
}


@pytest.fixture(scope="module")
def ann(tmp_path_factory):
    """Serve a site where Ann is signed in."""
    with site(tmp_path_factory.mktemp("viewer") / "site") as running:
        yield running


def saved(running, content, **more):
    """Upload for Ann, and return the address of the viewer."""
    upload = running.component.uploads.save(io.BytesIO(content), owner=running.user_id, **more)
    host = running.address.removeprefix("http://")
    return running.component.links({"HTTP_HOST": host, "wsgi.url_scheme": "http", "SCRIPT_NAME": ""}).viewer(upload)


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("width", [375, 1280])
def test_a_picture_keeps_its_shape(open_page, ann, name, width):
    """Never wider than the window, and enlarged nowhere; a long screenshot as wide as it can be."""
    page = open_page(viewport={"width": width, "height": 860})
    size = SIZES[name]
    page.goto(saved(ann, picture(size), filename=f"{name}.png"))
    shown = page.locator(".stage img")
    shown.evaluate("image => image.decode()")
    box = shown.bounding_box()
    assert box["width"] <= min(size[0], width)
    assert box["height"] <= size[1]
    if name in ("screenshot", "line"):
        # A side is a whole number of pixels or is cut to one; the other may be off by what that is worth.
        assert abs(box["width"] * size[1] - box["height"] * size[0]) <= max(size)
        assert box["width"] == pytest.approx(min(size[0], width, 544), abs=1)
        assert page.locator(".stage").bounding_box()["height"] <= 0.66 * 860 + 1
    else:
        # In a box of another shape, it is as large as it can be in its own.
        assert shown.evaluate("image => getComputedStyle(image).objectFit") == "contain"
        assert box["height"] <= 0.66 * 860 + 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_every_picture_can_be_seen_in_full_size(page, ann):
    """By a link under it, and by a click on it, in its place: pixel for pixel. Escape fits it again."""
    address = saved(ann, picture(SIZES["screenshot"]), filename="full.png")
    page.goto(address)
    page.get_by_role("link", name=": show at full size").click()
    assert page.url == address
    assert page.locator(".stage img").bounding_box()["width"] == 900
    page.keyboard.press("Escape")
    assert page.locator(".stage img").bounding_box()["width"] == 544
    with page.expect_navigation():
        page.get_by_role("link", name="Full size", exact=True).click()
    assert page.evaluate("document.images[0].naturalHeight") == 9000


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("color", [(0, 0, 0, 0), (255, 255, 255, 0)])
def test_what_is_transparent_lets_a_ground_through_that_shows_all(open_page, ann, scheme, color):
    """Neither a black drawing nor a white one vanishes, whatever the theme."""
    file = io.BytesIO()
    Image.new("RGBA", (200, 200), color).save(file, "PNG")
    address = saved(ann, file.getvalue(), filename="clear.png")
    for has_scripts in (True, False):
        page = open_page(viewport={"width": 1280, "height": 900}, color_scheme=scheme, java_script_enabled=has_scripts)
        page.goto(address)
        if has_scripts:
            page.locator(".stage.check-back").wait_for()
        seen = Image.open(io.BytesIO(page.locator(".stage img").screenshot()), formats=["PNG"]).convert("L")
        dark, light = seen.getextrema()
        assert (dark > 150, light > 240, light - dark > 40) == (True, True, True)


def test_what_has_no_holes_stands_on_the_plain_ground(page, ann):
    """Most pictures of formats that can have some have none."""
    page.goto(saved(ann, picture((200, 200)), filename="whole.png"))
    page.locator(".stage img").evaluate("image => image.decode()")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.locator(".check-back").count() == 0


def test_what_was_hidden_says_how_to_hide_it(page, ann):
    """Once it is shown, it does not go on saying that it can be shown."""
    page.goto(saved(ann, picture(), nsfw=True, filename="veiled.png"))
    summary = page.locator(".stage summary")
    hidden = summary.inner_text().split("\n")
    assert (hidden[0], hidden[-1]) == ("Sensitive picture", "Show it")
    summary.click()
    assert summary.inner_text() == "Hide it"
    assert page.locator(".stage img").is_visible()
    summary.click()
    assert summary.inner_text().split("\n") == hidden


def test_tags_and_the_start_page_are_links(open_page, tmp_path):
    """Where the host has a page of tags, and where there is a start page."""
    from chevupload import Policy, Routes

    page = open_page(forgiven="Failed to load resource:")
    routes = Routes(upload_page="upload", api_page="api-v1", home="/")
    with site(tmp_path / "site", policy=Policy(tag_url="/tags/{tag}"), routes=routes) as running:
        page.goto(saved(running, picture(), tags=["a b"], filename="tagged.png"))
        page.get_by_role("link", name="a b").click()
        expect(page).to_have_url(f"{running.address}/tags/a%20b")
        page.goto(running.address)
        headings = (("Upload", "Upload"), ("API keys", "API keys"), ("Programs", "Set up a program"))
        for name, heading in headings:
            page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
            page.get_by_role("heading", name=heading, level=1).wait_for()
            page.go_back()
