"""What every page keeps to, on a phone and on a screen, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from chevupload import Pages
from tests.browser.checks import findings, focus_problems, is_scrolled_sideways, moving
from tests.browser.chromium import REFUSED
from tests.browser.scenes import SCENES, Stage, sites
from tests.browser.sites import site
from tests.browser.uploading import chosen, copied, submit, tiles
from tests.support import picture

pytest.importorskip("av", reason="the extra video is not installed, which one of the pages shows")
pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")

MUCH_ALIKE = {
    *("viewer_shown", "viewer_clear", "keys_none", "upload_hundred", "upload_twelve", "upload_offline", "upload_busy"),
    *("upload_flooded", "upload_cancelled", "upload_dragged", "uploaded"),
}
"""States that look much like another one: the matrix alone has them."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve the sites of every scene."""
    with sites(tmp_path_factory.mktemp("sites")) as served:
        yield served


@pytest.mark.parametrize("scene", [scene for scene in SCENES if scene not in MUCH_ALIKE])
def test_every_state_keeps_to_the_rules(open_page, served, scene):
    """No rule of accessibility is broken, contrasts included; nothing is cut off, and nothing moves unasked.

    ``python -m tests.browser.matrix`` looks at each width in each theme, and presses Tab through all of it.
    """
    page = open_page(forgiven=REFUSED, viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    SCENES[scene](Stage(served, page))
    assert findings(page) == []
    assert moving(page) == []
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 375, "height": 800})
    assert findings(page) == []
    for width in (320, 2000):
        page.set_viewport_size({"width": width, "height": 800})
        for direction in ("rtl", "ltr"):
            page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
            assert not is_scrolled_sideways(page)


@pytest.mark.parametrize("scene", ["viewer_opened", "keys", "upload_ready", "upload_menu", "api"])
def test_the_focus_goes_everywhere_and_is_seen(open_page, served, scene):
    """By Tab alone, with a ring, and never behind a bar."""
    page = open_page(forgiven=REFUSED, viewport={"width": 1280, "height": 800})
    SCENES[scene](Stage(served, page))
    assert focus_problems(page) == []


class BareLayout(Pages):
    """A host's layout without a margin."""

    def layout(self, page, environ):
        """Set a page between two lines."""
        name = "width=device-width, initial-scale=1"
        return f'<!doctype html><meta name="viewport" content="{name}">{page.head}<p>Host</p>{page.body}'


def test_the_pages_keep_to_their_place_in_a_host_s_layout(open_page, tmp_path):
    """On a phone, too, where pictures and bars run to the edges of the window in our own."""
    page = open_page(forgiven=REFUSED, viewport={"width": 320, "height": 800})
    with site(tmp_path / "site", pages=BareLayout()) as running:
        page.goto(f"{running.address}/upload")
        submit(page, chosen("wide.png", picture((600, 200))))
        expect(tiles(page)).to_have_count(1)
        assert page.evaluate("document.body.scrollWidth <= 320")
        with page.expect_navigation():
            tiles(page).get_by_role("link", name="Open").click()
        page.get_by_role("heading", name="wide").wait_for()
        assert page.evaluate("document.body.scrollWidth <= 320")
        assert page.locator(".stage").bounding_box()["y"] >= page.get_by_text("Host").bounding_box()["y"] + 16


def test_a_script_in_a_title_does_not_run(open_page, served):
    """It is shown as what it is; nor would one run that came into the page, for none is inline."""
    page = open_page(forgiven="Executing inline script violates the following Content Security Policy directive")
    stage = Stage(served, page)
    title = "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">"
    stage.see(stage.links.viewer(stage.save(title=title, filename="script.jpg")))
    assert page.get_by_role("heading", level=1).text_content() == title
    assert page.title() == f"{title} – Pictures of Ann"

    told = page.evaluate(
        """() => new Promise((done) => {
            document.addEventListener("securitypolicyviolation", (event) => done(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "document.title = 'run'";
            document.body.append(script);
        })"""
    )
    assert told == "script-src-elem"
    assert page.title() == f"{title} – Pictures of Ann"


def test_links_of_the_viewer_are_copied(open_page, served):
    """In the format that is chosen, which is remembered for every page; without scripts, each has its field."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    stage = Stage(served, page)
    upload = stage.save(filename="copied.jpg")
    stage.see(stage.links.viewer(upload))
    for kind, code in (("Link", stage.links.viewer(upload)), ("Direct link", stage.links.file(upload, upload.path))):
        page.get_by_label("Format").select_option(kind)
        assert copied(page, page.get_by_role("button", name="Copy")) == code
        page.get_by_role("button", name="Copy").wait_for()
    page.reload()
    assert page.get_by_label("Text to copy").input_value() == stage.links.file(upload, upload.path)
    plain = open_page(java_script_enabled=False)
    plain.goto(stage.links.viewer(upload))
    assert plain.get_by_role("button").count() == 0
    plain.get_by_text("Other formats").click()
    assert plain.get_by_label("Direct link").input_value() == stage.links.file(upload, upload.path)


def test_settings_of_a_client_are_copied(open_page, served):
    """By a button beside that which downloads them."""
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    SCENES["api"](Stage(served, page))
    text = copied(page, page.get_by_role("button", name="Copy"))
    shown = page.get_by_role("region", name="Settings for ShareX").text_content()
    assert text == shown
    assert served.ann.address in shown


def test_what_is_hidden_is_shown_when_it_is_asked_for(open_page, served):
    """On the viewer, and on the page that deletes."""
    page = open_page()
    stage = Stage(served, page)
    upload = stage.save(nsfw=True, filename="asked.jpg")
    for url in (stage.links.viewer(upload), stage.links.delete(upload)):
        stage.see(url)
        assert not page.locator(".stage img").is_visible()
        page.get_by_text("Show it").click()
        assert page.locator(".stage img").is_visible()


def test_colours_are_changed_by_properties(open_page, served):
    """In a style sheet behind ours, which then holds in both themes."""
    for scheme in ("light", "dark"):
        page = open_page(color_scheme=scheme, reduced_motion="reduce")
        stage = Stage(served, page)
        stage.see("/upload")
        page.evaluate(
            """() => {
                const sheet = new CSSStyleSheet();
                sheet.replaceSync(":root { --chevupload-accent: rgb(1, 2, 3); --chevupload-font: serif }");
                document.adoptedStyleSheets = [sheet];
            }"""
        )
        button = page.get_by_role("button", name="Choose files")
        assert button.evaluate("button => getComputedStyle(button).backgroundColor") == "rgb(1, 2, 3)"
        assert button.evaluate("button => getComputedStyle(button).fontFamily") == "serif"
