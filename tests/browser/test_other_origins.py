"""Pages of another origin read parts of files and learn why an upload was refused, as far as a browser lets them."""

from __future__ import annotations

import io

import pytest
from playwright.sync_api import expect

from chevupload import Config, Delivery, Policy, Routes, component_from, embedded
from chevupload.testing import serve
from chevupload.testing.memory import MemoryStorage
from tests.browser.chromium import REFUSED
from tests.browser.sites import GUEST, site
from tests.browser.uploading import chosen, submit, tiles
from tests.support import noise

_READ = """async ([url, headers]) => {
    const answer = await fetch(url, {headers, cache: "no-store"});
    const body = await answer.arrayBuffer();
    const names = ["Content-Range", "Content-Length", "ETag", "Accept-Ranges", "Content-Disposition"];
    return {status: answer.status, size: body.byteLength, headers: names.map((name) => answer.headers.get(name))};
}"""
_SEND = """async ([url, headers]) => {
    const body = new FormData();
    const text = new File(["no picture"], "a.png");
    body.append("source", text);
    try {
        const answer = await fetch(url, {method: "POST", headers, body});
        return [answer.status, (await answer.json()).error.code];
    } catch (error) {
        return String(error);
    }
}"""


class Private(MemoryStorage):
    """A storage whose files are at another address, by signed URLs alone; it serves them, too."""

    can_sign = True
    address = ""

    def signed_url(self, path, *, seconds):
        """See SigningStorage."""
        return f"{self.address}/{path}?signature=good"

    def __call__(self, environ, start_response):
        """Answer a signed URL."""
        assert environ["QUERY_STRING"] == "signature=good"
        with self.open(environ["PATH_INFO"].removeprefix("/")) as file:
            content = file.read()
        start_response("200 OK", [("Content-Type", "image/png"), ("Content-Length", str(len(content)))])
        return [content]


def test_thumbnails_of_a_private_storage_are_shown(page, tmp_path):
    """On the upload page and on the viewer: the policy of each lets in where a picture is sent on to."""
    storage = Private()
    config = Config(
        policy=Policy(guest_page=True), delivery=Delivery(by="signed_url"), routes=Routes(upload_page="upload")
    )
    component = component_from({"folder": str(tmp_path / "site")}, storage=storage, config=config, renderer="inline")
    with serve(storage) as storage.address, serve(component) as address:
        page.goto(f"{address}/upload")
        submit(page, chosen("a.png", noise((300, 200))))
        expect(tiles(page)).to_have_count(1)
        is_drawn = "image => image.decode().then(() => image.naturalWidth)"
        assert tiles(page).locator("img").evaluate(is_drawn) > 0
        tiles(page).get_by_role("link", name="Open").click()
        assert page.locator(".stage img").evaluate(is_drawn) == 300
    component.close()


@pytest.fixture
def elsewhere(tmp_path):
    """Serve a page of another origin: another port is one."""
    component = embedded(str(tmp_path / "elsewhere"))
    with serve(component) as address:
        yield f"{address}/api/1/openapi.json"
    component.close()


@pytest.mark.parametrize("is_listed", [False, True], ids=["everybody", "a list"])
def test_parts_of_files_and_refusals(tmp_path, open_page, elsewhere, is_listed):
    """By every kind of range and condition, with headers that tracers add, and what is in the answers' headers."""
    origins = (elsewhere.removesuffix("/api/1/openapi.json"),) if is_listed else "*"
    page = open_page(forgiven=REFUSED)
    page.goto(elsewhere)
    with site(tmp_path / "site", policy=Policy(cors_origins=origins)) as running:
        content = noise((200, 200))
        upload = running.component.uploads.save(io.BytesIO(content), owner=running.user_id, filename="a.png")
        url = f"{running.address}/images/{upload.path}"

        whole = page.evaluate(_READ, [url, {}])
        assert (whole["status"], whole["size"]) == (200, len(content))
        tag = whole["headers"][2]
        assert tag
        assert whole["headers"][3] == "bytes"
        assert "inline" in whole["headers"][4]
        last = page.evaluate(_READ, [url, {"Range": "bytes=-10", "If-Range": tag, "traceparent": "00-1-1-00"}])
        assert (last["status"], last["size"]) == (206, 10)
        assert last["headers"][:2] == [f"bytes {len(content) - 10}-{len(content) - 1}/{len(content)}", "10"]
        for headers, status in (
            ({"If-None-Match": tag}, 304),
            ({"If-Match": '"other"'}, 412),
            ({"Range": "bytes=-0"}, 416),
        ):
            assert page.evaluate(_READ, [url, headers])["status"] == status

        headers = {"X-API-Key": GUEST, "sentry-trace": "1", "baggage": "a=b"}
        assert page.evaluate(_SEND, [f"{running.address}/api/1/upload", headers]) == [400, 610]
