"""The page of docs/tickets.md, as it stands there, on a site of another origin."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from chevupload.testing import serve
from tests.browser.chromium import REFUSED
from tests.browser.sites import site
from tests.browser.uploading import chosen
from tests.support import PNG, ROOT


def test_the_example_uploads_with_a_ticket_of_its_own_server(open_page, tmp_path):
    """From a page of the origin that the ticket names, and from no other."""
    [page_text] = re.findall(
        r"^```html\n(.*?)^```$", (ROOT / "docs" / "tickets.md").read_text(), re.DOTALL | re.MULTILINE
    )
    origins = {}

    with site(tmp_path / "site", signed_in=False) as running:

        def host(environ, start_response):
            if environ["PATH_INFO"] != "/my-ticket":
                start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
                return [page_text.encode()]
            ticket = running.component.tickets.mint(running.user_id, origin=origins["allowed"])
            start_response("200 OK", [("Content-Type", "application/json")])
            return [json.dumps({"key": ticket.key, "upload": f"{running.address}/api/1/upload"}).encode()]

        with serve(host) as address:
            page = open_page(forgiven=REFUSED)
            page.goto(address)
            for allowed, text in ((address, f"{running.address}/images/"), ("https://other.example", "Request denied")):
                origins["allowed"] = allowed
                page.set_input_files("#picture", [chosen(f"{len(text)}.png", PNG)])
                expect(page.locator("#url")).to_contain_text(text)
        assert len(running.component.uploads.list(running.user_id)) == 1
