"""Chevereto's pop-up protocol, with a page that plays the part of its plugin on another origin."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from chevupload import Policy
from chevupload.testing import serve
from tests.browser.chromium import REFUSED
from tests.browser.sites import site
from tests.browser.uploading import tiles
from tests.support import PNG

_OPENER = """<!doctype html><title>A forum</title><textarea id="editor"></textarea>
<script>
const heard = window.heard = [];
addEventListener("message", (event) => {
    if (event.source !== window.opened || event.data.id !== "id-of-the-editor") return;
    heard.push({origin: event.origin, ...event.data});
    if (event.data.requestAction === "postSettings" && window.wish) {
        event.source.postMessage({id: event.data.id, settings: {autoInsert: window.wish}}, event.origin);
    } else if ("message" in event.data) {
        document.getElementById("editor").value += event.data.message;
    }
});
function start(url, wish) {
    window.wish = wish;
    window.opened = open(url, "id-of-the-editor", "width=720,height=690");
}
</script>"""


class Forum:
    """A page that opens pop-ups and keeps what they say, as the plugin does in a forum's editor."""

    def __init__(self, address, page, site):
        self.address = address
        self.page = page
        self._site = site

    def open(self, wish=None):
        """Open the upload page and return it."""
        self.page.goto(self.address)
        with self.page.expect_popup() as opened:
            self.page.evaluate("([url, wish]) => start(url, wish)", [f"{self._site.address}/upload", wish])
        opened.value.wait_for_load_state()
        return opened.value

    def links(self):
        """Return the links of what there is."""
        (upload,) = self._site.component.uploads.list(self._site.user_id)
        links = self._site.component.links({"HTTP_HOST": self._site.address[7:], "wsgi.url_scheme": "http"})
        direct = links.file(upload, upload.path)
        return {"viewer": links.viewer(upload), "direct": direct, "thumb": links.thumb(upload)}

    def heard(self):
        return self.page.evaluate("window.heard")


def opener(environ, start_response):
    body = _OPENER.encode()
    start_response("200 OK", [("Content-Type", "text/html"), ("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def forum(open_page, tmp_path):
    """Return a forum whose editors may open the page."""
    page = open_page(forgiven=REFUSED)
    with serve(opener) as address, site(tmp_path / "site", policy=Policy(popup_origins=(address,))) as running:
        yield Forum(address, page, running)


def upload(popup, *files):
    popup.set_input_files("#source", [{"name": name, "mimeType": "image/png", "buffer": body} for name, body in files])
    popup.locator("#start").click()


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ("bbcode-embed-medium", r"[url={viewer}][img]{direct}[/img][/url]"),
        ("bbcode-embed", "[img]{direct}[/img]"),
        ("bbcode-embed-thumbnail", "[url={viewer}][img]{thumb}[/img][/url]"),
        ("html-embed-full", '<a href="{viewer}"><img src="{direct}" alt="a"></a>'),
        ("html-embed", '<img src="{direct}" alt="a">'),
        ("markdown-embed-medium", "[![a]({direct})]({viewer})"),
        ("viewer-link", "{viewer}"),
        ("direct-link", "{direct}"),
        ("toString-embed", "[url={viewer}][img]{direct}[/img][/url]"),
        (None, "[url={viewer}][img]{direct}[/img][/url]"),
    ],
)
def test_the_editor_gets_the_code_that_it_wishes(forum, wish, code):
    """Asked for its settings first; without any, BBCode. The window closes when everything is there."""
    popup = forum.open(wish)
    with popup.expect_event("close"):
        upload(popup, ("a.png", PNG))
    expect(forum.page.locator("#editor")).to_have_value(code.format(**forum.links()))
    first, last = forum.heard()
    assert (first["requestAction"], set(first)) == ("postSettings", {"origin", "id", "requestAction"})
    assert set(last) == {"origin", "id", "message"}


def test_many_are_told_at_once(forum):
    """One line each, when the last of them is there."""
    popup = forum.open("direct-link")
    with popup.expect_event("close"):
        upload(popup, *((f"{number}.png", PNG) for number in range(3)))
    expect(forum.page.locator("#editor")).to_have_value(re.compile(r"^(\S+\n){2}\S+$"))
    assert len(forum.heard()) == 2


def test_the_window_stays_when_one_is_refused(forum):
    """Somebody has to read why; what there is was told."""
    popup = forum.open("direct-link")
    upload(popup, ("a.png", PNG), ("b.png", b"no picture"))
    expect(popup.locator("#failed")).to_be_visible()
    expect(forum.page.locator("#editor")).to_have_value(re.compile(r"/a\.png$"))
    assert not popup.is_closed()


@pytest.mark.parametrize("origins", [(), ("https://forum.example",)])
def test_another_origin_is_told_nothing(page, tmp_path, origins):
    """By default nobody is; and the page uploads as it does alone."""
    with serve(opener) as address, site(tmp_path / "site", policy=Policy(popup_origins=origins)) as running:
        forum = Forum(address, page, running)
        popup = forum.open("direct-link")
        upload(popup, ("a.png", PNG))
        expect(tiles(popup)).to_have_count(1)
        assert forum.heard() == []
        assert not popup.is_closed()


def test_opened_without_a_referrer(page, tmp_path):
    """Forums that send none are still told, and the browser holds back what is for others."""

    def shy(environ, start_response):
        more = ("Referrer-Policy", "no-referrer")
        return opener(environ, lambda status, headers: start_response(status, [*headers, more]))

    with serve(shy) as address, site(tmp_path / "site", policy=Policy(popup_origins=(address,))) as running:
        forum = Forum(address, page, running)
        popup = forum.open("direct-link")
        with popup.expect_event("close"):
            upload(popup, ("a.png", PNG))
        expect(forum.page.locator("#editor")).to_have_value(re.compile(r"/a\.png$"))
