"""The pages in the layouts of the examples' hosts: with their header, and working as in our own layout."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.checks import findings
from tests.browser.chromium import REFUSED
from tests.browser.uploading import chosen, submit, tiles
from tests.examples.story import running, script
from tests.examples.test_pyramid_app import PSERVE
from tests.support import noise

HOSTS = {"django": script("django_app.py"), "flask": script("flask_app.py"), "pyramid": PSERVE}
NEEDS = {"django": ("django",), "flask": ("flask_login", "flask_sqlalchemy", "flask_wtf"), "pyramid": ("pyramid_tm",)}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_sets_the_pages_into_its_own_layout(open_page, tmp_path, host):
    """Every page has the host's header and style beside ours, and what the page does works under its policy."""
    for module in NEEDS[host]:
        pytest.importorskip(module, reason=f"the example needs {module}")
    folder = tmp_path / "site"
    folder.mkdir()
    page = open_page(forgiven=REFUSED)
    with running(*HOSTS[host], folder=folder) as address:
        page.goto(f"{address}/register")
        page.get_by_label("Name").fill("ann")
        page.get_by_label("Password").fill("correct horse")
        page.get_by_role("button", name="Register").click()
        header = page.get_by_role("navigation", name="Site")
        with page.expect_navigation(url="**/upload*"):
            header.get_by_role("link", name="Upload many").click()

        expect(page.get_by_role("heading", level=1)).to_have_text("Upload")
        expect(header.get_by_role("button", name="Sign out")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('.site')).display") == "flex"
        choose = page.get_by_role("button", name="Choose files")
        assert choose.evaluate("button => getComputedStyle(button).color") == "rgb(255, 255, 255)"
        assert page.locator("body > main > .chevupload-upload").count() == 1
        assert page.locator(".chevupload-layout").count() == 0
        assert findings(page) == []

        submit(page, chosen("hills.png", noise((300, 200))))
        expect(tiles(page)).to_have_count(1)
        with page.expect_navigation():
            tiles(page).get_by_role("link", name="Open").click()
        expect(page).to_have_title("hills")
        expect(header.get_by_role("link", name="Pictures")).to_be_visible()
        assert page.locator(".stage img").evaluate("image => image.decode().then(() => image.width)") == 300
        assert findings(page) == []
        header.get_by_role("link", name="API keys").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("API keys")
        assert page.goto(f"{address}/image/none").headers["content-security-policy"].startswith("default-src 'self'")
