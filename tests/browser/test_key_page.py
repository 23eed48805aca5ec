"""The page of keys in a real browser, with the keyboard alone."""

from __future__ import annotations

import io

import pytest
import requests
from playwright.sync_api import expect

from chevupload import Principal
from chevupload.db import SqlKeys
from chevupload.site.data_folder import Site
from chevupload.site.factory import embedded
from chevupload.testing import serve
from tests.browser.keyboard import focused, tab_to
from tests.support import PNG, SECONDS


@pytest.fixture
def address(tmp_path):
    """Serve a site where Ann is signed in."""
    site = Site(tmp_path / "site")
    user_id = site.accounts.add_user("ann")
    keys = SqlKeys(site.database)
    component = embedded(
        site, key_store=keys, current_user=lambda environ: Principal(user_id=user_id), renderer="inline"
    )
    with serve(component) as address:
        yield address
    component.close()
    site.close()


def upload(address, key):
    return requests.post(
        f"{address}/api/1/upload",
        headers={"X-API-Key": key},
        files={"source": ("a.png", io.BytesIO(PNG))},
        timeout=SECONDS,
    ).status_code


def test_a_key_is_made_and_revoked_with_the_keyboard_alone(page, address):
    """Every step has a name, the new key has the focus, and what it opens ends with it."""
    page.goto(f"{address}/settings/api")
    tab_to(page, "Name")
    page.keyboard.type("Laptop")
    tab_to(page, "Make the key")
    page.keyboard.press("Enter")
    expect(page.locator("#key")).to_be_focused()
    assert focused(page) == "Your new key"
    key = page.input_value("#key")
    assert upload(address, key) == 200

    page.goto(f"{address}/settings/api")
    assert key not in page.content()
    tab_to(page, "Revoke: Laptop")
    page.keyboard.press("Enter")
    tab_to(page, "Revoke for good: Laptop")
    page.keyboard.press("Enter")
    page.wait_for_selector("li.soft")
    assert upload(address, key) == 401
    page.reload()
    assert page.locator("[aria-label=Keys] li").count() == 1


def test_a_form_without_a_name_is_not_sent(page, address):
    """The browser says what is missing, before anything is made."""
    page.goto(f"{address}/settings/api")
    page.get_by_role("button", name="Make the key").click()
    assert page.locator("#label:invalid").count() == 1
    assert page.locator("li").count() == 0


@pytest.mark.parametrize("width", [375, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_cut_off(page, address, width, scheme):
    """On a phone and on a screen, light and dark, with long names."""
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/settings/api")
    page.fill("#label", "x" * 100)
    with page.expect_navigation():
        page.get_by_role("button", name="Make the key").click()
    page.wait_for_selector("#key")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
